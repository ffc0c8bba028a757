package processor

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

func TestFetchPool(t *testing.T) {
	t.Parallel()
	var p fetchPool
	compressed := make([]byte, 1000)
	if b := p.GetDecompressBytes(compressed, kgo.CodecZstd); b != nil {
		t.Errorf("memory of %d bytes from an empty pool", cap(b))
	}
	for _, size := range []int{1500, 4000, 30_000, 9000, 40_000} {
		p.PutDecompressBytes(make([]byte, size))
	}
	for _, want := range []int{30_000, 9000, 4000, 0} { // 1,500 is too small, 40,000 would cost more to clear than it saves
		if b := p.GetDecompressBytes(compressed, kgo.CodecZstd); cap(b) != want || len(b) != 0 {
			t.Errorf("memory of %d bytes, expected %d", cap(b), want)
		}
	}
	for range 3 {
		p.PutDecompressBytes(make([]byte, pooledBytes/2))
	}
	if p.held != pooledBytes || len(p.batches) != 2 {
		t.Errorf("%d bytes are kept in %d batches", p.held, len(p.batches))
	}

	for n := range pooledRecords + 1 {
		p.PutRecords(make([]kgo.Record, n+1))
	}
	p.PutRecords(make([]kgo.Record, pooledRecordsOfBatch+1))
	if len(p.records) != pooledRecords || cap(p.records[0]) != 2 {
		t.Errorf("%d slices are kept, the first of %d", len(p.records), cap(p.records[0]))
	}
	if r := p.GetRecords(pooledRecords + 1); cap(r) != pooledRecords+1 || len(r) != 0 {
		t.Errorf("%d of %d records", len(r), cap(r))
	}
	if r := p.GetRecords(pooledRecords + 1); cap(r) != pooledRecords+1 || len(p.records) != pooledRecords-1 {
		t.Errorf("room for %d records, %d slices are left", cap(r), len(p.records))
	}
}
