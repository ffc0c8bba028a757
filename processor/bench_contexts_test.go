package processor

import (
	"context"
	"encoding/base64"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// BenchmarkContexts measures what a transaction's three records on the context streams, BEGIN, message and END, cost from the fetch to the window.
func BenchmarkContexts(b *testing.B) {
	const transactions, fetched = 20_000, 500
	p, err := New(Config{Sources: []Source{{Name: "shop"}}}, Options{})
	if err != nil {
		b.Fatal(err)
	}
	at := time.Now()
	var boundaries, messages []*kgo.Record
	for tx := range transactions {
		lsn, ms := 26_000_000+tx*1000, at.UnixMilli()
		add := func(to *[]*kgo.Record, topic, value string) {
			*to = append(*to, &kgo.Record{Topic: topic, Offset: int64(len(*to)), Timestamp: at, Value: []byte(value)})
		}
		add(&boundaries, "shop.transaction", fmt.Sprintf(`{"status":"BEGIN","id":"%d:%d","event_count":null,"data_collections":null,"ts_ms":%d}`, tx, lsn, ms))
		add(&boundaries, "shop.transaction", fmt.Sprintf(`{"status":"END","id":"%d:%d","event_count":6,"data_collections":[{"data_collection":"public.product","event_count":5},{"data_collection":"io.debezium.connector.postgresql.LogicalDecodingMessageMonitor$LogicalDecodingMessageId@4f6ec54f","event_count":1}],"ts_ms":%d}`, tx, lsn+500, ms))
		content := base64.StdEncoding.EncodeToString(fmt.Appendf(nil, `{"user":{"id":"u-%d"},"correlation_id":"4f0c1a5e-9d53-4c8e-b7a2-%012d","ip":"10.1.2.3","reason":"goods received"}`, tx, tx))
		add(&messages, "shop.message", fmt.Sprintf(`{"op":"m","ts_ms":%d,"source":{"version":"3.3.1.Final","connector":"postgresql","name":"shop","ts_ms":%d,"snapshot":"false","db":"shop","sequence":"[\"%d\",\"%d\"]","ts_us":%d000,"ts_ns":%d000000,"schema":"","table":"","txId":%d,"lsn":%d,"xmin":null},"transaction":{"id":"%d:%d","total_order":1,"data_collection_order":1},"message":{"prefix":"dossier.context","content":"%s"}}`,
			ms, ms, lsn-8, lsn, ms, ms, tx, lsn, tx, lsn, content))
	}
	fetch := func(from, to int) kgo.Fetches {
		return kgo.Fetches{{Topics: []kgo.FetchTopic{
			{Topic: "shop.transaction", Partitions: []kgo.FetchPartition{{Records: boundaries[2*from : 2*to]}}},
			{Topic: "shop.message", Partitions: []kgo.FetchPartition{{Records: messages[from:to]}}},
		}}}
	}
	reader := &contextReader{decoders: p.decoders, sources: p.sources, config: p.config.Context, window: NewWindow(1<<30, 1<<40), now: time.Now, wake: make(chan struct{}, 1)}
	next := transactions
	b.ReportAllocs()
	for b.Loop() {
		if next == transactions {
			next = 0
			reader.window.Reset()
			reader.streams = make(map[topicPartition]*stream)
			reader.addStream(topicPartition{"shop.transaction", 0}, 0)
			reader.addStream(topicPartition{"shop.message", 0}, 0)
		}
		// As many transactions as a fetch brings count as one.
		if err := reader.take(context.Background(), fetch(next, next+fetched)); err != nil {
			b.Fatal(err)
		}
		next += fetched
	}
	if want := 3 * next; reader.window.Len() != want {
		b.Fatalf("%d records in the window, want %d", reader.window.Len(), want)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*fetched), "ns/tx")
}
