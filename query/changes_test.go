package query_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"dossier/query"
	"dossier/schema"
)

// number returns a value as a number.
func number(v schema.Value) (float64, bool) {
	n, err := strconv.ParseFloat(strings.Trim(string(v.JSON), `"`), 64)
	return n, v.State == schema.Present && err == nil
}

func has(v schema.Value, word string) bool {
	return v.State == schema.Present && strings.Contains(string(v.JSON), word)
}

// questions are questions and what they mean for what really happened: for whole changes, or for single field changes.
var questions = []struct {
	text   string
	rows   func(c *change) bool
	fields func(c *change, f schema.FieldChange) bool
}{
	{text: "", rows: func(c *change) bool { return true }},
	{text: "user:u1", rows: func(c *change) bool { return c.tx.context.User.ID == "u1" }},
	{text: "-user:u1,u2", rows: func(c *change) bool { return c.tx.context.User.ID != "u1" && c.tx.context.User.ID != "u2" }},
	{text: "user:*", rows: func(c *change) bool { return c.tx.context.User.ID != "" }},
	{text: "type:product action:update,delete", rows: func(c *change) bool { return c.ref.Type == "product" && c.event.Action != schema.ActionCreate }},
	{text: "entity:product/3 entity:person/2", rows: func(c *change) bool {
		return c.ref == query.Ref{Type: "product", ID: "3"} || c.ref == query.Ref{Type: "person", ID: "2"}
	}},
	{text: "request:r-3", rows: func(c *change) bool { return c.tx.context.RequestID == "r-3" || c.tx.context.CorrelationID == "r-3" }},
	{text: "ip:10.0.0.0/8", rows: func(c *change) bool { return c.tx.context.IP == "10.0.0.1" }},
	{text: "version:S* -version:Summer", rows: func(c *change) bool { return c.tx.context.VersionName == "Spring" }},
	{text: "tx:3 table:public.person", rows: func(c *change) bool { return c.tx.number == 3 && c.ref.Type == "person" }},
	{text: "created:2026-01-10..2026-01-12", rows: func(c *change) bool {
		d := c.event.Time.Format(time.DateOnly)
		return d >= "2026-01-10" && d <= "2026-01-12"
	}},
	{text: "field:price", fields: func(c *change, f schema.FieldChange) bool { return f.Field == "price" }},
	{text: "new:>=2 new:<20", fields: func(c *change, f schema.FieldChange) bool {
		n, ok := number(f.Current)
		return ok && n >= 2 && n < 20
	}},
	{text: "old:null field:note", fields: func(c *change, f schema.FieldChange) bool {
		return f.Field == "note" && f.Previous.State == schema.Null
	}},
	{text: `new:""`, fields: func(c *change, f schema.FieldChange) bool { return string(f.Current.JSON) == `""` }},
	{text: "value:1.50 user:u2", fields: func(c *change, f schema.FieldChange) bool {
		return c.tx.context.User.ID == "u2" && (string(f.Previous.JSON) == `"1.50"` || string(f.Current.JSON) == `"1.50"`)
	}},
	{text: `SPOON -"blue spoon"`, fields: func(c *change, f schema.FieldChange) bool {
		return (has(f.Previous, "spoon") || has(f.Current, "spoon")) && !has(f.Previous, "blue spoon") && !has(f.Current, "blue spoon")
	}},
}

// fieldChanges returns the field changes of what happened: on a create, of each value that is not null.
func (c *change) fieldChanges() []schema.FieldChange {
	if c.event.Action != schema.ActionCreate {
		return c.event.Changes
	}
	var changes []schema.FieldChange
	for _, f := range c.after {
		if f.Value.State == schema.Present {
			changes = append(changes, schema.FieldChange{Field: f.Name, Current: f.Value})
		}
	}
	return changes
}

func TestChangesTellWhatHappened(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		from, to := w.changes[len(w.changes)/5].event.Time, w.changes[len(w.changes)*4/5].event.Time
		for _, q := range questions {
			for _, frame := range []bool{false, true} {
				var expected []string
				for _, c := range w.stored() {
					switch {
					case frame && (c.event.Time.Before(from) || !c.event.Time.Before(to)):
					case q.fields != nil:
						var of []string
						for _, f := range c.fieldChanges() {
							if q.fields(&c, f) {
								of = append(of, c.event.ID+" "+f.Field)
							}
						}
						slices.Sort(of)
						expected = append(expected, of...)
					case q.rows(&c):
						expected = append(expected, c.event.ID)
					}
				}
				ask := query.ChangesQuery{Q: q.text, Order: "asc"}
				if frame {
					ask.From, ask.To = from.Format(time.RFC3339Nano), to.Format(time.RFC3339Nano)
				}
				found := func() []string {
					items := pages(t, w, func(p query.PageQuery) (*query.Changes, error) {
						ask.PageQuery = p
						return w.service.Changes(context.Background(), ask)
					}, func(a *query.Changes) ([]query.Change, string) { return a.Items, a.Next })
					var ids []string
					for _, c := range items {
						id := c.EventID
						if q.fields != nil {
							if len(c.Changes) != 1 {
								t.Fatalf("%s: a field change with %d fields", q.text, len(c.Changes))
							}
							id += " " + c.Changes[0].Field
						}
						ids = append(ids, id)
					}
					return ids
				}
				if got := found(); !slices.Equal(got, expected) {
					t.Fatalf("%s:\nfound    %v\nexpected %v", q.text, got, expected)
				}
				if len(expected) == 0 && !frame {
					t.Errorf("%s finds nothing, so it shows nothing", q.text)
				}
				ask.Order = ""
				slices.Reverse(expected)
				if got := found(); !slices.Equal(got, expected) {
					t.Fatalf("%s, newest first:\nfound    %v\nexpected %v", q.text, got, expected)
				}
			}
		}
	})
}

