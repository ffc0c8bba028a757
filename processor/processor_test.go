package processor_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap/zaptest"

	"dossier/processor"
	"dossier/schema"
)

// cluster is a Kafka of one process with the topics of a source "shop".
type cluster struct {
	t       testing.TB
	options []kgo.Opt
	client  *kgo.Client
	lsn     int
	at      time.Time // the record time of what is produced next
	fake    *kfake.Cluster
}

func newCluster(t testing.TB) *cluster {
	t.Helper()
	fake, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(3, "shop.public.product", "shop.public.order", "dossier.audit"),
		kfake.SeedTopics(1, "shop.transaction", "shop.message", "request-context", "dossier.audit.pending", "dossier.dlq", "shop.public.request_context"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	c := &cluster{t: t, options: []kgo.Opt{kgo.SeedBrokers(fake.ListenAddrs()...)}, lsn: 1000, at: time.Now(), fake: fake}
	if c.client, err = kgo.NewClient(c.options...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.client.Close)
	return c
}

func (c *cluster) produce(topic, key, value string) {
	c.t.Helper()
	r := &kgo.Record{Topic: topic, Value: []byte(value), Timestamp: c.at}
	if key != "" {
		r.Key = []byte(key)
	}
	if value == "" {
		r.Value = nil
	}
	if err := c.client.ProduceSync(context.Background(), r).FirstErr(); err != nil {
		c.t.Fatal(err)
	}
}

func (c *cluster) source(tx int) string {
	return fmt.Sprintf(`"source":{"version":"3.3.1.Final","connector":"postgresql","name":"shop","ts_ms":%d,"snapshot":"false","db":"shop","sequence":"[\"%d\",\"%d\"]","schema":"public","table":"product","txId":%d,"lsn":%d,"xmin":null}`,
		c.at.UnixMilli(), c.lsn-1, c.lsn, tx, c.lsn)
}

// update produces an update of product id in transaction tx.
func (c *cluster) update(tx, id, order int, from, to string) {
	c.lsn += 8
	c.produce("shop.public.product", fmt.Sprintf(`{"id":%d}`, id), fmt.Sprintf(`{"before":{"id":%d,"price":%q},"after":{"id":%d,"price":%q},%s,"op":"u","ts_ms":%d,"transaction":{"id":"%d:%d","total_order":%d,"data_collection_order":%d}}`,
		id, from, id, to, c.source(tx), c.at.UnixMilli(), tx, c.lsn, order, order))
}

// message produces a context message in transaction tx.
func (c *cluster) message(tx, order int, context string) {
	c.lsn += 8
	c.produce("shop.message", `{"prefix":"dossier.context"}`, fmt.Sprintf(`{"op":"m","ts_ms":%d,%s,"message":{"prefix":"dossier.context","content":%q},"transaction":{"id":"%d:%d","total_order":%d,"data_collection_order":%d}}`,
		c.at.UnixMilli(), strings.Replace(c.source(tx), `"product"`, `""`, 1), base64.StdEncoding.EncodeToString([]byte(context)), tx, c.lsn, order, order))
}

// end produces the END record of transaction tx.
func (c *cluster) end(tx, messages, products int) {
	c.lsn += 8
	collections := []string{}
	if products > 0 {
		collections = append(collections, fmt.Sprintf(`{"data_collection":"public.product","event_count":%d}`, products))
	}
	if messages > 0 {
		collections = append(collections, fmt.Sprintf(`{"data_collection":"io.debezium.connector.postgresql.LogicalDecodingMessageId@4f6ec54f","event_count":%d}`, messages))
	}
	c.produce("shop.transaction", fmt.Sprintf(`{"id":"%d:%d"}`, tx, c.lsn-1), fmt.Sprintf(`{"status":"BEGIN","id":"%d:%d","event_count":null,"data_collections":null,"ts_ms":%d}`, tx, c.lsn-1, c.at.UnixMilli()))
	c.produce("shop.transaction", fmt.Sprintf(`{"id":"%d:%d"}`, tx, c.lsn), fmt.Sprintf(`{"status":"END","id":"%d:%d","event_count":%d,"data_collections":[%s],"ts_ms":%d}`,
		tx, c.lsn, messages+products, strings.Join(collections, ","), c.at.UnixMilli()))
}

// start runs a processor until the test ends, or stop is called.
func (c *cluster) start(config processor.Config) (p *processor.Processor, stop func()) {
	c.t.Helper()
	config.Sources = []processor.Source{{Name: "shop"}}
	p, err := processor.New(config, processor.Options{Kafka: c.options, Log: zaptest.NewLogger(c.t)})
	if err != nil {
		c.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			c.t.Errorf("run: %v", err)
		}
	}
	c.t.Cleanup(stop)
	return p, stop
}

const readTimeout = 2 * time.Minute

