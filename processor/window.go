package processor

import (
	"bytes"
	"hash/maphash"
)

// Window holds the request contexts and transaction ends that were read from the context streams, for as long as an
// undecided change may need them. It is bounded in records and bytes: see Add.
//
// Entries live in segments in the order in which they were read, without pointers, so that a million of them cost the
// garbage collector nothing; each entry is chained to the older one with the same key. A Window is not safe for concurrent use.
type Window struct {
	maxRecords int
	maxBytes   int

	segments []*segment // oldest first
	firstSeq uint32     // sequence number of segments[0]
	heads    map[uint64]entryRef
	seed     maphash.Seed

	records int
	bytes   int
	evicted int // entries dropped by the limits while they might still have been needed
}

// A segment is dropped as a whole. Small segments make eviction fine-grained, large ones make it cheap.
const segmentEntries = 4096

type segment struct {
	entries []windowEntry
	payload []byte
	newest  int64 // the newest record time in it
	open    int   // context entries, for the count of what eviction loses
}

// entryRef is a segment's sequence number and an index in it, plus one; 0 is none.
type entryRef uint64

func makeRef(seq uint32, index int) entryRef { return entryRef(uint64(seq)<<32 | uint64(index+1)) }
func (r entryRef) seq() uint32               { return uint32(r >> 32) }
func (r entryRef) index() int                { return int(uint32(r)) - 1 }

type entryKind uint8

const (
	entryMessage entryKind = iota // a context by logical message
	entryRow                      // a context by context table row
	entryTopic                    // a context by the request-context topic
	entryBegin                    // a transaction's BEGIN record
	entryEnd                      // its END record
)

// windowEntry is one record of a context stream. For entryEnd, lsn holds the number of messages and order that of context
// rows that the transaction has.
type windowEntry struct {
	next   entryRef
	key    uint64
	time   int64 // record time, Unix milliseconds
	lsn    uint64
	order  uint64
	offset uint32
	length uint32
	kind   entryKind
}

// windowEntryBytes is what an entry costs beside its payload: the entry itself and its share of the index.
const windowEntryBytes = 56 + 40

// NewWindow returns an empty window that holds at most the given number of records and bytes.
func NewWindow(maxRecords, maxBytes int) *Window {
	return &Window{maxRecords: maxRecords, maxBytes: maxBytes, heads: make(map[uint64]entryRef), seed: maphash.MakeSeed()}
}

// Reset empties the window.
func (w *Window) Reset() {
	w.segments, w.firstSeq = nil, w.firstSeq+uint32(len(w.segments))
	w.heads = make(map[uint64]entryRef)
	w.records, w.bytes = 0, 0
}

// Len returns the number of entries held, Bytes an estimate of their memory, and Evicted how many contexts the limits pushed out
// before their time.
func (w *Window) Len() int     { return w.records }
func (w *Window) Bytes() int   { return w.bytes }
func (w *Window) Evicted() int { return w.evicted }

// ContextEntry is a context as it was read. Time is the record's own, in Unix milliseconds.
type ContextEntry struct {
	Time    int64
	LSN     uint64 // of a message or a context row
	Order   uint64 // total order in the transaction, which breaks ties of LSN
	Payload []byte // the context as JSON; valid until the next call that changes the window
}

// End is what a transaction's END record tells.
type End struct {
	Time     int64
	Messages int // events that belong to no table: logical messages
	Rows     int // rows of the context table
}

// txHash is the index key of a transaction, as Debezium numbers it: PostgreSQL in 32 bits, so that numbers meet again after a
// wraparound, far apart in time; others in up to 64, of which a hash is taken.
func txHash(source uint16, txID uint64) uint64 {
	if txID < 1<<32 {
		return uint64(source)<<32 | txID
	}
	h := (txID ^ uint64(source)<<48) * 0x9E3779B97F4A7C15 // 2^64 divided by the golden ratio
	h ^= h >> 32
	h *= 0xD6E8FEB86659FD93
	return h>>2 | 1<<62
}

// topicTxHash is the index key of a context by topic that names a transaction by its number. An application has 64 bits of it
// (txid_current) where Debezium has 32: the low ones count.
func topicTxHash(source uint16, txID uint64) uint64 {
	return uint64(source)<<32 | txID&(1<<32-1) | 1<<61
}

// maxSources is how many sources have an index.
const maxSources = 1 << 16

func (w *Window) correlationHash(id string) uint64 {
	return maphash.String(w.seed, id) | 1<<63
}

// AddMessage adds a logical message of a transaction of a source. One that is no context (another prefix, or not to be
// understood) has no payload: it is kept because END counts it too. A record that the connector delivers a second time
// (same LSN and content) changes nothing.
func (w *Window) AddMessage(source uint16, txID uint64, e ContextEntry) {
	w.addInTx(entryMessage, txHash(source, txID), e)
}

// AddRow adds a context table's row: see AddMessage.
func (w *Window) AddRow(source uint16, txID uint64, e ContextEntry) {
	w.addInTx(entryRow, txHash(source, txID), e)
}

