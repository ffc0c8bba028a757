package intake

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"dossier/schema"
	"dossier/test/stack"
)

func TestMain(m *testing.M) { os.Exit(stack.Main(m)) }

// On a real broker: instances that die amid their work and one that ends it, poison among the feedback, and versions named at the same time. Readers of
// committed records see every event once.
func TestOnARealBroker(t *testing.T) {
	s := stack.ForTest(t, stack.Kafka)
	prefix := fmt.Sprintf("intake%d.", time.Now().UnixNano()%1_000_000)
	options := []kgo.Opt{kgo.SeedBrokers(s.KafkaBrokers()...)}
	client, err := kgo.NewClient(options...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for topic, partitions := range map[string]int32{"feedback": 3, "audit": 3, "dlq": 1} {
		if _, err := kadm.NewClient(client).CreateTopic(t.Context(), partitions, 1, nil, prefix+topic); err != nil {
			t.Fatal(err)
		}
	}
	const n = 3_000
	for i := range n {
		client.Produce(t.Context(), &kgo.Record{Topic: prefix + "feedback", Key: fmt.Append(nil, i), Value: []byte(feedbackText(i))}, nil)
		if i%100 == 0 {
			client.Produce(t.Context(), &kgo.Record{Topic: prefix + "feedback", Value: []byte("poison")}, nil)
		}
	}
	if err := client.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	config := Config{Topic: prefix + "feedback", Group: prefix + "group", Audit: Format{Topic: prefix + "audit"}, DeadLetterTopic: prefix + "dlq", BatchRecords: 50,
		SessionTimeout: 6 * time.Second, TransactionTimeout: 6 * time.Second, DrainTimeout: 50 * time.Millisecond}
	run := func(way *network) (stop func()) {
		l := &Loop{Config: config, Kafka: append(options[:len(options):len(options)], kgo.Dialer(way.dial))}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- l.Run(ctx) }()
		return func() {
			cancel()
			<-done
		}
	}
	for i, key := range []int16{26, 28, 0} { // the end of a transaction, its offsets, its records
		way := newNetwork(key, i%2 == 0)
		stop := run(way)
		select {
		case <-way.died:
		case <-time.After(30 * time.Second):
			t.Fatalf("no request %d within 30 s", key)
		}
		stop()
	}
	t.Cleanup(run(newNetwork(-1, false)))
	p, err := NewPublisher(Format{Topic: prefix + "audit"}, options, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if err := p.Publish(t.Context(), someVersions(fmt.Sprint("v", i), 100)); err != nil {
			t.Fatal(err)
		}
	}
	e := access(1)
	p.Access(&e)
	if err := p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}

	reader, err := kgo.NewClient(append(options[:len(options):len(options)], kgo.ConsumeTopics(prefix+"audit", prefix+"dlq"), kgo.FetchIsolationLevel(kgo.ReadCommitted()))...)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	ids, kinds, letters := map[string]bool{}, map[schema.Kind]int{}, 0
	for len(ids) < n+301 || letters < n/100 {
		fetches := reader.PollFetches(ctx)
		if ctx.Err() != nil {
			t.Fatalf("%d events %v and %d dead letters, want %d and %d", len(ids), kinds, letters, n+301, n/100)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if r.Topic == prefix+"dlq" {
				letters++
				return
			}
			var e schema.AuditEvent
			if err := schema.ParseAuditEvent(r.Value, &e); err != nil {
				t.Fatal(err)
			}
			if ids[e.ID] {
				t.Errorf("event %s twice", e.ID)
			}
			ids[e.ID] = true
			kinds[e.Kind]++
		})
	}
	if kinds[schema.KindFeedback] != n || kinds[schema.KindNamedVersion] != 300 || kinds[schema.KindAccess] != 1 || letters != n/100 {
		t.Errorf("%v, %d dead letters", kinds, letters)
	}
}
