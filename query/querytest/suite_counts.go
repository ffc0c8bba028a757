package querytest

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"dossier/query"
	"dossier/schema"
)

// countable are all that documents can be counted by, alone.
func countable() [][]query.Field {
	list := [][]query.Field{nil, {query.FieldTime}}
	for _, f := range allFields() {
		if query.Fields[f] == query.FormKeyword {
			list = append(list, []query.Field{f})
		}
	}
	return list
}

// testCounts counts by each field, by two, and by days.
func testCounts(t *testing.T, open Open) {
	write, store := open(t)
	docs := newGenerator(11).events(120)
	midnight := time.Date(2026, 2, 28, 24, 0, 0, 0, time.UTC)
	docs = append(docs, document("x1", at(midnight.Add(-1)), by("u7")), document("x2", at(midnight), by("u7")), document("x3", by("u8"), at(midnight)))
	write(docs...)
	memory := NewMemory(docs...)
	list := append(countable(), []query.Field{query.FieldEntityType, query.FieldEntityID}, []query.Field{query.FieldSchema, query.FieldTable}, []query.Field{query.FieldSource, query.FieldTable})
	for _, by := range list {
		for _, limit := range []int{1, 3, query.MaxLimit} {
			for _, f := range []query.Filter{nil, query.Is(query.FieldEntityType, "person"), query.Is(query.FieldEntityType, "nothing"),
				query.Between{Field: query.FieldTime, To: midnight}, query.Between{Field: query.FieldTime, From: midnight}} {
				c := query.Count{Filter: f, By: by, Limit: limit}
				want, _ := memory.Count(t.Context(), c)
				got, err := store.Count(t.Context(), c)
				if err != nil || got.Total != want.Total || got.Other != want.Other || len(got.Buckets)+len(want.Buckets) > 0 && !reflect.DeepEqual(got.Buckets, want.Buckets) {
					t.Errorf("%s by %v, limit %d: %v, %v; want %v", describe(f), by, limit, got, err, want)
				}
			}
		}
	}
	got, err := store.Count(t.Context(), query.Count{Filter: query.Is(query.FieldEventID, "x1"), By: []query.Field{query.FieldTime}, Limit: 1})
	if err != nil || len(got.Buckets) != 1 || got.Buckets[0].Key[0] != "2026-02-28" {
		t.Errorf("the last nanosecond of a day: %v, %v", got, err)
	}
	both := query.Equal{Field: query.FieldUserID, Values: []string{"u7", "u8"}}
	got, err = store.Count(t.Context(), query.Count{Filter: both, By: []query.Field{query.FieldUserID}, Limit: 1})
	if want := (query.Counts{Total: 3, Buckets: []query.Bucket{{Key: []string{"u7"}, Count: 2}}, Other: 1}); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
}

// testGroups lists groups page by page.
func testGroups(t *testing.T, open Open) {
	write, store := open(t)
	docs := newGenerator(12).events(150)
	for i, name := range []string{"", "z", "Z", "é", "e", "10", "9", "a b", `a"b`} {
		docs = append(docs, document(fmt.Sprintf("v%d", i), func(d *schema.Document) { d.VersionName, d.Time = name, commit.Add(time.Duration(i)) }))
	}
	write(docs...)
	memory := NewMemory(docs...)
	for _, by := range [][]query.Field{{query.FieldVersionName}, {query.FieldVersionName, query.FieldVersionID}, {query.FieldEntityType, query.FieldEntityID}, {query.FieldSource, query.FieldTable},
		{query.FieldUserID}, {query.FieldRowFields}, {query.FieldChangeField}, {query.FieldParentType, query.FieldParentID}} {
		for _, f := range []query.Filter{nil, query.Equal{Field: query.FieldKind, Values: []string{"row_version", "named_version"}}, query.And{query.Is(query.FieldKind, "row_version"), query.Is(query.FieldVersionName, "wave 2")},
			query.Is(query.FieldUserID, "nobody"), query.And{query.Is(query.FieldKind, "row_version"), query.Is(query.FieldParentType, "supplier"), query.Is(query.FieldParentID, "7")}} {
			for _, limit := range []int{2, 5, query.MaxLimit} {
				g := query.Groups{Filter: f, By: by, Limit: limit}
				for page := 0; page < 100; page++ {
					want, _ := memory.Groups(t.Context(), g)
					got, err := store.Groups(t.Context(), g)
					if err != nil || !sameGroups(got, want) {
						t.Fatalf("%s by %v, after %v, limit %d: %v, %v; want %v", describe(f), by, g.After, limit, got, err, want)
					}
					if len(got) < limit {
						break
					}
					g.After = got[len(got)-1].Key
				}
			}
		}
	}
	g, err := store.Groups(t.Context(), query.Groups{Filter: query.Is(query.FieldVersionName, "z"), By: []query.Field{query.FieldVersionName}, Limit: 1, After: []string{"Z"}})
	if err != nil || len(g) != 1 || g[0].Count != 1 || !g[0].First.Equal(commit.Add(1)) || !g[0].Last.Equal(commit.Add(1)) {
		t.Errorf("%v, %v", g, err)
	}
}
