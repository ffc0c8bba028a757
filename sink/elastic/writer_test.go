package elastic_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"dossier/schema"
	"dossier/sink"
	"dossier/sink/elastic"
	"dossier/sink/sinktest"
)

var ingested = regexp.MustCompile(`,"ingested":"[^"]*"`)

func TestConformanceOnFake(t *testing.T) {
	sinktest.Run(t, func(t *testing.T) sink.Store {
		return newFake(t).writer(t, elastic.Config{BulkDocuments: 7}, sink.NoObserver{})
	})
}

// The whole suite while one request in three goes wrong in one of many ways: the state is the same.
func TestConformanceOnFakeThatFails(t *testing.T) {
	sinktest.RunLossy(t, func(t *testing.T) sink.Store {
		f := newFake(t)
		var mu sync.Mutex
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		r := rand.New(rand.NewPCG(seed, 0))
		f.request = func(int, *http.Request, []byte) failure {
			mu.Lock()
			defer mu.Unlock()
			kind := failures[r.IntN(len(failures))].failure
			if r.IntN(3) > 0 || kind.hang > 0 { // waiting for the time-out is for the next test, whose documents are small
				return failure{}
			}
			return kind
		}
		f.item = func(string, string, string, []byte) *itemError { // called under the fake's lock
			if r := rand.IntN(20); r < len(itemFaults) {
				return &itemFaults[r]
			}
			return nil
		}
		return f.writer(t, elastic.Config{BulkDocuments: 7}, sink.NoObserver{})
	})
}

var failures = []struct {
	name string
	failure
}{
	{"503", failure{status: 503, body: `{"error":{"type":"cluster_block_exception","reason":"no master"}}`}},
	{"503 after it was stored", failure{status: 503, body: `{"error":{"type":"x","reason":"y"}}`, after: true}},
	{"connection cut", failure{cut: true}},
	{"answer lost", failure{cut: true, after: true}},
	{"answer breaks off", failure{garbled: true, after: true}},
	{"a proxy's page", failure{status: 502, body: "<html>Bad Gateway</html>"}},
	{"overload", failure{status: 429, body: `{"error":{"type":"es_rejected_execution_exception","reason":"rejected execution"}}`}},
	{"rights missing for a while", failure{status: 403, body: `{"error":{"type":"security_exception","reason":"action is unauthorized"}}`}},
	{"logged out for a while", failure{status: 401, body: `{"error":"unauthorized"}`}},
	{"no answer in time", failure{hang: 80 * time.Millisecond}},
	{"answer too late", failure{hang: 80 * time.Millisecond, after: true}},
	{"an answer of another kind", failure{status: 200, body: `{"took":1}`}},
	{"an answer for too few", failure{status: 200, body: `{"errors":false,"items":[],"docs":[]}`, after: true}},
}

// itemFaults pass.
var itemFaults = []itemError{
	{429, "es_rejected_execution_exception", "rejected execution of primary operation"},
	{429, "cluster_block_exception", "index blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark]"},
	{503, "unavailable_shards_exception", "primary shard is not active"},
	{403, "cluster_block_exception", "index blocked by: [FORBIDDEN/8/index write (api)]"},
	{404, "index_not_found_exception", "no such index and [action.auto_create_index] is [false]"},
	{400, "index_closed_exception", "closed"},
	{400, "resource_already_exists_exception", "index already exists"},
	{400, "validation_exception", "this action would add [2] shards, but this cluster currently has [1000]/[1000] maximum normal shards open"},
}

// workload is what the next test stores: it makes every kind of request.
func workload() []*schema.AuditEvent {
	change := func(id string, action schema.Action) *schema.AuditEvent {
		return &schema.AuditEvent{SchemaVersion: 1, Kind: schema.KindChange, ID: id, Time: november, Action: action, Entity: schema.Entity{Type: "product", ID: id},
			Context: &schema.EventContext{Status: schema.StatusUnattributed}, CDC: schema.CDC{Source: "shop"}}
	}
	row := func(n string) schema.Row {
		return schema.Row{{Name: "n", Value: schema.Value{State: schema.Present, JSON: []byte(n)}}}
	}
	created, old, renewed := change("e1", schema.ActionCreate), change("e2", schema.ActionRekey), change("e3", schema.ActionRekey)
	created.After = row("1")
	old.Before, old.PairID, old.Entity.NextID = row("1"), "e3", "e3"
	renewed.After, renewed.PairID, renewed.Entity.PreviousID = row("2"), "e2", "e2"
	late := change("a1", schema.ActionRekey)
	late.Kind, late.Attribution = schema.KindAttribution, &schema.Attribution{EventID: "e3", Action: schema.ActionRekey}
	late.Context = &schema.EventContext{Status: schema.StatusLate, Context: schema.Context{User: schema.User{ID: "u1"}}}
	return []*schema.AuditEvent{created, old, renewed, late, created, late}
}

