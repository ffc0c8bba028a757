package query

import (
	"context"
	"time"

	"dossier/schema"
)

// Diff returns what differs between two states of an entity, field by field. A state under a key that the entity did not have yet, or has no more, is followed to the id that it
// had then: a changed key makes no other entity. Where nothing is known of a state its values are unavailable; where the entity was not there, they are absent.
func (s *Service) Diff(ctx context.Context, q DiffQuery) (*Diff, error) {
	ref, err := checkEntity(q.Type, q.ID)
	if err != nil {
		return nil, err
	}
	now := s.now()
	if q.A == "" {
		return nil, invalid("a", "it is missing: expected the state to compare with, by a time, version:NAME, version:NAME@EDITION, event:ID or position:P")
	}
	from, err := diffPoint("a", q.A, now)
	if err != nil {
		return nil, err
	}
	to := point{time: now}
	if q.B != "" {
		if to, err = diffPoint("b", q.B, now); err != nil {
			return nil, err
		}
	}
	a, err := s.findFollowed(ctx, ref, from)
	if err != nil {
		return nil, err
	}
	b, err := s.findFollowed(ctx, ref, to)
	if err != nil {
		return nil, err
	}
	if err := s.complete(ctx, []*found{a, b}); err != nil {
		return nil, err
	}
	d := &Diff{A: a.state(), B: b.state(), Changes: imageDiff(a.compared(b.image), b.compared(a.image))}
	d.A.Row, d.A.States, d.A.Derived = nil, nil, nil
	d.B.Row, d.B.States, d.B.Derived = nil, nil, nil
	return d, nil
}

// compared returns the row as far as it is known, to be compared with another one: of a time that nobody knows of, the other row's fields without their values.
func (f *found) compared(other image) image {
	if f.status() != StatusUnknown {
		return f.image
	}
	fields := make(image, len(other))
	for i := range other {
		fields[i] = imageField{name: other[i].name, value: schema.Value{State: schema.Unavailable}}
	}
	return fields
}

// findFollowed is find, where a state under another id is followed there: to the id that the entity has had since, or that it had before its first version under this one.
func (s *Service) findFollowed(ctx context.Context, ref Ref, p point) (*found, error) {
	f, err := s.find(ctx, ref, p)
	if err != nil {
		return nil, err
	}
	for range maxHops {
		next, err := s.follow(ctx, f)
		if err != nil {
			return nil, err
		}
		if next == nil {
			break
		}
		f = next
	}
	return f, nil
}

// follow returns the entity under the id that it had at the time in question, if that is another one; nil otherwise.
func (s *Service) follow(ctx context.Context, f *found) (*found, error) {
	var k link
	switch f.status() {
	case StatusMoved:
		k = link{f.row, true}
	case StatusNotYet:
		k = link{f.first, false}
	}
	if k.half == nil || k.id() == "" {
		return nil, nil
	}
	if f.asOf == nil {
		// After a change, and not at a time: the key's change left it as its new half says.
		pairs, err := s.pairs(ctx, []*schema.Document{k.half})
		if pair := pairs[k.half.EventID]; pair != nil && k.forward {
			return &found{ref: refOf(pair), version: version{row: pair}}, nil
		}
		return nil, err
	}
	other := Ref{f.ref.Type, k.id()}
	pages, err := s.search(ctx, k.otherEnd(other.Type))
	if err != nil {
		return nil, err
	}
	end := first(pages[0])
	st, on := k.stretch(end)
	all, err := s.statesAt(ctx, []moment{{other, *f.asOf}})
	if err != nil {
		return nil, err
	}
	switch g := all[0]; {
	case g != nil && g.row != nil && Holds(st.filter(nil), g.row):
		return g, nil
	case k.forward && st.to != nil && st.to.inclusive:
		// Another row has the id by now: this one's time under it had ended.
		return &found{ref: other, version: version{row: end}, asOf: f.asOf}, nil
	case k.forward && end != nil:
		return s.endedBefore(ctx, other, end, *f.asOf)
	case !k.forward && on != nil:
		return &found{ref: other, first: on, asOf: f.asOf}, nil
	case !k.forward && (end == nil || !st.from.inclusive):
		// It did not begin with a creation that is known, so before its first version nobody knows.
		pages, err := s.search(ctx, Search{Filter: st.filter(other.versions()), Order: OldestFirst, Limit: 1})
		if err != nil {
			return nil, err
		}
		if d := first(pages[0]); d != nil && d.Action != schema.ActionRekey {
			return &found{ref: other, first: d, asOf: f.asOf}, nil
		}
	}
	return nil, nil
}

// endedBefore returns the row that had an id before another one, which began with a change, as the truncate that must have ended it left it; nil where none is known.
func (s *Service) endedBefore(ctx context.Context, ref Ref, next *schema.Document, at time.Time) (*found, error) {
	pages, err := s.search(ctx, before(next, ref.versions()))
	if err != nil {
		return nil, err
	}
	row := lastBefore(pages[0], next)
	if row == nil || row.After == nil {
		return nil, nil
	}
	if pages, err = s.search(ctx, truncateOf(row, at)); err != nil {
		return nil, err
	}
	truncate := firstAfter(pages[0], row)
	if truncate == nil {
		return nil, nil
	}
	return &found{ref: ref, version: version{row, truncate}, asOf: &at}, nil
}
