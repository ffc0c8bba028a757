package sink

import (
	"context"
	"fmt"
	"time"

	"dossier/schema"
)

// Reasons for which a store keeps an event's documents out.
const (
	ReasonConflict = "conflict"
	ReasonRejected = "rejected"
)

// Applier brings audit events into a store. It keeps no state: any number may work on one store at once, on the same events
// even.
//
// What makes the order of arrival irrelevant: whatever depends on two events is looked up in the store after the own part has been
// acknowledged, from both sides. Of two halves of a changed key at least the later one therefore sees the other's row version and
// makes the field changes (both may: the documents are the same). Of a change and its late attribution at least the later one
// sees the other and completes the documents; and whoever makes documents later still looks for the attribution again after that.
type Applier struct {
	Store    Store            // required
	Options  Options          // the zero value is the default
	Observer Observer         // nil observes nothing
	Now      func() time.Time // nil is time.Now
}

func (a *Applier) observer() Observer {
	if a.Observer == nil {
		return NoObserver{}
	}
	return a.Observer
}

func (a *Applier) now() time.Time {
	if a.Now == nil {
		return time.Now().UTC()
	}
	return a.Now().UTC()
}

// Result is what became of one event. A zero Result means that every document is durable; otherwise the event belongs in the dead-letter
// topic with this reason and detail, though some of its documents may be stored.
type Result struct {
	Reason string
	Detail string
}

// storingTime is the time of storing as documents have it: rounded up to the second, so that it is never before the change. What is beneath differs from document to
// document, and takes space for nothing.
func storingTime(now time.Time) time.Time {
	return now.Add(time.Second - 1).UTC().Truncate(time.Second)
}

// Refused says whether the event could not be stored whole.
func (r Result) Refused() bool { return r.Reason != "" }

// Apply stores the documents of events and completes earlier ones, and returns one result per event, in order. A non-nil error (see
// Store) says nothing about any of them: the same events are to be applied again.
func (a *Applier) Apply(ctx context.Context, events []*schema.AuditEvent) ([]Result, error) {
	b := &batch{Applier: a, observer: a.observer(), results: make([]Result, len(events)), ingested: storingTime(a.now())}
	// A change has a row version and mostly one changed field. Documents are large: growing would copy them again and again.
	first := make([]pending, 0, 2*len(events))
	b.roots = make([]root, 0, len(events))
	for i, e := range events {
		docs, err := Materialize(e, a.Options)
		if err != nil {
			b.refuse(i, reasonOf(err), err.Error())
			continue
		}
		switch {
		case e.Kind == schema.KindAccess:
			b.observer.Access(1)
		case len(docs) == 0:
			b.observer.Empty(1)
		}
		for j := range docs {
			first = append(first, pending{event: i, doc: &docs[j]})
		}
		if len(docs) > 0 {
			b.roots = append(b.roots, root{event: i, doc: &docs[0], versionOf: e.VersionOf})
		}
	}
	if err := b.create(ctx, first); err != nil {
		return nil, err
	}
	if err := b.rekey(ctx); err != nil {
		return nil, err
	}
	if err := b.complete(ctx); err != nil {
		return nil, err
	}
	return b.results, nil
}

func reasonOf(err error) string {
	if e, ok := err.(*schema.DecodeError); ok {
		return e.Reason
	}
	return ReasonInvalidEvent
}

// batch is one call of Apply.
type batch struct {
	*Applier
	observer Observer
	results  []Result
	ingested time.Time
	roots    []root
}

// root is the document that stands for its event: row version, truncate, attribution, named version or feedback.
type root struct {
	event int
	doc   *schema.Document
	// versionOf is the entity that a change's row names a version of; nil without.
	versionOf *schema.EntityRef
	// pair is the new half's row version, where this event is a half whose other half has been found: its documents
	// are then to be completed too.
	pair *schema.Document
}

// pending is a document that an event needs stored.
type pending struct {
	event int
	doc   *schema.Document
}

func (b *batch) refuse(event int, reason, detail string) {
	if !b.results[event].Refused() {
		b.results[event] = Result{Reason: reason, Detail: detail}
	}
}

