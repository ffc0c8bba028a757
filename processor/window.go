package processor

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"math"
)

// Window holds the request contexts and transaction ends that were read from the context streams, for as long as an
// undecided change may need them. It is bounded in records and bytes: see Full.
//
// What is told of a transaction lies in a node: usually one, with BEGIN, message and END together, so that a join looks into one place. Nodes lie in
// segments in the order in which they came, without pointers, so that a million of them cost the garbage collector nothing; each is chained to the older one with
// the same key. A Window is not safe for concurrent use, but for reading by several at once.
type Window struct {
	maxRecords int
	maxBytes   int

	segments []*segment // oldest first
	firstSeq uint64     // sequence number of segments[0]
	index    windowIndex
	seed     maphash.Seed

	records int
	bytes   int
	evicted int // contexts dropped by the limits while they might still have been needed

	plain    int // bytes of contexts that are not compressed
	unpacked payloadCache
}

// A segment is dropped as a whole. Small segments make eviction fine-grained, large ones make it cheap.
const segmentNodes = 1<<indexBits - 1

type segment struct {
	nodes      []windowNode
	payload    []byte // each context with its length before it
	compressed bool   // the payload is
	newest     int64  // the newest record time in it
	records    int
	contexts   int // for the count of what eviction loses
}

// windowNode is what records with the same key tell: one of BEGIN, one context and one END at most.
type windowNode struct {
	key    uint64
	time   int64   // record time of the first of them, Unix milliseconds; those of the others follow from it
	lsn    uint64  // of the context
	next   nodeRef // the older node with this key
	offset uint32  // of the context in the segment's payload
	order  uint32  // of the context
	// Milliseconds from time.
	begin, context, end int32
	messages, rows      uint32 // of END
	has                 nodeParts
	kind                entryKind // of the context
}

// nodeParts says what a node has.
type nodeParts uint8

const (
	hasBegin nodeParts = 1 << iota
	hasContext
	hasEnd
	hasPayload // the context is one, and can be understood
)

// entryRef names a node for ever: the sequence number of its segment and its index there, plus one; 0 is none.
type entryRef uint64

// nodeRef is an entryRef without its upper bits: it names a node as long as that is in the window.
type nodeRef uint32

const indexBits = 10

func makeRef(seq uint64, index int) entryRef { return entryRef(seq<<indexBits | uint64(index+1)) }
func (r entryRef) seq() uint64               { return uint64(r) >> indexBits }

type entryKind uint8

const (
	entryMessage entryKind = iota // a context by logical message
	entryRow                      // a context by context table row
	entryTopic                    // a context by the request-context topic
	entryBegin                    // a transaction's BEGIN record
	entryEnd                      // its END record
)

// windowEntry is one record of a context stream.
type windowEntry struct {
	kind  entryKind
	time  int64 // record time, Unix milliseconds
	lsn   uint64
	order uint64
	end   End // of entryEnd
	// understood is false for a message or row that is no context, or none that can be understood.
	understood bool
	ref        entryRef // by which Payload finds the context
}

// What a node costs beside its context: itself and its share of the index.
const windowNodeBytes = 64 + 12

// NewWindow returns an empty window that holds at most the given number of records and bytes.
func NewWindow(maxRecords, maxBytes int) *Window {
	return &Window{maxRecords: maxRecords, maxBytes: maxBytes, seed: maphash.MakeSeed()}
}

// Reset empties the window.
func (w *Window) Reset() {
	w.firstSeq += uint64(len(w.segments))
	w.segments, w.index = nil, windowIndex{}
	w.records, w.bytes, w.plain = 0, 0, 0
	w.unpacked.reset()
}

// Len returns the number of records held, Bytes an estimate of their memory, and Evicted how many contexts the limits pushed out
// before their time.
func (w *Window) Len() int     { return w.records }
func (w *Window) Bytes() int   { return w.bytes }
func (w *Window) Evicted() int { return w.evicted }

// ContextEntry is a context as it was read. Time is the record's own, in Unix milliseconds.
type ContextEntry struct {
	Time    int64
	LSN     uint64 // of a message or a context row
	Order   uint64 // total order in the transaction, which breaks ties of LSN; from 2^32 on all are one
	Payload []byte // the context, packed
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
	h := (txID ^ uint64(source)<<48) * golden
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
	w.each(key, func(old windowEntry) bool {
		if old.kind != kind {
			return true
		}
		seen = old.lsn == e.LSN && bytes.Equal(w.Payload(old.ref), e.Payload)
		// In the order of first delivery each is newer than all before: only a repeat looks further back.
		return !seen && old.lsn >= e.LSN
	})
	if !seen {
		w.addContext(kind, key, e)
	}
}

// AddBegin adds a transaction's BEGIN record. A second one tells that the connector was restarted within the transaction.
func (w *Window) AddBegin(source uint16, txID uint64, at int64) {
	_, n, since := w.nodeFor(txHash(source, txID), at, hasBegin, 0)
	n.has |= hasBegin
	n.begin = since
}

// AddEnd adds a transaction's END record.
func (w *Window) AddEnd(source uint16, txID uint64, end End) {
	_, n, since := w.nodeFor(txHash(source, txID), end.Time, hasEnd, 0)
	n.has |= hasEnd
	n.end = since
	n.messages, n.rows = uint32(min(end.Messages, math.MaxUint32)), uint32(min(end.Rows, math.MaxUint32))
}

