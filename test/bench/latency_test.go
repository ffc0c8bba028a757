package main

import (
	"context"
	"testing"
	"time"

	"dossier/test/stack"
)

// The latency in small: every change comes out at each point, once and by whom it was made. Nothing is asserted about how soon.
func TestLatencyPart(t *testing.T) {
	b := small(t, settings{runs: 2, perTx: 5}, "latency", stack.Postgres, stack.Kafka, stack.Connect, stack.Elasticsearch)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	result, err := measureLatency(ctx, b, latencySettings{runs: b.runs, rate: 250, perTx: 5, window: 2 * time.Second, warmUp: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	shown(t, result, "250 changes/s, 5 a transaction", "commit → audit topic", "commit → searchable")
	r := result
	if len(r.Runs) != 2 {
		t.Fatalf("%d runs", len(r.Runs))
	}
	for name, want := range map[string]int{commitToTopic: 1000, commitToAudit: 1000, commitToSearchable: 100, commitTook: 200} {
		d := r.Milliseconds[name]
		if d.Count != want || d.Median <= 0 || d.Median > d.P99 || d.P99 > d.Max {
			t.Errorf("%s: %+v, want a count of %d", name, d, want)
		}
	}
}

// A change that is missing, that comes twice, or that says another user is a wrong result.
func TestMarksFindWhatIsWrong(t *testing.T) {
	good := func() *marks {
		m := newMarks(2, 2)
		for i := range m.changes {
			m.changes[i].times = [2]uint8{1, 1}
		}
		return m
	}
	if err := good().check(); err != nil {
		t.Error(err)
	}
	for name, spoil := range map[string]func(*changeMark){
		"missing in the change topic": func(c *changeMark) { c.times[atTopic] = 0 },
		"missing in the audit topic":  func(c *changeMark) { c.times[atAudit] = 0 },
		"twice in the audit topic":    func(c *changeMark) { c.times[atAudit] = 2 },
		"of another user":             func(c *changeMark) { c.wrong = context.Canceled },
	} {
		m := good()
		spoil(&m.changes[3])
		if m.check() == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestDistribution(t *testing.T) {
	var durations []time.Duration
	for i := 200; i >= 0; i-- {
		durations = append(durations, time.Duration(i)*time.Millisecond)
	}
	if got, want := distributionOf(durations), (distribution{201, 100, 198, 200}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := distributionOf(nil); got != (distribution{}) {
		t.Errorf("of nothing: %+v", got)
	}
}
