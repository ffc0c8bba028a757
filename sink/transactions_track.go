package sink

import (
	"slices"
	"time"
)

// transactionTracker follows the BEGIN and END records of one partition of a transaction topic and says of each END whether its counts are of the whole
// transaction: they are if exactly one BEGIN of it was seen. A connector that is restarted within a transaction writes BEGIN again and counts anew.
//
// It is pure: records in, decisions out. What it knows of open transactions is found again by reading from the offset that safe returns.
type transactionTracker struct {
	// alone says that the partition is its topic's only one. Otherwise a BEGIN may lie on another one, and nothing is certain.
	alone bool
	open  []openTransaction // in the order of their first BEGIN
	next  int64             // the offset behind the last record
}

// openTransaction is one that has begun and not ended.
type openTransaction struct {
	txID   uint64
	offset int64     // of its first BEGIN
	commit time.Time // when the database committed it
	whole  bool      // exactly one BEGIN was seen
}

// Limits of a tracker.
const (
	// maxOpenTransactions bounds the open transactions. A connector has one at a time; beyond the bound the oldest is forgotten.
	maxOpenTransactions = 10_000
	// abandonedAfter is how much later another transaction must have been committed for an open one to be given up: they come in the order of their
	// commits, so an END that has not come by then never will. An hour leaves room for clocks that are set back.
	abandonedAfter = time.Hour
)

func (t *transactionTracker) begin(txID uint64, offset int64, commit time.Time) {
	t.next = offset + 1
	if i := t.find(txID); i >= 0 {
		t.open[i].whole = false
		return
	}
	t.abandon(commit)
	if len(t.open) >= maxOpenTransactions {
		t.open = slices.Delete(t.open, 0, 1)
	}
	t.open = append(t.open, openTransaction{txID, offset, commit, true})
}

// end ends a transaction and says whether its counts are of the whole of it.
func (t *transactionTracker) end(txID uint64, offset int64, commit time.Time) (certain bool) {
	t.next = offset + 1
	if i := t.find(txID); i >= 0 {
		certain = t.open[i].whole && t.alone
		t.open = slices.Delete(t.open, i, i+1)
	}
	t.abandon(commit)
	return certain
}

// skip passes over a record that says nothing.
func (t *transactionTracker) skip(offset int64) { t.next = offset + 1 }

// gap notes that records were deleted before they were read: a BEGIN may have been among them.
func (t *transactionTracker) gap() {
	for i := range t.open {
		t.open[i].whole = false
	}
}

// safe returns the offset from which everything that is known can be found again: that of the oldest open BEGIN, or behind the last record.
func (t *transactionTracker) safe() int64 {
	if len(t.open) > 0 {
		return t.open[0].offset
	}
	return t.next
}

func (t *transactionTracker) find(txID uint64) int {
	return slices.IndexFunc(t.open, func(o openTransaction) bool { return o.txID == txID })
}

// abandon gives up the transactions that can no longer end.
func (t *transactionTracker) abandon(commit time.Time) {
	t.open = slices.DeleteFunc(t.open, func(o openTransaction) bool { return commit.Sub(o.commit) > abandonedAfter })
}
