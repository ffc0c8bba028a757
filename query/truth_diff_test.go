package query_test

import (
	"slices"
	"testing"
	"time"

	"dossier/query"
	"dossier/schema"
)

// followed returns the truth of an id at a time, under the id that its row had then.
func (c *chronicle) followed(id string, at time.Time) standing {
	st := c.stands(id, at)
	if st.fact == nil || st.status != query.StatusMoved && (st.status != query.StatusNotYet || st.fact.event.Entity.PreviousID == "") {
		return st
	}
	var last *fact
	for _, f := range c.facts {
		switch {
		case f.event.Time.After(at) || f.source != st.fact.source:
		case f.life == st.fact.life && f.event.Entity.NextID == "":
			last = f
		case f.event.Action == schema.ActionTruncate && last != nil && slices.Contains(f.taken, last.life):
			return standing{status: query.StatusTruncated, fact: f}
		}
	}
	switch {
	case last == nil:
		for _, f := range c.facts {
			if f.life == st.fact.life {
				if f.event.Action == schema.ActionCreate {
					return standing{status: query.StatusNotYet, fact: f}
				}
				return standing{status: query.StatusUnknown, fact: f}
			}
		}
	case last.after != nil:
		return standing{query.StatusPresent, last, last.after}
	}
	return standing{status: query.StatusDeleted, fact: last}
}

// values returns what is told of a standing's row.
func (c *chronicle) values(st standing) map[string]schema.Value {
	values := map[string]schema.Value{}
	if st.row == nil {
		return values
	}
	told := c.tellsOf(st.fact).values
	for _, name := range st.row.fields {
		v, ok := told[name]
		if !ok {
			v.State = schema.Unavailable
		}
		values[name] = v
	}
	return values
}

func TestDiffIsWhatDiffers(t *testing.T) {
	chronicles(t, func(t *testing.T, c *chronicle) {
		moments := c.moments()
		for range 60 {
			id, at, to := everyID[c.IntN(6)], moments[c.IntN(len(moments))], moments[c.IntN(len(moments))]
			a, b := c.followed(id, at), c.followed(id, to)
			if a.fact == nil {
				continue
			}
			got, err := c.service.Diff(t.Context(), query.DiffQuery{Type: "product", ID: id, A: at.Format(time.RFC3339Nano), B: to.Format(time.RFC3339Nano)})
			if err != nil {
				t.Fatal(err)
			}
			if got.A.Status != a.status || got.B.Status != b.status {
				t.Fatalf("%s from %s to %s: %s to %s, want %s to %s", id, at, to, got.A.Status, got.B.Status, a.status, b.status)
			}
			before, after := c.values(a), c.values(b)
			if a.status == query.StatusUnknown {
				before = unknownLike(after)
			}
			if b.status == query.StatusUnknown {
				after = unknownLike(before)
			}
			c.checkDiff(t, got, before, after)
			if t.Failed() {
				t.Fatalf("%s from %s to %s", id, at, to)
			}
		}
	})
}

func unknownLike(values map[string]schema.Value) map[string]schema.Value {
	unknown := map[string]schema.Value{}
	for name := range values {
		unknown[name] = schema.Value{State: schema.Unavailable}
	}
	return unknown
}

func (c *chronicle) checkDiff(t *testing.T, got *query.Diff, before, after map[string]schema.Value) {
	t.Helper()
	changes := map[string]query.FieldChange{}
	for _, change := range got.Changes {
		changes[change.Field] = change
	}
	for _, name := range []string{"id", "name", "price", "doc", "ssn", "supplier"} {
		a, b := before[name], after[name]
		hidden := a.State == b.State && a.State > schema.Present
		change, ok := changes[name]
		if ok == (a.Equal(b) || hidden) {
			t.Errorf("%s: %+v to %+v, told: %v", name, a, b, ok)
		}
		if ok && (!says(a, string(change.Previous), change.PreviousState) || !says(b, string(change.Current), change.CurrentState)) {
			t.Errorf("%s: %+v, want %+v to %+v", name, change, a, b)
		}
	}
}

func says(v schema.Value, value, state string) bool {
	switch v.State {
	case schema.Present:
		return value == string(v.JSON) && state == ""
	case schema.Null:
		return value == "null" && state == ""
	}
	return value == "" && state == v.State.String()
}

func TestChildrenAreThoseOfTheMoment(t *testing.T) {
	chronicles(t, func(t *testing.T, c *chronicle) {
		for _, at := range c.moments() {
			supplier := string(rune('0' + c.IntN(3)))
			want := []string{}
			for _, id := range everyID {
				if st := c.stands(id, at); st.status == query.StatusPresent && st.row.values["supplier"] == supplier {
					want = append(want, id)
				}
			}
			got := []string{}
			q := query.ChildrenQuery{Type: "supplier", ID: supplier, AsOf: at.Format(time.RFC3339Nano)}
			for {
				q.Limit = 1 + c.IntN(3)
				page, err := c.service.Children(t.Context(), q)
				if err != nil {
					t.Fatal(err)
				}
				for _, child := range page.Items {
					got = append(got, child.Entity.ID)
					c.checkState(t, "child "+child.Entity.ID, &child, c.stands(child.Entity.ID, at))
				}
				if q.Cursor = page.Next; q.Cursor == "" {
					break
				}
			}
			if !slices.Equal(got, want) {
				t.Fatalf("children of supplier %s at %s: got %v, want %v", supplier, at, got, want)
			}
		}
	})
}
