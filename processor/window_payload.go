package processor

import (
	"encoding/binary"
	"sync"

	"github.com/klauspost/compress/zstd"
)

const (
	// plainPayload is how many bytes of contexts are kept as they are. Beyond it, the oldest are compressed: a window that large is there for changes that come late, and
	// most of it is never looked into again.
	plainPayload = 16 << 20
	// maxSegmentPayload bounds what has to be decompressed at once. A single context may be larger.
	maxSegmentPayload = 4 << 20
	// unpackedSegments is how many segments' contexts are kept decompressed: the partitions of a backlog stand at different places in it.
	unpackedSegments = 8
)

// One of each is enough: they have no state between calls, and a lock each.
var (
	packer, _   = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(1<<20))
	unpacker, _ = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(1<<30))
)

// compress compresses the oldest contexts, beyond those that are kept plain.
func (w *Window) compress() {
	if w.plain <= plainPayload {
		return
	}
	for _, s := range w.segments[:len(w.segments)-1] {
		if s.compressed {
			continue
		}
		packed := packer.EncodeAll(s.payload, make([]byte, 0, len(s.payload)/3))
		w.plain -= len(s.payload)
		w.bytes -= len(s.payload) - len(packed)
		s.payload, s.compressed = append([]byte(nil), packed...), true
		if w.plain <= plainPayload {
			return
		}
	}
}

// Payload returns the context of an entry, packed; nil where it has none, or has been evicted. It is valid until the next call that changes the window.
func (w *Window) Payload(ref entryRef) []byte {
	s, n := w.node(nodeRef(ref))
	if n == nil || n.has&hasPayload == 0 {
		return nil
	}
	payload := s.payload
	if s.compressed {
		payload = w.unpacked.of(ref.seq(), s.payload)
	}
	length, k := binary.Uvarint(payload[n.offset:])
	from := int(n.offset) + k
	return payload[from : from+int(length)]
}

// payloadCache keeps the segments decompressed last. Safe for concurrent use.
type payloadCache struct {
	mu       sync.Mutex
	seqs     [unpackedSegments]uint64
	payloads [unpackedSegments][]byte
	turn     int
}

// of returns the decompressed payload of the segment with that sequence number.
func (c *payloadCache) of(seq uint64, compressed []byte) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, payload := range c.payloads {
		if payload != nil && c.seqs[i] == seq {
			return payload
		}
	}
	payload, err := unpacker.DecodeAll(compressed, nil)
	if err != nil {
		panic("a compressed segment of the window cannot be decompressed: " + err.Error())
	}
	c.seqs[c.turn], c.payloads[c.turn] = seq, payload
	c.turn = (c.turn + 1) % unpackedSegments
	return payload
}

func (c *payloadCache) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.payloads = [unpackedSegments][]byte{}
}
