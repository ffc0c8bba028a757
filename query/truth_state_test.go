package query_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"dossier/query"
	"dossier/schema"
)

// chronicles runs a test in chronicles of all kinds.
func chronicles(t *testing.T, test func(t *testing.T, c *chronicle)) {
	kinds := map[string]features{
		"full":              {full: true, truncate: true},
		"default":           {truncate: true},
		"updates only":      {full: true, updates: true, rekeys: true, truncate: true},
		"rekeys":            {full: true, rekeys: true, truncate: true},
		"rekeys default":    {rekeys: true, truncate: true},
		"baseline":          {before: true, baseline: true, rekeys: true, snapshot: true, truncate: true},
		"baseline full":     {full: true, before: true, baseline: true, snapshot: true, rekeys: true},
		"no baseline":       {before: true, rekeys: true, truncate: true},
		"steps":             {full: true, steps: true, truncate: true, rekeys: true},
		"steps default":     {steps: true, before: true, baseline: true, rekeys: true},
		"two sources":       {full: true, sources: 2, truncate: true},
		"all but snapshots": {steps: true, before: true, truncate: true, rekeys: true, updates: true},
	}
	for name, f := range kinds {
		for seed := range uint64(1) {
			t.Run(fmt.Sprintf("%s/%d", name, seed), func(t *testing.T) { test(t, newChronicle(seed, f, 70)) })
		}
		t.Run(name+"/sqlite", func(t *testing.T) {
			c := newChronicle(99, f, 70)
			c.service.Store = sqliteStore(t, c.docs)
			test(t, c)
		})
	}
}

var everyID = []string{"0", "1", "2", "3", "4", "5"}

// moments returns times worth asking for: at, just before and just after each change, and some between.
func (c *chronicle) moments() []time.Time {
	var all []time.Time
	for _, f := range c.facts {
		if c.IntN(16) == 0 {
			all = append(all, f.event.Time, f.event.Time.Add(-1), f.event.Time.Add(1), f.event.Time.Add(time.Duration(c.IntN(3600))*time.Second))
		}
	}
	return append(all, c.facts[0].event.Time.Add(-time.Hour), c.clock)
}

