package querytest

import (
	"reflect"
	"testing"

	"dossier/query"
)

// testRandom asks random questions on random documents; Memory knows the answers.
func testRandom(t *testing.T, open Open, questions int) {
	write, store := open(t)
	const seed = 20261123
	g := newGenerator(seed)
	docs := g.events(400)
	write(docs...)
	memory := NewMemory(docs...)
	if testing.Short() {
		questions = min(questions, 100)
	}
	for n := range questions {
		var searches []query.Search
		for range 1 + g.IntN(3) {
			searches = append(searches, query.Search{Filter: g.filter(docs, 3), Order: query.Order(g.IntN(4)), After: g.key(docs), Limit: pick(g, 1, 5, 50, 1000)})
		}
		want, err := memory.Search(t.Context(), searches...)
		if err != nil {
			t.Fatal(err)
		}
		got, err := store.Search(t.Context(), searches...)
		if err != nil {
			t.Fatalf("seed %d, question %d: %+v: %v", seed, n, searches, err)
		}
		for i := range want {
			if d := difference(got[i], want[i]); d != "" {
				s := searches[i]
				t.Fatalf("seed %d, question %d: %s, order %d, after %v, limit %d: %s", seed, n, describe(s.Filter), s.Order, s.After, s.Limit, d)
			}
		}
	}
	for n := range questions / 3 {
		f := g.filter(docs, 2)
		c := query.Count{Filter: f, By: g.by(), Limit: pick(g, 1, 3, 1000)}
		want, _ := memory.Count(t.Context(), c)
		got, err := store.Count(t.Context(), c)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("seed %d, count %d: %s by %v, limit %d:\n%v, %v; want\n%v", seed, n, describe(f), c.By, c.Limit, got, err, want)
		}
		if len(c.By) == 0 || c.By[0] == query.FieldTime {
			continue
		}
		groups := query.Groups{Filter: f, By: c.By, Limit: c.Limit}
		if len(want.Buckets) > 0 && g.IntN(2) == 0 {
			groups.After = want.Buckets[g.IntN(len(want.Buckets))].Key
		}
		wantGroups, _ := memory.Groups(t.Context(), groups)
		gotGroups, err := store.Groups(t.Context(), groups)
		if err != nil || !sameGroups(gotGroups, wantGroups) {
			t.Fatalf("seed %d, groups %d: %s by %v, after %v, limit %d:\n%v, %v; want\n%v", seed, n, describe(f), groups.By, groups.After, groups.Limit, gotGroups, err, wantGroups)
		}
	}
}

func sameGroups(got, want []query.Group) bool {
	if len(got) != len(want) {
		return false
	}
	for i := range want {
		if g, w := got[i], want[i]; !reflect.DeepEqual(g.Key, w.Key) || g.Count != w.Count || !g.First.Equal(w.First) || !g.Last.Equal(w.Last) {
			return false
		}
	}
	return true
}

// by picks what to count by.
func (g *generator) by() []query.Field {
	if g.IntN(6) == 0 {
		return nil
	}
	if g.IntN(6) == 0 {
		return []query.Field{query.FieldTime}
	}
	var by []query.Field
	for range 1 + g.IntN(2) {
		f := pick(g, allFields()...)
		if query.Fields[f] != query.FormKeyword || len(by) > 0 && by[0] == f {
			f = query.FieldUserID
		}
		by = append(by, f)
	}
	if len(by) == 2 && by[0] == by[1] {
		by = by[:1]
	}
	return by
}
