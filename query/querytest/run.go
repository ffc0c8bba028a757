package querytest

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"dossier/query"
	"dossier/schema"
)

// Open returns a new and empty store, and what writes documents to it: they can be found when write returns, and what cannot be written fails the test. The store is
// as somebody sees it who may see everything.
type Open func(t *testing.T) (write func(docs ...schema.Document), store query.Store)

// Run runs the suite. It says by example what filters mean, and by 400 random questions that a store means the same as Memory.
func Run(t *testing.T, open Open) { RunAsking(t, open, 400) }

// RunAsking is Run with another number of random questions, for a store that takes its time.
func RunAsking(t *testing.T, open Open, questions int) {
	random := func(t *testing.T, open Open) { testRandom(t, open, questions) }
	for _, part := range []struct {
		name string
		test func(*testing.T, Open)
	}{
		{"empty store", testEmpty}, {"filters", testFilters}, {"texts", testTexts}, {"words", testWords}, {"orders", testOrders}, {"pages while documents are added", testPages},
		{"large pages", testLargePages}, {"counts", testCounts}, {"groups", testGroups}, {"many at once", testManyAtOnce}, {"bad questions", testBadQuestions}, {"random", random},
	} {
		t.Run(part.name, func(t *testing.T) { part.test(t, open) })
	}
}

// search asks one question.
func search(t *testing.T, store query.Store, s query.Search) query.Page {
	t.Helper()
	pages, err := store.Search(t.Context(), s)
	if err != nil {
		t.Fatalf("%s: %v", describe(s.Filter), err)
	}
	if len(pages) != 1 {
		t.Fatalf("%d answers to one search", len(pages))
	}
	return pages[0]
}

// searchAll asks many questions, some at a time, and hands over each answer.
func searchAll(t *testing.T, store query.Store, searches []query.Search, take func(i int, p query.Page)) {
	t.Helper()
	const atOnce = 50
	for begin := 0; begin < len(searches); begin += atOnce {
		part := searches[begin:min(begin+atOnce, len(searches))]
		pages, err := store.Search(t.Context(), part...)
		if err != nil || len(pages) != len(part) {
			t.Fatalf("%d answers to %d searches, %v", len(pages), len(part), err)
		}
		for i, p := range pages {
			take(begin+i, p)
		}
	}
}

// ids are the event ids of a page, each once, sorted.
func ids(p query.Page) string {
	var list []string
	for i := range p.Documents {
		list = append(list, p.Documents[i].EventID)
	}
	slices.Sort(list)
	return strings.Join(slices.Compact(list), " ")
}

// text is a document in full, to compare and to show.
func text(d *schema.Document) []byte {
	b, _ := d.AppendJSON(nil)
	return b
}

// difference says how a store's page differs from the one that it should be; "" if it does not.
func difference(got, want query.Page) string {
	if len(got.Documents) != len(want.Documents) || got.More != want.More {
		return fmt.Sprintf("%d documents (more: %v), want %d (%v)\ngot  %s\nwant %s", len(got.Documents), got.More, len(want.Documents), want.More,
			keys(got.Documents), keys(want.Documents))
	}
	for i := range want.Documents {
		if g, w := text(&got.Documents[i]), text(&want.Documents[i]); !bytes.Equal(g, w) {
			return fmt.Sprintf("document %d is\n%s, want\n%s", i, g, w)
		}
	}
	return ""
}

func keys(docs []schema.Document) string {
	var b bytes.Buffer
	for i := range docs {
		fmt.Fprintf(&b, "%s/%s/%s ", docs[i].EventID, docs[i].Kind, docs[i].Change.Field)
		if i == 20 {
			b.WriteString("…")
			break
		}
	}
	return b.String()
}

// describe shows a filter, with what its pointers point to.
func describe(f query.Filter) string {
	switch f := f.(type) {
	case query.Compare:
		return fmt.Sprintf("Compare{%s %+v %+v}", f.Field, bound(f.Above), bound(f.Below))
	case query.And:
		return "And{" + describeAll(f) + "}"
	case query.Or:
		return "Or{" + describeAll(f) + "}"
	case query.Not:
		return "Not{" + describe(f.Filter) + "}"
	}
	return fmt.Sprintf("%T%+v", f, f)
}

func describeAll(filters []query.Filter) string {
	list := make([]string, len(filters))
	for i, f := range filters {
		list[i] = describe(f)
	}
	return strings.Join(list, ", ")
}

func bound(b *query.NumberBound) any {
	if b == nil {
		return "none"
	}
	return *b
}

// testEmpty asks a store that holds nothing, for which there may not even be an index.
func testEmpty(t *testing.T, open Open) {
	write, store := open(t)
	filters := []query.Filter{nil, query.And{}, query.Is(query.FieldEntityID, "1"), query.Match{Field: query.FieldCurrText, Text: "spoon"}}
	for _, f := range filters {
		for _, order := range []query.Order{query.NewestFirst, query.OldestFirst, query.CommitOrder, query.CommitOrderReverse} {
			if p := search(t, store, query.Search{Filter: f, Order: order, Limit: 10}); len(p.Documents) > 0 || p.More {
				t.Errorf("%s finds %d documents", describe(f), len(p.Documents))
			}
		}
		c, err := store.Count(t.Context(), query.Count{Filter: f, By: []query.Field{query.FieldUserID}, Limit: 10})
		if err != nil || c.Total != 0 || len(c.Buckets) > 0 || c.Other != 0 {
			t.Errorf("%s counts %+v, %v", describe(f), c, err)
		}
		g, err := store.Groups(t.Context(), query.Groups{Filter: f, By: []query.Field{query.FieldVersionName}, Limit: 10})
		if err != nil || len(g) > 0 {
			t.Errorf("%s groups %+v, %v", describe(f), g, err)
		}
	}
	if pages, err := store.Search(t.Context()); err != nil || len(pages) > 0 {
		t.Errorf("no search at all: %v, %v", pages, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	write(newGenerator(1).events(5)...)
	if _, err := store.Search(ctx, query.Search{Limit: 10}); err == nil {
		t.Error("a question whose context has ended was answered")
	}
}
