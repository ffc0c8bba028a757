package intake

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dossier/query"
	"dossier/query/querytest"
	"dossier/schema"
	"dossier/sink"
)

// pipeline is a publisher whose events are documents of a store at once, or when the test lets them.
type pipeline struct {
	*querytest.Memory
	mu        sync.Mutex
	published [][]schema.AuditEvent
	hold      bool
	fail      error
}

func (p *pipeline) Publish(_ context.Context, events []schema.AuditEvent) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fail != nil {
		return p.fail
	}
	p.published = append(p.published, events)
	if !p.hold {
		p.store(events)
	}
	return nil
}

func (p *pipeline) store(events []schema.AuditEvent) {
	for i := range events {
		docs, err := sink.Materialize(&events[i], sink.Options{})
		if err != nil {
			panic(err)
		}
		p.Add(docs...)
	}
}

// release stores what was held back.
func (p *pipeline) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hold = false
	for _, events := range p.published {
		p.store(events)
	}
}

func (p *pipeline) count() (requests, events int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.published {
		events += len(e)
	}
	return len(p.published), events
}

// change is a row version of an entity, so many hours before noon.
func change(entityType, id, scope string, action schema.Action, hours int) schema.Document {
	at := noon.Add(-time.Duration(hours) * time.Hour)
	return schema.Document{Kind: schema.DocumentRowVersion, EventID: fmt.Sprintf("%s/%s@%d", entityType, id, hours), Time: at, Scope: scope, Action: action,
		Entity: schema.DocumentEntity{EntityRef: schema.EntityRef{Type: entityType, ID: id}, Parent: &schema.EntityRef{Type: "household", ID: "9"}},
		CDC:    schema.CDC{Source: "shop", Position: schema.FormatPosition(uint64(1000-hours), 0, 0)}}
}

// states answers from the row versions of a store, without any subtlety.
func states(store query.Store) func(context.Context, schema.EntityRef, time.Time) (*query.State, error) {
	return func(ctx context.Context, ref schema.EntityRef, at time.Time) (*query.State, error) {
		of := query.And{query.Is(query.FieldEntityType, ref.Type), query.Is(query.FieldEntityID, ref.ID), kindIs(schema.DocumentRowVersion)}
		pages, err := store.Search(ctx, query.Search{Filter: append(of[:len(of):len(of)], query.Between{Field: query.FieldTime, To: at.Add(1)}), Limit: 1}, query.Search{Filter: of, Limit: 1})
		if err != nil {
			return nil, err
		}
		state := &query.State{Entity: query.Entity{Ref: query.Ref{Type: ref.Type, ID: ref.ID}}, Status: query.StatusNotYet}
		switch {
		case len(pages[1].Documents) == 0:
			return nil, &query.Error{Code: query.CodeNotFound, Detail: "no such entity"}
		case len(pages[0].Documents) == 0:
			return state, nil
		}
		d := pages[0].Documents[0]
		state.Status, state.Scope, state.Version = query.StatusPresent, d.Scope, &query.StateVersion{EventID: d.EventID}
		state.Entity.Parent = &query.Ref{Type: d.Entity.Parent.Type, ID: d.Entity.Parent.ID}
		if d.Action == schema.ActionDelete {
			state.Status = query.StatusDeleted
		}
		return state, nil
	}
}

func newDesk(t *testing.T, docs ...schema.Document) (*Desk, *pipeline, Reader) {
	t.Helper()
	p := &pipeline{Memory: querytest.NewMemory(docs...)}
	d := &Desk{Publisher: p, Now: func() time.Time { return noon }, Wait: 50 * time.Millisecond,
		Scopes: Scopes{ByType: map[string]string{"person": "people"}, Known: []string{"default", "people"}}}
	return d, p, Reader{Store: p, State: states(p)}
}

func refs(texts ...string) []schema.EntityRef {
	var list []schema.EntityRef
	for _, text := range texts {
		entityType, id, _ := strings.Cut(text, "/")
		list = append(list, schema.EntityRef{Type: entityType, ID: id})
	}
	return list
}