// Each request in turn fails in each way, before and after it has taken effect: the state in the end is always the same.
func TestEveryRequestFailsInTurn(t *testing.T) {
	apply := func(t *testing.T, f *fake) {
		w := f.writer(t, elastic.Config{RequestTimeout: 50 * time.Millisecond, BulkDocuments: 2}, sink.NoObserver{})
		a := &sink.Applier{Store: w, Observer: sink.NoObserver{}, Now: time.Now}
		for _, e := range workload() {
			results, err := a.Apply(t.Context(), []*schema.AuditEvent{e})
			if err != nil || results[0].Refused() {
				t.Fatalf("%s: %v %v", e.ID, results, err)
			}
		}
	}
	reference := newFake(t)
	n := 0
	reference.request = func(i int, _ *http.Request, _ []byte) failure { n = i + 1; return failure{} }
	apply(t, reference)
	want := reference.contents()
	if len(want) != 6 || n < 10 {
		t.Fatalf("%d documents after %d requests", len(want), n)
	}
	for _, kind := range failures {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			for at := range n {
				f := newFake(t)
				f.request = func(i int, _ *http.Request, _ []byte) failure {
					if i == at {
						return kind.failure
					}
					return failure{}
				}
				apply(t, f)
				if got := f.contents(); !maps.Equal(got, want) {
					t.Fatalf("request %d failed:\n got %v\nwant %v", at, got, want)
				}
			}
		})
	}
}

func truncate(id string) schema.Document {
	return schema.Document{Kind: schema.DocumentTruncate, EventID: id, Time: november, Action: schema.ActionTruncate, CDC: schema.CDC{Source: "shop"}}
}

func truncates(n int) []schema.Document {
	docs := make([]schema.Document, n)
	for i := range docs {
		docs[i] = truncate(fmt.Sprint("e", i))
	}
	return docs
}

// Of a request of which some items fail, those alone are sent again.
func TestOnlyFailedItemsAreSentAgain(t *testing.T) {
	for _, fault := range itemFaults {
		t.Run(fmt.Sprint(fault.status, " ", fault.kind), func(t *testing.T) {
			f := newFake(t)
			docs := truncates(20)
			slow := map[string]int{docs[3].ID(): 1, docs[7].ID(): 3}
			f.item = func(_, _, id string, _ []byte) *itemError {
				if slow[id] > 0 {
					slow[id]--
					return &fault
				}
				return nil
			}
			outcomes, err := f.writer(t, elastic.Config{}, sink.NoObserver{}).Create(t.Context(), docs)
			if err != nil {
				t.Fatal(err)
			}
			for i := range docs {
				want := map[int]int{3: 2, 7: 4}[i]
				if want == 0 {
					want = 1
				}
				if n := f.attempts[docs[i].Index()+"/"+docs[i].ID()]; n != want || outcomes[i].Status != sink.StatusStored {
					t.Errorf("document %d: %d attempts, want %d; %+v", i, n, want, outcomes[i])
				}
			}
		})
	}
}

// What a store will never take is rejected alone, and its error quotes no value.
func TestRejected(t *testing.T) {
	f := newFake(t)
	docs := truncates(5)
	f.item = func(_, _, id string, _ []byte) *itemError {
		switch id {
		case docs[1].ID():
			return &itemError{400, "document_parsing_exception", "[1:9] failed to parse field [client.ip] of type [ip] in document with id 'x'. Preview of field's value: 'secret'"}
		case docs[2].ID():
			return &itemError{400, "illegal_argument_exception", `Document contains at least one immense term in field="x". The prefix of the first immense term is: '[115, 101, 99]...'`}
		}
		return nil
	}
	outcomes, err := f.writer(t, elastic.Config{}, sink.NoObserver{}).Create(t.Context(), docs)
	if err != nil {
		t.Fatal(err)
	}
	for i, outcome := range outcomes {
		want := sink.StatusStored
		if i == 1 || i == 2 {
			want = sink.StatusRejected
		}
		if outcome.Status != want {
			t.Errorf("document %d: %+v", i, outcome)
		}
		if outcome.Err != nil && (strings.Contains(outcome.Err.Error(), "secret") || strings.Contains(outcome.Err.Error(), "115")) {
			t.Errorf("the error quotes a value: %v", outcome.Err)
		}
	}
	if text := outcomes[1].Err.Error(); !strings.Contains(text, "400 document_parsing_exception") || !strings.Contains(text, "client.ip") {
		t.Errorf("the error does not say what is wrong: %s", text)
	}
}

