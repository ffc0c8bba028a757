package query_test

import (
	"cmp"
	"slices"
	"time"

	"dossier/query"
	"dossier/schema"
)

// standing is what the truth says of an entity at a time.
type standing struct {
	status query.Status
	fact   *fact    // the one that decides
	row    *trueRow // nil unless present
}

// stands returns the truth of an id at a time: of the source whose change is the newest by then, the last of those that had committed.
func (c *chronicle) stands(id string, at time.Time) standing {
	var newest *fact
	for _, f := range c.facts {
		if f.id == id && !f.event.Time.After(at) && (newest == nil || byTime(f, newest) > 0) {
			newest = f
		}
	}
	if newest == nil {
		return c.notYet(id)
	}
	var last, truncate *fact
	for _, f := range c.facts {
		switch {
		case f.source != newest.source || f.event.Time.After(at):
		case f.id == id:
			last, truncate = f, nil
		case f.event.Action == schema.ActionTruncate && last != nil && truncate == nil && last.after != nil:
			truncate = f
		}
	}
	switch {
	case truncate != nil:
		return standing{query.StatusTruncated, truncate, nil}
	case last.after != nil:
		return standing{query.StatusPresent, last, last.after}
	case last.event.Entity.NextID != "":
		return standing{query.StatusMoved, last, nil}
	}
	return standing{query.StatusDeleted, last, nil}
}

// notYet is the truth before the first change that is known.
func (c *chronicle) notYet(id string) standing {
	var first *fact
	for _, f := range c.facts {
		if f.id == id && (first == nil || byTime(f, first) < 0) {
			first = f
		}
	}
	switch {
	case first == nil:
		return standing{}
	case first.event.Action == schema.ActionCreate || first.event.Action == schema.ActionRekey && first.event.Entity.PreviousID != "":
		return standing{query.StatusNotYet, first, nil}
	}
	return standing{query.StatusUnknown, first, nil}
}

func byTime(a, b *fact) int {
	return cmp.Or(a.event.Time.Compare(b.event.Time), cmp.Compare(a.event.CDC.Position, b.event.CDC.Position), cmp.Compare(a.event.ID, b.event.ID))
}

// story returns the ids of the events that make an id's history, newest first: of every row that ever had it, under whichever key.
func (c *chronicle) story(id string, keep func(*fact) bool) []string {
	mine := map[int]bool{}
	for _, f := range c.facts {
		if f.id == id {
			mine[f.life] = true
		}
	}
	var story []*fact
	for _, f := range c.facts {
		took := f.event.Action == schema.ActionTruncate && slices.ContainsFunc(f.taken, func(life int) bool { return mine[life] && c.seen(life, f) })
		if (mine[f.life] && f.event.Entity.NextID == "" || took) && keep(f) {
			story = append(story, f)
		}
	}
	slices.SortFunc(story, func(a, b *fact) int { return byTime(b, a) })
	ids := []string{}
	for _, f := range story {
		ids = append(ids, f.event.ID)
	}
	return ids
}

// seen says whether anything was known of a row before a fact.
func (c *chronicle) seen(life int, before *fact) bool {
	for _, f := range c.facts {
		if f == before {
			return false
		}
		if f.life == life {
			return true
		}
	}
	return false
}

// others returns the other ids that the rows of an id have had.
func (c *chronicle) others(id string) []string {
	mine := map[int]bool{}
	for _, f := range c.facts {
		if f.id == id {
			mine[f.life] = true
		}
	}
	ids := []string{}
	for _, f := range c.facts {
		if mine[f.life] && f.id != id && !slices.Contains(ids, f.id) {
			ids = append(ids, f.id)
		}
	}
	slices.Sort(ids)
	return ids
}

// telling is what events have told of one row up to one of them: the values that they carried, and who changed each last.
type telling struct {
	values map[string]schema.Value
	blame  map[string]string
	before map[string]schema.Value // as values, just before the fact
}

// tellsOf reads the events of a fact's row up to it, in the order in which they were read.
func (c *chronicle) tellsOf(last *fact) telling {
	t := telling{values: map[string]schema.Value{}, blame: map[string]string{}}
	carried := map[string]schema.Value{} // what the events carried, for comparison with snapshots
	for _, f := range c.facts {
		if f.life != last.life || f.source != last.source {
			continue
		}
		if f == last {
			t.before = map[string]schema.Value{}
			for k, v := range t.values {
				t.before[k] = v
			}
		}
		e := &f.event
		for _, v := range e.Before {
			if v.Value.State != schema.Unavailable {
				t.values[v.Name] = v.Value
				if f == last {
					t.before[v.Name] = v.Value
				}
			}
		}
		for _, v := range e.After {
			switch e.Action {
			case schema.ActionCreate:
				t.blame[v.Name] = e.ID
			default:
				if t.blame[v.Name] == "" && e.Entity.NextID == "" {
					t.blame[v.Name] = e.ID
				}
			}
			if v.Value.State != schema.Unavailable {
				t.values[v.Name], carried[v.Name] = v.Value, v.Value
			}
		}
		for _, field := range f.listed {
			t.blame[field] = e.ID
		}
		if f == last {
			break
		}
	}
	return t
}
