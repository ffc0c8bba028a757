package main

import (
	"maps"
	"strconv"
	"time"

	"dossier/internal/config"
	"dossier/internal/deadletter"
	"dossier/internal/topics"
)

// wantedTopics returns the topics that Dossier itself needs. Those of the sources belong to their connectors.
func wantedTopics(c *config.Config) []topics.Topic {
	replication := int16(c.Audit.ReplicationFactor)
	retention := "-1"
	if c.Audit.Retention > 0 {
		retention = millis(time.Duration(c.Audit.Retention))
	}
	list := []topics.Topic{
		{
			Name: c.Audit.Topic, Purpose: "audit events", Partitions: int32(c.Audit.Partitions), Fixed: true, ReplicationFactor: replication,
			Settings: map[string]string{"cleanup.policy": "delete", "retention.ms": retention, "retention.bytes": "-1"},
			AtLeast:  map[string]int64{"max.message.bytes": int64(c.Audit.MaxRecordBytes) + recordFrame},
		},
		{
			Name: c.Audit.PendingTopic(), Purpose: "changes that a late context may complete (internal)", Partitions: int32(c.Audit.Partitions), ReplicationFactor: replication,
			Settings: map[string]string{"cleanup.policy": "compact,delete", "retention.ms": millis(pendingRetention(c))},
			AtLeast:  map[string]int64{"max.message.bytes": int64(c.Audit.MaxRecordBytes) + recordFrame},
		},
		{
			Name: c.DeadLetter.Topic, Purpose: "dead letters", Partitions: 1, ReplicationFactor: replication,
			Settings: deadLetterSettings(), AtLeast: map[string]int64{"max.message.bytes": deadletter.MaxRecordBytes},
		},
	}
	if c.Context.Topic != "" {
		list = append(list, topics.Topic{
			Name: c.Context.Topic, Purpose: "request contexts", Partitions: 3, ReplicationFactor: replication,
			// The brokers' clock decides how far contexts have been read; a producer's may lie.
			Settings: map[string]string{"message.timestamp.type": "LogAppendTime"},
			Initial:  map[string]string{"retention.ms": millis(max(contextRetention, 2*time.Duration(c.Context.Lookback)))},
			AtLeast:  map[string]int64{"retention.ms": (2 * time.Duration(c.Context.Lookback)).Milliseconds()},
		})
	}
	if c.Feedback != nil {
		list = append(list, topics.Topic{Name: c.Feedback.Topic, Purpose: "feedback of connected applications", Partitions: 3, ReplicationFactor: replication})
	}
	return list
}

// contextRetention is that of the shipped connectors' change topics: changes that waited as long in a backlog still find who asked.
const contextRetention = 14 * 24 * time.Hour

// recordFrame is what a record takes in a batch besides its value: key, headers, the batch's own head.
const recordFrame = 64 << 10

// pendingRetention outlasts what the processor reads back at a start, by far: an outage over a weekend loses nothing.
func pendingRetention(c *config.Config) time.Duration {
	return max(7*24*time.Hour, 2*time.Duration(c.Context.Grace+2*c.Context.Lookback))
}

// deadLetterSettings are those of deadletter.TopicConfig but for the size, of which more is as good.
func deadLetterSettings() map[string]string {
	settings := maps.Clone(deadletter.TopicConfig())
	delete(settings, "max.message.bytes")
	return settings
}

func millis(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
