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
	"go.uber.org/zap/zaptest"

	"dossier/processor"
	"dossier/schema"
)

// A backlog of more contexts than the window holds: all are in the backlog, so none may be lost.
func TestBacklogLargerThanTheWindow(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	const n = 30_000
	start := time.Now().Add(-time.Hour)
	for i := range n {
		at := start.Add(time.Duration(i) * 100 * time.Millisecond)
		lsn := 1000 + 100*i
		src := func(lsn int, table string) string {
			return fmt.Sprintf(`"source":{"version":"3.3.1.Final","connector":"postgresql","name":"shop","ts_ms":%d,"snapshot":"false","db":"shop","sequence":"[\"%d\",\"%d\"]","schema":"public","table":"%s","txId":%d,"lsn":%d,"xmin":null}`, at.UnixMilli(), lsn-1, lsn, table, i+1, lsn)
		}
		put := func(topic, key, value string) {
			c.client.Produce(context.Background(), &kgo.Record{Topic: topic, Key: []byte(key), Value: []byte(value), Timestamp: at}, nil)
		}
		put("shop.transaction", "x", fmt.Sprintf(`{"status":"BEGIN","id":"%d:1","event_count":null,"data_collections":null,"ts_ms":1}`, i+1))
		put("shop.message", `{"prefix":"dossier.context"}`, fmt.Sprintf(`{"op":"m","ts_ms":%d,%s,"message":{"prefix":"dossier.context","content":%q},"transaction":{"id":"%d:%d","total_order":1,"data_collection_order":1}}`,
			at.UnixMilli(), src(lsn, ""), base64.StdEncoding.EncodeToString(fmt.Appendf(nil, `{"user":{"id":"u%d"}}`, i+1)), i+1, lsn))
		put("shop.public.product", fmt.Sprintf(`{"id":%d}`, i%100), fmt.Sprintf(`{"before":{"id":%d,"price":"1"},"after":{"id":%d,"price":"2"},%s,"op":"u","ts_ms":%d,"transaction":{"id":"%d:%d","total_order":2,"data_collection_order":1}}`,
			i%100, i%100, src(lsn+8, "product"), at.UnixMilli(), i+1, lsn+8))
		put("shop.transaction", "x", fmt.Sprintf(`{"status":"END","id":"%d:1","event_count":2,"data_collections":[{"data_collection":"public.product","event_count":1},{"data_collection":"LogicalDecodingMessageId@1","event_count":1}],"ts_ms":1}`, i+1))
	}
	if err := c.client.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	p, _ := c.start(processor.Config{Context: processor.ContextConfig{Lookback: time.Minute}, Limits: processor.Limits{ContextRecords: 20_000}})
	lost := 0
	for _, e := range c.events(n) {
		if e.Context.Status != schema.StatusAttached {
			lost++
		}
	}
	if lost > 0 {
		t.Errorf("%d of %d changes lost their context; evicted %d", lost, n, p.State().ContextsEvicted)
	}
}

