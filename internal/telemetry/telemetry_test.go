package telemetry

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"dossier/processor"
	"dossier/schema"
	"dossier/sink"
)

// clock is a time that tests move.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

func newClock() *clock { return &clock{time.Date(2026, 11, 23, 4, 0, 0, 0, time.UTC)} }

func scrape(t *testing.T, m *Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 {
		t.Fatalf("metrics: %d %s", w.Code, w.Body)
	}
	return w.Body.String()
}

func codes(reasons []Reason) string {
	var list []string
	for _, r := range reasons {
		list = append(list, r.Role+":"+r.Code)
	}
	return strings.Join(list, " ")
}

// exercise tells both observers everything there is to tell.
func exercise(m *Metrics, log *zap.Logger) {
	now := newClock()
	p := NewProcessor(m, nil, log, ProcessorOptions{Now: now.now})
	s := NewSink(m, nil, log, now.now)
	p.Decided("shop", schema.StatusAttached, 120*time.Millisecond)
	p.Decided("shop", schema.StatusUnattributed, -time.Hour) // the database's clock is ahead
	p.Snapshot("shop")
	p.Invisible("shop")
	p.Attributed("shop")
	p.DeadLettered("shop.public.product", 2, 7, "not_an_envelope")
	p.Committed(17, 3*time.Millisecond)
	p.Aborted()
	p.Stopped("shop", errors.New("registry away"))
	p.Lost("shop.public.product", 12)
	p.State(processor.State{Undecided: 5, UndecidedBytes: 1000, PausedPartitions: 2, Lag: 9, Contexts: 4, ContextBytes: 400, ContextsEvicted: 3, Pending: 1,
		OldestUndecided: 1500 * time.Millisecond, ContextsReadUntil: time.UnixMilli(1795401834384)})
	s.Stored("row_version", 2)
	s.Repeated(3)
	s.Completed(4)
	s.Empty(5)
	s.Access(8)
	s.Conflict(sink.Conflict{Kind: "row_version", EventID: "e1", Detail: "price 99.50 of Erika Mustermann"})
	s.DeadLetter("too_large")
	s.Retried("429", 6)
	s.Bulk(20*time.Millisecond, 7, 7000)
	s.Waiting(errors.New("503"))
	s.Delay(2 * time.Second)
	s.Lag(0, 8)
	s.Lag(1, 9)
	s.Lag(1, -1)
	h := NewServe(m, nil, log)
	h.Request("GET", "/api/v1/changes", 200, 20*time.Millisecond)
	h.Request("GET", "/api/v1/tail", 200, -1)
	h.Request("GET", "", 404, time.Millisecond)
	h.UnderWay(3)
	h.Tails(2)
	h.TailEnded("slow")
}

func TestMetricsOfBothRoles(t *testing.T) {
	m := NewMetrics("v1")
	log, logged := newObservedLog()
	exercise(m, log)
	text := scrape(t, m)
	for _, want := range []string{
		`dossier_build_info{version="v1"} 1`,
		`dossier_processor_changes_total{source="shop",status="attached"} 1`,
		`dossier_processor_changes_total{source="shop",status="unattributed"} 1`,
		`dossier_processor_commit_to_audit_seconds_bucket{source="shop",le="0.15"} 2`,
		`dossier_processor_commit_to_audit_seconds_sum{source="shop"} 0.12`,
		`dossier_processor_snapshot_rows_total{source="shop"} 1`,
		`dossier_processor_invisible_total{source="shop"} 1`,
		`dossier_processor_attributions_total{source="shop"} 1`,
		`dossier_processor_dead_letters_total{reason="not_an_envelope",topic="shop.public.product"} 1`,
		`dossier_processor_records_total 17`,
		`dossier_processor_transactions_total{outcome="committed"} 1`,
		`dossier_processor_transactions_total{outcome="aborted"} 1`,
		`dossier_processor_stopped{source="shop"} 1`,
		`dossier_processor_lost_offsets_total{topic="shop.public.product"} 12`,
		`dossier_processor_lag_records 9`,
		`dossier_processor_undecided_records 5`,
		`dossier_processor_paused_partitions 2`,
		`dossier_processor_contexts 4`,
		`dossier_processor_contexts_evicted 3`,
		`dossier_processor_pending_records 1`,
		`dossier_processor_oldest_undecided_seconds 1.5`,
		`dossier_processor_contexts_read_until_timestamp_seconds 1.795401834384e+09`,
		`dossier_sink_documents_stored_total{kind="row_version"} 2`,
		`dossier_sink_documents_repeated_total 3`,
		`dossier_sink_documents_completed_total 4`,
		`dossier_sink_events_empty_total 5`,
		`dossier_sink_events_access_total 8`,
		`dossier_sink_conflicts_total{kind="row_version"} 1`,
		`dossier_sink_dead_letters_total{reason="too_large"} 1`,
		`dossier_sink_documents_retried_total{reason="429"} 6`,
		`dossier_sink_bulk_documents_total 7`,
		`dossier_sink_bulk_bytes_total 7000`,
		`dossier_sink_bulk_seconds_count 1`,
		`dossier_sink_commit_to_stored_seconds_bucket{le="2.5"} 1`,
		`dossier_sink_waiting 1`,
		`dossier_sink_lag_records{partition="0"} 8`,
		`dossier_http_requests_total{method="GET",route="/api/v1/changes",status="200"} 1`,
		`dossier_http_requests_total{method="GET",route="/api/v1/tail",status="200"} 1`,
		`dossier_http_requests_total{method="GET",route="other",status="404"} 1`,
		`dossier_http_request_seconds_bucket{route="/api/v1/changes",le="0.025"} 1`,
		`dossier_http_requests_under_way 3`,
		`dossier_http_tails 2`,
		`dossier_http_tails_ended_total{reason="slow"} 1`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("no line %s", want)
		}
	}
	if strings.Contains(text, `dossier_http_request_seconds_count{route="/api/v1/tail"}`) {
		t.Error("how long a live stream was open counts as the time of an answer")
	}
	if strings.Contains(text, `dossier_sink_lag_records{partition="1"}`) {
		t.Error("a partition that is another instance's now still has a lag")
	}
	for _, entry := range logged.All() {
		for _, value := range entry.ContextMap() {
			if s, ok := value.(string); ok && strings.Contains(s, "Mustermann") {
				t.Errorf("%q shows a value", entry.Message)
			}
		}
	}
}

