package processor

import (
	"testing"
	"time"
)

// What was decided is committed when the interval is over, when it is much, and when nothing more comes, but not at once after another commit.
func TestWhenACommitIsDue(t *testing.T) {
	const interval = 100 * time.Millisecond
	at := func(ms int) time.Time { return time.UnixMilli(1_000_000 + int64(ms)) }
	for _, test := range []struct {
		name                      string
		began, records, committed int // when, in milliseconds
		decided                   int64
		now                       int
		want                      bool
	}{
		{"records still come", 0, 50, -1000, 10, 51, false},
		{"the interval is over", 0, 99, -1000, 10, 100, true},
		{"many were decided", 0, 50, -1000, commitRecords, 51, true},
		{"quiet", 0, 2, -1000, 10, 2 + int(quiet.Milliseconds()), true},
		{"not quiet for long enough", 0, 2, -1000, 10, 1 + int(quiet.Milliseconds()), false},
		{"quiet, just after a commit", 0, 0, -4, 10, 20, false},
		{"quiet, a quarter of the interval after it", 0, 0, -4, 10, 21, true},
	} {
		s := &session{Processor: &Processor{config: Config{CommitInterval: interval}}, txnSince: at(test.began), recordsAt: at(test.records), committedAt: at(test.committed)}
		s.decided.Store(test.decided)
		if got := s.isDue(at(test.now)); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}