func TestCountsTellWhatHappened(t *testing.T) {
	keys := map[string]func(c *change, f schema.FieldChange) string{
		"user":    func(c *change, _ schema.FieldChange) string { return c.tx.context.User.ID },
		"entity":  func(c *change, _ schema.FieldChange) string { return fmt.Sprint(c.ref) },
		"type":    func(c *change, _ schema.FieldChange) string { return c.ref.Type },
		"day":     func(c *change, _ schema.FieldChange) string { return c.event.Time.Format(time.DateOnly) },
		"field":   func(c *change, f schema.FieldChange) string { return f.Field },
		"action":  func(c *change, _ schema.FieldChange) string { return string(c.event.Action) },
		"context": func(c *change, _ schema.FieldChange) string { return string(c.tx.context.Status) },
		"version": func(c *change, _ schema.FieldChange) string { return c.tx.context.VersionName },
	}
	worlds(t, func(t *testing.T, w *world) {
		for by, key := range keys {
			for _, q := range questions {
				expected, total := map[string]int64{}, int64(0)
				count := func(c *change, f schema.FieldChange) {
					total++
					if k := key(c, f); k != "" {
						expected[k]++
					}
				}
				for _, c := range w.stored() {
					if q.fields == nil && by != "field" {
						if q.rows(&c) {
							count(&c, schema.FieldChange{})
						}
						continue
					}
					for _, f := range c.fieldChanges() {
						if q.fields != nil && q.fields(&c, f) || q.fields == nil && q.rows(&c) {
							count(&c, f)
						}
					}
				}
				answer, err := w.service.Counts(context.Background(), query.CountsQuery{By: by, Q: q.text, Limit: 1000})
				if err != nil {
					t.Fatal(err)
				}
				got := map[string]int64{}
				for _, item := range answer.Items {
					got[fmt.Sprint(item.Key)] = item.Count
				}
				if answer.Total != total || fmt.Sprint(got) != fmt.Sprint(expected) {
					t.Fatalf("%s by %s: %d %v, expected %d %v", q.text, by, answer.Total, got, total, expected)
				}
				few, err := w.service.Counts(context.Background(), query.CountsQuery{By: by, Q: q.text, Limit: 1})
				if err != nil {
					t.Fatal(err)
				}
				sum := few.Other
				for _, item := range few.Items {
					sum += item.Count
				}
				for _, n := range expected {
					sum -= n
				}
				if sum != 0 || len(few.Items) > 1 || few.Total != total {
					t.Fatalf("%s by %s: the first and the others are %d too many", q.text, by, sum)
				}
			}
		}
	})
}

func TestChangesRefuse(t *testing.T) {
	w := newWorld(1, 20)
	for _, test := range []struct {
		query     query.ChangesQuery
		parameter string
		position  int
	}{
		{query.ChangesQuery{Q: "type:a usr:b"}, "q", 8},
		{query.ChangesQuery{Order: "newest"}, "order", 0},
		{query.ChangesQuery{From: "yesterday"}, "from", 0},
		{query.ChangesQuery{From: "2026-01-02", To: "2026-01-01"}, "to", 0},
		{query.ChangesQuery{PageQuery: query.PageQuery{Limit: 1001}}, "limit", 0},
		{query.ChangesQuery{PageQuery: query.PageQuery{Cursor: "x"}}, "cursor", 0},
	} {
		_, err := w.service.Changes(context.Background(), test.query)
		var fault *query.Error
		if !errors.As(err, &fault) || fault.Code != query.CodeInvalid || fault.Parameter != test.parameter || fault.Position != test.position {
			t.Errorf("%+v: %v", test.query, err)
		}
	}
	page, err := w.service.Changes(context.Background(), query.ChangesQuery{Q: "type:*", PageQuery: query.PageQuery{Limit: 2}})
	if err != nil || page.Next == "" {
		t.Fatal(err, page)
	}
	for _, other := range []query.ChangesQuery{{Q: "type:product"}, {Q: "type:*", From: "2026-01-01"}, {Q: "type:*", Order: "asc"}} {
		other.Cursor = page.Next
		if _, err := w.service.Changes(context.Background(), other); err == nil {
			t.Errorf("%+v takes another question's cursor", other)
		}
	}
	for _, by := range []string{"", "users", "@timestamp", "change.current.exact"} {
		_, err := w.service.Counts(context.Background(), query.CountsQuery{By: by})
		var fault *query.Error
		if !errors.As(err, &fault) || fault.Parameter != "by" {
			t.Errorf("by %q: %v", by, err)
		}
	}
}

// TestRelativeTimesStandStill turns pages while time passes.
func TestRelativeTimesStandStill(t *testing.T) {
	w := newWorld(2, 100)
	now := w.changes[len(w.changes)-1].event.Time
	w.service.Now = func() time.Time { return now }
	var expected, got int
	for _, c := range w.stored() {
		if !c.event.Time.Before(now.AddDate(0, 0, -7)) {
			expected++
		}
	}
	q := query.ChangesQuery{Q: "created:>=-7d", PageQuery: query.PageQuery{Limit: 3}}
	for {
		page, err := w.service.Changes(context.Background(), q)
		if err != nil {
			t.Fatal(err)
		}
		got += len(page.Items)
		if q.Cursor = page.Next; q.Cursor == "" {
			break
		}
		now = now.Add(24 * time.Hour)
	}
	if got != expected {
		t.Errorf("%d changes, expected %d", got, expected)
	}
}