// TestEveryMetricIsDocumented finds each of Dossier's metrics in the page for operators.
func TestEveryMetricIsDocumented(t *testing.T) {
	m := NewMetrics("v1")
	exercise(m, zap.NewNop())
	page, err := os.ReadFile("../../docs/operation.md")
	if err != nil {
		t.Fatal(err)
	}
	families, err := m.Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if strings.HasPrefix(f.GetName(), "dossier_") && !strings.Contains(string(page), "`"+f.GetName()+"`") {
			t.Errorf("docs/operation.md does not describe %s", f.GetName())
		}
	}
}

func TestReadinessOfProcessor(t *testing.T) {
	now := newClock()
	r := NewReadiness(now.now)
	log, logged := newObservedLog()
	caughtUp := false
	p := NewProcessor(NewMetrics(""), r, log, ProcessorOptions{Grace: 5 * time.Second, Ready: func() bool { return caughtUp }, Now: now.now})
	expect := func(want string) {
		t.Helper()
		if got := codes(r.Reasons()); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	expect("processor:starting")
	p.State(processor.State{Lag: 100})
	expect("processor:behind")
	caughtUp = true
	expect("")
	p.State(processor.State{Lag: 100, OldestUndecided: 34 * time.Second})
	expect("") // grace and what caught up allows
	p.State(processor.State{Lag: 100, OldestUndecided: time.Hour})
	expect("processor:behind")
	p.State(processor.State{})
	p.Stopped("shop", errors.New("registry away"))
	p.Stopped("shop", errors.New("registry away"))
	expect("processor:stopped")
	if n := logged.FilterMessage("source stands still").Len(); n != 1 {
		t.Errorf("the same standstill was logged %d times", n)
	}
	now.t = now.t.Add(2 * recent)
	expect("") // nobody repeats it any more
	p.Stopped("shop", errors.New("registry away"))
	p.Decided("shop", schema.StatusAttached, 0)
	expect("")
}

func TestReadinessOfSink(t *testing.T) {
	now := newClock()
	r := NewReadiness(now.now)
	s := NewSink(NewMetrics(""), r, zap.NewNop(), now.now)
	expect := func(want string) {
		t.Helper()
		if got := codes(r.Reasons()); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	expect("sink:starting")
	now.t = now.t.Add(time.Minute)
	expect("") // stands by without partitions
	s.Lag(0, 10)
	expect("sink:behind")
	s.Delay(time.Hour)
	expect("sink:behind")
	s.Delay(time.Second)
	expect("") // work is under way, and what is stored is fresh
	s.Delay(time.Hour)
	s.Lag(0, 0)
	expect("") // an old event was the last one
	s.Waiting(errors.New("503"))
	expect("sink:waiting")
	s.Waiting(nil)
	expect("")
}

func TestReadinessOfServe(t *testing.T) {
	r := NewReadiness(newClock().now)
	log, logged := newObservedLog()
	s := NewServe(NewMetrics(""), r, log)
	for _, step := range []struct {
		err  error
		want string
	}{{errors.New("503"), "serve:waiting"}, {errors.New("503"), "serve:waiting"}, {nil, ""}, {nil, ""}, {errors.New("503"), "serve:waiting"}} {
		if s.StoreAnswers(step.err); codes(r.Reasons()) != step.want {
			t.Errorf("after %v: %q, want %q", step.err, codes(r.Reasons()), step.want)
		}
	}
	if s.Stopping(); codes(r.Reasons()) != "serve:stopped" {
		t.Errorf("at the end: %q", codes(r.Reasons()))
	}
	if n := logged.FilterMessage("the store does not answer questions").Len(); n != 2 {
		t.Errorf("two outages were logged %d times", n)
	}
	if got := codes(func() []Reason {
		r := NewReadiness(newClock().now)
		NewServe(NewMetrics(""), r, log)
		return r.Reasons()
	}()); got != "serve:starting" {
		t.Errorf("at the start: %q", got)
	}
}

func TestLogIsJSONAndBounded(t *testing.T) {
	var out bytes.Buffer
	log, err := NewLog(&out, "warn")
	if err != nil {
		t.Fatal(err)
	}
	log.Info("below the level")
	for range 1000 {
		log.Warn("again", zap.Int("n", 1))
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) < 100 || len(lines) > 110 {
		t.Errorf("%d lines of 1000 equal ones, want 100 and each hundredth after", len(lines))
	}
	var entry struct {
		Level, Message string
		Time           time.Time
	}
	if err := json.Unmarshal([]byte(lines[0]), &entry); err != nil || entry.Level != "warn" || entry.Message != "again" || entry.Time.IsZero() {
		t.Errorf("%s: %+v, %v", lines[0], entry, err)
	}
	if _, err := NewLog(&out, "loud"); err == nil {
		t.Error("an unknown level was accepted")
	}
}

func newObservedLog() (*zap.Logger, *observer.ObservedLogs) {
	core, logs := observer.New(zap.DebugLevel)
	return zap.New(core), logs
}
