package processor

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	slabBytes   = 256 << 10
	slabRecords = 256
	slabHeaders = 3 // of each record
	// freeSlabs is how many slabs wait to be used again: about as many as are filled while a commit is under way.
	freeSlabs = 48
)

// slab is memory from which output records and their bytes are cut, so that a record costs no allocation of its own. When the broker has taken all of
// them, the memory is used again. It is the context of its records: that is how they are known when they have been produced.
type slab struct {
	context.Context //nolint:containedctx // kgo asks a record for its context
	of              *slabs

	bytes   []byte
	n       int // records cut
	records [slabRecords]kgo.Record
	headers [slabRecords * slabHeaders]kgo.RecordHeader
	// inUse counts the records that were not produced yet, and one more while records may be cut.
	inUse atomic.Int32
}

// slabs hands out slabs to whoever makes records: one at a time to each. Safe for concurrent use.
type slabs struct {
	context context.Context //nolint:containedctx // under which records are produced
	mu      sync.Mutex
	open    []*slab // in part used
	free    []*slab
}

// take returns a slab that has room for a record; give takes it back.
func (s *slabs) take() *slab {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, from := range [...]*[]*slab{&s.open, &s.free} {
		if n := len(*from); n > 0 {
			taken := (*from)[n-1]
			*from = (*from)[:n-1]
			return taken
		}
	}
	fresh := &slab{Context: s.context, of: s, bytes: make([]byte, 0, slabBytes)}
	fresh.inUse.Store(1)
	return fresh
}

func (s *slabs) give(given *slab) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open = append(s.open, given)
}

// room returns a slab with room for another record: this one, or a new one in its place.
func (s *slab) room() *slab {
	// One that somebody gave back may be full as well.
	for s.n == slabRecords || cap(s.bytes)-len(s.bytes) < slabBytes/8 {
		full := s
		s = s.of.take()
		full.release()
	}
	return s
}

// record returns a record of the slab, with its headers, all of it empty.
func (s *slab) record() *kgo.Record {
	r := &s.records[s.n]
	r.Headers = s.headers[s.n*slabHeaders : (s.n+1)*slabHeaders : (s.n+1)*slabHeaders]
	r.Context = s
	s.n++
	s.inUse.Add(1)
	return r
}

// start returns empty memory to append to.
func (s *slab) start() []byte { return s.bytes[len(s.bytes):] }

// keep keeps what was appended to the memory that start gave. Without it that memory is given again.
func (s *slab) keep(b []byte) {
	// What did not fit has moved to larger memory of its own.
	if cap(b) == cap(s.bytes)-len(s.bytes) {
		s.bytes = s.bytes[:len(s.bytes)+len(b)]
	}
}

// release ends one use of the slab. A record that could not be produced is never released, because the client may still look at it: the slab is then left to the
// garbage collector.
func (s *slab) release() {
	if s.inUse.Add(-1) > 0 {
		return
	}
	clear(s.records[:s.n])
	s.bytes, s.n = s.bytes[:0], 0
	s.inUse.Store(1)
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	if len(s.of.free) < freeSlabs {
		s.of.free = append(s.of.free, s)
	}
}