func TestStateIsTheTruthAtEveryMoment(t *testing.T) {
	chronicles(t, func(t *testing.T, c *chronicle) {
		for _, at := range c.moments() {
			id := everyID[c.IntN(len(everyID))]
			want := c.stands(id, at)
			got, err := c.service.State(t.Context(), query.StateQuery{Type: "product", ID: id, AsOf: at.Format(time.RFC3339Nano), Blame: true})
			if want.fact == nil {
				if err == nil {
					t.Fatalf("%s at %s: nothing is known of it, got %+v", id, at, got)
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			if got.Status == query.StatusPresent && got.Blame == nil {
				t.Fatal("nobody is blamed")
			}
			c.checkState(t, fmt.Sprintf("%s at %s", id, at.Format(time.RFC3339Nano)), got, want)
			if t.Failed() {
				return
			}
		}
	})
}

func (c *chronicle) checkState(t *testing.T, what string, got *query.State, want standing) {
	t.Helper()
	if got.Status != want.status {
		t.Errorf("%s: %s, want %s by %s", what, got.Status, want.status, want.fact.event.ID)
		return
	}
	switch want.status {
	case query.StatusNotYet, query.StatusUnknown:
		if got.Version != nil || got.Row != nil {
			t.Errorf("%s: %s, and yet with a version", what, got.Status)
		}
		return
	}
	if got.Version == nil || got.Version.EventID != want.fact.event.ID {
		t.Errorf("%s: by %+v, want %s", what, got.Version, want.fact.event.ID)
		return
	}
	if got.MovedTo != want.fact.event.Entity.NextID {
		t.Errorf("%s: moved to %q, want %q", what, got.MovedTo, want.fact.event.Entity.NextID)
	}
	if want.row == nil {
		if got.Row != nil || got.Blame != nil {
			t.Errorf("%s: %s, and yet with a row", what, got.Status)
		}
		return
	}
	told := c.tellsOf(want.fact)
	for _, name := range want.row.fields {
		value, ok := got.Row.Get(name)
		switch known, isKnown := told.values[name]; {
		case isKnown && known.State == schema.Masked || !isKnown:
			if state := map[bool]string{true: "masked", false: "unavailable"}[isKnown]; ok || got.States[name] != state {
				t.Errorf("%s: %s is %s %s, want the state %s", what, name, value, got.States[name], state)
			}
		case string(value) != want.row.values[name]:
			t.Errorf("%s: %s is %s %s, want %s", what, name, value, got.States[name], want.row.values[name])
		}
		if from := got.Derived[name]; (from != "") != (want.fact.event.After.Get(name).State == schema.Unavailable && ok) {
			t.Errorf("%s: %s is derived from %q", what, name, from)
		} else if from != "" {
			c.checkDerived(t, what, name, from, string(value), want.fact)
		}
		if b := got.Blame[name]; got.Blame != nil && b.EventID != told.blame[name] {
			t.Errorf("%s: %s blamed on %s, want %s", what, name, b.EventID, told.blame[name])
		}
	}
	if len(got.Row)+len(got.States) != len(want.row.fields) {
		t.Errorf("%s: fields %v %v, want %v", what, got.Row, got.States, want.row.fields)
	}
}

// checkDerived checks that the event carried the value, of the same row and not later.
func (c *chronicle) checkDerived(t *testing.T, what, field, from, value string, at *fact) {
	t.Helper()
	for _, f := range c.facts {
		if f.event.ID == from {
			carried := false
			for _, v := range []schema.Value{f.event.After.Get(field), f.event.Before.Get(field)} {
				carried = carried || v.State == schema.Present && string(v.JSON) == value || v.State == schema.Null && value == "null"
			}
			if !carried || f.life != at.life {
				t.Errorf("%s: %s = %s is said to be from %s, which did not carry it", what, field, value, from)
			}
			return
		}
		if f == at {
			break
		}
	}
	t.Errorf("%s: %s is said to be from %s, which is no event up to then", what, field, from)
}

func TestHistoryIsTheWholeStory(t *testing.T) {
	chronicles(t, func(t *testing.T, c *chronicle) {
		facts := map[string]*fact{}
		for _, f := range c.facts {
			facts[f.event.ID] = f
		}
		for _, id := range everyID {
			for _, q := range []query.HistoryQuery{{}, {User: "ben"}, {Field: "doc"}, {From: c.middle(-time.Hour), To: c.middle(5 * time.Hour)}} {
				q.Type, q.ID = "product", id
				want := c.story(id, func(f *fact) bool { return c.keeps(q, f) })
				var got []string
				for limit := 1 + c.IntN(40); ; {
					q.Limit = limit
					page, err := c.service.History(t.Context(), q)
					if err != nil {
						if c.stands(id, c.clock).fact == nil {
							break
						}
						t.Fatal(err)
					}
					also := slices.Sorted(slices.Values(page.Entity.Also))
					if others := c.others(id); len(also)+len(others) > 0 && !slices.Equal(also, others) {
						t.Fatalf("%s has had the ids %v, want %v", id, also, others)
					}
					for _, item := range page.Items {
						got = append(got, item.EventID)
						c.checkChange(t, &item, facts[item.EventID])
					}
					if q.Cursor = page.Next; q.Cursor == "" {
						break
					}
				}
				if !slices.Equal(got, want) && len(got)+len(want) > 0 {
					t.Fatalf("history of %s, %+v:\ngot  %v\nwant %v\n%s", id, q, got, want, c.explain(got, want))
				}
			}
		}
	})
}

func (c *chronicle) keeps(q query.HistoryQuery, f *fact) bool {
	if q.User != "" && (f.event.Context == nil || f.event.Context.User.ID != q.User) {
		return false
	}
	if q.Field != "" && !slices.Contains(f.listed, q.Field) {
		return false
	}
	return q.From == "" || f.event.Time.Format(time.RFC3339) >= q.From && f.event.Time.Format(time.RFC3339) < q.To
}

// middle returns a time about the middle of the chronicle.
func (c *chronicle) middle(plus time.Duration) string {
	return c.facts[len(c.facts)/2].event.Time.Truncate(time.Minute).Add(plus).Format(time.RFC3339)
}

func (c *chronicle) explain(got, want []string) string {
	var b strings.Builder
	for _, f := range c.facts {
		in := slices.Contains(got, f.event.ID)
		if in != slices.Contains(want, f.event.ID) {
			fmt.Fprintf(&b, "%s %s %s life %d, id %q next %q previous %q, got %v\n", f.event.ID, f.event.Time.Format(time.RFC3339), f.event.Action, f.life, f.id, f.event.Entity.NextID, f.event.Entity.PreviousID, in)
		}
	}
	return b.String()
}

// checkChange checks that a change lists what its event says, with the previous values that are known.
func (c *chronicle) checkChange(t *testing.T, got *query.Change, f *fact) {
	t.Helper()
	var fields []string
	told := c.tellsOf(f)
	for _, change := range got.Changes {
		fields = append(fields, change.Field)
		if f.event.Action == schema.ActionTruncate {
			continue
		}
		current := f.event.After.Get(change.Field)
		if current.State == schema.Present && string(change.Current) != string(current.JSON) || current.State == schema.Null && string(change.Current) != "null" ||
			current.State > schema.Present && change.CurrentState != current.State.String() {
			t.Errorf("%s: %s becomes %s %s, want %+v", f.event.ID, change.Field, change.Current, change.CurrentState, current)
		}
		want, known := told.before[change.Field]
		switch {
		case f.event.Action == schema.ActionCreate:
			known, want = true, schema.Value{}
		case f.event.Action == schema.ActionUpdate && !c.full && want.State == schema.Masked:
			known = false // it says of itself that nobody knows
		}
		switch {
		case !known && change.PreviousState != "unavailable",
			known && want.State == schema.Present && string(change.Previous) != string(want.JSON),
			known && want.State == schema.Null && string(change.Previous) != "null",
			known && want.State != schema.Present && want.State != schema.Null && change.PreviousState != want.State.String():
			t.Errorf("%s %s: %s was %s %s, want %+v (known: %v)", f.event.Action, f.event.ID, change.Field, change.Previous, change.PreviousState, want, known)
		}
		if change.PreviousDerivedFrom != "" {
			c.checkDerived(t, f.event.ID, change.Field, change.PreviousDerivedFrom, string(change.Previous), f)
		}
	}
	if !slices.Equal(fields, f.listed) && len(fields)+len(f.listed) > 0 {
		t.Errorf("%s %s changes %v, want %v", f.event.Action, f.event.ID, fields, f.listed)
	}
}
