package query

import (
	"context"
	"time"

	"dossier/schema"
)

// State returns an entity as it was: at a time, in a named version, at a position of its source's log, or after a change; now, where the question names none. Once
// anything is known of the entity there is an answer for every time: its Status says whether the entity was there.
func (s *Service) State(ctx context.Context, q StateQuery) (*State, error) {
	ref, err := checkEntity(q.Type, q.ID)
	if err != nil {
		return nil, err
	}
	at, err := q.point(s.now())
	if err != nil {
		return nil, err
	}
	f, err := s.find(ctx, ref, at)
	if err != nil {
		return nil, err
	}
	if err := s.complete(ctx, []*found{f}); err != nil {
		return nil, err
	}
	st := f.state()
	if q.Blame && st.Status == StatusPresent {
		if st.Blame, err = s.blame(ctx, f.row); err != nil {
			return nil, err
		}
	}
	return &st, nil
}

// found is an entity as it was, before it is written down.
type found struct {
	ref Ref
	version
	asOf  *time.Time       // nil where the question was not for a time
	first *schema.Document // where no version had been made by then: the first one that is known; nil where none is
	image image            // the row, where it was there
}

// complete reads the rows of what was found and fills what they do not carry from versions held before.
func (s *Service) complete(ctx context.Context, all []*found) error {
	var gaps []*gap
	for _, f := range all {
		if f.truncate != nil || f.row == nil {
			continue
		}
		f.image = imageOf(f.row)
		for i := range f.image {
			if field := &f.image[i]; field.value.State == schema.Unavailable {
				gaps = append(gaps, &gap{at: f.row, field: field.name, found: func(v schema.Value, from string) { field.value, field.derivedFrom = v, from }})
			}
		}
	}
	return s.fill(ctx, gaps)
}

// status says whether the entity was there.
func (f *found) status() Status {
	switch row := f.row; {
	case f.truncate != nil:
		return StatusTruncated
	case row == nil:
		if f.first != nil && (f.first.Action == schema.ActionCreate || f.first.Entity.PreviousID != "") {
			return StatusNotYet
		}
		return StatusUnknown
	case row.Action == schema.ActionRekey && row.Entity.NextID != "":
		return StatusMoved
	case row.After == nil:
		return StatusDeleted
	}
	return StatusPresent
}

// state writes down what was found.
func (f *found) state() State {
	st := State{Entity: Entity{Ref: f.ref}, Status: f.status(), AsOf: f.asOf}
	switch st.Status {
	case StatusNotYet, StatusUnknown:
		if f.first != nil {
			st.Entity.PreviousID = f.first.Entity.PreviousID
			st.Scope = f.first.Scope
		}
		return st
	case StatusMoved:
		st.MovedTo = f.row.Entity.NextID
	case StatusPresent:
		f.image.show(&st)
	}
	if f.row != nil {
		st.Entity, st.Scope = entityOf(f.row), f.row.Scope
		st.Entity.Ref = f.ref
	}
	st.Version = stateVersion(f.deciding())
	return st
}

func stateVersion(d *schema.Document) *StateVersion {
	return &StateVersion{
		EventID: d.EventID, Time: d.Time, Action: d.Action, Context: contextOf(d),
		Source: d.CDC.Source, Position: d.CDC.Position, VersionName: d.VersionName,
	}
}

// statesAt returns entities as they were at times, in the order of the question; nil for those of which nothing is known.
func (s *Service) statesAt(ctx context.Context, moments []moment) ([]*found, error) {
	versions, err := s.versionsAt(ctx, moments)
	if err != nil {
		return nil, err
	}
	all := make([]*found, len(moments))
	for i, m := range moments {
		all[i] = &found{ref: m.ref, version: versions[i], asOf: &moments[i].at}
	}
	return all, s.beginnings(ctx, all)
}

// beginnings finds out, for entities that had no version yet, when they began. What nobody knows becomes nil.
func (s *Service) beginnings(ctx context.Context, all []*found) error {
	var searches []Search
	var which []int
	for i, f := range all {
		if f.row == nil {
			searches = append(searches, Search{Filter: f.ref.versions(), Order: OldestFirst, Limit: 1})
			which = append(which, i)
		}
	}
	var none []int
	err := s.searchAll(ctx, searches, func(i int, p Page) {
		if all[which[i]].first = first(p); all[which[i]].first == nil {
			none = append(none, which[i])
		}
	})
	if err != nil {
		return err
	}
	for _, i := range none {
		known, err := s.known(ctx, all[i].ref)
		if err != nil {
			return err
		}
		if !known {
			all[i] = nil
		}
	}
	return nil
}
