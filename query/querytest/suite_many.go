package querytest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"dossier/query"
	"dossier/schema"
)

// testManyAtOnce asks several questions in one call, which are answered in their order, and from several goroutines while documents are written.
func testManyAtOnce(t *testing.T, open Open) {
	write, store := open(t)
	g := newGenerator(21)
	docs := g.events(100)
	write(docs...)
	memory := NewMemory(docs...)
	var searches []query.Search
	for i := range docs {
		searches = append(searches, query.Search{Filter: query.Is(query.FieldEventID, docs[i].EventID), Order: query.Order(i % 4), Limit: 1 + i%5})
	}
	want, _ := memory.Search(t.Context(), searches...)
	same := func(got []query.Page, err error) error {
		if err != nil || len(got) != len(want) {
			return fmt.Errorf("%d pages, %v", len(got), err)
		}
		for i := range want {
			if keys(got[i].Documents) != keys(want[i].Documents) || got[i].More != want[i].More {
				return fmt.Errorf("page %d: %s, want %s", i, keys(got[i].Documents), keys(want[i].Documents))
			}
		}
		return nil
	}
	var group sync.WaitGroup
	errs := make([]error, 3)
	for i := range errs {
		group.Go(func() {
			for range 2 {
				pages, err := store.Search(context.WithoutCancel(t.Context()), searches...)
				errs[i] = errors.Join(errs[i], same(pages, err))
			}
		})
	}
	for range 5 {
		more := g.events(20)
		write(more...)
	}
	group.Wait()
	for _, err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
}

// testBadQuestions asks what a store must refuse, and does not take for something else.
func testBadQuestions(t *testing.T, open Open) {
	write, store := open(t)
	write(document("a", func(d *schema.Document) { d.VersionName = "v" }))
	of := func(f query.Filter) query.Search { return query.Search{Filter: f, Limit: 1} }
	for _, s := range []query.Search{
		{}, {Limit: -1}, {Limit: query.MaxLimit + 1}, {Limit: 1, Order: 9},
		of(query.Is("", "x")), of(query.Is("no.field", "x")), of(query.Is("user.id) OR (1=1", "x")), of(query.Is(query.FieldTime, "x")), of(query.Is(query.FieldCurrText, "x")),
		of(query.Is(query.FieldCurrNumber, "1")), of(query.Like{Field: query.FieldIP}), of(query.Like{Field: query.FieldTxID}), of(query.Exists{Field: query.FieldTime}),
		of(query.Match{Field: query.FieldUserID, Text: "x"}), of(query.Compare{Field: query.FieldTxID}), of(query.Between{Field: query.FieldCurrNumber}), of(query.Beyond{Field: query.FieldUserID}),
		of(query.And{query.Or{query.Not{Filter: query.Like{Field: query.FieldPosition}}}}),
	} {
		_, err := store.Search(t.Context(), s)
		invalid(t, fmt.Sprintf("%s, order %d, limit %d", describe(s.Filter), s.Order, s.Limit), err)
	}
	for _, c := range []query.Count{{By: []query.Field{query.FieldUserID}}, {By: []query.Field{query.FieldCurrText}, Limit: 1}, {By: []query.Field{query.FieldTxID}, Limit: 1}, {By: []query.Field{query.FieldRequestID}, Limit: 1},
		{By: []query.Field{query.FieldTime, query.FieldUserID}, Limit: 1},
		{By: []query.Field{query.FieldUserID, query.FieldUserName, query.FieldAction}, Limit: 1}, {By: []query.Field{"no.field"}, Limit: 1}, {Filter: query.Exists{Field: query.FieldCurrText}}} {
		_, err := store.Count(t.Context(), c)
		invalid(t, fmt.Sprintf("%+v", c), err)
	}
	for _, g := range []query.Groups{{Limit: 1}, {By: []query.Field{query.FieldTime}, Limit: 1}, {By: []query.Field{query.FieldSource, query.FieldTxID}, Limit: 1}, {By: []query.Field{query.FieldVersionName}}, {By: []query.Field{query.FieldVersionName}, Limit: 1, After: []string{"a", "b"}}} {
		_, err := store.Groups(t.Context(), g)
		invalid(t, fmt.Sprintf("%+v", g), err)
	}
}

func invalid(t *testing.T, what string, err error) {
	t.Helper()
	var e *query.Error
	if !errors.As(err, &e) || e.Code != query.CodeInvalid {
		t.Errorf("%s: %v, want an error with %q", what, err, query.CodeInvalid)
	}
}
