package sink

import (
	"context"

	"dossier/schema"
)

// Store keeps version documents. Its methods are safe for concurrent use.
//
// Every method returns a nil error and one outcome per argument, in order, or an error and nothing that may be relied on. A store
// that is down, overloaded or short of space is no error: a method waits and tries again until it succeeds or the context ends. So an
// error is either the context's, or a *SetupError that only a person can mend, and the caller must neither commit nor dead-letter
// what it passed. After an error any part of the call may have taken effect; calling again with the same arguments is always right.
type Store interface {
	// Create stores documents under their identities, each only if nothing stands there yet. Outcomes: Stored, Exists, Rejected. Stored
	// promises that the document is durable. Two documents of one identity in one call are one Stored and one Exists.
	Create(ctx context.Context, docs []schema.Document) ([]Outcome, error)
	// Get returns the documents as they are at this moment, including everything that a Create or Replace has acknowledged before,
	// to whichever client.
	Get(ctx context.Context, refs []schema.DocumentRef) ([]Stored, error)
	// Replace stores new versions of documents, each only if the stored one is still of the version given. Outcomes: Stored,
	// Superseded, Rejected.
	Replace(ctx context.Context, docs []Replacement) ([]Outcome, error)
}

// Status is what became of one document.
type Status uint8

const (
	// StatusStored: the document is durable, stored by this call.
	StatusStored Status = iota + 1
	// StatusExists: a document of this identity stands there, and was not touched. Outcome.Hash is its event.hash. It may be this very document,
	// stored by an attempt whose answer got lost.
	StatusExists
	// StatusSuperseded: the stored document is no longer of the version given, or is gone. It may be this very replacement, whose answer got lost.
	StatusSuperseded
	// StatusRejected: the store will never take this document as it is. Outcome.Err says why.
	StatusRejected
)

// Outcome is what became of one document.
type Outcome struct {
	Status Status
	Hash   string // with StatusExists
	Err    error  // with StatusRejected; no value of the row stands in its text
}

// Stored is a document as a store has it.
type Stored struct {
	Found    bool // the rest is zero without
	Document schema.Document
	Hash     string // event.hash as it was stored
	Version  Version
}

// Version tells whether a stored document has changed: opaque to all but the store.
type Version struct{ Sequence, Term int64 }

// Replacement is a new version of a document, and the version that it replaces.
type Replacement struct {
	Document schema.Document
	Version  Version
}

// SetupError says that the store is not laid out for what is written to it. Waiting does not help, and no document is at fault.
type SetupError struct {
	Where  string // index, or file
	Detail string
	// Mend is what a person has to do; empty: run "dossier setup" of this release.
	Mend string
	// Pending: what is missing may yet be made while the store waits for it. A store returns no such error, it tells its Observer.
	Pending bool
}

// Error says what is wrong and what to do.
func (e *SetupError) Error() string {
	mend := e.Mend
	if mend == "" {
		mend = `run "dossier setup" of this release`
	}
	return e.Where + ": " + e.Detail + ": " + mend
}
