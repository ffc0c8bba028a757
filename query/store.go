package query

import (
	"context"
	"time"

	"dossier/schema"
)

// Store finds version documents that its caller may see. Its methods are safe for concurrent use.
//
// An error is a *Error (what the caller may do about it), or the context's. A store that has no documents yet, no index for a scope or a month, answers with
// nothing and not with an error.
type Store interface {
	// Search answers each search with a page of documents, in order. All are sent at once: an answer to many costs about one round trip.
	Search(ctx context.Context, searches ...Search) ([]Page, error)
	// Count counts documents by the values of fields.
	Count(ctx context.Context, c Count) (Counts, error)
	// Groups lists the values that fields have among documents.
	Groups(ctx context.Context, g Groups) ([]Group, error)
}

// Search asks for documents.
type Search struct {
	Filter Filter
	Order  Order
	// After continues behind a document: those after it in the order. Nil begins at the beginning.
	After *Key
	// Limit bounds the documents of the answer, 1 to MaxLimit.
	Limit int
}

// MaxLimit is the greatest number of documents in a page.
const MaxLimit = 1000

// MaxPageBytes is about how many bytes of documents a page may hold. A page ends early where the next document would exceed it, with More; a single
// larger document comes alone.
const MaxPageBytes = 16 << 20

// Order is an order of documents. It is total: ties are broken by the rest of Key, in the same direction.
type Order uint8

const (
	// NewestFirst: by commit time, then position, event id, kind and field, descending.
	NewestFirst Order = iota
	// OldestFirst is the reverse.
	OldestFirst
	// CommitOrder: by position, ascending, then as OldestFirst. Positions can be compared within one source alone.
	CommitOrder
	// CommitOrderReverse is the reverse.
	CommitOrderReverse
)

// Key is what orders a document, and so its place in any order. What a document lacks is "".
type Key struct {
	Time     time.Time // to the nanosecond
	Position string
	EventID  string
	Kind     schema.DocumentKind
	Field    string
}

// KeyOf returns a document's key.
func KeyOf(d *schema.Document) Key {
	return Key{d.Time, d.CDC.Position, d.EventID, d.Kind, d.Change.Field}
}

// Page is what a search found.
type Page struct {
	Documents []schema.Document
	More      bool // there are further ones
}

// Count asks how many documents there are, by the values of fields.
type Count struct {
	Filter Filter
	// By are one or two fields; FieldTime stands for the day in UTC and stands alone. None: the total alone.
	By    []Field
	Limit int // the buckets of the answer, 1 to MaxLimit
}

// Counts is the answer. Documents that lack a field are in Total, and in no bucket.
type Counts struct {
	Total   int64
	Buckets []Bucket // the largest first, equal ones by their keys; days: the latest first
	Other   int64    // documents that are in buckets beyond the limit
}

// Bucket counts the documents that have the same values.
type Bucket struct {
	Key   []string // as many as Count.By; a day as 2006-01-02
	Count int64
}

// Groups asks for the values that one or two fields have together, in ascending order, byte by byte.
type Groups struct {
	Filter Filter
	By     []Field
	After  []string // the last key of the page before; nil for the first page
	Limit  int      // 1 to MaxLimit
}

// Group is what documents with the same values have in common.
type Group struct {
	Key         []string
	Count       int64
	First, Last time.Time // the earliest and the latest commit time, to the nanosecond
}