// read returns the first n records of a topic, as committed.
func (c *cluster) read(topic string, n int) []*kgo.Record {
	c.t.Helper()
	client, err := kgo.NewClient(append(c.options, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()))...)
	if err != nil {
		c.t.Fatal(err)
	}
	defer client.Close()
	// Against hanging alone: the race detector on a busy machine makes a second's work last twenty.
	ctx, cancel := context.WithTimeout(context.Background(), readTimeout)
	defer cancel()
	var records []*kgo.Record
	for len(records) < n && ctx.Err() == nil {
		client.PollFetches(ctx).EachRecord(func(r *kgo.Record) { records = append(records, r) })
	}
	if len(records) < n {
		c.t.Fatalf("%s: %d records after %s, want %d", topic, len(records), readTimeout, n)
	}
	// Nothing more may come.
	ctx, cancel = context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	client.PollFetches(ctx).EachRecord(func(r *kgo.Record) { records = append(records, r) })
	if len(records) > n {
		c.t.Fatalf("%s: %d records, want %d; one too many: %s", topic, len(records), n, records[n].Value)
	}
	return records
}

// events returns the first n audit events by entity id and price, and all of them in the order read.
func (c *cluster) events(n int) []schema.AuditEvent {
	c.t.Helper()
	events := make([]schema.AuditEvent, n)
	for i, r := range c.read("dossier.audit", n) {
		if err := schema.ParseAuditEvent(r.Value, &events[i]); err != nil {
			c.t.Fatalf("%v: %s", err, r.Value)
		}
	}
	return events
}

func find(t testing.TB, events []schema.AuditEvent, kind schema.Kind, entityID string) schema.AuditEvent {
	t.Helper()
	for _, e := range events {
		if e.Kind == kind && e.Entity.ID == entityID {
			return e
		}
	}
	t.Fatalf("no %s of entity %s", kind, entityID)
	return schema.AuditEvent{}
}

func TestAttachesMessageOfTheTransaction(t *testing.T) {
	c := newCluster(t)
	c.start(processor.Config{})
	c.message(7, 1, `{"user":{"id":"u1"},"correlation_id":"r-1"}`)
	c.update(7, 1, 2, "1.50", "99.50")
	c.message(7, 3, `{"user":{"id":"u2"},"correlation_id":"r-2"}`)
	c.update(7, 2, 4, "2.00", "3.00")
	c.end(7, 2, 2)
	c.update(8, 3, 1, "1", "2")
	c.end(8, 0, 1)
	events := c.events(3)
	for id, user := range map[string]string{"1": "u1", "2": "u2"} {
		e := find(t, events, schema.KindChange, id)
		if e.Context.Status != schema.StatusAttached || e.Context.User.ID != user {
			t.Errorf("entity %s: %s by %q, want attached by %q", id, e.Context.Status, e.Context.User.ID, user)
		}
	}
	if e := find(t, events, schema.KindChange, "3"); e.Context.Status != schema.StatusUnattributed {
		t.Errorf("without context: %s", e.Context.Status)
	}
	e := find(t, events, schema.KindChange, "1")
	if len(e.Changes) != 1 || e.Changes[0].Field != "price" || string(e.Changes[0].Previous.JSON) != `"1.50"` || string(e.Changes[0].Current.JSON) != `"99.50"` {
		t.Errorf("changes: %+v", e.Changes)
	}
}

func TestTopicContext(t *testing.T) {
	c := newCluster(t)
	c.start(processor.Config{Context: processor.ContextConfig{Topic: "request-context", Grace: 2 * time.Second}})
	c.produce("request-context", "7", `{"user":{"id":"by-number"}}`)
	c.update(7, 1, 1, "1", "2")
	c.end(7, 0, 1)
	c.message(8, 1, `{"correlation_id":"r-8"}`)
	c.update(8, 2, 2, "1", "2")
	c.end(8, 1, 1)
	c.produce("request-context", "r-8", `{"user":{"id":"by-correlation"}}`)
	c.produce("request-context", "9", `{"user":{"id":"one"},"ip":"10.0.0.1","service":"till"}`)
	c.produce("request-context", "9", `{"user":{"id":"two"},"ip":"10.0.0.2","service":"till"}`)
	c.update(9, 3, 1, "1", "2")
	c.end(9, 0, 1)
	events := c.events(3)
	for id, user := range map[string]string{"1": "by-number", "2": "by-correlation"} {
		if e := find(t, events, schema.KindChange, id); e.Context.User.ID != user || e.Context.Status != schema.StatusAttached {
			t.Errorf("entity %s: %s by %q, want attached by %q", id, e.Context.Status, e.Context.User.ID, user)
		}
	}
	e := find(t, events, schema.KindChange, "3")
	if e.Context.Status != schema.StatusAmbiguous || len(e.Context.Candidates) != 2 || e.Context.User.ID != "" || e.Context.IP != "" || e.Context.Service != "till" {
		t.Errorf("two users: %+v", e.Context)
	}
}

