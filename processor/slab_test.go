package processor

import (
	"context"
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// A slab is used again when all its records were produced and nothing more can be cut from it, not before; and not at all after a failure.
func TestSlabsAreUsedAgain(t *testing.T) {
	s := &session{}
	s.slabs.context = context.Background()
	cut := func(out *slab, n int) []*kgo.Record {
		var records []*kgo.Record
		for i := range n {
			b := fmt.Appendf(out.start(), "record %d", i)
			out.keep(b)
			r := out.record()
			r.Value = b[:len(b):len(b)]
			records = append(records, r)
		}
		return records
	}
	first := s.slabs.take()
	records := cut(first, 3)
	for i, r := range records {
		if got := string(r.Value); got != fmt.Sprintf("record %d", i) {
			t.Errorf("record %d holds %q", i, got)
		}
		s.produced(r, nil)
	}
	s.slabs.give(first)
	if again := s.slabs.take(); again != first || again.n != 3 {
		t.Error("a slab that has room left is not gone on with")
	}
	records = cut(first, slabRecords-3)
	s.slabs.give(first) // full
	second := s.slabs.take().room()
	if second == first {
		t.Fatal("a full slab is said to have room")
	}
	for i, r := range records {
		if string(r.Value) != fmt.Sprintf("record %d", i) {
			t.Fatalf("record %d was changed before it was produced", i)
		}
		s.produced(r, nil)
	}
	if again := s.slabs.take(); again != first || again.n != 0 || len(again.bytes) != 0 || again.records[0].Value != nil {
		t.Error("a slab of which all was produced is not used again, empty")
	}

	// Bytes that do not fit have memory of their own.
	large := make([]byte, 2*slabBytes)
	out := second.room()
	b := append(out.start(), large...)
	out.keep(b)
	if len(out.bytes) != 0 {
		t.Error("what did not fit was counted as the slab's")
	}
	records = cut(out, slabRecords-out.n)
	out.room()
	s.produced(records[0], context.Canceled)
	for _, r := range records[1:] {
		s.produced(r, nil)
	}
	if len(s.slabs.free) != 0 || s.failure.Load() == nil {
		t.Error("a slab with a record that failed is used again")
	}
}
