package processor

import (
	"slices"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
)

// fetchPool is the memory that batches are decompressed into, used again when every record of a batch has been recycled. A record that lives on, such as one that
// has become a dead letter, is not recycled, and its batch is left to the garbage collector. Safe for concurrent use.
type fetchPool struct {
	mu      sync.Mutex
	held    int // bytes of batches
	batches [][]byte
	records [][]kgo.Record
}

// What is kept for later. More batches than these are in use at the same time only for a moment.
const (
	pooledBytes   = 8 << 20
	pooledBatches = 64
	pooledRecords = 32 // slices of records
	// A slice of more records than this is not kept: it comes of tiny records, and is large.
	pooledRecordsOfBatch = 8192
)

// GetDecompressBytes returns memory for a batch, some that was used before if it is of about the size that will be needed, which nobody knows: the client
// clears all of it, and leaves what is too small for other memory. So it is the largest of those: a smaller one would be tried, and given back, again and again.
func (p *fetchPool) GetDecompressBytes(compressed []byte, _ kgo.CompressionCodecType) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	best := -1
	for i, b := range p.batches {
		if cap(b) >= 2*len(compressed) && cap(b) <= 32*len(compressed) && (best < 0 || cap(b) > cap(p.batches[best])) {
			best = i
		}
	}
	if best < 0 {
		return nil
	}
	b := p.batches[best]
	p.batches = slices.Delete(p.batches, best, best+1)
	p.held -= cap(b)
	return b[:0]
}

// PutDecompressBytes takes the memory of a batch back.
func (p *fetchPool) PutDecompressBytes(b []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.batches) > 0 && (p.held+cap(b) > pooledBytes || len(p.batches) == pooledBatches) {
		p.held -= cap(p.batches[0]) // it has not been of use for the longest time
		p.batches = slices.Delete(p.batches, 0, 1)
	}
	if cap(b) <= pooledBytes {
		p.batches = append(p.batches, b)
		p.held += cap(b)
	}
}

// GetRecords returns memory for n records.
func (p *fetchPool) GetRecords(n int) []kgo.Record {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := len(p.records) - 1; i >= 0; i-- {
		if r := p.records[i]; cap(r) >= n {
			p.records = slices.Delete(p.records, i, i+1)
			return r[:0]
		}
	}
	return make([]kgo.Record, 0, n)
}

// PutRecords takes the memory of records back.
func (p *fetchPool) PutRecords(r []kgo.Record) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if cap(r) > pooledRecordsOfBatch {
		return
	}
	if len(p.records) == pooledRecords {
		p.records = slices.Delete(p.records, 0, 1) // it has not been of use for the longest time
	}
	p.records = append(p.records, r)
}