func TestLateContextGivesAttributionAcrossARestart(t *testing.T) {
	c := newCluster(t)
	config := processor.Config{Context: processor.ContextConfig{Topic: "request-context", Grace: 200 * time.Millisecond}}
	_, stop := c.start(config)
	c.update(7, 1, 1, "1", "2")
	c.end(7, 0, 1)
	c.update(8, 2, 1, "1", "2")
	c.end(8, 0, 1)
	for _, e := range c.events(2) {
		if e.Context.Status != schema.StatusUnattributed {
			t.Errorf("entity %s: %s before any context", e.Entity.ID, e.Context.Status)
		}
	}
	c.at = time.Now()
	c.produce("request-context", "7", `{"user":{"id":"late-1"}}`)
	first := find(t, c.events(3), schema.KindAttribution, "1")
	stop()
	c.at = time.Now()
	c.produce("request-context", "8", `{"user":{"id":"late-2"}}`)
	c.start(config)
	second := find(t, c.events(4), schema.KindAttribution, "2")
	for user, e := range map[string]schema.AuditEvent{"late-1": first, "late-2": second} {
		change := find(t, c.events(4), schema.KindChange, e.Entity.ID)
		if e.Context.Status != schema.StatusLate || e.Context.User.ID != user || e.Attribution.EventID != change.ID {
			t.Errorf("attribution %+v %+v of %s", e.Context, e.Attribution, change.ID)
		}
		if fmt.Sprint(e.Attribution.Fields) != "[price]" {
			t.Errorf("fields %v", e.Attribution.Fields)
		}
	}
}

// An hour's backlog is decided by the records' own times: with a grace of ten minutes, waiting for the clock would end the test.
func TestBacklogDoesNotWaitForTheClock(t *testing.T) {
	c := newCluster(t)
	c.at = time.Now().Add(-time.Hour)
	c.update(7, 1, 1, "1", "2")
	c.end(7, 0, 1)
	c.update(8, 2, 1, "1", "2")
	c.end(8, 0, 1)
	c.at = c.at.Add(5 * time.Minute)
	c.produce("request-context", "7", `{"user":{"id":"u7"}}`)
	c.start(processor.Config{Context: processor.ContextConfig{Topic: "request-context", Grace: 10 * time.Minute}})
	events := c.events(2)
	if e := find(t, events, schema.KindChange, "1"); e.Context.User.ID != "u7" {
		t.Errorf("context in the backlog: %+v", e.Context)
	}
	if e := find(t, events, schema.KindChange, "2"); e.Context.Status != schema.StatusUnattributed {
		t.Errorf("no context: %+v", e.Context)
	}
}

func TestWhatIsNotUnderstoodBecomesADeadLetter(t *testing.T) {
	c := newCluster(t)
	c.start(processor.Config{})
	c.produce("shop.public.product", `{"id":1}`, `not json`)
	c.message(7, 1, `{"user":42}`)
	c.update(7, 1, 2, "1", "2")
	c.end(7, 1, 1)
	if e := c.events(1)[0]; e.Context.Status != schema.StatusUnattributed {
		t.Errorf("a context of a wrong type: %+v", e.Context)
	}
	stages := map[string]string{}
	for _, r := range c.read("dossier.dlq", 2) {
		headers := map[string]string{}
		for _, h := range r.Headers {
			headers[h.Key] = string(h.Value)
		}
		stages[headers["dossier.dlq.stage"]] = string(r.Value)
	}
	if stages["processor"] != "not json" || !json.Valid([]byte(stages["context"])) {
		t.Errorf("dead letters %v", stages)
	}
}

// The committed offset stays before what is undecided, whatever has been polled.
func TestOffsetsAreThoseOfWhatIsDecided(t *testing.T) {
	c := newCluster(t)
	_, stop := c.start(processor.Config{Context: processor.ContextConfig{Topic: "request-context", Grace: time.Hour}})
	c.produce("request-context", "7", `{"user":{"id":"u7"}}`)
	c.update(7, 1, 1, "1", "2")
	c.end(7, 0, 1)
	c.events(1)
	c.update(8, 1, 1, "2", "3") // waits for an hour
	c.end(8, 0, 1)
	time.Sleep(500 * time.Millisecond)
	stop()
	offsets, err := kadm.NewClient(c.client).FetchOffsets(context.Background(), "dossier-processor")
	if err != nil {
		t.Fatal(err)
	}
	total := int64(0)
	offsets.Each(func(o kadm.OffsetResponse) {
		if o.Topic == "shop.public.product" {
			total += o.At
		}
	})
	if total != 1 {
		t.Errorf("offsets committed over %d changes, want 1", total)
	}
	c.produce("request-context", "8", `{"user":{"id":"u8"}}`)
	c.start(processor.Config{Context: processor.ContextConfig{Topic: "request-context", Grace: time.Hour}})
	users := map[string]int{}
	for _, e := range c.events(2) {
		users[e.Context.User.ID]++
	}
	if users["u7"] != 1 || users["u8"] != 1 {
		t.Errorf("users %v", users)
	}
}
