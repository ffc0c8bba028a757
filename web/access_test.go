package web

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"

	"dossier/intake"
	"dossier/query"
	"dossier/query/querytest"
	"dossier/schema"
)

func tokens(t testing.TB) *TokenAccess {
	memory := querytest.NewMemory(documents(t, sampleEvents())...)
	return &TokenAccess{For: scopedStore(memory), Tokens: []Token{
		{Identity: Identity{Name: "catalog-app", Roles: []string{"catalog_auditor"}}, Hash: sha256.Sum256([]byte("token-of-the-catalog")), Scopes: []string{"catalog"}},
		{Identity: Identity{Name: "auditor", Roles: []string{"all"}}, Hash: sha256.Sum256([]byte("token-of-the-auditor")), Scopes: []string{"catalog", "people"}},
		{Identity: Identity{Name: "nobody"}, Hash: sha256.Sum256([]byte("token-of-nobody"))},
	}}
}

func TestTokens(t *testing.T) {
	a := newTestAPI(t, func(o *Options) { o.Access = tokens(t) })
	for _, c := range []struct{ authorization, person, product string }{
		{"", "401", "401"},
		{"Bearer wrong", "401", "401"},
		{"Bearer", "401", "401"},
		{"Basic dG9rZW4tb2YtdGhlLWF1ZGl0b3I=", "401", "401"},
		{"token-of-the-auditor", "401", "401"},
		{"Bearer token-of-the-auditor", "200", "200"},
		{"bearer  token-of-the-auditor ", "200", "200"},
		{"Bearer token-of-the-catalog", "404", "200"},
		{"Bearer token-of-nobody", "404", "404"},
	} {
		for target, want := range map[string]string{"entities/person/secret": c.person, "entities/product/1/history": c.product} {
			w := get(a, "/api/v1/"+target, "Authorization", c.authorization)
			if got := http.StatusText(w.Code); got != http.StatusText(map[string]int{"200": 200, "401": 401, "404": 404}[want]) {
				t.Errorf("%q, %s: %d, want %s", c.authorization, target, w.Code, want)
			}
			if w.Code == 401 && !strings.HasPrefix(w.Header().Get("WWW-Authenticate"), "Bearer") {
				t.Errorf("%q: WWW-Authenticate %q", c.authorization, w.Header().Get("WWW-Authenticate"))
			}
		}
	}
	wantProblem(t, get(a, "/api/v1/changes", "Authorization", "Bearer token-of-nobody", "Authorization", "Bearer token-of-the-auditor"), kindInvalid, "")
}

// TestWhatMayNotBeSeenIsNotCounted asks every call for a trace of the other scope.
func TestWhatMayNotBeSeenIsNotCounted(t *testing.T) {
	a := newTestAPI(t, func(o *Options) { o.Access = tokens(t) })
	for _, target := range []string{"changes?limit=1000", "changes?q=Erika", "counts?by=type", "counts?by=entity", "requests/r-1", "transactions/shop/728", "versions", "versions/Baseline", "changes?q=entity:person/secret",
		"changes?q=scope:people"} {
		w := get(a, "/api/v1/"+target, "Authorization", "Bearer token-of-the-catalog")
		if body := w.Body.String(); strings.Contains(body, "person") || strings.Contains(body, "Erika") {
			t.Errorf("%s shows what is in another scope: %s", target, body)
		}
		whole := get(a, "/api/v1/"+target, "Authorization", "Bearer token-of-the-auditor")
		if body := whole.Body.String(); w.Code == 200 && !strings.Contains(body, "person") && !strings.Contains(target, "version") && !strings.Contains(body, "secret") {
			t.Errorf("%s shows nothing of it to the auditor either: %s", target, body)
		}
	}
}

