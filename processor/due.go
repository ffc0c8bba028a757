package processor

import "time"

const (
	// commitRecords is how many decided records make a commit due before its time.
	commitRecords = 50_000
	// quiet is how long nothing has to come until what was decided is committed before its time: changes come in bursts, one for each transaction of Kafka
	// Connect.
	quiet = 5 * time.Millisecond
	// In a backlog, of records that were written so long ago, commits may be so far apart: nobody waits for the next hundred milliseconds of it, and each commit holds it up.
	backlogAge    = 10 * time.Second
	backlogCommit = 500 * time.Millisecond
)

// inBacklog says whether every partition of which something is read is behind by backlogAge.
func (s *session) inBacklog(now time.Time) bool {
	behind := false
	for _, p := range s.parts {
		if p.role != roleChange || p.len() == 0 {
			continue
		}
		if now.Sub(p.queue[p.head].Timestamp) < backlogAge {
			return false
		}
		behind = true
	}
	return behind
}

// commitInterval returns the longest time from the beginning of a transaction to its commit.
func (s *session) commitInterval() time.Duration {
	if s.isBehind {
		return max(s.config.CommitInterval, min(backlogCommit, s.config.TransactionTimeout/4))
	}
	return s.config.CommitInterval
}

// dueAt returns when the open transaction is to be committed, if no more records come.
func (s *session) dueAt() time.Time {
	due, early := s.txnSince.Add(s.commitInterval()), s.recordsAt.Add(quiet)
	if apart := s.committedAt.Add(s.config.CommitInterval / 4); apart.After(early) {
		early = apart
	}
	if early.Before(due) {
		return early
	}
	return due
}

// isDue says whether the open transaction is to be committed now.
func (s *session) isDue(now time.Time) bool {
	return s.decided.Load() >= commitRecords || !now.Before(s.dueAt())
}

// overdue says whether the open transaction must be committed before more is decided: the broker gives up one that is open for too long, and a
// backlog that takes longer than that would be begun again for ever. Most of the time is left for the commit itself.
func (s *session) overdue(now time.Time) bool {
	return s.inTxn.Load() && now.Sub(s.txnSince) >= max(s.config.TransactionTimeout/4, s.config.CommitInterval)
}
