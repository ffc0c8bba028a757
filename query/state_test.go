package query_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"dossier/query"
	"dossier/schema"
)

// A state after a change is what the change left, and at a position what the last change up to it left.
func TestStatesByEventAndPosition(t *testing.T) {
	chronicles(t, func(t *testing.T, c *chronicle) {
		if len(c.sources) > 1 {
			return
		}
		for _, f := range c.facts {
			if f.id == "" || c.IntN(4) > 0 {
				continue
			}
			st, err := c.service.State(t.Context(), query.StateQuery{Type: "product", ID: f.id, Event: f.event.ID})
			if err != nil {
				t.Fatal(err)
			}
			want := standing{query.StatusPresent, f, f.after}
			switch {
			case f.event.Entity.NextID != "":
				want.status = query.StatusMoved
			case f.after == nil:
				want.status = query.StatusDeleted
			}
			c.checkState(t, "after "+f.event.ID, st, want)

			if f.event.Action == schema.ActionSnapshot {
				continue // it stands at no position
			}
			// A changed key may have both halves at one position; the id's own is meant.
			st, err = c.service.State(t.Context(), query.StateQuery{Type: "product", ID: f.id, Position: f.event.CDC.Position})
			if err != nil {
				t.Fatal(err)
			}
			c.checkState(t, "at the position of "+f.event.ID, st, want)
			st, err = c.service.State(t.Context(), query.StateQuery{Type: "product", ID: f.id, Position: f.event.CDC.Position + "0"})
			if err != nil {
				t.Fatal(err)
			}
			c.checkState(t, "behind the position of "+f.event.ID, st, want)
		}
	})
}

func TestStateThroughOtherEvents(t *testing.T) {
	s := newScene(t)
	s.happens(schema.ActionCreate, "7", "", `id=7 name="x"`)                  // a
	left, came := s.moves("7", "1", `id=7 name="x"`, `id=1 name="x"`)         // b c
	s.happens(schema.ActionCreate, "7", "", `id=7 name="other"`)              // d: another row
	s.happens(schema.ActionTruncate, "", "", "")                              // e
	s.happens(schema.ActionCreate, "1", "", `id=1 name="new"`)                // f
	s.happens(schema.ActionUpdate, "9", `id=9 name="n"`, `id=9 name="old m"`) // g
	for _, test := range []struct{ id, event, want string }{
		{"1", "a", "present 7 a id=7 name=\"x\""}, // when it had another id
		{"1", left, "moved 7 b to 1 "},
		{"1", came, "present 1 c id=1 name=\"x\""},
		{"7", came, "present 1 c id=1 name=\"x\""},
		{"1", "e", "truncated 1 e "},
		{"7", "e", "truncated 7 e "},
		{"1", "f", "present 1 f id=1 name=\"new\""},
	} {
		st := s.state(query.StateQuery{Type: "product", ID: test.id, Event: test.event})
		got := fmt.Sprintf("%s %s %s ", st.Status, st.Entity.ID, st.Version.EventID)
		if st.MovedTo != "" {
			got += "to " + st.MovedTo + " "
		}
		check(t, test.id+" after "+test.event, got+show(st), test.want)
	}
	for _, test := range []struct{ id, event string }{{"1", "d"}, {"1", "g"}, {"1", "nothing"}, {"5", "a"}, {"5", "nothing"}} {
		_, err := s.service.State(t.Context(), query.StateQuery{Type: "product", ID: test.id, Event: test.event})
		fails(t, test.id+" after "+test.event, err, query.CodeNotFound, "")
	}
	// Before the first version of a row that was never seen being created, nobody knows; it was there.
	st := s.state(query.StateQuery{Type: "product", ID: "9", AsOf: at(0)})
	check(t, "status", st.Status, query.StatusUnknown)
	st = s.state(query.StateQuery{Type: "product", ID: "9", Event: "e"})
	check(t, "status at a truncate", st.Status, query.StatusUnknown)
	st = s.state(query.StateQuery{AsOf: at(1)})
	check(t, "status before the key changed", st.Status, query.StatusNotYet)
	check(t, "the id before", st.Entity.PreviousID, "7")
}

