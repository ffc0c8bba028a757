package processor

import (
	"fmt"
	"testing"
)

func contextEntry(at int64, lsn int) ContextEntry {
	return ContextEntry{Time: at, LSN: uint64(lsn), Payload: fmt.Appendf(nil, `{"user":{"id":"u%d"}}`, lsn)}
}

func found(w *Window, tx uint64) int {
	n := 0
	w.each(txHash(0, tx), func(entryRef, *windowEntry, []byte) bool { n++; return true })
	return n
}

func TestWindowEvictsWhatIsOlder(t *testing.T) {
	w := NewWindow(1_000_000, 1<<30)
	const n = 5 * segmentEntries
	for i := range n {
		w.AddMessage(0, uint64(i), contextEntry(int64(i), 1))
	}
	if w.Len() != n {
		t.Fatalf("%d entries, want %d", w.Len(), n)
	}
	before := w.Bytes()
	w.Evict(2*segmentEntries + 10)
	if w.Len() != 3*segmentEntries || w.Evicted() != 0 {
		t.Errorf("%d entries left, %d evicted too early", w.Len(), w.Evicted())
	}
	if w.Bytes() >= before*7/10 {
		t.Errorf("%d bytes of %d left", w.Bytes(), before)
	}
	if found(w, 5) != 0 || found(w, 2*segmentEntries+5) != 1 || found(w, n-1) != 1 {
		t.Errorf("found %d %d %d", found(w, 5), found(w, 2*segmentEntries+5), found(w, n-1))
	}
	if len(w.heads) != w.Len() {
		t.Errorf("%d keys for %d entries: the index keeps what is gone", len(w.heads), w.Len())
	}
}

// A chain leads from newer entries into what has been evicted, and ends there.
func TestWindowChainEndsAtWhatIsEvicted(t *testing.T) {
	w := NewWindow(1_000_000, 1<<30)
	for i := range 3 * segmentEntries {
		w.AddMessage(0, 7, contextEntry(int64(i), i))
	}
	w.Evict(segmentEntries)
	if got := found(w, 7); got != 2*segmentEntries {
		t.Errorf("%d in the chain, want %d", got, 2*segmentEntries)
	}
	w.Reset()
	if found(w, 7) != 0 || w.Len() != 0 || w.Bytes() != 0 {
		t.Error("not empty after Reset")
	}
	w.AddMessage(0, 7, contextEntry(1, 1))
	if found(w, 7) != 1 {
		t.Error("nothing found after Reset and Add")
	}
}

func TestWindowStaysWithinItsLimits(t *testing.T) {
	w := NewWindow(3*segmentEntries, 1<<30)
	for i := range 10 * segmentEntries {
		for w.Full() && w.EvictOldest() {
		}
		w.AddMessage(0, uint64(i), contextEntry(0, 1))
		if w.Len() > 3*segmentEntries {
			t.Fatalf("%d entries", w.Len())
		}
	}
	if w.Evicted() == 0 {
		t.Error("contexts were given up, and not counted")
	}
}

func BenchmarkWindowAdd(b *testing.B) {
	w := NewWindow(1<<40, 1<<50)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		w.AddMessage(0, uint64(i), contextEntry(int64(i), 1))
		w.AddEnd(0, uint64(i), End{Time: int64(i), Messages: 1})
		i++
	}
	b.ReportMetric(float64(w.Bytes())/float64(i), "bytes/tx")
}
