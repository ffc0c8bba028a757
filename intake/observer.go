package intake

import (
	"time"

	"dossier/schema"
)

// Observer is told what is taken in. Its methods are called concurrently and must not block.
type Observer interface {
	// Published: n audit events of a kind were written to the audit topic.
	Published(kind schema.Kind, n int)
	// AccessLost: n access events were not written, for a reason code: queue_full or not_delivered.
	AccessLost(reason string, n int)
	// DeadLettered: the record of the feedback topic at that offset went to the dead-letter topic.
	DeadLettered(topic string, partition int32, offset int64, reason string)
	// Committed: n records of the feedback topic were finished in one transaction, which took d.
	Committed(n int, d time.Duration)
	// Aborted: a transaction was given up, and its records are read again.
	Aborted()
	// Waiting: records of the feedback topic cannot be finished, for this reason, and are tried again. Called again at every attempt, and with nil when it
	// goes on.
	Waiting(err error)
	// Lag: so many records of the feedback topic's partition are not yet finished. -1: the partition is no longer this instance's.
	Lag(partition int32, records int64)
}

// NoObserver observes nothing.
type NoObserver struct{}

var _ Observer = NoObserver{}

func (NoObserver) Published(schema.Kind, int)                {}
func (NoObserver) AccessLost(string, int)                    {}
func (NoObserver) DeadLettered(string, int32, int64, string) {}
func (NoObserver) Committed(int, time.Duration)              {}
func (NoObserver) Aborted()                                  {}
func (NoObserver) Waiting(error)                             {}
func (NoObserver) Lag(partition int32, records int64)        {}
