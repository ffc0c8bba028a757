package intake

import (
	"cmp"
	"errors"
	"fmt"
	"time"
)

// Config says how a Loop reads the feedback topic. The zero value of an optional field means its default.
type Config struct {
	// Topic is the feedback topic; required.
	Topic string
	// Group is the consumer group, which the instances share, and the prefix of the transactional ids. Default: dossier-processor.feedback.
	Group string
	// Audit says how and where audit events are written.
	Audit Format
	// DeadLetterTopic takes the records that are no feedback. Default: dossier.dlq.
	DeadLetterTopic string
	// Scopes tell in which scope feedback lies.
	Scopes Scopes
	// BatchRecords bounds the records of one transaction. Default: 500.
	BatchRecords int
	// BufferBytes bounds what is read ahead. Default: 8 MiB.
	BufferBytes int
	// TransactionTimeout is how long the broker keeps the open transaction of an instance that has died; until then readers of the audit topic's partitions
	// wait. Default: 10 s.
	TransactionTimeout time.Duration
	// SessionTimeout is how long the group waits for a silent member before it shares its partitions out. Default: 10 s.
	SessionTimeout time.Duration
	// DrainTimeout is how long a loop that stops waits for its last commit. Default: 15 s.
	DrainTimeout time.Duration
}

func (c Config) withDefaults() Config {
	c.Group = cmp.Or(c.Group, "dossier-processor.feedback")
	c.DeadLetterTopic = cmp.Or(c.DeadLetterTopic, "dossier.dlq")
	c.Audit.Topic = cmp.Or(c.Audit.Topic, "dossier.audit")
	c.BatchRecords = cmp.Or(c.BatchRecords, 500)
	c.BufferBytes = cmp.Or(c.BufferBytes, 8<<20)
	c.TransactionTimeout = cmp.Or(c.TransactionTimeout, 10*time.Second)
	c.SessionTimeout = cmp.Or(c.SessionTimeout, 10*time.Second)
	c.DrainTimeout = cmp.Or(c.DrainTimeout, 15*time.Second)
	return c
}

// Validate returns every fault of the configuration, joined.
func (c Config) Validate() error {
	c = c.withDefaults()
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	switch c.Topic {
	case "":
		fault("feedback.topic: missing")
	case c.Audit.Topic, c.DeadLetterTopic:
		fault("feedback.topic: %q is the topic of audit events or of dead letters; give feedback one of its own", c.Topic)
	}
	if c.BatchRecords < 0 || c.BufferBytes < 0 {
		fault("feedback: batch_records and buffer_bytes must not be negative")
	}
	if _, err := c.Audit.codec(); err != nil {
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}
