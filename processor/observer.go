package processor

import (
	"time"

	"dossier/schema"
)

// Observer is told what the processor does. Its methods are called from several goroutines and must not block.
type Observer interface {
	// Decided: a change was decided and its audit event produced, so long after its commit in the database.
	Decided(source string, status schema.ContextStatus, delay time.Duration)
	// Snapshot: a snapshot row was published.
	Snapshot(source string)
	// Invisible: an update showed nothing (only excluded fields), or its table is disabled, and gave no event.
	Invisible(source string)
	// Attributed: a late context completed a change.
	Attributed(source string)
	// DeadLettered: the record at that offset went to the dead-letter topic.
	DeadLettered(topic string, partition int32, offset int64, reason string)
	// Committed: a transaction was committed, with so many records decided in it.
	Committed(records int, took time.Duration)
	// Aborted: a transaction was given up, and its records are read again.
	Aborted()
	// Stopped: nothing is done about a source's records for now, because of err (a schema registry that is down).
	Stopped(source string, err error)
	// Lost: so many offsets of a topic were deleted before they were read. The history has a gap.
	Lost(topic string, offsets int64)
	// State: a snapshot of the gauges, a few times a second.
	State(State)
}

// State are a processor's gauges.
type State struct {
	Undecided         int           // records read and not yet decided
	UndecidedBytes    int           // their bytes
	PausedPartitions  int           // partitions whose fetching is paused
	Partitions        int           // partitions assigned that have had records
	Lag               int64         // records on the assigned partitions not yet decided
	Contexts          int           // entries in the context window
	ContextBytes      int           // their bytes
	ContextsEvicted   int           // contexts given up to stay within the limits, since the start
	Pending           int           // changes that a late context may still complete
	OldestUndecided   time.Duration // age of the oldest undecided record
	ContextsReadUntil time.Time     // the record time up to which every context stream has been read
}

// NopObserver ignores everything.
type NopObserver struct{}

func (NopObserver) Decided(string, schema.ContextStatus, time.Duration) {}
func (NopObserver) Snapshot(string)                                     {}
func (NopObserver) Invisible(string)                                    {}
func (NopObserver) Attributed(string)                                   {}
func (NopObserver) DeadLettered(string, int32, int64, string)           {}
func (NopObserver) Committed(int, time.Duration)                        {}
func (NopObserver) Aborted()                                            {}
func (NopObserver) Stopped(string, error)                               {}
func (NopObserver) Lost(string, int64)                                  {}
func (NopObserver) State(State)                                         {}
