package query

import (
	"strings"
	"time"

	"dossier/schema"
)

// noCommit and noPlace begin the positions of events that do not say after which commit they stand, or where at all.
var (
	noPlace  = strings.TrimRight(schema.FormatPosition(0, 0, 0), "0")
	noCommit = noPlace[:len(noPlace)/2]
)

// placed says whether a document's position can be compared with others of its source. A snapshot's rows are read beside the log: some do not say after which commit,
// and stand first in the order of positions however late they were read.
func placed(d *schema.Document) bool {
	p := d.CDC.Position
	return p != "" && !strings.HasPrefix(p, noPlace) && (d.Action != schema.ActionSnapshot || !strings.HasPrefix(p, noCommit))
}

// follows says whether a stands after b. Within one source the position decides, whatever its clock did. Against a snapshot's row without a place, it is the
// order in which the connector read the two; and between sources, the commit time.
func follows(a, b *schema.Document) bool {
	if a.CDC.Source == b.CDC.Source {
		switch {
		case placed(a) && placed(b):
			if c := strings.Compare(a.CDC.Position, b.CDC.Position); c != 0 {
				return c > 0
			}
		case !a.Created.IsZero() && !b.Created.IsZero() && !a.Created.Equal(b.Created):
			return a.Created.After(b.Created)
		}
	}
	return KeyOf(a).Compare(KeyOf(b)) > 0
}

// latestOf returns the document that stands after all the others; nil of none.
func latestOf(docs ...*schema.Document) *schema.Document {
	var last *schema.Document
	for _, d := range docs {
		if d != nil && (last == nil || follows(d, last)) {
			last = d
		}
	}
	return last
}

// sameSource holds for what came from the document's source.
func sameSource(d *schema.Document) Filter {
	if d.CDC.Source == "" {
		return Not{Exists{FieldSource}}
	}
	return Is(FieldSource, d.CDC.Source)
}

// A snapshot's row has the connector's time, or the database's at the snapshot's beginning, and other changes the time of their commit.
const (
	skew    = time.Minute // how far these clocks may be apart
	besides = 16          // how many documents are looked at where times do not tell by themselves
)

// before searches what the filter holds for just before a document, in its source: lastBefore takes the answer. The event's own documents do not stand before it.
func before(d *schema.Document, f Filter) Search {
	return closest(d, And{f, Not{Is(FieldEventID, d.EventID)}})
}

// upTo is before with the event's own documents.
func upTo(d *schema.Document, f Filter) Search { return closest(d, And{f}) }

func closest(d *schema.Document, f And) Search {
	f = append(f, sameSource(d))
	if placed(d) {
		return Search{Filter: append(f, Not{Beyond{FieldPosition, d.CDC.Position}}), Order: CommitOrderReverse, Limit: 1}
	}
	// Times do not tell by themselves which documents stand before it: look at a few.
	return Search{Filter: append(f, committedBy(d.Time.Add(skew))), Order: NewestFirst, Limit: besides}
}

// baselineBefore searches the rows of snapshots before a document that have no place of their own, and which before therefore does not find in order. Their positions sort
// before all others, so that an index by position leads to them whatever the entity's age.
func baselineBefore(d *schema.Document, f Filter) Search {
	return Search{Filter: And{f, Not{Is(FieldEventID, d.EventID)}, sameSource(d), unplaced, committedBy(d.Time.Add(skew))}, Order: CommitOrderReverse, Limit: besides}
}

// lastBefore returns the last document of an answer that does not stand after another one; nil where there is none.
func lastBefore(p Page, d *schema.Document) *schema.Document {
	var last *schema.Document
	for i := range p.Documents {
		if o := &p.Documents[i]; o.EventID == d.EventID || !follows(o, d) {
			last = latestOf(last, o)
		}
	}
	return last
}

// firstAfter returns the first document of an answer, in its order, that stands after another one; nil where there is none.
func firstAfter(p Page, d *schema.Document) *schema.Document {
	for i := range p.Documents {
		if o := &p.Documents[i]; follows(o, d) {
			return o
		}
	}
	return nil
}

// beyond holds for what stands after a document that is placed, in its source.
func beyond(d *schema.Document) Filter {
	return And{sameSource(d), Beyond{FieldPosition, d.CDC.Position}}
}

// bound is one end of a time in which an id meant one row: a change. Documents of its source are compared by position, others by time.
type bound struct {
	at        *schema.Document
	inclusive bool
}

// from holds for what stands after the bound.
func (b bound) from() Filter {
	if !placed(b.at) {
		return Between{Field: FieldTime, From: b.moment(!b.inclusive)}
	}
	position := Filter(Beyond{FieldPosition, b.at.CDC.Position})
	if b.inclusive {
		position = Or{position, Is(FieldPosition, b.at.CDC.Position)}
	}
	return b.either(position, Between{Field: FieldTime, From: b.moment(!b.inclusive)})
}

// to holds for what stands before the bound.
func (b bound) to() Filter {
	if !placed(b.at) {
		return Between{Field: FieldTime, To: b.moment(b.inclusive)}
	}
	position := Filter(Not{Beyond{FieldPosition, b.at.CDC.Position}})
	if !b.inclusive {
		position = And{position, Not{Is(FieldPosition, b.at.CDC.Position)}}
	}
	return b.either(position, Between{Field: FieldTime, To: b.moment(b.inclusive)})
}

// either compares by position what has one in the bound's source, and all else by time. For rows of snapshots it leaves room: life.contains looks at those closely.
func (b bound) either(position Filter, time Between) Filter {
	roomy := time
	if !roomy.From.IsZero() {
		roomy.From = roomy.From.Add(-skew)
	}
	if !roomy.To.IsZero() {
		roomy.To = roomy.To.Add(skew)
	}
	here := And{sameSource(b.at), Exists{FieldPosition}}
	return Or{
		append(And{position, Not{unplaced}}, here...),
		append(And{unplaced, roomy}, here...),
		And{Not{here}, time},
	}
}

// moment is the bound's time, or the first one after it.
func (b bound) moment(after bool) time.Time {
	if after {
		return b.at.Time.Add(time.Nanosecond)
	}
	return b.at.Time
}

// unplaced holds for rows of snapshots that do not say after which commit they were read.
var unplaced = And{Is(FieldAction, string(schema.ActionSnapshot)), Not{Beyond{FieldPosition, noCommit + "~"}}}
