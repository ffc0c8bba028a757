package processor

import (
	"context"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// The instance that had the partitions before has ended its transaction, but the broker has not yet made visible what it wrote.
func TestPendingThatIsNotYetVisible(t *testing.T) {
	t.Parallel()
	const topic = "dossier.audit.pending"
	fake, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, topic))
	if err != nil {
		t.Fatal(err)
	}
	defer fake.Close()
	options := []kgo.Opt{kgo.SeedBrokers(fake.ListenAddrs()...)}
	writer, err := kgo.NewClient(append(options, kgo.TransactionalID("before"), kgo.DefaultProduceTopic(topic))...)
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	admin := kadm.NewClient(writer)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := writer.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := writer.ProduceSync(ctx, &kgo.Record{Key: []byte("e1"), Value: []byte("waits")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	loaded := make(chan map[string]string, 1)
	go func() {
		got := map[string]string{}
		if _, err := loadPending(ctx, options, admin, topic, 10, func(key string, value []byte) { got[key] = string(value) }); err != nil {
			t.Error(err)
		}
		loaded <- got
	}()
	select {
	case got := <-loaded:
		t.Fatalf("loaded %v while a transaction is open", got)
	case <-time.After(200 * time.Millisecond):
	}
	if err := writer.EndTransaction(ctx, kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
	if got := <-loaded; got["e1"] != "waits" {
		t.Errorf("loaded %v, expected the change that waits", got)
	}

	// A transaction that never ends is told of.
	if err := writer.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := writer.ProduceSync(ctx, &kgo.Record{Key: []byte("e2"), Value: []byte("waits")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	short, stop := context.WithTimeout(ctx, 50*time.Millisecond)
	defer stop()
	if _, err := loadPending(short, options, admin, topic, 10, func(string, []byte) {}); err == nil {
		t.Error("no error for a transaction that stays open")
	}
}
