package processor_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"dossier/processor"
	"dossier/schema"
)

// essence is what must be the same however often, and however fast, a log is read.
func essence(events []schema.AuditEvent) []string {
	var lines []string
	for _, e := range events {
		lines = append(lines, fmt.Sprintf("%s %s %s %s %s %s", e.ID, e.Kind, e.Entity.ID, e.Context.Status, e.Context.Route, e.Context.User.ID))
	}
	slices.Sort(lines)
	return lines
}

// The same log read again, all at once instead of as it grew, gives the same events: also the late contexts, which are there before
// their changes now.
func TestReplayChangesNothing(t *testing.T) {
	c := newCluster(t)
	config := processor.Config{Context: processor.ContextConfig{Topic: "request-context", Grace: 300 * time.Millisecond}}
	_, stop := c.start(config)
	n := 0
	for i := range 12 {
		c.at = time.Now()
		tx := 100 + i
		if i%3 == 0 {
			c.produce("request-context", fmt.Sprint(tx), fmt.Sprintf(`{"user":{"id":"before-%d"}}`, i))
		}
		c.update(tx, i, 1, "1", "2")
		c.end(tx, 0, 1)
		n++
		if i%3 == 1 {
			time.Sleep(500 * time.Millisecond)
			c.at = time.Now()
			c.produce("request-context", fmt.Sprint(tx), fmt.Sprintf(`{"user":{"id":"late-%d"}}`, i))
			n++
		}
	}
	live := essence(c.events(n))
	stop()
	again := config
	again.Group, again.Audit.Topic, again.Audit.PendingTopic = "replay", "dossier.replay", "dossier.replay.pending"
	admin := kadm.NewClient(c.client)
	if _, err := admin.CreateTopics(context.Background(), 3, 1, nil, "dossier.replay", "dossier.replay.pending"); err != nil {
		t.Fatal(err)
	}
	c.start(again)
	var replayed []schema.AuditEvent
	for _, r := range c.read("dossier.replay", n) {
		var e schema.AuditEvent
		if err := schema.ParseAuditEvent(r.Value, &e); err != nil {
			t.Fatal(err)
		}
		replayed = append(replayed, e)
	}
	if got := essence(replayed); !slices.Equal(live, got) {
		t.Errorf("live\n%s\nreplayed\n%s", strings.Join(live, "\n"), strings.Join(got, "\n"))
	}
}

func TestAnEventTooLargeForTheAuditTopicBecomesADeadLetter(t *testing.T) {
	c := newCluster(t)
	c.start(processor.Config{Audit: processor.AuditConfig{MaxRecordBytes: 20_000}})
	c.update(7, 1, 1, "1", strings.Repeat("x", 20_000))
	c.update(7, 1, 2, "1", "2")
	c.end(7, 0, 2)
	c.events(1)
	letter := c.read("dossier.dlq", 1)[0]
	if !strings.Contains(string(letter.Value), strings.Repeat("x", 20_000)) {
		t.Error("the dead letter has not the original bytes")
	}
	for _, h := range letter.Headers {
		if h.Key == "dossier.dlq.reason" && string(h.Value) != "audit_event_too_large" {
			t.Errorf("reason %s", h.Value)
		}
	}
}

// A database clock years ahead or behind, and a record time in the future, hold nothing up.
func TestAClockThatLies(t *testing.T) {
	c := newCluster(t)
	c.start(processor.Config{Context: processor.ContextConfig{Topic: "request-context", Grace: 500 * time.Millisecond}})
	for i, at := range []time.Time{time.Now().AddDate(10, 0, 0), time.Now().AddDate(-40, 0, 0), time.Now()} {
		c.at = at
		c.update(7+i, i, 1, "1", "2")
		c.end(7+i, 0, 1)
	}
	c.at = time.Now().AddDate(5, 0, 0)
	c.produce("request-context", "77", `{"user":{"id":"from the future"}}`)
	c.at = time.Now()
	c.message(50, 1, `{"user":{"id":"u50"}}`)
	c.update(50, 50, 2, "1", "2")
	c.end(50, 1, 1)
	if e := find(t, c.events(4), schema.KindChange, "50"); e.Context.User.ID != "u50" {
		t.Errorf("%+v", e.Context)
	}
}

// Equal rows without a key keep their ordinals, and so their ids, when the processor restarts between them.
func TestKeylessRowsAcrossARestart(t *testing.T) {
	c := newCluster(t)
	config := processor.Config{CommitInterval: 10 * time.Millisecond}
	_, stop := c.start(config)
	keyless := func(order int) {
		c.produce("shop.public.order", "", fmt.Sprintf(`{"before":null,"after":{"a":1},"op":"c","ts_ms":1,"source":{"connector":"postgresql","name":"shop","ts_ms":1,"db":"shop","sequence":"[\"1\",\"500\"]","schema":"public","table":"order","txId":9,"lsn":500},"transaction":{"id":"9:500","total_order":%d,"data_collection_order":%d}}`, order, order))
	}
	c.client.Close()
	var err error
	if c.client, err = kgo.NewClient(append(c.options, kgo.RecordPartitioner(kgo.BasicConsistentPartitioner(func(string) func(*kgo.Record, int) int {
		return func(*kgo.Record, int) int { return 0 }
	})))...); err != nil {
		t.Fatal(err)
	}
	keyless(1)
	keyless(2)
	c.end(9, 0, 0)
	c.events(2)
	stop()
	c.start(config)
	keyless(3)
	ids := map[string]bool{}
	for _, e := range c.events(3) {
		ids[e.ID] = true
	}
	if len(ids) != 3 {
		t.Errorf("%d ids for 3 equal rows", len(ids))
	}
}

// A change that waits for its context fills the buffer no further than configured, and everything behind it comes in the end.
func TestBackpressure(t *testing.T) {
	c := newCluster(t)
	p, _ := c.start(processor.Config{
		Context: processor.ContextConfig{Topic: "request-context", Grace: time.Hour},
		Limits:  processor.Limits{BufferRecords: 100, BufferBytes: 100 << 10},
	})
	const n = 3000
	var records []*kgo.Record
	for i := range n {
		c.lsn += 8
		records = append(records, &kgo.Record{Topic: "shop.public.product", Timestamp: c.at, Key: fmt.Appendf(nil, `{"id":%d}`, i%50),
			Value: fmt.Appendf(nil, `{"before":{"id":%d,"price":"%d"},"after":{"id":%d,"price":"%d"},%s,"op":"u","ts_ms":1,"transaction":null}`, i%50, i, i%50, i+1, c.source(7))})
	}
	if err := c.client.ProduceSync(context.Background(), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	c.end(7, 0, n)
	deadline := time.Now().Add(readTimeout)
	for p.State().PausedPartitions == 0 && time.Now().Before(deadline) {
		time.Sleep(20 * time.Millisecond)
	}
	// What a poll brought may exceed the limit once; from then on fetching is paused.
	state := p.State()
	if state.PausedPartitions == 0 {
		t.Fatalf("no partition is paused: %+v", state)
	}
	c.produce("request-context", "7", `{"user":{"id":"u7"}}`)
	for _, e := range c.events(n) {
		if e.Context.User.ID != "u7" {
			t.Fatalf("%+v", e.Context)
		}
	}
}