var people = []schema.Document{
	change("person", "1", "people", schema.ActionCreate, 30), change("person", "1", "people", schema.ActionUpdate, 5),
	change("person", "2", "people", schema.ActionCreate, 20), change("person", "2", "people", schema.ActionDelete, 3),
	change("person", "3", "people", schema.ActionCreate, 2), change("product", "1", "default", schema.ActionCreate, 40),
}

func TestNameVersion(t *testing.T) {
	d, p, reader := newDesk(t, people...)
	answer, err := d.NameVersion(t.Context(), reader, VersionRequest{Name: "Baseline", AsOf: noon.Add(-4 * time.Hour), Entities: refs("person/1", "person/2", "product/1", "person/1")}, "", Caller{})
	if err != nil || answer.Entities != 3 || !answer.Stored || answer.ID == "" {
		t.Fatalf("%+v, %v", answer, err)
	}
	requests, events := p.count()
	if requests != 1 || events != 3 {
		t.Fatalf("%d events in %d publications, want 3 in one", events, requests)
	}
	for i, want := range []struct{ entity, scope, event string }{{"1", "people", "person/1@5"}, {"2", "people", "person/2@20"}, {"1", "default", "product/1@40"}} {
		e := p.published[0][i]
		if e.Entity.ID != want.entity || e.Scope != want.scope || e.NamedVersion.EventID != want.event || !e.NamedVersion.AsOf.Equal(noon.Add(-4*time.Hour)) || e.Entity.Parent == nil || e.NamedVersion.ID != answer.ID {
			t.Errorf("event %d: %+v, %+v", i, e, e.NamedVersion)
		}
	}
}

func TestEntitiesThatWereNotThereAreFaults(t *testing.T) {
	d, p, reader := newDesk(t, people...)
	_, err := d.NameVersion(t.Context(), reader, VersionRequest{Name: "Baseline", Entities: refs("person/1", "person/2", "person/4", "person/3")}, "", Caller{})
	if got := pointers(err); fmt.Sprint(got) != "[/entities/1 /entities/2]" {
		t.Errorf("%v", err)
	}
	_, err = d.NameVersion(t.Context(), reader, VersionRequest{Name: "Baseline", AsOf: noon.Add(-3 * time.Hour), Entities: refs("person/3")}, "", Caller{})
	if got := pointers(err); fmt.Sprint(got) != "[/entities/0]" || !strings.Contains(err.Error(), "not there yet") {
		t.Errorf("%v", err)
	}
	if _, err = d.NameVersion(t.Context(), reader, VersionRequest{Name: "Baseline", AsOf: noon.Add(time.Second), Entities: refs("person/1")}, "", Caller{}); fmt.Sprint(pointers(err)) != "[/as_of]" {
		t.Errorf("a time in the future: %v", err)
	}
	if n, _ := p.count(); n != 0 {
		t.Errorf("%d publications", n)
	}
}

func TestNameVersionByQuery(t *testing.T) {
	d, p, reader := newDesk(t, people...)
	answer, err := d.NameVersion(t.Context(), reader, VersionRequest{Name: "People", Query: "type:person"}, "", Caller{})
	if err != nil || answer.Entities != 2 { // 2 is deleted by now
		t.Fatalf("%+v, %v", answer, err)
	}
	answer, err = d.NameVersion(t.Context(), reader, VersionRequest{Name: "People then", Query: "type:person", AsOf: noon.Add(-20 * time.Hour)}, "", Caller{})
	if err != nil || answer.Entities != 2 || p.published[1][1].Entity.ID != "2" { // 3 is not there yet; 2 is, at this very moment
		t.Fatalf("%+v, %v", answer, err)
	}
	_, err = d.NameVersion(t.Context(), reader, VersionRequest{Name: "None", Query: "type:dragon"}, "", Caller{})
	if fmt.Sprint(pointers(err)) != "[/query]" {
		t.Errorf("a query that finds nothing: %v", err)
	}
	var fault *query.Error
	if _, err = d.NameVersion(t.Context(), reader, VersionRequest{Name: "Bad", Query: `type:"person`}, "", Caller{}); !errors.As(err, &fault) || fault.Parameter != "query" || fault.Position == 0 {
		t.Errorf("a query that is none: %v", err)
	}

	var many []schema.Document
	for i := range MaxVersionEntities + 1 {
		many = append(many, change("ant", fmt.Sprint(i), "default", schema.ActionCreate, 1))
	}
	p.Add(many...)
	if _, err = d.NameVersion(t.Context(), reader, VersionRequest{Name: "Many", Query: "type:ant"}, "", Caller{}); !errors.As(err, &fault) || fault.Code != query.CodeTooBroad || fault.Parameter != "query" {
		t.Errorf("a query that finds too much: %v", err)
	}
}

