package processor

import (
	"context"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// What the context reader has understood is not looked at again for dead letters; what it has not understood, or not read, is.
func TestSoundness(t *testing.T) {
	p, err := New(Config{Sources: []Source{{Name: "shop"}}, Context: ContextConfig{Topic: "request-context"}}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	const (
		good    = `{"user":{"id":"u1"},"correlation_id":"r-1"}`
		faulty  = `{"user":`
		keyless = `{"user":{"id":"u1"}}`
	)
	at := topicPartition{"request-context", 0}
	for _, test := range []struct {
		name    string
		values  []string // "" is a tombstone, "end" the end of a transaction
		suspect []int64  // offsets that have to be looked at, from 10 on
	}{
		{"nothing read", nil, []int64{10, 11}},
		{"all understood", []string{good, good, good}, []int64{13}},
		{"tombstones and ends of transactions", []string{good, "", "end", good}, []int64{14}},
		{"a fault, and what comes before it", []string{good, faulty, good}, []int64{10, 11, 13}},
		{"a context without a key", []string{keyless, good}, []int64{10, 12}},
		{"a fault last", []string{good, faulty}, []int64{10, 11, 12}},
	} {
		t.Run(test.name, func(t *testing.T) {
			reader := &contextReader{decoders: p.decoders, sources: p.sources, config: p.config.Context, window: NewWindow(1<<10, 1<<20), now: time.Now,
				streams: make(map[topicPartition]*stream), wake: make(chan struct{}, 1)}
			reader.addStream(at, 10)
			var records []*kgo.Record
			for i, value := range test.values {
				r := &kgo.Record{Topic: at.topic, Offset: int64(10 + i), Timestamp: time.Now(), Value: []byte(value)}
				switch value {
				case "":
					r.Value = nil
				case "end":
					r.Attrs = kgo.NewRecordAttrs(kgo.RecordAttrsOpts{Control: true})
				}
				records = append(records, r)
			}
			// In two fetches, the first record by itself.
			for _, part := range [][]*kgo.Record{records[:min(1, len(records))], records[min(1, len(records)):]} {
				fetches := kgo.Fetches{{Topics: []kgo.FetchTopic{{Topic: at.topic, Partitions: []kgo.FetchPartition{{Records: part}}}}}}
				if err := reader.take(context.Background(), fetches); err != nil {
					t.Fatal(err)
				}
			}
			sound, _ := reader.progress(at)
			for offset := int64(10); offset < int64(12+len(test.values)); offset++ {
				suspect := offset >= int64(10+len(test.values))
				for _, o := range test.suspect {
					suspect = suspect || o == offset
				}
				if sound.has(offset) == suspect {
					t.Errorf("offset %d: sound is %v", offset, sound.has(offset))
				}
			}
		})
	}
	if none, ok := (&contextReader{}).progress(at); ok || none.has(0) {
		t.Error("a partition that the reader does not have is sound")
	}
}