// Positions of several sources cannot be compared, but a change's own position says which source is meant.
func TestPositionsOfSeveralSources(t *testing.T) {
	s := newScene(t)
	annex := func(e *schema.AuditEvent) { e.CDC.Source = "annex" }
	s.happens(schema.ActionCreate, "1", "", `id=1 name="x"`)
	s.happens(schema.ActionUpdate, "1", `id=1 name="x"`, `id=1 name="y"`, annex)
	s.happens(schema.ActionUpdate, "1", `id=1 name="y"`, `id=1 name="z"`)
	check(t, "row", show(s.state(query.StateQuery{Position: s.events[1].CDC.Position})), `id=1 name="y"`)
	check(t, "row", show(s.state(query.StateQuery{Position: s.events[0].CDC.Position})), `id=1 name="x"`)
	_, err := s.service.State(t.Context(), query.StateQuery{Type: "product", ID: "1", Position: schema.FormatPosition(9, 9, 9)})
	fails(t, "a position between", err, query.CodeInvalid, "position")
}

func TestStateRefuses(t *testing.T) {
	s := newScene(t)
	s.happens(schema.ActionCreate, "1", "", `id=1 name="x"`)
	ask := func(q query.StateQuery) error {
		if q.Type == "" {
			q.Type, q.ID = "product", "1"
		}
		_, err := s.service.State(t.Context(), q)
		return err
	}
	for _, test := range []struct {
		name      string
		query     query.StateQuery
		code      query.Code
		parameter string
	}{
		{"no time", query.StateQuery{AsOf: "soon"}, query.CodeInvalid, "as_of"},
		{"two points", query.StateQuery{AsOf: "now", Event: "a"}, query.CodeInvalid, "event"},
		{"two more", query.StateQuery{Version: "v", Position: "1"}, query.CodeInvalid, "position"},
		{"edition of nothing", query.StateQuery{Edition: "1"}, query.CodeInvalid, "edition"},
		{"no position", query.StateQuery{Position: "0/1A2B"}, query.CodeInvalid, "position"},
		{"a position without its zeroes", query.StateQuery{Position: "26375672"}, query.CodeInvalid, "position"},
		{"half a position", query.StateQuery{Position: "00000000000026375504"}, query.CodeInvalid, "position"},
		{"a very long position", query.StateQuery{Position: strings.Repeat("1", 999)}, query.CodeInvalid, "position"},
		{"a very long event", query.StateQuery{Event: strings.Repeat("1", 9999)}, query.CodeInvalid, "event"},
		{"a version that is not there", query.StateQuery{Version: "Spring"}, query.CodeNotFound, ""},
		{"an entity that is not there", query.StateQuery{Type: "product", ID: "2"}, query.CodeNotFound, ""},
		{"another type", query.StateQuery{Type: "person", ID: "1"}, query.CodeNotFound, ""},
		{"no id", query.StateQuery{Type: "person"}, query.CodeInvalid, "id"},
		{"a very long id", query.StateQuery{Type: "person", ID: strings.Repeat("1", 99999)}, query.CodeInvalid, "id"},
		{"a very long type", query.StateQuery{Type: strings.Repeat("1", 99999), ID: "1"}, query.CodeInvalid, "type"},
	} {
		fails(t, test.name, ask(test.query), test.code, test.parameter)
	}
	_, err := s.service.State(t.Context(), query.StateQuery{ID: "1"})
	fails(t, "no type", err, query.CodeInvalid, "type")
}

