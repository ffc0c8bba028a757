package elastic_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"dossier/query"
	"dossier/schema"
	"dossier/sink/elastic"
)

// answering is a store that gives one answer to everything, and notes what it was asked.
type answering struct {
	mu      sync.Mutex
	headers []http.Header // guarded by mu, like all below
	paths   []string
	bodies  []string

	answer func(w http.ResponseWriter, r *http.Request, body string)
}

func (a *answering) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	a.mu.Lock()
	a.headers, a.paths, a.bodies = append(a.headers, r.Header.Clone()), append(a.paths, r.URL.String()), append(a.bodies, string(body))
	a.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	a.answer(w, r, string(body))
}

func (a *answering) reader(t *testing.T, more ...string) *elastic.Reader {
	t.Helper()
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	r, err := elastic.NewReader(elastic.Config{Addresses: append([]string{server.URL}, more...), Username: "sink", Password: "secret", RequestTimeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// says gives one answer with a status.
func says(status int, body string, headers ...string) func(http.ResponseWriter, *http.Request, string) {
	return func(w http.ResponseWriter, _ *http.Request, _ string) {
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

// Whatever goes wrong is told as what the caller can do about it, and never taken for an answer.
func TestReaderTellsFaults(t *testing.T) {
	const whole = `"_shards":{"failed":0},"hits":{"hits":[]}`
	shards := func(kind, reason string) string {
		return `{"error":{"type":"search_phase_execution_exception","reason":"all shards failed","failed_shards":[{"reason":{"type":"` + kind + `","reason":"` + reason + `"}}]}}`
	}
	for name, test := range map[string]struct {
		answer func(http.ResponseWriter, *http.Request, string)
		code   query.Code
		after  time.Duration
	}{
		"who are you":          {says(401, `{"error":{"type":"security_exception","reason":"missing credentials"}}`), query.CodeUnauthenticated, 0},
		"not for you":          {says(403, `{"error":{"type":"security_exception","reason":"secret-index is unauthorized"}}`, "X-elastic-product", "Elasticsearch"), query.CodeForbidden, 0},
		"too busy":             {says(429, `{"error":{"type":"es_rejected_execution_exception"}}`, "Retry-After", "7"), query.CodeUnavailable, 7 * time.Second},
		"a circuit breaker":    {says(429, `{"error":{"type":"circuit_breaking_exception","durability":"TRANSIENT"}}`), query.CodeUnavailable, 5 * time.Second},
		"too much memory":      {says(429, `{"error":{"type":"circuit_breaking_exception","durability":"PERMANENT"}}`), query.CodeTooBroad, 0},
		"down":                 {says(503, `{"error":{"type":"no_shard_available_action_exception"}}`), query.CodeUnavailable, 5 * time.Second},
		"a proxy's page":       {says(502, `<html>`), query.CodeUnavailable, 5 * time.Second},
		"too many clauses":     {says(400, shards("too_many_clauses", "maxClauseCount is set to 1024")), query.CodeTooBroad, 0},
		"too many buckets":     {says(503, shards("too_many_buckets_exception", "Trying to create too many buckets")), query.CodeTooBroad, 0},
		"too complex":          {says(400, shards("too_complex_to_determinize_exception", "x")), query.CodeTooBroad, 0},
		"not understood":       {says(400, shards("illegal_argument_exception", "no idea")), query.CodeUnavailable, 5 * time.Second},
		"no index":             {says(404, `{"error":{"type":"index_not_found_exception"}}`), query.CodeUnavailable, 5 * time.Second},
		"timed out":            {says(200, `{"timed_out":true,`+whole+`}`), query.CodeUnavailable, 5 * time.Second},
		"a shard is missing":   {says(200, `{"timed_out":false,"_shards":{"failed":1},"hits":{"hits":[]}}`), query.CodeUnavailable, 5 * time.Second},
		"an answer cut short":  {says(200, `{"timed_out":false,"_shards":{"fai`), query.CodeUnavailable, 5 * time.Second},
		"no JSON":              {says(200, `it works!`), query.CodeUnavailable, 5 * time.Second},
		"somebody's document":  {says(200, `{"_shards":{"failed":0},"hits":{"hits":[{"_source":{"a":1}}]}}`), query.CodeUnavailable, 5 * time.Second},
		"an item's fault":      {says(200, `{"responses":[{"status":200,`+whole+`},{"status":403,"error":{"type":"security_exception"}}]}`), query.CodeForbidden, 0},
		"an item without word": {says(200, `{"responses":[{"status":200,`+whole+`}]}`), query.CodeUnavailable, 5 * time.Second},
		"an item's shard":      {says(200, `{"responses":[{"status":200,`+whole+`},{"_shards":{"failed":2},"hits":{"hits":[]}}]}`), query.CodeUnavailable, 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			reader := (&answering{answer: test.answer}).reader(t)
			searches := []query.Search{{Limit: 10}}
			if strings.Contains(name, "item") {
				searches = append(searches, query.Search{Limit: 1})
			}
			pages, err := reader.For("Basic eDp5").Search(t.Context(), searches...)
			var fault *query.Error
			if !errors.As(err, &fault) || fault.Code != test.code || fault.RetryAfter != test.after || pages != nil {
				t.Fatalf("%v, %#v, want %s after %v", pages, err, test.code, test.after)
			}
			if fault.Err == nil || strings.Contains(err.Error(), "secret-index") {
				t.Errorf("the person is told %q, the log %v", err, fault.Err)
			}
		})
	}
}

// Nobody answers, or not in time; or whoever asks does not want to know any more.
func TestReaderWhenNobodyAnswers(t *testing.T) {
	reader, err := elastic.NewReader(elastic.Config{Addresses: []string{"http://127.0.0.1:1"}})
	if err != nil {
		t.Fatal(err)
	}
	var fault *query.Error
	if _, err := reader.For("").Groups(t.Context(), query.Groups{By: []query.Field{query.FieldUserID}, Limit: 1}); !errors.As(err, &fault) || fault.Code != query.CodeUnavailable || fault.RetryAfter == 0 {
		t.Errorf("%v, want unavailable", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	silent := &answering{answer: func(_ http.ResponseWriter, r *http.Request, _ string) {
		cancel()
		<-r.Context().Done()
	}}
	if _, err := silent.reader(t).For("").Count(ctx, query.Count{}); !errors.Is(err, context.Canceled) || errors.As(err, &fault) {
		t.Errorf("%#v, want the context's error", err)
	}
	slow := &answering{answer: func(_ http.ResponseWriter, r *http.Request, _ string) { <-r.Context().Done() }}
	server := httptest.NewServer(slow)
	defer server.Close()
	reader, err = elastic.NewReader(elastic.Config{Addresses: []string{server.URL}, RequestTimeout: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := reader.For("").Count(t.Context(), query.Count{}); !errors.As(err, &fault) || fault.Code != query.CodeUnavailable || !strings.Contains(fault.Detail, "in time") {
		t.Errorf("%v, want unavailable in time", err)
	}
}

// Of several nodes one is enough.
func TestReaderAsksAnotherNode(t *testing.T) {
	store := &answering{answer: says(200, `{"_shards":{"failed":0},"hits":{"total":{"value":3}}}`)}
	reader := store.reader(t, "http://127.0.0.1:1")
	for range 4 {
		if got, err := reader.For("").Count(t.Context(), query.Count{}); err != nil || got.Total != 3 {
			t.Fatalf("%+v, %v", got, err)
		}
	}
}

// The caller's header goes with every request, and nothing of the sink's.
func TestReaderSendsTheCallersCredentialsAlone(t *testing.T) {
	store := &answering{answer: says(200, `{"_shards":{"failed":0},"hits":{"total":{"value":0},"hits":[]},"username":"ann"}`)}
	reader := store.reader(t)
	for _, authorization := range []string{"Bearer abc", ""} {
		store.headers = nil
		if _, err := reader.For(authorization).Search(t.Context(), query.Search{Limit: 1}); err != nil {
			t.Fatal(err)
		}
		if _, err := reader.For(authorization).Count(t.Context(), query.Count{}); err != nil {
			t.Fatal(err)
		}
		if _, err := reader.Who(t.Context(), authorization); err != nil {
			t.Fatal(err)
		}
		for _, h := range store.headers {
			if got := h.Get("Authorization"); got != authorization || len(h.Values("Authorization")) > 1 {
				t.Errorf("sent %q, want %q", h.Values("Authorization"), authorization)
			}
		}
	}
	if _, err := elastic.NewReader(elastic.Config{Addresses: []string{"http://sink:secret@127.0.0.1:1"}}); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("an address with a user: %v", err)
	}
}

// Nothing that a caller writes becomes part of the store's language.
func TestReaderQuotesWhatCallersWrite(t *testing.T) {
	store := &answering{answer: says(200, `{"_shards":{"failed":0},"hits":{"hits":[]}}`)}
	evil := `x"}},{"match_all":{}}]}` + "\n{}\n*?\\"
	filters := query.And{query.Is(query.FieldUserID, evil), query.Like{Field: query.FieldReason, Pattern: query.Pattern{{Literal: evil}, {Any: true}}},
		query.Match{Field: query.FieldCurrText, Text: evil, Prefix: true}, query.Beyond{Field: query.FieldPosition, Bound: evil}, query.Is(query.FieldIP, evil), query.Is(query.FieldTxID, evil)}
	if _, err := store.reader(t).For("").Search(t.Context(), query.Search{Filter: filters, Limit: 1, After: &query.Key{EventID: evil}}); err != nil {
		t.Fatal(err)
	}
	var body struct {
		Query struct {
			Bool struct {
				Filter []struct {
					Bool struct{ Filter []map[string]map[string]any }
				}
			}
		}
		After []any `json:"search_after"`
	}
	if err := json.Unmarshal([]byte(store.bodies[0]), &body); err != nil {
		t.Fatalf("%v: %s", err, store.bodies[0])
	}
	clauses := body.Query.Bool.Filter[0].Bool.Filter
	if len(clauses) != len(filters) {
		t.Fatalf("%d clauses: %s", len(clauses), store.bodies[0])
	}
	for i, want := range []string{"map[term:map[user.id:map[value:" + evil + "]]]",
		"map[wildcard:map[event.reason:map[value:" + strings.NewReplacer(`*`, `\*`, `?`, `\?`, `\`, `\\`).Replace(evil) + "*]]]"} {
		if got := fmt.Sprint(clauses[i]); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	for i := 4; i < 6; i++ {
		if got := fmt.Sprint(clauses[i]); got != "map[match_none:map[]]" {
			t.Errorf("%s, want nothing", got)
		}
	}
	if body.After[2] != evil {
		t.Errorf("after %q", body.After)
	}
	if _, err := store.reader(t).For("").Search(t.Context(), query.Search{Filter: query.Is(query.Field(evil), "x"), Limit: 1}); err == nil {
		t.Error("a field that there is not is asked for")
	}
}

// Pages of large values come in smaller parts, and a document that is alone too large comes alone.
func TestReaderBoundsItsMemory(t *testing.T) {
	var sources []string
	for i := range 6 {
		size := 6 << 20
		if i == 3 {
			size = query.MaxPageBytes * 2
		}
		d := schema.Document{Kind: schema.DocumentRowVersion, EventID: fmt.Sprint("e", i), Time: november.Add(time.Duration(i)), Scope: "default",
			After: schema.Row{{Name: "v", Value: schema.Value{State: schema.Present, JSON: []byte(`"` + strings.Repeat("x", size) + `"`)}}}}
		text, _ := d.AppendJSON(nil)
		sources = append(sources, string(text))
	}
	store := &answering{answer: func(w http.ResponseWriter, r *http.Request, body string) {
		one := func(line string) string {
			var q struct {
				Size   int
				After  []any `json:"search_after"`
				Source *bool `json:"_source"`
			}
			if err := json.Unmarshal([]byte(line), &q); err != nil {
				t.Error(err)
			}
			from := 0
			if q.After != nil {
				fmt.Sscanf(q.After[2].(string), "e%d", &from)
				from++
			}
			var hits []string
			for _, s := range sources[from:min(len(sources), from+q.Size)] {
				if q.Source != nil {
					s = "null"
				}
				hits = append(hits, `{"_source":`+s+`}`)
			}
			return `{"_shards":{"failed":0},"hits":{"hits":[` + strings.Join(hits, ",") + `]}}`
		}
		if !strings.Contains(r.URL.Path, "_msearch") {
			io.WriteString(w, one(body))
			return
		}
		var parts []string
		for i, line := range strings.Split(strings.TrimSpace(body), "\n") {
			if i%2 == 1 {
				parts = append(parts, one(line))
			}
		}
		io.WriteString(w, `{"responses":[`+strings.Join(parts, ",")+`]}`)
	}}
	view := store.reader(t).For("")
	search := query.Search{Order: query.OldestFirst, Limit: 100}
	var sizes []int
	for {
		pages, err := view.Search(t.Context(), search)
		if err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, len(pages[0].Documents))
		if !pages[0].More {
			break
		}
		key := query.KeyOf(&pages[0].Documents[len(pages[0].Documents)-1])
		search.After = &key
	}
	total := 0
	for _, n := range sizes {
		total += n
	}
	if total != len(sources) || len(sizes) < 4 {
		t.Errorf("pages of %v documents, want %d in all", sizes, len(sources))
	}
	pages, err := view.Search(t.Context(), query.Search{Limit: 2}, query.Search{Limit: 2}, query.Search{Limit: 2})
	if err != nil || len(pages) != 3 || len(pages[2].Documents) != 2 {
		t.Errorf("%d pages, %v", len(pages), err)
	}
}

// A certificate that the sink logs in with does not open the door to everybody who asks.
func TestReaderShowsNoCertificate(t *testing.T) {
	shown := 0
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		shown += len(r.TLS.PeerCertificates)
		io.WriteString(w, `{"_shards":{"failed":0},"hits":{"total":{"value":0}}}`)
	}))
	server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	server.StartTLS()
	defer server.Close()
	trust := server.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	trust.Certificates = server.TLS.Certificates
	reader, err := elastic.NewReader(elastic.Config{Addresses: []string{server.URL}, TLS: trust})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := reader.For("").Count(t.Context(), query.Count{}); err != nil {
		t.Fatalf("%v: %v", err, errors.Unwrap(err))
	}
	if shown > 0 {
		t.Error("the store was shown the certificate")
	}
}

// OpenSearch refuses a question that names more than the caller may read; it is put again to the aliases of the caller's roles, and those are remembered.
func TestReaderOnOpenSearchAsksForWhatTheRolesName(t *testing.T) {
	roles := `"dossier-read-b","own_index","dossier-read-a"`
	store := &answering{answer: func(w http.ResponseWriter, r *http.Request, _ string) {
		w.Header().Set("X-OpenSearch-Version", "OpenSearch/3.4.0 (opensearch)")
		switch {
		case r.URL.Path == "/_plugins/_security/authinfo":
			io.WriteString(w, `{"user_name":"ann","roles":[`+roles+`]}`)
		case r.URL.Path == "/dossier-read-a,dossier-read-b/_search":
			io.WriteString(w, `{"_shards":{"failed":0},"hits":{"total":{"value":3},"hits":[]}}`)
		default:
			w.WriteHeader(403)
		}
	}}
	reader := store.reader(t)
	for i, requests := range []int{3, 1, 1} {
		store.paths = nil
		if got, err := reader.For("Basic YW5u").Count(t.Context(), query.Count{}); err != nil || got.Total != 3 || len(store.paths) != requests {
			t.Errorf("question %d: %+v, %v, by %v", i, got, err, store.paths)
		}
	}
	// Somebody without such a role is refused, and so is ann when she has lost hers.
	roles = ""
	var fault *query.Error
	if _, err := reader.For("Basic Ym9i").Count(t.Context(), query.Count{}); !errors.As(err, &fault) || fault.Code != query.CodeForbidden {
		t.Errorf("%v, want forbidden", err)
	}
}
