package sink

import (
	"fmt"
	"time"
)

// Config says how the loop reads the audit topic.
type Config struct {
	// Topic is the audit topic. Default: dossier.audit.
	Topic string
	// DeadLetterTopic takes the records that cannot be stored. Default: dossier.dlq.
	DeadLetterTopic string
	// Group is the consumer group, which the instances share. Default: dossier-sink.
	Group string

	// BatchRecords and BatchBytes bound what one partition brings into the store at a time, in records and in bytes of their keys and
	// values. Defaults: 1,000 and 4,000,000.
	BatchRecords, BatchBytes int
	// BufferRecords and BufferBytes bound what has been read and waits for its turn, over all partitions: beyond either, fetching pauses until
	// half of it is stored. One fetch may overshoot. Defaults: 10,000 and 32,000,000.
	BufferRecords, BufferBytes int
	// CommitInterval is the time between commits of offsets; a stop and a rebalance commit at once. Default: 1 s.
	CommitInterval time.Duration
	// DrainTimeout is how long a batch under way may take to end when the loop stops or loses its partition; then it is abandoned, and
	// read again by whoever gets the partition. It must be well below the group's rebalance timeout, 60 s. Default: 20 s.
	DrainTimeout time.Duration
}

// Defaults fills what is zero.
func (c Config) Defaults() Config {
	text := func(to *string, value string) {
		if *to == "" {
			*to = value
		}
	}
	number := func(to *int, value int) {
		if *to == 0 {
			*to = value
		}
	}
	duration := func(to *time.Duration, value time.Duration) {
		if *to == 0 {
			*to = value
		}
	}
	text(&c.Topic, "dossier.audit")
	text(&c.DeadLetterTopic, "dossier.dlq")
	text(&c.Group, "dossier-sink")
	number(&c.BatchRecords, 1_000)
	number(&c.BatchBytes, 4_000_000)
	number(&c.BufferRecords, 10_000)
	number(&c.BufferBytes, 32_000_000)
	duration(&c.CommitInterval, time.Second)
	duration(&c.DrainTimeout, 20*time.Second)
	return c
}

// Validate reports every fault of the configuration. Zero values stand for their defaults.
func (c Config) Validate() []error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	c = c.Defaults()
	if c.Topic == c.DeadLetterTopic {
		fault("dead_letter.topic: %q is the audit topic; give dead letters a topic of their own", c.DeadLetterTopic)
	}
	for _, n := range []struct {
		key   string
		value int
	}{{"batch_records", c.BatchRecords}, {"batch_bytes", c.BatchBytes}, {"buffer_records", c.BufferRecords}, {"buffer_bytes", c.BufferBytes}} {
		if n.value < 0 {
			fault("%s: %d is negative", n.key, n.value)
		}
	}
	if c.BatchRecords > c.BufferRecords {
		fault("batch_records: %d is more than buffer_records, %d", c.BatchRecords, c.BufferRecords)
	}
	if c.BatchBytes > c.BufferBytes {
		fault("batch_bytes: %d is more than buffer_bytes, %d", c.BatchBytes, c.BufferBytes)
	}
	for _, d := range []struct {
		key   string
		value time.Duration
	}{{"commit_interval", c.CommitInterval}, {"drain_timeout", c.DrainTimeout}} {
		if d.value < 0 {
			fault("%s: %v is negative", d.key, d.value)
		}
	}
	if c.DrainTimeout >= rebalanceTimeout {
		fault("drain_timeout: %v is not below the group's rebalance timeout, %v", c.DrainTimeout, rebalanceTimeout)
	}
	return faults
}

// rebalanceTimeout is how long the group waits for a member that gives partitions back.
const rebalanceTimeout = 60 * time.Second

// sessionTimeout is how long the group waits for a member that has died. Until then nobody reads its partitions, and no other member can
// join; heartbeats go on while a batch is being stored, so it need not be as long as that may take.
const sessionTimeout = 10 * time.Second