func TestDiffAndHistoryRefuse(t *testing.T) {
	s := newScene(t)
	s.happens(schema.ActionCreate, "1", "", `id=1 name="x"`)
	for _, test := range []struct {
		name, id, a, b string
		code           query.Code
		parameter      string
	}{
		{"nothing to compare with", "1", "", "", query.CodeInvalid, "a"},
		{"no time", "1", "x", "", query.CodeInvalid, "a"},
		{"an unknown kind", "1", "now", "colour:red", query.CodeInvalid, "b"},
		{"nothing behind it", "1", "event:", "", query.CodeInvalid, "a"},
		{"no position", "1", "position:x", "", query.CodeInvalid, "a"},
		{"an unknown event", "1", "event:x", "", query.CodeNotFound, ""},
		{"an unknown version", "1", "now", "version:x@2", query.CodeNotFound, ""},
		{"an unknown entity", "2", "now", "", query.CodeNotFound, ""},
	} {
		_, err := s.service.Diff(t.Context(), query.DiffQuery{Type: "product", ID: test.id, A: test.a, B: test.b})
		fails(t, test.name, err, test.code, test.parameter)
	}
	history := query.HistoryQuery{Type: "product", ID: "1"}
	for name, change := range map[string]func(*query.HistoryQuery) (query.Code, string){
		"an unknown entity": func(q *query.HistoryQuery) (query.Code, string) { q.ID = "2"; return query.CodeNotFound, "" },
		"no from":           func(q *query.HistoryQuery) (query.Code, string) { q.From = "x"; return query.CodeInvalid, "from" },
		"no to":             func(q *query.HistoryQuery) (query.Code, string) { q.To = "x"; return query.CodeInvalid, "to" },
		"a long page":       func(q *query.HistoryQuery) (query.Code, string) { q.Limit = 1001; return query.CodeInvalid, "limit" },
		"no cursor":         func(q *query.HistoryQuery) (query.Code, string) { q.Cursor = "x"; return query.CodeInvalid, "cursor" },
	} {
		q := history
		code, parameter := change(&q)
		_, err := s.service.History(t.Context(), q)
		fails(t, name, err, code, parameter)
	}
	if h := s.history(query.HistoryQuery{User: "nobody"}); h.Items == nil || len(h.Items) > 0 || h.Next != "" {
		t.Errorf("a history filtered to nothing: got %+v, want an empty page", h)
	}
}

// A diff follows a row through its keys, in both directions, and says under which ids it found it.
func TestDiffFollowsChangedKeys(t *testing.T) {
	s := newScene(t)
	s.happens(schema.ActionCreate, "7", "", `id=7 name="x"`)              // a, minute 1
	s.moves("7", "1", `id=7 name="x"`, `id=1 name="x"`)                   // b c, 2
	s.happens(schema.ActionUpdate, "1", `id=1 name="x"`, `id=1 name="y"`) // d, 3
	for _, test := range []struct{ id, a, b, from, to, want string }{
		{"7", at(1), at(3), "7", "1", `id=7→1 name="x"→"y"`},
		{"1", at(1), at(3), "7", "1", `id=7→1 name="x"→"y"`},
		{"1", at(3), at(1), "1", "7", `id=1→7 name="y"→"x"`},
		{"7", at(1), "", "7", "1", `id=7→1 name="x"→"y"`},
		{"7", "event:a", "event:b", "7", "1", `id=7→1`},
		{"1", "event:a", "event:d", "7", "1", `id=7→1 name="x"→"y"`},
		{"1", at(0), at(1), "1", "7", `id=absent→7 name=absent→"x"`},
		{"1", at(3), at(3), "1", "1", ``},
	} {
		d, err := s.service.Diff(t.Context(), query.DiffQuery{Type: "product", ID: test.id, A: test.a, B: test.b})
		if err != nil {
			t.Fatal(err)
		}
		check(t, test.a+" to "+test.b, strings.Join([]string{d.A.Entity.ID, d.B.Entity.ID, tells(d.Changes)}, " "), strings.Join([]string{test.from, test.to, test.want}, " "))
		if d.Changes == nil || d.A.Row != nil || d.B.Row != nil {
			t.Errorf("got %+v, want changes, and states without their rows", d)
		}
	}
}

