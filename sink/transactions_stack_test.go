package sink_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"dossier/schema"
	"dossier/sink"
	"dossier/sink/sinktest"
	"dossier/test/stack"
)

func TestMain(m *testing.M) { os.Exit(stack.Main(m)) }

// On a real broker, with records that a connector wrote in Kafka transactions of its own, while instances come and go: each transaction's counts are stored, and certain.
func TestTransactionsOnARealBroker(t *testing.T) {
	s := stack.ForTest(t, stack.Kafka)
	name := fmt.Sprintf("tx%d", time.Now().UnixNano()%1_000_000)
	options := []kgo.Opt{kgo.SeedBrokers(s.KafkaBrokers()...)}
	producer, err := kgo.NewClient(append(options, kgo.TransactionalID(name), kgo.DefaultProduceTopic(name+".transaction"))...)
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	if _, err := kadm.NewClient(producer).CreateTopic(t.Context(), 1, 1, nil, name+".transaction"); err != nil {
		t.Fatal(err)
	}
	store := sinktest.NewMemory()
	source := sink.TransactionSource{Name: name, Decoder: schema.NewDecoder(schema.DecoderConfig{Source: name}), Scope: func(string) (string, bool) { return "default", true }}
	run := func() (stop func()) {
		l := &sink.TransactionLoop{Config: sink.TransactionConfig{Sources: []sink.TransactionSource{source}, Group: name, CommitInterval: 50 * time.Millisecond}, Kafka: options, Store: store}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- l.Run(ctx) }()
		return func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	}
	const n = 200
	stop := run()
	for tx := range n {
		// BEGIN and END in transactions of their own, as of a connector that commits between them.
		for _, value := range []string{begin(tx), end(tx, fmt.Sprintf("public.product %d", tx+1))} {
			if err := producer.BeginTransaction(); err != nil {
				t.Fatal(err)
			}
			if err := producer.ProduceSync(t.Context(), &kgo.Record{Value: []byte(value)}).FirstErr(); err != nil {
				t.Fatal(err)
			}
			if err := producer.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
				t.Fatal(err)
			}
			if tx%70 == 35 && value == begin(tx) {
				stop()
				stop = run()
			}
		}
	}
	defer func() { stop() }()
	eventually(t, "every transaction stored", func() bool { return len(store.All()) == n })
	found := counts(t, store)
	for tx := range n {
		if want := fmt.Sprintf("%s %d default public.product=%d certain", name, tx, tx+1); !found[want] {
			t.Errorf("not stored: %s", want)
		}
	}
	eventually(t, "everything committed", func() bool {
		offsets, err := kadm.NewClient(producer).FetchOffsets(t.Context(), name)
		if err != nil {
			return false
		}
		o, _ := offsets.Lookup(name+".transaction", 0)
		return o.At >= 4*n-1 // the records and the markers between them
	})
}