func (w *Window) addInTx(kind entryKind, key uint64, e ContextEntry) {
	seen := false
	w.each(key, func(_ entryRef, old *windowEntry, payload []byte) bool {
		if old.kind != kind {
			return true
		}
		seen = old.lsn == e.LSN && bytes.Equal(payload, e.Payload)
		// In the order of first delivery each is newer than all before: only a repeat looks further back.
		return !seen && old.lsn >= e.LSN
	})
	if seen {
		return
	}
	w.add(kind, key, e.Time, e.LSN, e.Order, e.Payload)
}

// AddBegin adds a transaction's BEGIN record. A second one tells that the connector was restarted within the transaction.
func (w *Window) AddBegin(source uint16, txID uint64, at int64) {
	w.add(entryBegin, txHash(source, txID), at, 0, 0, nil)
}

// AddEnd adds a transaction's END record.
func (w *Window) AddEnd(source uint16, txID uint64, end End) {
	w.add(entryEnd, txHash(source, txID), end.Time, uint64(end.Messages), uint64(end.Rows), nil)
}

// AddTopic adds a record of the request-context topic under its correlation id and, where it names one, its transaction.
func (w *Window) AddTopic(key TopicKey, e ContextEntry) {
	for _, hash := range key.hashes(w) {
		w.add(entryTopic, hash, e.Time, 0, 0, e.Payload)
	}
}

// TopicKey is by what a record of the request-context topic is found: a transaction of a source, a correlation id, or both.
type TopicKey struct {
	Source        uint16
	TxID          *uint64
	CorrelationID string
}

func (k *TopicKey) hashes(w *Window) []uint64 {
	var hashes []uint64
	if k.TxID != nil {
		hashes = append(hashes, topicTxHash(k.Source, *k.TxID))
	}
	if k.CorrelationID != "" {
		hashes = append(hashes, w.correlationHash(k.CorrelationID))
	}
	return hashes
}

func (w *Window) add(kind entryKind, key uint64, time int64, lsn, order uint64, payload []byte) {
	s := w.last()
	if s == nil || len(s.entries) == segmentEntries {
		size := 0
		if s != nil {
			size = len(s.payload) + len(s.payload)/8 // the next one will be much like it
		}
		s = &segment{entries: make([]windowEntry, 0, segmentEntries), payload: make([]byte, 0, size)}
		w.segments = append(w.segments, s)
	}
	seq := w.firstSeq + uint32(len(w.segments)-1)
	offset := len(s.payload)
	s.payload = append(s.payload, payload...)
	s.entries = append(s.entries, windowEntry{
		next: w.heads[key], key: key, time: time, lsn: lsn, order: order,
		offset: uint32(offset), length: uint32(len(payload)), kind: kind,
	})
	w.heads[key] = makeRef(seq, len(s.entries)-1)
	s.newest = max(s.newest, time)
	if kind != entryEnd && kind != entryBegin {
		s.open++
	}
	w.records++
	w.bytes += windowEntryBytes + len(payload)
}

func (w *Window) last() *segment {
	if len(w.segments) == 0 {
		return nil
	}
	return w.segments[len(w.segments)-1]
}

// at returns the entry and its payload, or nil where the chain ends or leads into what has been evicted.
func (w *Window) at(ref entryRef) (*windowEntry, []byte) {
	if ref == 0 {
		return nil, nil
	}
	i := ref.seq() - w.firstSeq
	if i >= uint32(len(w.segments)) {
		return nil, nil
	}
	s := w.segments[i]
	e := &s.entries[ref.index()]
	return e, s.payload[e.offset : e.offset+e.length]
}

// Full says whether the window has reached a limit: its owner then evicts, or stops reading.
func (w *Window) Full() bool { return w.records >= w.maxRecords || w.bytes >= w.maxBytes }

// Evict drops the oldest segments whose every record is older than horizon (Unix milliseconds).
func (w *Window) Evict(horizon int64) {
	for len(w.segments) > 1 && w.segments[0].newest < horizon {
		w.dropOldest()
	}
}

// EvictOldest drops the oldest segment whatever its age and counts its contexts as evicted: the last resort that keeps memory bounded.
// It says whether there was one to drop.
func (w *Window) EvictOldest() bool {
	if len(w.segments) < 2 {
		return false
	}
	w.evicted += w.segments[0].open
	w.dropOldest()
	return true
}

func (w *Window) dropOldest() {
	s := w.segments[0]
	for i := range s.entries {
		if w.heads[s.entries[i].key].seq() == w.firstSeq {
			delete(w.heads, s.entries[i].key)
		}
	}
	w.records -= len(s.entries)
	w.bytes -= len(s.entries)*windowEntryBytes + len(s.payload)
	w.segments[0] = nil
	w.segments = w.segments[1:]
	w.firstSeq++
}

// Oldest returns the newest record time in the oldest segment: what Evict compares. 0 when empty.
func (w *Window) Oldest() int64 {
	if len(w.segments) == 0 {
		return 0
	}
	return w.segments[0].newest
}

// each calls f for every entry under key, newest first, as long as f returns true.
func (w *Window) each(key uint64, f func(entryRef, *windowEntry, []byte) bool) {
	for ref := w.heads[key]; ; {
		e, payload := w.at(ref)
		if e == nil || !f(ref, e, payload) {
			return
		}
		ref = e.next
	}
}
