package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"dossier/schema"
)

// served is a running process that answers questions.
type served struct {
	t       *testing.T
	address string
	token   string
}

// ask sends a request and returns the answer's status and body.
func (s *served) ask(method, path, body string, headers ...string) (int, string) {
	s.t.Helper()
	r, err := http.NewRequest(method, s.address+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if s.token != "" {
		r.Header.Set("Authorization", "Bearer "+s.token)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// want asks until the answer has the status and all of the texts.
func (s *served) want(method, path, body string, status int, texts ...string) {
	s.t.Helper()
	eventually(s.t, func() error {
		code, answer := s.ask(method, path, body)
		if code != status {
			return fmt.Errorf("%s %s: %d %s, want %d", method, path, code, answer, status)
		}
		for _, text := range texts {
			if !strings.Contains(answer, text) {
				return fmt.Errorf("%s %s: no %s in %s", method, path, text, answer)
			}
		}
		return nil
	})
}

// TestRunAnswers runs all roles in one process, on SQLite: what is published can be asked for, named, reported on and followed, by whoever may, and each read is itself
// an event.
func TestRunAnswers(t *testing.T) {
	path, client := fakeKafka(t, `
sources: [{name: shop, format: json}]
context: {grace: 200ms}
scopes: [catalog]
entities: [{table: public.product, type: product, scope: catalog}]
roles: [{name: catalog_auditor, scopes: [catalog]}, {name: other, scopes: [default]}]
serve:
  listen: 127.0.0.1:0
  audit_reads: true
  access:
    - {name: anna, token: the-token-of-anna, roles: [catalog_auditor]}
    - {name: otto, token: the-token-of-otto, roles: [other]}
sink: {sqlite: {path: "`+filepath.Join(t.TempDir(), "dossier.db")+`"}}
`)
	if code, out, errs := invoke(t, "setup", "--config", path); code != 0 {
		t.Fatalf("setup: %s%s", out, errs)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var log output
	root := newRootCommand()
	root.SetErr(&log)
	ended := make(chan int, 1)
	go func() { ended <- execute(ctx, root, []string{"run", "--config", path}, &log) }()
	anna := &served{t, "http://" + log.address(t), "the-token-of-anna"}
	otto := &served{t, anna.address, "the-token-of-otto"}
	nobody := &served{t, anna.address, ""}

	// A stream that is open before the change follows it.
	follow, err := http.NewRequestWithContext(ctx, "GET", anna.address+"/api/v1/tail?q=type:product", nil)
	if err != nil {
		t.Fatal(err)
	}
	follow.Header.Set("Authorization", "Bearer the-token-of-anna")
	stream, err := http.DefaultClient.Do(follow)
	if err != nil || stream.StatusCode != http.StatusOK {
		t.Fatalf("tail: %v %v\n%s", stream, err, &log)
	}
	defer stream.Body.Close()
	change := &kgo.Record{Topic: "shop.public.product", Key: []byte(`{"id":1}`), Value: fmt.Appendf(nil, changeEvent, time.Now().UnixMilli())}
	if err := client.ProduceSync(t.Context(), change).FirstErr(); err != nil {
		t.Fatal(err)
	}
	anna.want("GET", "/api/v1/entities/product/1/history", "", 200, `"action":"create"`, `"scope":"catalog"`, `"ssn"`)
	otto.want("GET", "/api/v1/entities/product/1/history", "", 404)
	otto.want("GET", "/api/v1/counts?by=type", "", 200, `"total":0`)
	nobody.want("GET", "/api/v1/entities/product/1/history", "", 401)
	nobody.want("GET", "/readyz", "", 200)
	nobody.want("GET", "/metrics", "", 200, `dossier_http_requests_total{method="GET",route="/api/v1/entities/{type}/{id}/history",status="404"}`)
	nobody.want("GET", "/api/openapi.json", "", 200, `"openapi":"3.1.0"`)
	nobody.want("GET", "/elsewhere", "", 404)
	text := make([]byte, 64<<10)
	for seen := ""; !strings.Contains(seen, "event: change\ndata: {"); {
		n, err := stream.Body.Read(text)
		if err != nil {
			t.Fatalf("the stream ended: %v after %s", err, seen)
		}
		seen += string(text[:n])
	}

	version := `{"name":"Baseline","reason":"survey","query":"type:product"}`
	status, first := anna.ask("POST", "/api/v1/versions", version, "Idempotency-Key", "k1")
	if status != 201 || !strings.Contains(first, `"entities":1`) {
		t.Errorf("naming a version: %d %s", status, first)
	}
	if status, again := anna.ask("POST", "/api/v1/versions", version, "Idempotency-Key", "k1"); status != 201 || again != first {
		t.Errorf("the same request again: %d %s, before %s", status, again, first)
	}
	anna.want("POST", "/api/v1/versions", version, 409)
	anna.want("GET", "/api/v1/versions/Baseline", "", 200, `"id":"1"`, `"anna"`)
	otto.want("GET", "/api/v1/versions/Baseline", "", 404)
	anna.want("POST", "/api/v1/feedback", `{"application":"payments","status":"accepted","entity":{"type":"product","id":"1"}}`, 201, `"event_id"`)
	anna.want("POST", "/api/v1/feedback", `{"application":"payments"}`, 422, `"pointer":"/status"`)
	anna.want("GET", "/api/v1/entities/product/1/history", "", 200, `"kind":"feedback"`, `"payments"`)

	stop()
	select {
	case code := <-ended:
		if code != 0 {
			t.Errorf("ended with %d\n%s", code, &log)
		}
	case <-time.After(30 * time.Second):
		t.Fatalf("does not end\n%s", &log)
	}
	if !strings.Contains(log.String(), `"drained"`) {
		t.Errorf("not drained\n%s", &log)
	}
	reads(t, client)
}

// reads finds the accesses among the events, also those that the process published while it ended.
func reads(t *testing.T, client *kgo.Client) {
	t.Helper()
	client.AddConsumeTopics("dossier.audit")
	want := map[string]bool{"anna GET /api/v1/entities/product/1/history 200": true, "otto GET /api/v1/entities/product/1/history 404": true, "anna GET /api/v1/tail 200": true}
	limit, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for len(want) > 0 && limit.Err() == nil {
		client.PollFetches(limit).EachRecord(func(r *kgo.Record) {
			var e schema.AuditEvent
			if err := schema.ParseAuditEvent(r.Value, &e); err != nil {
				var any json.RawMessage
				if json.Unmarshal(r.Value, &any) == nil {
					t.Errorf("%v: %s", err, r.Value)
				}
				return
			}
			if e.Kind == schema.KindAccess {
				delete(want, fmt.Sprintf("%s %s %s %d", e.Access.Caller, e.Access.Method, e.Access.Path, e.Access.Status))
			}
		})
	}
	for read := range want {
		t.Errorf("not recorded: %s", read)
	}
}