// What an entity was takes two rounds of searches to find out, and one more to fill in values or to blame, however many versions there are.
func TestStatesTakeFewSearches(t *testing.T) {
	s := newScene(t)
	s.happens(schema.ActionCreate, "1", "", `id=1 name="x" doc="D"`)
	for i := range 500 {
		s.happens(schema.ActionUpdate, "1", fmt.Sprintf(`id=1 name="%d" doc="D"`, i), fmt.Sprintf(`id=1 name="%d" doc="D"`, i+1), func(e *schema.AuditEvent) { e.ID = fmt.Sprint(i) })
	}
	store := &countingStore{Store: s.store}
	service := &query.Service{Store: store, Now: s.service.Now}
	for _, when := range []string{at(250), "now"} {
		store.rounds, store.documents = 0, 0
		if _, err := service.State(t.Context(), query.StateQuery{Type: "product", ID: "1", AsOf: when}); err != nil {
			t.Fatal(err)
		}
		if store.rounds != 2 || store.documents > 20 {
			t.Errorf("as of %s: %d rounds of searches found %d documents, want 2 and no more than 20", when, store.rounds, store.documents)
		}
	}
}

// countingStore counts rounds of searches, and fails once it is told to.
type countingStore struct {
	query.Store
	rounds, searches, documents int
	fail                        error
}

func (c *countingStore) Search(ctx context.Context, searches ...query.Search) ([]query.Page, error) {
	if c.fail != nil {
		return nil, c.fail
	}
	c.rounds++
	c.searches += len(searches)
	pages, err := c.Store.Search(ctx, searches...)
	for _, p := range pages {
		c.documents += len(p.Documents)
	}
	return pages, err
}

// failingStore fails at one round of searches.
type failingStore struct {
	query.Store
	mu        sync.Mutex
	at, round int
	failed    bool
}

var errDown = errors.New("the store is down")

func (f *failingStore) next() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.round++; f.round == f.at {
		f.failed = true
		return errDown
	}
	return nil
}

func (f *failingStore) Search(ctx context.Context, searches ...query.Search) ([]query.Page, error) {
	if err := f.next(); err != nil {
		return nil, err
	}
	return f.Store.Search(ctx, searches...)
}

func (f *failingStore) Groups(ctx context.Context, g query.Groups) ([]query.Group, error) {
	if err := f.next(); err != nil {
		return nil, err
	}
	return f.Store.Groups(ctx, g)
}

// Whichever of its searches fails, a question fails: an answer is never a part of the truth.
func TestEveryFaultOfTheStoreIsTold(t *testing.T) {
	c := newChronicle(1, features{rekeys: true, truncate: true, snapshot: true, before: true, baseline: true}, 60)
	when := c.facts[len(c.facts)*2/3].event.Time.Format(time.RFC3339Nano)
	asks := map[string]func(*query.Service, string) error{
		"state": func(s *query.Service, id string) error {
			_, err := s.State(t.Context(), query.StateQuery{Type: "product", ID: id, AsOf: when, Blame: true})
			return err
		},
		"event": func(s *query.Service, id string) error {
			_, err := s.State(t.Context(), query.StateQuery{Type: "product", ID: id, Event: c.facts[len(c.facts)-1].event.ID})
			return err
		},
		"history": func(s *query.Service, id string) error {
			_, err := s.History(t.Context(), query.HistoryQuery{Type: "product", ID: id})
			return err
		},
		"field": func(s *query.Service, id string) error {
			_, err := s.History(t.Context(), query.HistoryQuery{Type: "product", ID: id, Field: "id"})
			return err
		},
		"diff": func(s *query.Service, id string) error {
			_, err := s.Diff(t.Context(), query.DiffQuery{Type: "product", ID: id, A: when})
			return err
		},
		"children": func(s *query.Service, id string) error {
			_, err := s.Children(t.Context(), query.ChildrenQuery{Type: "supplier", ID: id, AsOf: when})
			return err
		},
	}
	for name, ask := range asks {
		for _, id := range everyID {
			for n := 1; ; n++ {
				store := &failingStore{Store: c.store, at: n}
				err := ask(&query.Service{Store: store, Now: c.service.Now}, id)
				if !store.failed {
					break
				}
				if !errors.Is(err, errDown) {
					t.Fatalf("%s of %s: search %d failed, and the answer is %v", name, id, n, err)
				}
			}
		}
	}
}
