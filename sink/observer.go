package sink

import (
	"time"

	"dossier/schema"
)

// Observer is told what the sink does. Its methods are called concurrently and must not block.
type Observer interface {
	// Stored: n documents of a kind were newly stored.
	Stored(kind schema.DocumentKind, n int)
	// Repeated: n documents were there already and agreed: a second delivery.
	Repeated(n int)
	// Completed: n documents got the context of a late attribution.
	Completed(n int)
	// Empty: n events changed nothing visible and became no documents.
	Empty(n int)
	// Access: n events told of reads. They stay on the audit topic and become no documents.
	Access(n int)
	// Conflict: two different documents claim one identity; the stored one stays.
	Conflict(c Conflict)
	// DeadLetter: a record was put into the dead-letter topic, for a reason code.
	DeadLetter(reason string)
	// Retried: n documents are tried again after a fault that a code names.
	Retried(reason string, n int)
	// Bulk: one bulk request with n documents of so many bytes took d.
	Bulk(d time.Duration, n, bytes int)
	// Waiting: the store cannot be written to, for this reason, and the sink waits. Called again at every attempt, and with nil
	// when it goes on.
	Waiting(err error)
	// Delay: an event's documents are stored, so long after its transaction was committed.
	Delay(d time.Duration)
	// Lag: so many records of the partition are not yet stored. -1: the partition is no longer this instance's.
	Lag(partition int32, records int64)
}

// Conflict is two different documents of one identity.
type Conflict struct {
	Ref              schema.DocumentRef
	Kind             schema.DocumentKind
	EventID          string
	Stored, Arriving string // their hashes; "" where the dispute is about a context alone
	Detail           string
}

// NoObserver observes nothing.
type NoObserver struct{}

var _ Observer = NoObserver{}

func (NoObserver) Stored(schema.DocumentKind, int)  {}
func (NoObserver) Repeated(int)                     {}
func (NoObserver) Completed(int)                    {}
func (NoObserver) Empty(int)                        {}
func (NoObserver) Access(int)                       {}
func (NoObserver) Conflict(Conflict)                {}
func (NoObserver) DeadLetter(string)                {}
func (NoObserver) Retried(string, int)              {}
func (NoObserver) Bulk(time.Duration, int, int)     {}
func (NoObserver) Waiting(error)                    {}
func (NoObserver) Delay(time.Duration)              {}
func (NoObserver) Lag(partition int32, count int64) {}