func TestTakenNames(t *testing.T) {
	byContext := change("person", "1", "people", schema.ActionUpdate, 1)
	byContext.VersionName = "Survey"
	d, _, reader := newDesk(t, append(people, byContext)...)
	v := VersionRequest{Name: "Baseline", Entities: refs("person/1")}
	first, err := d.NameVersion(t.Context(), reader, v, "", Caller{})
	if err != nil {
		t.Fatal(err)
	}
	var fault *query.Error
	if _, err = d.NameVersion(t.Context(), reader, v, "", Caller{}); !errors.As(err, &fault) || fault.Code != query.CodeConflict {
		t.Errorf("a name given by a request: %v", err)
	}
	if _, err = d.NameVersion(t.Context(), reader, VersionRequest{Name: "Survey", Entities: refs("person/1")}, "", Caller{}); !errors.As(err, &fault) || fault.Code != query.CodeConflict {
		t.Errorf("a name given by changes: %v", err)
	}
	v.NewEdition = true
	second, err := d.NameVersion(t.Context(), reader, v, "", Caller{})
	if err != nil || second.ID == first.ID {
		t.Errorf("a new edition: %+v, %v", second, err)
	}
}

// Two requests sent by one impatient click name one version, also while the store shows nothing of the first.
func TestTheSameNameAtOnce(t *testing.T) {
	d, p, reader := newDesk(t, people...)
	p.hold = true
	var group sync.WaitGroup
	var named, conflicts atomic.Int64
	for range 10 {
		group.Go(func() {
			_, err := d.NameVersion(t.Context(), reader, VersionRequest{Name: "Baseline", Entities: refs("person/1")}, "", Caller{})
			var fault *query.Error
			switch {
			case err == nil:
				named.Add(1)
			case errors.As(err, &fault) && fault.Code == query.CodeConflict:
				conflicts.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	group.Wait()
	if n, _ := p.count(); n != 1 || named.Load() != 1 || conflicts.Load() != 9 {
		t.Errorf("%d publications, %d named, %d conflicts", n, named.Load(), conflicts.Load())
	}
	d.naming.forget(noon.Add(2 * rememberedNames))
	if len(d.naming.names) != 0 {
		t.Errorf("%d names are remembered for ever", len(d.naming.names))
	}
	gone, cancel := context.WithCancel(t.Context())
	_, done, _ := d.naming.begin(gone, "x")
	cancel()
	if _, _, err := d.naming.begin(gone, "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller that has gone: %v", err)
	}
	done()
	if len(d.naming.names) != 0 {
		t.Errorf("%d names are remembered without need", len(d.naming.names))
	}
}

// A request that is sent again with its key names nothing anew, whether the first one's documents can be seen or not, and also at another instance.
func TestNamingIsIdempotent(t *testing.T) {
	d, p, reader := newDesk(t, people...)
	p.hold = true
	v := VersionRequest{Name: "Baseline", Entities: refs("person/1", "product/1")}
	first, err := d.NameVersion(t.Context(), reader, v, "k-1", Caller{})
	if err != nil || first.Stored {
		t.Fatalf("%+v, %v", first, err)
	}
	again, err := d.NameVersion(t.Context(), reader, v, "k-1", Caller{})
	if err != nil || again != first {
		t.Errorf("%+v, %v; want %+v", again, err, first)
	}
	p.release()
	first.Stored = true
	if again, err = d.NameVersion(t.Context(), reader, v, "k-1", Caller{}); err != nil || again != first {
		t.Errorf("%+v, %v; want %+v", again, err, first)
	}
	other := &Desk{Publisher: p, Now: func() time.Time { return noon.Add(time.Hour) }, Wait: time.Millisecond}
	if again, err = other.NameVersion(t.Context(), reader, v, "k-1", Caller{}); err != nil || again != first {
		t.Errorf("at another instance: %+v, %v; want %+v", again, err, first)
	}
	if n, _ := p.count(); n != 1 {
		t.Errorf("%d publications", n)
	}
	var fault *query.Error
	if _, err = d.NameVersion(t.Context(), reader, v, "k-1", Caller{User: schema.User{ID: "eve"}}); !errors.As(err, &fault) || fault.Code != query.CodeConflict {
		t.Errorf("another caller's request of the same key: %v", err)
	}
}

// Of many that arrive at once one is carried out.
func TestSimultaneousRepetitions(t *testing.T) {
	d, p, reader := newDesk(t, people...)
	p.hold = true
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			answer, err := d.NameVersion(t.Context(), reader, VersionRequest{Name: "Baseline", Entities: refs("person/1")}, "k", Caller{})
			if err != nil || answer.Entities != 1 {
				t.Errorf("%+v, %v", answer, err)
			}
		})
	}
	group.Wait()
	if n, _ := p.count(); n != 1 {
		t.Errorf("%d publications", n)
	}
}

