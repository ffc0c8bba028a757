package processor

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"dossier/schema"
)

func contextEntry(at int64, lsn int) ContextEntry {
	return ContextEntry{Time: at, LSN: uint64(lsn), Payload: packContext(nil, &schema.Context{User: schema.User{ID: fmt.Sprintf("u%d", lsn)}})}
}

func found(w *Window, tx uint64) int {
	n := 0
	w.each(txHash(0, tx), func(windowEntry) bool { n++; return true })
	return n
}

func TestWindowEvictsWhatIsOlder(t *testing.T) {
	w := NewWindow(1_000_000, 1<<30)
	const n = 5 * segmentNodes
	for i := range n {
		w.AddMessage(0, uint64(i), contextEntry(int64(i), 1))
	}
	if w.Len() != n {
		t.Fatalf("%d entries, want %d", w.Len(), n)
	}
	before := w.Bytes()
	w.Evict(2*segmentNodes + 10)
	if w.Len() != 3*segmentNodes || w.Evicted() != 0 {
		t.Errorf("%d entries left, %d evicted too early", w.Len(), w.Evicted())
	}
	if w.Bytes() >= before*7/10 {
		t.Errorf("%d bytes of %d left", w.Bytes(), before)
	}
	if found(w, 5) != 0 || found(w, 2*segmentNodes+5) != 1 || found(w, n-1) != 1 {
		t.Errorf("found %d %d %d", found(w, 5), found(w, 2*segmentNodes+5), found(w, n-1))
	}
	if w.index.used != w.Len() {
		t.Errorf("%d keys for %d entries: the index keeps what is gone", w.index.used, w.Len())
	}
}

// A chain leads from newer entries into what has been evicted, and ends there.
func TestWindowChainEndsAtWhatIsEvicted(t *testing.T) {
	w := NewWindow(1_000_000, 1<<30)
	for i := range 3 * segmentNodes {
		w.AddMessage(0, 7, contextEntry(int64(i), i))
	}
	w.Evict(segmentNodes)
	if got := found(w, 7); got != 2*segmentNodes {
		t.Errorf("%d in the chain, want %d", got, 2*segmentNodes)
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
	w := NewWindow(3*segmentNodes, 1<<30)
	for i := range 10 * segmentNodes {
		for w.Full() && w.EvictOldest() {
		}
		w.AddMessage(0, uint64(i), contextEntry(0, 1))
		if w.Len() > 3*segmentNodes {
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

// A window is compared with the plainest one there is, a list, while records of many transactions come in any order, segments are dropped and contexts
// are compressed.
func TestWindowAgainstAList(t *testing.T) {
	type record struct {
		key uint64
		windowEntry
		payload string
		segment uint64
	}
	random := rand.New(rand.NewPCG(1, 2))
	w := NewWindow(1<<30, 1<<40)
	var list []record
	long := strings.Repeat("a reason of some length ", 40)
	compressed := 0
	for i := range 120 * segmentNodes {
		// Some keys come in a row, as numbers of transactions do; some come back; some are far apart.
		tx := uint64(i/3 + random.IntN(3))
		switch random.IntN(20) {
		case 0:
			tx = uint64(random.IntN(i + 1))
		case 1:
			tx = random.Uint64()
		}
		at, key := int64(i), txHash(0, tx)
		before := w.state(key)
		r := record{key: key, windowEntry: windowEntry{time: at}}
		switch random.IntN(3) {
		case 0:
			r.kind = entryBegin
			w.AddBegin(0, tx, at)
		case 1:
			r.kind, r.end = entryEnd, End{Time: at, Messages: random.IntN(100_000), Rows: random.IntN(9)}
			w.AddEnd(0, tx, r.end)
		default:
			r.kind, r.lsn, r.order = entryMessage, uint64(i), uint64(random.IntN(9))
			e := ContextEntry{Time: at, LSN: r.lsn, Order: r.order}
			if random.IntN(9) > 0 {
				r.understood = true
				e.Payload = packContext(nil, &schema.Context{CorrelationID: fmt.Sprint(i), Reason: long})
				r.payload = string(e.Payload)
			}
			w.AddMessage(0, tx, e)
		}
		if after := w.state(key); after == before {
			t.Fatalf("record %d of transaction %d changed nothing", i, tx)
		}
		r.segment = w.full(w.index.find(w, key)).seq()
		list = append(list, r)
		if i%segmentNodes == 0 && i > 100*segmentNodes {
			w.EvictOldest()
		}
	}
	for _, s := range w.segments {
		if s.compressed {
			compressed++
		}
	}
	if compressed == 0 || w.plain > plainPayload {
		t.Errorf("%d segments are compressed, and %d bytes of contexts are not", compressed, w.plain)
	}
	want := make(map[uint64][]string)
	text := func(e windowEntry, payload string) string {
		return fmt.Sprint(e.kind, e.time, e.lsn, e.order, e.end, e.understood, payload)
	}
	held := 0
	for _, r := range list {
		if r.segment >= w.firstSeq {
			held++
			want[r.key] = append(want[r.key], text(r.windowEntry, r.payload))
		} else if _, ok := want[r.key]; !ok {
			want[r.key] = nil
		}
	}
	if w.Len() != held {
		t.Errorf("%d records, want %d", w.Len(), held)
	}
	for key, records := range want {
		var got []string
		w.each(key, func(e windowEntry) bool {
			payload := ""
			if e.kind == entryMessage {
				payload = string(w.Payload(e.ref))
			}
			got = append(got, text(e, payload))
			return true
		})
		slices.Sort(got)
		slices.Sort(records)
		if !slices.Equal(got, records) {
			t.Fatalf("key %d: got %q, want %q", key, got, records)
		}
	}
}

// Of a long backlog the context streams are not read far ahead of the changes; where there is none, or somebody waits, they are.
func TestReadingAhead(t *testing.T) {
	r := &contextReader{window: NewWindow(1<<20, 1<<30)}
	for i := range aheadRecords {
		r.window.AddBegin(0, uint64(i), 0)
	}
	const limit = 1_000_000 + aheadSlack
	for _, test := range []struct {
		name            string
		position        int64
		newest, another int64 // of two streams
		unread          int64 // how much of the other one is unread
		want            bool
	}{
		{"beyond", 1_000_000, limit + 1, limit + 1, 5, true},
		{"one beyond, the other read to its end", 1_000_000, limit + 1, 7, 0, true},
		{"one beyond, the other behind", 1_000_000, limit + 1, 7, 5, false},
		{"near", 1_000_000, limit, limit, 5, false},
		{"near, to the end", 1_000_000, limit, limit, 0, false},
		{"no backlog", never, limit + 1, limit + 1, 5, false},
	} {
		r.position = func() int64 { return test.position }
		r.streams = map[topicPartition]*stream{{"a", 0}: {newest: test.newest, next: 5, end: 10}, {"b", 0}: {newest: test.another, next: 10 - test.unread, end: 10}}
		if got := r.isAhead(); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
	r.window.Reset()
	r.position = func() int64 { return 1_000_000 }
	r.streams = map[topicPartition]*stream{{"a", 0}: {newest: limit + 1, next: 5, end: 10}}
	if r.isAhead() {
		t.Error("a small window is said to be read ahead enough")
	}
}