func TestStrictMappingIsASetupError(t *testing.T) {
	f := newFake(t)
	f.item = func(string, string, string, []byte) *itemError {
		return &itemError{400, "strict_dynamic_mapping_exception", "mapping set to strict, dynamic introduction of [x] within [event] is not allowed"}
	}
	_, err := f.writer(t, elastic.Config{}, sink.NoObserver{}).Create(t.Context(), truncates(3))
	var setup *sink.SetupError
	if !errors.As(err, &setup) || !strings.Contains(err.Error(), "dossier-default-v1-2026.11") || !strings.Contains(err.Error(), "dossier setup") {
		t.Errorf("%v", err)
	}
}

// A request that is refused as too large is halved until the document is found that is too large alone.
func TestTooLargeIsFound(t *testing.T) {
	f := newFake(t)
	docs := truncates(9)
	docs[5].Entity.ID = strings.Repeat("x", 5000)
	f.request = func(_ int, r *http.Request, body []byte) failure {
		if r.URL.Path == "/_bulk" && len(body) > 4000 {
			return failure{status: 413}
		}
		return failure{}
	}
	outcomes, err := f.writer(t, elastic.Config{}, sink.NoObserver{}).Create(t.Context(), docs)
	if err != nil {
		t.Fatal(err)
	}
	for i, outcome := range outcomes {
		if want := i == 5; (outcome.Status == sink.StatusRejected) != want {
			t.Errorf("document %d: %+v", i, outcome)
		}
	}
	if len(f.contents()) != 8 {
		t.Errorf("%d stored, want 8", len(f.contents()))
	}
}

// tally notes what the writer tells.
type tally struct {
	sink.NoObserver
	mu             sync.Mutex
	retried        map[string]int
	waits          []error
	requests, docs int
}

func (s *tally) Retried(reason string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.retried == nil {
		s.retried = map[string]int{}
	}
	s.retried[reason] += n
}
func (s *tally) Waiting(err error) { s.mu.Lock(); defer s.mu.Unlock(); s.waits = append(s.waits, err) }
func (s *tally) Bulk(_ time.Duration, n, _ int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	s.docs += n
}

func TestRequestsAreBounded(t *testing.T) {
	f, seen := newFake(t), &tally{}
	f.slow = 5 * time.Millisecond
	docs := truncates(1000)
	docs[500].Entity.ID = strings.Repeat("x", 20_000) // larger than a request may be: alone
	w := f.writer(t, elastic.Config{BulkBytes: 8000, BulkDocuments: 12, InFlight: 3}, seen)
	var group sync.WaitGroup
	for part := range 4 {
		group.Go(func() {
			if _, err := w.Create(t.Context(), docs[part*250:(part+1)*250]); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if len(f.contents()) != 1000 || seen.docs != 1000 {
		t.Errorf("%d stored, %d told", len(f.contents()), seen.docs)
	}
	if f.largest.Load() > 8000 {
		t.Errorf("a request of %d bytes", f.largest.Load())
	}
	if most := f.most.Load(); most > 3 || most < 2 {
		t.Errorf("%d requests at once, want up to 3", most)
	}
	if seen.requests < 1000/12 {
		t.Errorf("%d requests for 1000 documents of at most 12 each", seen.requests)
	}
}

// A store that is down is waited for, told once as waiting and once as over, and the context ends the wait.
func TestDownIsWaitedFor(t *testing.T) {
	f, seen := newFake(t), &tally{}
	down := true
	f.request = func(n int, _ *http.Request, _ []byte) failure {
		if down && n < 5 {
			return failure{status: 503}
		}
		return failure{}
	}
	w := f.writer(t, elastic.Config{}, seen)
	if _, err := w.Create(t.Context(), truncates(2)); err != nil {
		t.Fatal(err)
	}
	if seen.retried["status_503"] != 10 || len(seen.waits) != 6 || seen.waits[5] != nil {
		t.Errorf("retried %v, waits %v", seen.retried, seen.waits)
	}
	f.request = func(int, *http.Request, []byte) failure { return failure{status: 503} }
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := w.Create(ctx, []schema.Document{truncate("later")}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want the context's error", err)
	}
	if _, err := w.Get(ctx, []schema.DocumentRef{{Index: "i", ID: "d"}}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want the context's error", err)
	}
}

func TestConfigReportsAllFaults(t *testing.T) {
	good := elastic.Config{Addresses: []string{"http://127.0.0.1:9200"}, Username: "u", Password: "p"}
	if faults := good.Validate(); len(faults) > 0 {
		t.Errorf("%v", faults)
	}
	bad := elastic.Config{Addresses: []string{"127.0.0.1:9200", "http://u:hunter2@h", "::"}, Username: "u", APIKey: "k", BulkBytes: -1, InFlight: -1, BackoffMin: time.Hour, BackoffMax: time.Second}
	faults := errors.Join(bad.Validate()...)
	if n := len(bad.Validate()); n != 7 {
		t.Errorf("%d faults, want 7: %v", n, faults)
	}
	if strings.Contains(faults.Error(), "hunter2") {
		t.Errorf("a password in %v", faults)
	}
}