// TestStoreAccess: the store decides, and is asked again after a while.
func TestStoreAccess(t *testing.T) {
	var asked atomic.Int32
	clock := now()
	memory := querytest.NewMemory(documents(t, sampleEvents())...)
	refused := &query.Error{Code: query.CodeUnauthenticated, Detail: "who are you"}
	access := &StoreAccess{
		For: func(authorization string) query.Store {
			if authorization == "Basic catalog" {
				return scopedStore(memory)([]string{"catalog"})
			}
			return faultyStore(func() error { return refused })
		},
		Who: func(_ context.Context, authorization string) (Identity, error) {
			asked.Add(1)
			if authorization == "Basic catalog" {
				return Identity{Name: "cat"}, nil
			}
			return Identity{}, refused
		},
		Scopes: []string{"default", "catalog", "people"},
		Now:    func() time.Time { return clock },
	}
	open := func(authorization string) Caller {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Authorization", authorization)
		c, err := access.Open(r)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for range 3 {
		if who, err := open("Basic catalog").Identity(t.Context()); err != nil || who.Name != "cat" {
			t.Errorf("%+v, %v", who, err)
		}
	}
	if asked.Load() != 1 {
		t.Errorf("the store was asked %d times who that is", asked.Load())
	}
	for scope, want := range map[string]bool{"catalog": true, "people": false, "default": false, "none": false} {
		if may, err := open("Basic catalog").MaySee(t.Context(), scope); err != nil || may != want {
			t.Errorf("%s: %v, %v", scope, may, err)
		}
	}
	e := sampleEvents()[0]
	e.ID, e.Scope = "first-of-default", schema.DefaultScope
	memory.Add(documents(t, []*schema.AuditEvent{e})...)
	clock = clock.Add(believed)
	if _, err := open("Basic catalog").Identity(t.Context()); err != nil || asked.Load() != 2 {
		t.Errorf("after a while the store was asked %d times, %v", asked.Load(), err)
	}
	for range 2 { // a refusal is not remembered
		var q *query.Error
		if _, err := open("Basic other").Identity(t.Context()); !errors.As(err, &q) || q.Code != query.CodeUnauthenticated {
			t.Errorf("%v", err)
		}
	}
	if asked.Load() != 4 {
		t.Errorf("asked %d times", asked.Load())
	}
	w := get(NewAPI(Options{Access: access, Observer: &seen{}, Log: zap.NewNop(), Now: now}), "/api/v1/changes")
	wantProblem(t, w, kindUnauthenticated, "")
	if got := w.Header().Values("WWW-Authenticate"); len(got) != 3 {
		t.Errorf("WWW-Authenticate: %q", got)
	}
}

// TestStoreAccessWaitsForNobody: while the store is slow to answer one request of a caller, another one of theirs is not held up beyond its own end.
func TestStoreAccessWaitsForNobody(t *testing.T) {
	entered, leave := make(chan struct{}, 4), make(chan struct{})
	slow := func() error { entered <- struct{}{}; <-leave; return nil }
	access := &StoreAccess{Now: now, For: func(string) query.Store { return faultyStore(slow) },
		Who: func(context.Context, string) (Identity, error) { return Identity{Name: "cat"}, slow() }}
	c, err := access.Open(httptest.NewRequest("GET", "/", nil))
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() { _, _ = c.Identity(t.Context()) })
		group.Go(func() { _, _ = c.MaySee(t.Context(), "catalog") })
	}
	for range 4 { // with a lock held around the call, two of them would never come here
		<-entered
	}
	close(leave)
	group.Wait()
}

// recorded remembers access events.
type recorded []schema.Access

func (r *recorded) Access(e *schema.AuditEvent) {
	if e.Kind != schema.KindAccess || e.Context == nil || e.Context.RequestID == "" {
		panic("no event of an access")
	}
	*r = append(*r, *e.Access)
}

func TestReadsAreRecorded(t *testing.T) {
	var reads recorded
	a := newTestAPI(t, func(o *Options) { o.Access, o.Reads = tokens(t), &reads })
	auditor := []string{"Authorization", "Bearer token-of-the-auditor"}
	w := get(a, "/api/v1/changes?q=type:product&limit=1", auditor...)
	get(a, "/api/v1/changes?q=type:product&limit=1", append(auditor, "If-None-Match", w.Header().Get("ETag"))...)
	get(a, "/api/v1/entities/person/secret", "Authorization", "Bearer token-of-the-catalog")
	get(a, "/api/v1/entities/difficult/1%2F2/history", auditor...)
	get(a, "/api/v1/changes?limit=x", auditor...) // asked nothing
	get(a, "/api/v1/changes")                     // by nobody known
	get(a, "/api/openapi.json", auditor...)       // shows nothing of the store
	want := []schema.Access{
		{Caller: "auditor", Method: "GET", Path: "/api/v1/changes", Query: "q=type:product&limit=1", Status: 200, Items: 1},
		{Caller: "auditor", Method: "GET", Path: "/api/v1/changes", Query: "q=type:product&limit=1", Status: 304, Items: 1},
		{Caller: "catalog-app", Method: "GET", Path: "/api/v1/entities/person/secret", Status: 404},
		{Caller: "auditor", Method: "GET", Path: "/api/v1/entities/difficult/1%2F2/history", Status: 200, Items: 1},
	}
	if len(reads) != len(want) {
		t.Fatalf("%+v", reads)
	}
	for i := range want {
		if reads[i] != want[i] {
			t.Errorf("got  %+v\nwant %+v", reads[i], want[i])
		}
	}
}

