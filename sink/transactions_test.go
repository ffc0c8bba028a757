package sink_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"dossier/internal/deadletter"
	"dossier/processor"
	"dossier/schema"
	"dossier/sink"
	"dossier/sink/sinktest"
	"dossier/test/stack/corpus"
)

const transactionsGroup = "dossier-sink.transactions"

// transactionTopics is an in-process cluster with transaction topics.
type transactionTopics struct {
	*kafka
	sources []sink.TransactionSource
}

func newTransactionTopics(t *testing.T, partitions int32, names ...string) *transactionTopics {
	t.Helper()
	topics := make([]string, len(names))
	k := &transactionTopics{}
	for i, name := range names {
		topics[i] = name + ".transaction"
		k.sources = append(k.sources, sink.TransactionSource{Name: name, Decoder: schema.NewDecoder(schema.DecoderConfig{Source: name}), Scope: func(table string) (string, bool) {
			switch table {
			case "public.product", "public.supplier":
				return "default", true
			case "public.person":
				return "people", true
			}
			return "", false
		}})
	}
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(partitions, topics...), kfake.SeedTopics(1, dlq), kfake.GroupMinSessionTimeout(100*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	k.kafka = &kafka{t, cluster, cluster.ListenAddrs(), client}
	return k
}

// loop starts a loop on a store and returns how to stop it, which gives Run's error.
func (k *transactionTopics) loop(store sink.Store, observer sink.Observer) (stop func() error) {
	k.t.Helper()
	l := &sink.TransactionLoop{Config: sink.TransactionConfig{Sources: k.sources, CommitInterval: 20 * time.Millisecond},
		Kafka: []kgo.Opt{kgo.SeedBrokers(k.brokers...), kgo.HeartbeatInterval(50 * time.Millisecond), kgo.MetadataMinAge(100 * time.Millisecond)}, Store: store, Observer: observer}
	ctx, cancel := context.WithCancel(k.t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	stop = sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	k.t.Cleanup(func() { _ = stop() })
	return stop
}

var commitTime = time.Date(2026, 11, 23, 2, 43, 54, 384e6, time.UTC)

func (k *transactionTopics) write(source string, partition int32, value string) {
	k.t.Helper()
	if err := k.client.ProduceSync(k.t.Context(), &kgo.Record{Topic: source + ".transaction", Partition: partition, Value: []byte(value)}).FirstErr(); err != nil {
		k.t.Fatal(err)
	}
}

func begin(tx int) string {
	return fmt.Sprintf(`{"status":"BEGIN","id":"%d:1000","event_count":null,"data_collections":null,"ts_ms":%d}`, tx, commitTime.UnixMilli())
}

// end is an END with counts such as "public.product 3".
func end(tx int, counts ...string) string {
	var collections []string
	for _, c := range counts {
		table, n, _ := strings.Cut(c, " ")
		collections = append(collections, fmt.Sprintf(`{"data_collection":%q,"event_count":%s}`, table, n))
	}
	return fmt.Sprintf(`{"status":"END","id":"%d:2000","event_count":1,"data_collections":[%s],"ts_ms":%d}`, tx, strings.Join(collections, ","), commitTime.UnixMilli())
}

// counts returns what a store has, as texts such as "shop 7 default public.product=3 certain".
func counts(t *testing.T, store *sinktest.Memory) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	for _, text := range store.All() {
		d, _, err := schema.ParseDocument([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if d.Kind != schema.DocumentTransaction || d.Transaction == nil {
			t.Fatalf("stored %s", text)
		}
		line := fmt.Sprintf("%s %d %s", d.CDC.Source, d.CDC.TxID, d.Scope)
		for _, c := range d.Transaction.Tables {
			line += fmt.Sprintf(" %s=%d", c.Name, c.Count)
		}
		if d.Transaction.Certain {
			line += " certain"
		}
		found[line] = true
	}
	return found
}

func (k *transactionTopics) wants(store *sinktest.Memory, want ...string) {
	k.t.Helper()
	var got map[string]bool
	deadline := time.Now().Add(30 * time.Second)
	for {
		got = counts(k.t, store)
		missing := 0
		for _, w := range want {
			if !got[w] {
				missing++
			}
		}
		if missing == 0 && len(got) == len(want) {
			return
		}
		if time.Now().After(deadline) {
			k.t.Fatalf("stored after 30 s: %v\nwant %v", got, want)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// at returns the committed offset of a topic's first partition; -1 without.
func (k *transactionTopics) at(source string) int64 {
	offsets, err := kadm.NewClient(k.client).FetchOffsets(k.t.Context(), transactionsGroup)
	if err != nil {
		return -1
	}
	o, ok := offsets.Lookup(source+".transaction", 0)
	if !ok {
		return -1
	}
	return o.At
}

func TestTransactionsOfTwoSourcesByScope(t *testing.T) {
	k := newTransactionTopics(t, 1, "shop", "crm")
	store := sinktest.NewMemory()
	k.loop(store, nil)
	k.write("shop", 0, begin(7))
	k.write("shop", 0, end(7, "public.product 3", "public.person 2", "public.supplier 1", "public.session 4"))
	k.write("crm", 0, begin(7))
	k.write("crm", 0, end(7, "public.product 1"))
	k.write("crm", 0, begin(8))
	k.write("crm", 0, end(8, "public.session 1"))
	k.wants(store, "shop 7 default public.product=3 public.supplier=1 certain", "shop 7 people public.person=2 certain", "crm 7 default public.product=1 certain")
	eventually(t, "everything committed", func() bool { return k.at("shop") == 2 && k.at("crm") == 4 })
}

// A restart between BEGIN and END sees the BEGIN again: nothing is committed beyond it.
func TestTransactionOpenAtARestart(t *testing.T) {
	k := newTransactionTopics(t, 1, "shop")
	store := sinktest.NewMemory()
	stop := k.loop(store, nil)
	k.write("shop", 0, begin(7))
	k.write("shop", 0, end(7, "public.product 1"))
	k.write("shop", 0, begin(8))
	k.wants(store, "shop 7 default public.product=1 certain")
	eventually(t, "committed up to the open BEGIN", func() bool { return k.at("shop") == 2 })
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if at := k.at("shop"); at != 2 {
		t.Fatalf("committed %d at the stop, want the offset of the open BEGIN, 2", at)
	}
	k.loop(store, nil)
	k.write("shop", 0, end(8, "public.product 2"))
	k.wants(store, "shop 7 default public.product=1 certain", "shop 8 default public.product=2 certain")
	eventually(t, "everything committed", func() bool { return k.at("shop") == 4 })
}

func TestTransactionsThatAreNotCertain(t *testing.T) {
	k := newTransactionTopics(t, 1, "shop")
	store := sinktest.NewMemory()
	k.write("shop", 0, end(6, "public.product 1")) // its BEGIN was deleted before it was read
	k.write("shop", 0, begin(7))
	k.write("shop", 0, begin(7)) // the connector was restarted
	k.write("shop", 0, end(7, "public.product 1"))
	k.write("shop", 0, begin(8))
	k.write("shop", 0, end(8, "public.product 5"))
	k.write("shop", 0, begin(8)) // the connector delivers again what it had delivered, from the middle on
	k.write("shop", 0, end(8, "public.product 2"))
	k.write("shop", 0, "neither JSON nor Avro")
	k.write("shop", 0, begin(9))
	k.write("shop", 0, end(9, "public.product 1"))
	k.loop(store, nil)
	k.wants(store, "shop 6 default public.product=1", "shop 7 default public.product=1", "shop 8 default public.product=5 certain", "shop 9 default public.product=1 certain")
}

func TestTransactionTopicOfSeveralPartitions(t *testing.T) {
	k := newTransactionTopics(t, 2, "shop")
	store := sinktest.NewMemory()
	k.loop(store, nil)
	k.write("shop", 0, begin(7))
	k.write("shop", 0, end(7, "public.product 3"))
	k.write("shop", 1, begin(8))
	k.write("shop", 0, end(8, "public.product 3"))
	k.wants(store, "shop 7 default public.product=3", "shop 8 default public.product=3")
}

// Every write fails in turn, before and after it took effect; the loop ends, is started again, and the store is as if nothing had been.
func TestTransactionsWithEveryWriteFailing(t *testing.T) {
	want := []string{"shop 7 default public.product=3 certain", "shop 7 people public.person=2 certain", "shop 8 default public.product=4", "shop 9 default public.product=1 certain"}
	for _, persisted := range []bool{false, true} {
		for n := int64(1); n <= 5; n++ {
			t.Run(fmt.Sprintf("write %d, persisted %v", n, persisted), func(t *testing.T) {
				t.Parallel()
				k := newTransactionTopics(t, 1, "shop")
				k.write("shop", 0, begin(7))
				k.write("shop", 0, end(7, "public.product 3", "public.person 2"))
				k.write("shop", 0, begin(8))
				k.write("shop", 0, end(8, "public.product 2"))
				k.write("shop", 0, begin(8))
				k.write("shop", 0, end(8, "public.product 4"))
				k.write("shop", 0, begin(9))
				k.write("shop", 0, end(9, "public.product 1"))
				store := sinktest.NewMemory()
				var writes atomic.Int64
				store.Fault = func(_ *schema.Document, after bool) error {
					if after == persisted && writes.Add(1) == n {
						return errors.New("the store has gone")
					}
					return nil
				}
				first := k.loop(store, nil)
				eventually(t, "the write has failed", func() bool { return writes.Load() >= n })
				if err := first(); err != nil && !strings.Contains(err.Error(), "has gone") {
					t.Fatal(err)
				}
				k.loop(store, nil)
				k.wants(store, want...)
			})
		}
	}
}

func TestRejectedTransactionBecomesADeadLetter(t *testing.T) {
	k := newTransactionTopics(t, 1, "shop")
	store := sinktest.NewMemory()
	store.Reject = func(d *schema.Document) error {
		if d.CDC.TxID == 7 {
			return errors.New("no")
		}
		return nil
	}
	k.loop(store, nil)
	k.write("shop", 0, begin(7))
	k.write("shop", 0, end(7, "public.product 3"))
	k.write("shop", 0, begin(8))
	k.write("shop", 0, end(8, "public.product 1"))
	k.wants(store, "shop 8 default public.product=1 certain")
	eventually(t, "everything committed", func() bool { return k.at("shop") == 4 })
	letters := k.letters()
	if len(letters) != 1 {
		t.Fatalf("%d dead letters", len(letters))
	}
	if l := letters[0]; l.Stage != deadletter.StageSink || l.Reason != sink.ReasonRejected || string(l.Original.Value) != end(7, "public.product 3") || l.Original.Offset != 1 {
		t.Errorf("dead letter %+v", l)
	}
}

// The transaction records of a real connector, with a restart within one of the transactions.
func TestRecordedTransactions(t *testing.T) {
	records, err := corpus.Read(filepath.Join("../schema/testdata/corpus", corpus.JSON.File()), "crud", "rekey", "truncate", "several-tables", "restart", "contexts")
	if err != nil {
		t.Fatal(err)
	}
	name := corpus.JSON.Prefix()
	k := newTransactionTopics(t, 1, name)
	coverage := processor.NewCoverage(processor.Config{Sources: []processor.Source{{Name: name}}, Context: processor.ContextConfig{Table: "public.request_context"},
		Entities: []processor.Entity{{Table: "public.supplier", Scope: "catalog"}}})
	k.sources[0].Scope = func(table string) (string, bool) { return coverage.Scope(name, table) }
	n := int64(0)
	for _, r := range records {
		if r.Topic == name+".transaction" {
			k.write(name, 0, string(r.Value))
			n++
		}
	}
	store := sinktest.NewMemory()
	k.loop(store, nil)
	eventually(t, "everything committed", func() bool { return k.at(name) == n })
	got := counts(t, store)
	for _, want := range []string{
		"shop_json 743 default public.product=1 certain",
		"shop_json 1075 default public.bulk=1", // whose connector was killed within it
		"shop_json 1077 default public.bulk=1 certain",
	} {
		if !got[want] {
			t.Errorf("not stored: %s", want)
		}
	}
	uncertain := 0
	for line := range got {
		if !strings.HasSuffix(line, "certain") {
			uncertain++
		}
		if strings.Contains(line, "request_context") || strings.Contains(line, "Logical") || strings.Contains(line, "debezium") {
			t.Errorf("counted: %s", line)
		}
	}
	if uncertain != 1 {
		t.Errorf("%d are not certain, want 1: %v", uncertain, got)
	}
}