// After an outage longer than lookback, a pending change that has expired meanwhile must not keep the context reader starting over for ever.
func TestPendingThatExpiredDuringAnOutage(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	config := processor.Config{Context: processor.ContextConfig{Topic: "request-context", Grace: 500 * time.Millisecond}}
	_, stop := c.start(config)
	c.update(1, 1, 1, "1", "2") // direct SQL: unattributed, pending
	c.end(1, 0, 1)
	c.events(1)
	t0 := time.Now()
	stop()

	// Contexts of other people, read by nobody who still needs them.
	for i := range 300_000 {
		tx := 1000 + i
		c.client.Produce(context.Background(), &kgo.Record{Topic: "shop.transaction", Timestamp: t0.Add(time.Duration(i) * 100 * time.Microsecond),
			Value: fmt.Appendf(nil, `{"status":"END","id":"%d:1","event_count":1,"data_collections":[{"data_collection":"public.product","event_count":1}],"ts_ms":1}`, tx)}, nil)
		at := t0.Add(time.Duration(i) * 100 * time.Microsecond)
		c.client.Produce(context.Background(), &kgo.Record{Topic: "shop.message", Timestamp: at, Value: fmt.Appendf(nil,
			`{"op":"m","ts_ms":1,"source":{"connector":"postgresql","name":"shop","ts_ms":1,"snapshot":"false","db":"shop","schema":"","table":"","txId":%d,"lsn":%d},"message":{"prefix":"dossier.context","content":"e30="},"transaction":{"id":"%d:1","total_order":1,"data_collection_order":1}}`, tx, i+1, tx)}, nil)
	}
	if err := c.client.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}

	// Twenty minutes later.
	const outage = 20 * time.Minute
	config.Sources = []processor.Source{{Name: "shop"}}
	p, err := processor.New(config, processor.Options{Kafka: c.options, Log: zaptest.NewLogger(t), Now: func() time.Time { return time.Now().Add(outage) }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	c.at = time.Now().Add(outage)
	c.message(7, 1, `{"user":{"id":"u1"}}`)
	c.update(7, 2, 2, "1", "2")
	c.end(7, 1, 1)
	c.events(2)
}

// Partitions that are taken away twice from an idle instance and come back later: nothing is published twice.
func TestPartitionsTakenAwayTwiceAndBack(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	if _, err := kadm.NewClient(c.client).UpdatePartitions(context.Background(), 24, "shop.public.product"); err != nil {
		t.Fatal(err)
	}
	config := processor.Config{CommitInterval: 20 * time.Millisecond, SessionTimeout: 6 * time.Second}
	c.start(config)
	tx, n := 0, 0
	feed := func(count int) {
		for range count {
			tx++
			n++
			c.message(tx, 1, fmt.Sprintf(`{"user":{"id":"u%d"}}`, tx))
			c.update(tx, tx, 2, "1", "2")
			c.end(tx, 1, 1)
		}
	}
	feed(120)
	c.events(n)
	_, stopB := c.start(config)
	time.Sleep(4 * time.Second)
	_, stopC := c.start(config)
	time.Sleep(4 * time.Second)
	feed(120)
	c.events(n)
	stopC()
	stopB()
	time.Sleep(4 * time.Second)
	feed(30)
	c.events(n)
}

// A dead letter whose headers are large stops its own partition at most.
func TestDeadLetterTooLargeForItsTopic(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.start(processor.Config{})
	cl, err := kgo.NewClient(append(c.options, kgo.ProducerBatchMaxBytes(30<<20), kgo.ProducerBatchCompression(kgo.GzipCompression()))...)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	if err := cl.ProduceSync(context.Background(), &kgo.Record{Topic: "shop.public.order", Value: []byte("nonsense"), Headers: []kgo.RecordHeader{{Key: "h", Value: []byte(strings.Repeat("x", 25<<20))}}}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	c.update(7, 1, 1, "1", "2")
	c.end(7, 0, 1)
	c.events(1)
}

// A row that must not be shown, and whose dead letter has to wait, gives no event meanwhile.
func TestRefusedRowWhoseDeadLetterWaits(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.start(processor.Config{Entities: []processor.Entity{{Table: "public.product", Fields: processor.FieldRules{Mask: []string{"id"}}}}})
	client, err := kgo.NewClient(append(c.options, kgo.ProducerBatchMaxBytes(30<<20), kgo.ProducerBatchCompression(kgo.GzipCompression()))...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	row := func(table string, tx int) string {
		return fmt.Sprintf(`{"before":null,"after":{"id":1},%s,"op":"c","ts_ms":1,"transaction":null}`, strings.Replace(c.source(tx), `"product"`, `"`+table+`"`, 1))
	}
	refused := &kgo.Record{Topic: "shop.public.product", Key: []byte(`{"id":1}`), Value: []byte(row("product", 7)),
		Headers: []kgo.RecordHeader{{Key: "h", Value: []byte(strings.Repeat("x", 2<<20))}}}
	if err := client.ProduceSync(context.Background(), refused).FirstErr(); err != nil {
		t.Fatal(err)
	}
	c.end(7, 0, 1)
	time.Sleep(3 * time.Second) // it is tried again each second
	c.produce("shop.public.order", `{"id":1}`, row("order", 8))
	c.end(8, 0, 1)
	if e := c.events(1)[0]; e.Entity.Type != "public.order" {
		t.Errorf("an event of %q: %+v", e.Entity.Type, e)
	}
	c.read("dossier.dlq", 0)
}

// The context topics come into being after the processor has begun to look for them.
func TestContextTopicsThatComeLater(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	admin := kadm.NewClient(c.client)
	if _, err := admin.DeleteTopics(context.Background(), "shop.transaction", "shop.message", "request-context"); err != nil {
		t.Fatal(err)
	}
	c.start(processor.Config{})
	c.update(1, 1, 1, "1", "2")
	c.events(1)
	if _, err := admin.CreateTopics(context.Background(), 1, 1, nil, "shop.message", "shop.transaction"); err != nil {
		t.Fatal(err)
	}
	c.again()
	c.at = time.Now()
	c.message(7, 1, `{"user":{"id":"u7"}}`)
	c.update(7, 2, 2, "1", "2")
	c.end(7, 1, 1)
	if e := find(t, c.events(2), schema.KindChange, "2"); e.Context.Status != schema.StatusAttached {
		t.Errorf("%+v", e.Context)
	}
}

// A context topic is deleted and comes again, as when a connector is set up anew.
func TestContextTopicMadeAnew(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.start(processor.Config{Context: processor.ContextConfig{Grace: time.Second}})
	for tx := 1; tx <= 3; tx++ {
		c.message(tx, 1, `{"user":{"id":"u1"}}`)
		c.update(tx, tx, 2, "1", "2")
		c.end(tx, 1, 1)
	}
	c.events(3)
	c.makeAnew("shop.message", 1)
	for tx := 11; tx <= 16; tx++ {
		c.message(tx, 1, `{"user":{"id":"u7"}}`)
		c.update(tx, tx, 2, "1", "2")
		c.end(tx, 1, 1)
	}
	for _, e := range c.events(9) {
		if e.Context.Status != schema.StatusAttached {
			t.Errorf("%s: %+v", e.Entity.ID, e.Context.Status)
		}
	}
}

// The same for a change topic.
func TestChangeTopicMadeAnew(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.start(processor.Config{Context: processor.ContextConfig{Grace: time.Second}})
	for tx := 1; tx <= 20; tx++ {
		c.update(tx, tx, 1, "1", "2")
		c.end(tx, 0, 1)
	}
	c.events(20)
	c.makeAnew("shop.public.product", 3)
	for tx := 31; tx <= 36; tx++ {
		c.update(tx, tx, 1, "1", "2")
		c.end(tx, 0, 1)
	}
	c.events(26)
}

// makeAnew deletes a topic and creates it, and waits until the clients have learnt of it.
func (c *cluster) makeAnew(topic string, partitions int32) {
	c.t.Helper()
	admin := kadm.NewClient(c.client)
	if _, err := admin.DeleteTopics(context.Background(), topic); err != nil {
		c.t.Fatal(err)
	}
	time.Sleep(2 * time.Second)
	if _, err := admin.CreateTopics(context.Background(), partitions, 1, nil, topic); err != nil {
		c.t.Fatal(err)
	}
	time.Sleep(6 * time.Second)
	c.again()
	c.at = time.Now()
}

// again makes a new client, which knows of topics made anew.
func (c *cluster) again() {
	c.client.Close()
	var err error
	if c.client, err = kgo.NewClient(c.options...); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(c.client.Close)
}

// A late context that came while nobody ran completes its change, however long that was.
func TestLateContextDuringALongOutage(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	config := processor.Config{Context: processor.ContextConfig{Topic: "request-context", Grace: 200 * time.Millisecond, Lookback: time.Minute}}
	_, stop := c.start(config)
	c.update(1, 1, 1, "1", "2")
	c.end(1, 0, 1)
	c.events(1)
	stop()
	c.at = c.at.Add(30 * time.Second)
	c.produce("request-context", "1", `{"user":{"id":"late"}}`)

	config.Sources = []processor.Source{{Name: "shop"}}
	p, err := processor.New(config, processor.Options{Kafka: c.options, Log: zaptest.NewLogger(t), Now: func() time.Time { return time.Now().Add(24 * time.Hour) }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	if e := find(t, c.events(2), schema.KindAttribution, "1"); e.Context.User.ID != "late" || e.Context.Status != schema.StatusLate {
		t.Errorf("%+v", e.Context)
	}
}