func (b *batch) conflict(event int, c Conflict) {
	b.observer.Conflict(c)
	b.refuse(event, ReasonConflict, fmt.Sprintf("document %s in %s (%s of event %s): %s; the stored one stays",
		c.Ref.ID, c.Ref.Index, c.Kind, c.EventID, c.Detail))
}

// create stores documents until each is there, rejected, or in conflict with what is there.
func (b *batch) create(ctx context.Context, items []pending) error {
	for len(items) > 0 {
		docs := make([]schema.Document, len(items))
		for i := range items {
			items[i].doc.Ingested = b.ingested
			docs[i] = *items[i].doc
		}
		outcomes, err := b.Store.Create(ctx, docs)
		if err != nil {
			return err
		}
		var disputed []pending
		stored := map[schema.DocumentKind]int{}
		repeated := 0
		for i, outcome := range outcomes {
			switch outcome.Status {
			case StatusStored:
				stored[docs[i].Kind]++
			case StatusExists:
				if outcome.Hash == docs[i].Hash() {
					repeated++
				} else {
					disputed = append(disputed, items[i])
				}
			default:
				b.refuse(items[i].event, ReasonRejected, rejection(&docs[i], outcome))
			}
		}
		for kind, n := range stored {
			b.observer.Stored(kind, n)
		}
		if repeated > 0 {
			b.observer.Repeated(repeated)
		}
		if items, err = b.settle(ctx, disputed); err != nil {
			return err
		}
	}
	return nil
}

func rejection(d *schema.Document, outcome Outcome) string {
	return fmt.Sprintf("the store rejects document %s (%s of event %s): %v", d.ID(), d.Kind, d.EventID, outcome.Err)
}

// settle judges documents that differ from what is stored under their identities, and returns those that are gone meanwhile.
func (b *batch) settle(ctx context.Context, disputed []pending) (again []pending, err error) {
	for len(disputed) > 0 {
		refs := make([]schema.DocumentRef, len(disputed))
		for i := range disputed {
			refs[i] = disputed[i].doc.Ref()
		}
		found, err := b.Store.Get(ctx, refs)
		if err != nil {
			return nil, err
		}
		var merge []pending
		var replacements []Replacement
		for i, item := range disputed {
			stored := found[i]
			switch {
			case !stored.Found:
				again = append(again, item)
			case Agree(stored.Document, *item.doc):
				if merged, changed, _ := Complete(stored.Document, *item.doc); changed && item.doc.Kind == schema.DocumentAttribution {
					// Another attribution of the same change that knows more.
					merge = append(merge, item)
					replacements = append(replacements, Replacement{Document: merged, Version: stored.Version})
					continue
				}
				b.observer.Repeated(1)
			default:
				c := Conflict{Ref: refs[i], Kind: item.doc.Kind, EventID: item.doc.EventID, Stored: stored.Hash, Arriving: item.doc.Hash(),
					Detail: "the stored document and the arriving one differ"}
				if _, _, err := Complete(stored.Document, *item.doc); err != nil && item.doc.Kind == schema.DocumentAttribution {
					c.Detail = err.Error()
				}
				b.conflict(item.event, c)
			}
		}
		if disputed, err = b.replace(ctx, merge, replacements); err != nil {
			return nil, err
		}
	}
	return again, nil
}

// replace stores new versions and returns the items whose documents have changed meanwhile.
func (b *batch) replace(ctx context.Context, items []pending, replacements []Replacement) (superseded []pending, err error) {
	if len(replacements) == 0 {
		return nil, nil
	}
	outcomes, err := b.Store.Replace(ctx, replacements)
	if err != nil {
		return nil, err
	}
	completed := 0
	for i, outcome := range outcomes {
		switch outcome.Status {
		case StatusStored:
			completed++
		case StatusSuperseded:
			superseded = append(superseded, items[i])
		default:
			b.refuse(items[i].event, ReasonRejected, rejection(&replacements[i].Document, outcome))
		}
	}
	if completed > 0 {
		b.observer.Completed(completed)
	}
	return superseded, nil
}
