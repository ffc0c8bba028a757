package web

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"dossier/query"
	"dossier/query/querytest"
	"dossier/schema"
	"dossier/sink"
)

// start is when the sample's first change was committed; each further one a minute later.
var start = time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)

// now is the API's clock.
func now() time.Time { return start.Add(24 * time.Hour) }

// difficultIDs are ids of sample entities whose characters mean something in a path.
var difficultIDs = []string{"1", "1/2", "a%2Fb", "%", "%25", "..", ".", "a b", "é漢字🙂", "?a=b#c", "a;b,c&d=e+f", "\x00", `"quoted"\`, "~a-b_c", strings.Repeat("x", 8191)}

// sampleEvents are a create and an update of a product, a person in another scope, a part of the product, and one create for each of the difficult ids.
func sampleEvents() []*schema.AuditEvent {
	value := func(json string) schema.Value { return schema.Value{State: schema.Present, JSON: []byte(json)} }
	n := 0
	event := func(action schema.Action, op schema.Op, kind, id, scope string, before, after schema.Row, changes ...schema.FieldChange) *schema.AuditEvent {
		n++
		return &schema.AuditEvent{
			SchemaVersion: 1, Kind: schema.KindChange, ID: "event-" + string(rune('a'+n)), Time: start.Add(time.Duration(n) * time.Minute), Captured: start.Add(time.Duration(n) * time.Minute),
			Action: action, Entity: schema.Entity{Type: kind, ID: id, Key: schema.Row{{Name: "id", Value: value(`"k"`)}}}, Scope: scope,
			Context: &schema.EventContext{Status: schema.StatusAttached, Route: schema.RouteMessage,
				Context: schema.Context{CorrelationID: "r-1", RequestID: "r-1", User: schema.User{ID: "u1", Name: "Una"}, VersionName: "Baseline"}},
			VersionName: "Baseline", Changes: changes, Before: before, After: after,
			CDC: schema.CDC{Source: "shop", Connector: "postgresql", Schema: "public", Table: kind, Op: op, TxID: 728, HasTx: true,
				Position: "0000000" + string(rune('a'+n))},
		}
	}
	row := func(price string) schema.Row {
		return schema.Row{{Name: "id", Value: value(`1`)}, {Name: "price", Value: value(price)}, {Name: "note", Value: schema.Value{State: schema.Null}}}
	}
	events := []*schema.AuditEvent{
		event(schema.ActionCreate, 'c', "product", "1", "catalog", nil, row(`"1.50"`)),
		event(schema.ActionUpdate, 'u', "product", "1", "catalog", row(`"1.50"`), row(`"99.50"`), schema.FieldChange{Field: "price", Previous: value(`"1.50"`), Current: value(`"99.50"`)}),
		event(schema.ActionCreate, 'c', "person", "secret", "people", nil, schema.Row{{Name: "name", Value: value(`"Erika <Mustermann>"`)}}),
	}
	part := event(schema.ActionCreate, 'c', "part", "11", "catalog", nil, schema.Row{{Name: "product_id", Value: value(`1`)}})
	part.Entity.Parent = &schema.EntityRef{Type: "product", ID: "1"}
	events = append(events, part)
	for _, id := range difficultIDs {
		events = append(events, event(schema.ActionCreate, 'c', "difficult", id, "catalog", nil, schema.Row{{Name: "own_id", Value: value(string(mustJSON(id)))}}))
	}
	return events
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

func documents(t testing.TB, events []*schema.AuditEvent) []schema.Document {
	t.Helper()
	var docs []schema.Document
	for _, e := range events {
		d, err := sink.Materialize(e, sink.Options{})
		if err != nil {
			t.Fatal(err)
		}
		docs = append(docs, d...)
	}
	return docs
}

// scopedStore shows a memory's documents of some scopes; nil are all.
func scopedStore(m *querytest.Memory) func(scopes []string) query.Store {
	return func(scopes []string) query.Store {
		if scopes == nil {
			return m
		}
		return scoped{m, query.Equal{Field: query.FieldScope, Values: scopes}}
	}
}

type scoped struct {
	query.Store
	only query.Filter
}

func (s scoped) Search(ctx context.Context, searches ...query.Search) ([]query.Page, error) {
	own := make([]query.Search, len(searches))
	for i := range searches {
		own[i] = searches[i]
		own[i].Filter = s.both(own[i].Filter)
	}
	return s.Store.Search(ctx, own...)
}

func (s scoped) Count(ctx context.Context, c query.Count) (query.Counts, error) {
	c.Filter = s.both(c.Filter)
	return s.Store.Count(ctx, c)
}

func (s scoped) Groups(ctx context.Context, g query.Groups) ([]query.Group, error) {
	g.Filter = s.both(g.Filter)
	return s.Store.Groups(ctx, g)
}

func (s scoped) both(f query.Filter) query.Filter {
	if f == nil {
		return s.only
	}
	return query.And{f, s.only}
}

// faultyStore answers every question with an error, or does something worse.
type faultyStore func() error

func (f faultyStore) Search(context.Context, ...query.Search) ([]query.Page, error) { return nil, f() }
func (f faultyStore) Count(context.Context, query.Count) (query.Counts, error) {
	return query.Counts{}, f()
}
func (f faultyStore) Groups(context.Context, query.Groups) ([]query.Group, error) { return nil, f() }

// seen is an Observer that remembers.
type seen struct {
	mu       sync.Mutex
	requests []string
	ended    []string
	tails    int
}

func (s *seen) Request(method, route string, status int, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, method+" "+route+" "+http.StatusText(status))
}
func (s *seen) UnderWay(int) {}
func (s *seen) Tails(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tails = n
}
func (s *seen) TailEnded(reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = append(s.ended, reason)
}

// newTestAPI returns an API over the sample, changed as the test wants.
func newTestAPI(t testing.TB, change func(*Options)) *API {
	t.Helper()
	memory := querytest.NewMemory(documents(t, sampleEvents())...)
	o := Options{Access: &TokenAccess{For: scopedStore(memory)}, Observer: &seen{}, Log: zap.NewNop(), Now: now}
	if change != nil {
		change(&o)
	}
	return NewAPI(o)
}

// ask sends a request to an API; headers are name, value, name, value.
func ask(a *API, method, target string, body io.Reader, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, body)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	a.Handler().ServeHTTP(w, r)
	return w
}

func get(a *API, target string, headers ...string) *httptest.ResponseRecorder {
	return ask(a, http.MethodGet, target, nil, headers...)
}

// wantProblem checks that an answer is a problem of a kind and about a parameter, and that it says something.
func wantProblem(t *testing.T, w *httptest.ResponseRecorder, kind problemKind, parameter string) Problem {
	t.Helper()
	var p Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Errorf("no problem: %v: %s", err, w.Body)
		return p
	}
	if w.Code != kind.status || p.Status != kind.status || p.Type != problemTypePrefix+kind.code || p.Title != kind.title || p.Parameter != parameter || p.Detail == "" {
		t.Errorf("%d %+v, want %+v about %q", w.Code, p, kind, parameter)
	}
	if h := w.Header(); h.Get("Content-Type") != "application/problem+json" || h.Get("Cache-Control") != "no-store" || h.Get("X-Request-Id") == "" || h.Get("ETag") != "" {
		t.Errorf("headers of a problem: %v", h)
	}
	return p
}
