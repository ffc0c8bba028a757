package processor

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"dossier/schema"
)

// BenchmarkChange measures what one change costs between fetch and produce: decode, join, compare, encode. Events of about 800
// bytes, 5 changes a transaction, each transaction with a context message.
func BenchmarkChange(b *testing.B) {
	const transactions, perTx = 200, 5
	p, err := New(Config{Sources: []Source{{Name: "shop"}}}, Options{})
	if err != nil {
		b.Fatal(err)
	}
	at := time.Now()
	reader := &contextReader{decoders: p.decoders, sources: p.sources, config: p.config.Context, window: NewWindow(1<<20, 1<<30)}
	part := &partition{source: p.sources[0], decoder: p.decoders[0]}
	part.materials.rules, part.joiner = p.rules, Joiner{Window: reader.window, Policy: p.policy}
	var records []*kgo.Record
	size := 0
	for tx := range transactions {
		lsn := 26_000_000 + tx*1000
		source := fmt.Sprintf(`"source":{"version":"3.3.1.Final","connector":"postgresql","name":"shop","ts_ms":%d,"snapshot":"false","db":"shop","sequence":"[\"%d\",\"%d\"]","ts_us":%d000,"ts_ns":%d000000,"schema":"public","table":"product","txId":%d,"lsn":%d,"xmin":null}`,
			at.UnixMilli(), lsn-8, lsn, at.UnixMilli(), at.UnixMilli(), tx, lsn)
		message := fmt.Sprintf(`{"op":"m","ts_ms":%d,%s,"message":{"prefix":"dossier.context","content":%q},"transaction":{"id":"%d:%d","total_order":1,"data_collection_order":1}}`,
			at.UnixMilli(), source, base64.StdEncoding.EncodeToString(fmt.Appendf(nil, `{"user":{"id":"u%d"},"correlation_id":"4f0c1a5e-%08d","ip":"10.0.0.1"}`, tx, tx)), tx, lsn)
		end := fmt.Sprintf(`{"status":"END","id":"%d:%d","event_count":%d,"data_collections":[{"data_collection":"public.product","event_count":%d},{"data_collection":"io.debezium.connector.postgresql.LogicalDecodingMessageId@4f6ec54f","event_count":1}],"ts_ms":%d}`,
			tx, lsn, perTx+1, perTx, at.UnixMilli())
		reader.window.AddBegin(0, uint64(tx), at.UnixMilli())
		for role, value := range map[role]string{roleMessage: message, roleTransaction: end} {
			s, add := &stream{source: p.sources[0], role: role, forms: schema.NewFormReader(p.decoders[0])}, addition{time: at.UnixMilli()}
			if err := reader.understand(context.Background(), s, &schema.Record{Topic: "shop.x", Value: []byte(value)}, &add, new(contextScratch)); err != nil {
				b.Fatal(err)
			}
			reader.addOne(&add)
		}
		for i := range perTx {
			value := fmt.Sprintf(`{"before":{"id":%d,"name":"a product of middling length","price":"1.50","stock":%d,"made":"2026-01-02T03:04:05.678901Z"},"after":{"id":%d,"name":"a product of middling length","price":"99.50","stock":%d,"made":"2026-01-02T03:04:05.678901Z"},%s,"transaction":{"id":"%d:%d","total_order":%d,"data_collection_order":%d},"op":"u","ts_ms":%d,"ts_us":%d000,"ts_ns":%d000000}`,
				i, i, i, i+1, strings.Replace(source, fmt.Sprintf(`"lsn":%d`, lsn), fmt.Sprintf(`"lsn":%d`, lsn+i+1), 1), tx, lsn+i, i+2, i+1, at.UnixMilli(), at.UnixMilli(), at.UnixMilli())
			records = append(records, &kgo.Record{Topic: "shop.public.product", Offset: int64(len(records)), Timestamp: at, Key: fmt.Appendf(nil, `{"id":%d}`, i), Value: []byte(value)})
			size += len(value)
		}
	}
	s := &session{Processor: p}
	part.out = s.slabs.take()
	b.SetBytes(int64(size / len(records)))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		r := records[i%len(records)]
		part.push([]*kgo.Record{r}, at)
		if err := part.decode(context.Background(), p.rules, at); err != nil {
			b.Fatal(err)
		}
		if visible, err := part.materials.Materialize(&part.change, part.ordinal(), &part.event); !visible || err != nil {
			b.Fatal("invisible", err)
		}
		d := part.joiner.Decide(&part.facts, 0)
		if !d.Decided {
			b.Fatal("not decided")
		}
		rendered, ok := s.rendered.get(d.ref)
		if !ok {
			if d.Context().Status != schema.StatusAttached {
				b.Fatalf("%+v", d.Context())
			}
			rendered = s.render(d.Context())
			s.rendered.put(d.ref, rendered)
		}
		part.event.Context = rendered.context
		part.out = part.out.room()
		part.out.keep(s.appendEvent(part.event.AppendKey(part.out.start()), &part.event, rendered.text))
		part.pop()
		part.next = 0
	}
}