func TestARequestThatFailedIsTriedAgain(t *testing.T) {
	d, p, reader := newDesk(t, people...)
	p.fail = &query.Error{Code: query.CodeUnavailable}
	v := VersionRequest{Name: "Baseline", Entities: refs("person/1")}
	if _, err := d.NameVersion(t.Context(), reader, v, "k", Caller{}); !errors.Is(err, p.fail) {
		t.Errorf("%v", err)
	}
	p.fail = nil
	if answer, err := d.NameVersion(t.Context(), reader, v, "k", Caller{}); err != nil || !answer.Stored {
		t.Errorf("%+v, %v", answer, err)
	}
}

// down is a store that does not answer.
type down struct{ query.Store }

func (down) Count(context.Context, query.Count) (query.Counts, error) {
	return query.Counts{}, &query.Error{Code: query.CodeUnavailable, RetryAfter: time.Second}
}

func (down) Search(context.Context, ...query.Search) ([]query.Page, error) {
	return nil, &query.Error{Code: query.CodeUnavailable, RetryAfter: time.Second}
}

// What needs the store waits for it; what was published stands, whether the store can tell or not.
func TestStoreThatIsDown(t *testing.T) {
	d, p, _ := newDesk(t)
	reader := Reader{Store: down{}}
	var fault *query.Error
	if _, err := d.NameVersion(t.Context(), reader, VersionRequest{Name: "n", Entities: refs("a/1")}, "", Caller{}); !errors.As(err, &fault) || fault.Code != query.CodeUnavailable {
		t.Errorf("naming: %v", err)
	}
	if _, err := d.GiveFeedback(t.Context(), reader, Feedback{EventID: "e"}, Caller{}); !errors.As(err, &fault) || fault.Code != query.CodeUnavailable {
		t.Errorf("feedback on a change: %v", err)
	}
	if answer, err := d.GiveFeedback(t.Context(), reader, Feedback{Application: "a", Status: "s", Version: "v"}, Caller{}); err != nil || answer.Stored {
		t.Errorf("feedback on a version: %+v, %v", answer, err)
	}
	if n, _ := p.count(); n != 1 {
		t.Errorf("%d publications", n)
	}
}

func TestRememberedAnswersAreBounded(t *testing.T) {
	var r recent
	for i := range maxRecent + 10 {
		if _, _, err := r.do(t.Context(), fmt.Sprint(i), func() (any, error) { return i, nil }); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 10 { // failures leave nothing behind
		_, _, _ = r.do(t.Context(), fmt.Sprint("failed", i), func() (any, error) { return nil, errors.New("no") })
	}
	if len(r.byID) > maxRecent || len(r.order) > maxRecent {
		t.Errorf("%d answers, %d ids", len(r.byID), len(r.order))
	}
}