// TestWhoIsUnknownReadsNothing: where reads are recorded, an answer without a reader's name would be a hole.
func TestWhoIsUnknownReadsNothing(t *testing.T) {
	var reads recorded
	memory := querytest.NewMemory(documents(t, sampleEvents())...)
	a := newTestAPI(t, func(o *Options) {
		o.Reads = &reads
		o.Access = &StoreAccess{For: func(string) query.Store { return memory }, Now: now,
			Who: func(context.Context, string) (Identity, error) {
				return Identity{}, &query.Error{Code: query.CodeUnavailable, Detail: "the store does not answer"}
			}}
	})
	wantProblem(t, get(a, "/api/v1/changes"), kindUnavailable, "")
	if len(reads) > 0 {
		t.Errorf("%+v", reads)
	}
}

// TestWritesStayWithinACallersScopes: whoever writes does so where they may read, and nowhere else, whether Dossier knows the callers or the store does.
func TestWritesStayWithinACallersScopes(t *testing.T) {
	known := tokens(t)
	byStore := &StoreAccess{Scopes: []string{"default", "catalog", "people"}, Now: now,
		For: func(authorization string) query.Store {
			r := httptest.NewRequest("GET", "/", nil)
			r.Header.Set("Authorization", authorization)
			c, err := known.Open(r)
			if err != nil {
				return faultyStore(func() error { return err })
			}
			return c.Store()
		},
		Who: func(_ context.Context, authorization string) (Identity, error) {
			return Identity{Name: authorization}, nil
		}}
	for name, access := range map[string]Access{"tokens": known, "store": byStore} {
		t.Run(name, func(t *testing.T) { writesStayWithinScopes(t, access) })
	}
}

func writesStayWithinScopes(t *testing.T, access Access) {
	var published []schema.AuditEvent
	a := newTestAPI(t, func(o *Options) {
		o.Access = access
		o.Desk = &intake.Desk{Wait: time.Millisecond, Now: now, Publisher: publisher(func(events []schema.AuditEvent) { published = append(published, events...) }),
			Scopes: intake.Scopes{ByType: map[string]string{"person": "people", "product": "catalog"}, Known: []string{"default", "catalog", "people"}}}
	})
	send := func(path, body, token string) *httptest.ResponseRecorder {
		return ask(a, "POST", "/api/v1/"+path, strings.NewReader(body), "Content-Type", "application/json", "Authorization", "Bearer "+token)
	}
	give := func(on, token string) *httptest.ResponseRecorder {
		return send("feedback", `{"application":"a","status":"s",`+on+`}`, token)
	}
	name := func(what, token string) *httptest.ResponseRecorder {
		return send("versions", `{"name":"Spring",`+what+`}`, token)
	}
	const secret, product = `"entity":{"type":"person","id":"secret"}`, `"entity":{"type":"product","id":"1"}`
	for _, on := range []string{secret, `"entity":{"type":"person","id":"yet unknown"}`, `"event_id":"event-d"`, `"version":"Baseline"`, `"version":"Baseline","scope":"people"`,
		`"version":"Baseline","scope":"none"`} {
		wantProblem(t, give(on, "token-of-the-catalog"), kindFaults, "")
	}
	for _, on := range []string{product, `"version":"Baseline","scope":"catalog"`, `"version":"Baseline"`} {
		wantProblem(t, give(on, "token-of-nobody"), kindFaults, "")
	}
	wantProblem(t, give(`"version":"Baseline"`, "token-of-the-auditor"), kindFaults, "") // the default scope
	for _, what := range []string{`"entities":[{"type":"person","id":"secret"}]`, `"entities":[{"type":"product","id":"1"},{"type":"person","id":"secret"}]`, `"query":"type:person"`} {
		wantProblem(t, name(what, "token-of-the-catalog"), kindFaults, "")
	}
	wantProblem(t, name(`"entities":[{"type":"product","id":"1"}]`, "token-of-nobody"), kindFaults, "")
	if len(published) != 0 {
		t.Errorf("published: %+v", published)
	}
	for _, w := range []*httptest.ResponseRecorder{give(product, "token-of-the-catalog"), give(`"version":"Baseline","scope":"catalog"`, "token-of-the-catalog"), give(secret, "token-of-the-auditor"),
		name(`"query":"type:person,product"`, "token-of-the-catalog")} {
		if w.Code != http.StatusAccepted {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
	if len(published) != 4 || published[2].Scope != "people" || published[3].Scope != "catalog" {
		t.Errorf("published: %+v", published)
	}
}

// publisher takes events.
type publisher func([]schema.AuditEvent)

func (p publisher) Publish(_ context.Context, events []schema.AuditEvent) error {
	p(events)
	return nil
}