// AddTopic adds a record of the request-context topic under its correlation id and, where it names one, its transaction.
func (w *Window) AddTopic(key TopicKey, e ContextEntry) {
	for _, hash := range key.hashes(w) {
		w.addContext(entryTopic, hash, e)
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

func (w *Window) addContext(kind entryKind, key uint64, e ContextEntry) {
	s, n, since := w.nodeFor(key, e.Time, hasContext, len(e.Payload))
	n.has |= hasContext
	n.kind, n.context, n.lsn, n.order = kind, since, e.LSN, uint32(min(e.Order, math.MaxUint32))
	s.contexts++
	if len(e.Payload) == 0 {
		return
	}
	n.has |= hasPayload
	n.offset = uint32(len(s.payload))
	s.payload = append(binary.AppendUvarint(s.payload, uint64(len(e.Payload))), e.Payload...)
	added := len(s.payload) - int(n.offset)
	w.bytes += added
	w.plain += added
	w.compress()
}

// nodeFor returns the node to put a record into, that node's segment and the record's time from the node's: the newest node of the key, if it has no such
// part yet and its segment can take the payload, or a new one.
func (w *Window) nodeFor(key uint64, at int64, part nodeParts, payload int) (*segment, *windowNode, int32) {
	w.records++
	newest := w.index.find(w, key)
	if newest != 0 {
		s, n := w.node(newest)
		since := at - n.time
		fits := payload == 0 || !s.compressed && len(s.payload)+payload < maxSegmentPayload
		if n.has&part == 0 && fits && since == int64(int32(since)) {
			s.newest = max(s.newest, at)
			s.records++
			return s, n, int32(since)
		}
	}
	s := w.last()
	if s == nil || len(s.nodes) == segmentNodes || len(s.payload)+payload >= maxSegmentPayload {
		size := 0
		if s != nil && !s.compressed {
			size = min(len(s.payload)+len(s.payload)/8, maxSegmentPayload) // the next one will be much like it
		}
		s = &segment{nodes: make([]windowNode, 0, segmentNodes), payload: make([]byte, 0, size), newest: math.MinInt64}
		w.segments = append(w.segments, s)
	}
	s.nodes = append(s.nodes, windowNode{key: key, time: at, next: newest})
	s.newest = max(s.newest, at)
	s.records++
	w.bytes += windowNodeBytes
	w.index.put(w, key, nodeRef(makeRef(w.firstSeq+uint64(len(w.segments)-1), len(s.nodes)-1)))
	return s, &s.nodes[len(s.nodes)-1], 0
}

func (w *Window) last() *segment {
	if len(w.segments) == 0 {
		return nil
	}
	return w.segments[len(w.segments)-1]
}

// place returns where a node's segment stands in segments; beyond their end where it has been evicted.
func (w *Window) place(ref nodeRef) uint32 {
	return (uint32(ref>>indexBits) - uint32(w.firstSeq)) & (math.MaxUint32 >> indexBits)
}

// node returns the node that ref names and its segment; nil where that has been evicted.
func (w *Window) node(ref nodeRef) (*segment, *windowNode) {
	i := w.place(ref)
	if ref == 0 || i >= uint32(len(w.segments)) {
		return nil, nil
	}
	s := w.segments[i]
	return s, &s.nodes[ref&segmentNodes-1]
}

// full returns the lasting name of a node that is in the window.
func (w *Window) full(ref nodeRef) entryRef {
	return entryRef((w.firstSeq+uint64(w.place(ref)))<<indexBits | uint64(ref&segmentNodes))
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
	w.evicted += w.segments[0].contexts
	w.dropOldest()
	return true
}

func (w *Window) dropOldest() {
	s := w.segments[0]
	for i := range s.nodes {
		w.index.remove(w, s.nodes[i].key, nodeRef(makeRef(w.firstSeq, i)))
	}
	w.records -= s.records
	w.bytes -= len(s.nodes)*windowNodeBytes + len(s.payload)
	if !s.compressed {
		w.plain -= len(s.payload)
	}
	w.segments[0] = nil
	w.segments = w.segments[1:]
	w.firstSeq++
}

// state changes whenever something comes under key, and is 0 while nothing is there.
func (w *Window) state(key uint64) uint64 {
	newest := w.index.find(w, key)
	if newest == 0 {
		return 0
	}
	_, n := w.node(newest)
	return uint64(newest)<<8 | uint64(n.has)
}

// each calls f for every record under key, the newest node's first, as long as f returns true.
func (w *Window) each(key uint64, f func(windowEntry) bool) {
	for ref := w.index.find(w, key); ; {
		_, n := w.node(ref)
		if n == nil || n.key != key {
			return
		}
		if n.has&hasEnd != 0 {
			at := n.time + int64(n.end)
			if !f(windowEntry{kind: entryEnd, time: at, end: End{Time: at, Messages: int(n.messages), Rows: int(n.rows)}}) {
				return
			}
		}
		if n.has&hasContext != 0 {
			if !f(windowEntry{kind: n.kind, time: n.time + int64(n.context), lsn: n.lsn, order: uint64(n.order), understood: n.has&hasPayload != 0, ref: w.full(ref)}) {
				return
			}
		}
		if n.has&hasBegin != 0 {
			if !f(windowEntry{kind: entryBegin, time: n.time + int64(n.begin)}) {
				return
			}
		}
		ref = n.next
	}
}
