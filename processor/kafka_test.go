package processor_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"dossier/processor"
	"dossier/schema"
	"dossier/test/stack"
)

// A backlog on a real broker: every change of every transaction comes out once, in its entity's order, by its own user. The log says how
// fast; nothing is asserted about that.
func TestBacklogOnARealBroker(t *testing.T) {
	s := stack.ForTest(t, stack.Kafka)
	const transactions, perTx, entities = 10_000, 5, 997
	ctx := context.Background()
	prefix := fmt.Sprintf("bulk%d", time.Now().UnixNano()%1_000_000)
	options := []kgo.Opt{kgo.SeedBrokers(s.KafkaBrokers()...)}
	client, err := kgo.NewClient(append(options, kgo.MaxBufferedRecords(100_000))...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	for topic, partitions := range map[string]int32{".public.product": 6, ".audit": 6, ".transaction": 1, ".message": 1, ".audit.pending": 1, ".dlq": 1} {
		if _, err := admin.CreateTopic(ctx, partitions, 1, nil, prefix+topic); err != nil {
			t.Fatal(err)
		}
	}
	at := time.Now().UnixMilli()
	var failed error
	produce := func(topic, key, value string) {
		client.Produce(ctx, &kgo.Record{Topic: prefix + topic, Key: []byte(key), Value: []byte(value)}, func(_ *kgo.Record, err error) {
			if err != nil {
				failed = err
			}
		})
	}
	versions := make([]int, entities)
	for tx := range transactions {
		lsn := 26_000_000 + tx*1000
		source := func(lsn int, table string) string {
			return fmt.Sprintf(`"source":{"version":"3.3.1.Final","connector":"postgresql","name":"%s","ts_ms":%d,"snapshot":"false","db":"shop","sequence":"[\"%d\",\"%d\"]","ts_us":%d000,"ts_ns":%d000000,"schema":"public","table":"%s","txId":%d,"lsn":%d,"xmin":null}`,
				prefix, at, lsn-8, lsn, at, at, table, tx, lsn)
		}
		produce(".transaction", fmt.Sprintf(`{"id":"%d:%d"}`, tx, lsn-1), fmt.Sprintf(`{"status":"BEGIN","id":"%d:%d","event_count":null,"data_collections":null,"ts_ms":%d}`, tx, lsn-1, at))
		produce(".message", `{"prefix":"dossier.context"}`, fmt.Sprintf(`{"op":"m","ts_ms":%d,%s,"message":{"prefix":"dossier.context","content":%q},"transaction":{"id":"%d:%d","total_order":1,"data_collection_order":1}}`,
			at, source(lsn, ""), base64.StdEncoding.EncodeToString(fmt.Appendf(nil, `{"user":{"id":"u%d"},"correlation_id":"4f0c1a5e-%08d"}`, tx, tx)), tx, lsn))
		for i := range perTx {
			id := (tx*perTx + i) % entities
			versions[id]++
			produce(".public.product", fmt.Sprintf(`{"id":%d}`, id), fmt.Sprintf(`{"before":{"id":%d,"name":"a product of middling length","price":"1.50","stock":%d,"made":"2026-01-02T03:04:05.678901Z"},"after":{"id":%d,"name":"a product of middling length","price":"99.50","stock":%d,"made":"2026-01-02T03:04:05.678901Z"},%s,"transaction":{"id":"%d:%d","total_order":%d,"data_collection_order":%d},"op":"u","ts_ms":%d,"ts_us":%d000,"ts_ns":%d000000}`,
				id, versions[id]-1, id, versions[id], source(lsn+8*i+8, "product"), tx, lsn+8*i, i+2, i+1, at, at, at))
		}
		produce(".transaction", fmt.Sprintf(`{"id":"%d:%d"}`, tx, lsn), fmt.Sprintf(`{"status":"END","id":"%d:%d","event_count":%d,"data_collections":[{"data_collection":"public.product","event_count":%d},{"data_collection":"io.debezium.connector.postgresql.LogicalDecodingMessageId@4f6ec54f","event_count":1}],"ts_ms":%d}`,
			tx, lsn, perTx+1, perTx, at))
	}
	if err := client.Flush(ctx); err != nil || failed != nil {
		t.Fatal(err, failed)
	}

	p, err := processor.New(processor.Config{Group: prefix, Sources: []processor.Source{{Name: prefix}}, DeadLetterTopic: prefix + ".dlq",
		Audit: processor.AuditConfig{Topic: prefix + ".audit"}}, processor.Options{Kafka: options, Log: zaptest.NewLogger(t, zaptest.Level(zap.WarnLevel))})
	if err != nil {
		t.Fatal(err)
	}
	run, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	began := time.Now()
	go func() { done <- p.Run(run) }()
	reader, err := kgo.NewClient(append(options, kgo.ConsumeTopics(prefix+".audit"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()))...)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	seen := make(map[string]bool)
	stock := make(map[string]string)
	poll, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	var e schema.AuditEvent
	for len(seen) < transactions*perTx && poll.Err() == nil {
		reader.PollFetches(poll).EachRecord(func(r *kgo.Record) {
			if err := schema.ParseAuditEvent(r.Value, &e); err != nil {
				t.Fatal(err)
			}
			id := strings.Clone(e.ID)
			if seen[id] {
				t.Fatalf("event %s twice", id)
			}
			seen[id] = true
			if want := fmt.Sprintf("u%d", e.CDC.TxID); e.Context.Status != schema.StatusAttached || e.Context.User.ID != want {
				t.Errorf("transaction %d: %s by %q", e.CDC.TxID, e.Context.Status, e.Context.User.ID)
			}
			entity := strings.Clone(e.Entity.ID)
			if before := string(e.Before.Get("stock").JSON); stock[entity] != "" && stock[entity] != before {
				t.Errorf("entity %s: %s after %s", entity, before, stock[entity])
			}
			stock[entity] = string(e.After.Get("stock").JSON)
		})
	}
	took := time.Since(began)
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if len(seen) != transactions*perTx {
		t.Fatalf("%d events of %d", len(seen), transactions*perTx)
	}
	t.Logf("%d changes in %s: %.0f a second, joining the group included", len(seen), took, float64(len(seen))/took.Seconds())
}
