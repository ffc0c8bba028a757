package telemetry

import (
	"errors"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"dossier/schema"
)

func TestIntake(t *testing.T) {
	m, now := NewMetrics("test"), newClock()
	r := NewReadiness(now.now)
	core, logs := observer.New(zap.InfoLevel)
	f, p := NewFeedback(m, r, zap.New(core), now.now), NewPublisher(m, zap.New(core), now.now)
	f.Published(schema.KindFeedback, 3)
	f.DeadLettered("dossier.feedback", 1, 7, "invalid_feedback")
	f.Committed(4, 20*time.Millisecond)
	f.Aborted()
	f.Lag(0, 5)
	f.Lag(1, 6)
	f.Lag(1, -1)
	p.Published(schema.KindNamedVersion, 10)
	p.Published(schema.KindAccess, 1)
	for range 3 {
		p.AccessLost("queue_full", 2)
	}
	text := scrape(t, m)
	for _, want := range []string{
		`dossier_feedback_events_total 3`, `dossier_feedback_dead_letters_total{reason="invalid_feedback"} 1`, `dossier_feedback_transactions_total{outcome="aborted"} 1`,
		`dossier_feedback_transactions_total{outcome="committed"} 1`, `dossier_feedback_transaction_seconds_count 1`, `dossier_feedback_waiting 0`, `dossier_feedback_lag_records{partition="0"} 5`,
		`dossier_http_events_published_total{kind="named_version"} 10`, `dossier_http_events_published_total{kind="access"} 1`, `dossier_http_accesses_lost_total{reason="queue_full"} 6`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("not told: %s", want)
		}
	}
	if strings.Contains(text, `dossier_feedback_lag_records{partition="1"}`) {
		t.Error("the lag of a partition that has gone stays")
	}
	if n := logs.FilterMessageSnippet("access events").Len(); n != 1 {
		t.Errorf("lost accesses were logged %d times at once", n)
	}
}

// An instance whose feedback stands still is not ready, unless it has only just begun to.
func TestFeedbackReadiness(t *testing.T) {
	now := newClock()
	r := NewReadiness(now.now)
	f := NewFeedback(NewMetrics("test"), r, zap.NewNop(), now.now)
	f.Waiting(errors.New("no such topic"))
	if got := codes(r.Reasons()); got != "" {
		t.Errorf("at once: %s", got)
	}
	now.t = now.t.Add(behindAfter)
	f.Waiting(errors.New("no such topic"))
	if got := codes(r.Reasons()); got != "processor:waiting" {
		t.Errorf("after a while: %q", got)
	}
	f.Waiting(nil)
	if got := codes(r.Reasons()); got != "" {
		t.Errorf("when it goes on: %s", got)
	}
}
