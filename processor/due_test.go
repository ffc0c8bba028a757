package processor

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
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

// In a backlog commits are further apart, until a partition is read of which the records are new.
func TestWhenACommitIsDueInABacklog(t *testing.T) {
	t.Parallel()
	now := time.UnixMilli(1_000_000_000)
	part := func(age time.Duration, role role) *partition {
		return &partition{role: role, queue: []*kgo.Record{{Timestamp: now.Add(-age)}}}
	}
	empty := &partition{role: roleChange}
	const ms = time.Millisecond
	for _, test := range []struct {
		name              string
		parts             []*partition
		interval, timeout time.Duration
		want              time.Duration
	}{
		{"nothing is read", []*partition{empty}, 100 * ms, 10 * time.Second, 100 * ms},
		{"old", []*partition{part(time.Minute, roleChange), part(backlogAge, roleChange), empty}, 100 * ms, 10 * time.Second, backlogCommit},
		{"old and new", []*partition{part(time.Minute, roleChange), part(time.Second, roleChange)}, 100 * ms, 10 * time.Second, 100 * ms},
		{"contexts do not count", []*partition{part(time.Minute, roleChange), part(0, roleMessage)}, 100 * ms, 10 * time.Second, backlogCommit},
		{"longer as it is", []*partition{part(time.Minute, roleChange)}, time.Second, 10 * time.Second, time.Second},
		{"the broker waits for less", []*partition{part(time.Minute, roleChange)}, 100 * ms, time.Second, 250 * ms},
	} {
		s := &session{Processor: &Processor{config: Config{CommitInterval: test.interval, TransactionTimeout: test.timeout}}, parts: map[topicPartition]*partition{}}
		for i, p := range test.parts {
			s.parts[topicPartition{"shop.public.product", int32(i)}] = p
		}
		s.isBehind = s.inBacklog(now)
		s.txnSince, s.recordsAt = now, now.Add(time.Hour)
		if got := s.dueAt().Sub(now); got != test.want {
			t.Errorf("%s: due after %v, expected %v", test.name, got, test.want)
		}
	}
}
