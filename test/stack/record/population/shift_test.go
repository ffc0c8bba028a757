package population

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"dossier/test/stack/corpus"
)

func TestShift(t *testing.T) {
	committed := time.Date(2026, 11, 23, 7, 51, 2, 123_456_000, time.UTC)
	planned := time.Date(2025, 3, 4, 10, 12, 33, 418_777_000, time.UTC)
	change := func(tx int, at time.Time, id int) []byte {
		return fmt.Appendf(nil, `{"after":{"id":%d,"note":"\"ts_ms\":1"},"source":{"snapshot":"false","ts_ms":%d,"ts_us":%d,"ts_ns":%d,"txId":%d},"ts_ms":%d}`,
			id, at.UnixMilli(), at.UnixMicro(), at.UnixNano(), tx, at.Add(400*time.Millisecond).UnixMilli())
	}
	read := committed.Add(500 * time.Millisecond)
	records := []corpus.Record{
		{Topic: "p", Offset: 0, Timestamp: read, Value: change(7, committed, 1)},
		{Topic: "p", Offset: 1, Timestamp: read.Add(time.Second), Value: change(8, committed.Add(time.Second), 2)},
		{Topic: "p", Offset: 2, Timestamp: read.Add(time.Second)}, // the tombstone of the one before
		{Topic: "t", Offset: 0, Timestamp: read, Value: fmt.Appendf(nil, `{"status":"END","id":"7:100","ts_ms":%d}`, committed.UnixMilli())},
	}
	s, err := newShifter([]transaction{{id: 7, at: planned}, {id: 8 + 1<<32, at: planned.Add(time.Hour)}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.shift(records)
	if err != nil {
		t.Fatal(err)
	}
	// The commit is within the millisecond after the planned time, with the microseconds that it had; all else keeps its distance.
	moved := time.Date(2025, 3, 4, 10, 12, 33, 419_456_000, time.UTC)
	for i, want := range []struct {
		topic string
		at    time.Time
		value []byte
	}{
		{"p", moved.Add(500 * time.Millisecond), change(7, moved, 1)},
		{"t", moved.Add(500 * time.Millisecond), fmt.Appendf(nil, `{"status":"END","id":"7:100","ts_ms":%d}`, moved.UnixMilli())},
		{"p", moved.Add(time.Hour + 500*time.Millisecond), change(8, moved.Add(time.Hour), 2)},
		{"p", moved.Add(time.Hour + 500*time.Millisecond), nil},
	} {
		if r := got[i]; r.Topic != want.topic || !r.Time.Equal(want.at.Truncate(time.Millisecond)) || string(r.Value) != string(want.value) {
			t.Errorf("record %d\ngot  %s %s %s\nwant %s %s %s", i, r.Topic, r.Time, r.Value, want.topic, want.at, want.value)
		}
	}
	if got[3].Value != nil {
		t.Error("a tombstone has got a value")
	}

	s, err = newShifter([]transaction{{id: 7, at: planned.Add(time.Hour)}, {id: 8, at: planned}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.shift(records); err == nil || !strings.Contains(err.Error(), "further apart") {
		t.Errorf("records out of their order: %v", err)
	}
	s, err = newShifter(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.shift(records); err == nil || !strings.Contains(err.Error(), "none of the workload's") {
		t.Errorf("an unknown transaction: %v", err)
	}
}

// The plan is the same each time, and its steps are so far apart that the shifted records keep their order.
func TestPlan(t *testing.T) {
	a, b := newYear(&site{}), newYear(&site{})
	if len(a.plan) < 500 || len(a.plan) != len(b.plan) {
		t.Fatalf("%d and %d steps", len(a.plan), len(b.plan))
	}
	for i := range a.plan {
		if !a.plan[i].at.Equal(b.plan[i].at) {
			t.Errorf("step %d is at %s and at %s", i, a.plan[i].at, b.plan[i].at)
		}
		if i > 0 && a.plan[i].at.Sub(a.plan[i-1].at) < apart {
			t.Errorf("step %d at %s is too close to the one before", i, a.plan[i].at)
		}
		if a.plan[i].at.Year() != 2025 {
			t.Errorf("step %d is in %s", i, a.plan[i].at)
		}
	}
}
