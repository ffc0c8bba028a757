package processor_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap/zaptest"

	"dossier/processor"
	"dossier/schema"
	"dossier/test/stack/corpus"
)

// registry is a schema registry with the recorded schemas, which can be down.
type registry struct {
	schemas map[int]corpus.Schema
	down    atomic.Bool
	asked   atomic.Int64
}

func (r *registry) SchemaByID(_ context.Context, id int) (string, error) {
	r.asked.Add(1)
	if r.down.Load() {
		return "", fmt.Errorf("connection refused: %w", schema.ErrRegistryUnavailable)
	}
	if s, ok := r.schemas[id]; ok {
		return string(s.Schema), nil
	}
	return "", &schema.DecodeError{Reason: "unknown_schema_id", Detail: fmt.Sprintf("the registry has no schema %d", id)}
}

// A registry that is down is waited for; nothing becomes a dead letter by it. What it does not know, and what is cut short, does.
func TestRegistryThatIsDown(t *testing.T) {
	c := newCluster(t)
	dir := filepath.Join("..", "schema", "testdata", "corpus")
	records, err := corpus.Read(filepath.Join(dir, corpus.Avro.File()), "crud")
	if err != nil {
		t.Fatal(err)
	}
	schemas, err := corpus.ReadSchemas(filepath.Join(dir, corpus.SchemasFile))
	if err != nil {
		t.Fatal(err)
	}
	source := corpus.Avro.Prefix()
	admin := kadm.NewClient(c.client)
	for _, topic := range []string{"public.product", "transaction", "message"} {
		if _, err := admin.CreateTopic(context.Background(), 1, 1, nil, source+"."+topic); err != nil {
			t.Fatal(err)
		}
	}
	const events = 3 // and an update that changes nothing, which gives none
	var update []byte
	for _, r := range records {
		record := &kgo.Record{Topic: r.Topic, Key: r.Key, Value: r.Value}
		for _, h := range r.Headers {
			record.Headers = append(record.Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
		}
		if err := c.client.ProduceSync(context.Background(), record).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(r.Topic, "product") && r.Value != nil {
			update = r.Value
		}
	}
	unknown := append([]byte{0, 0x7F, 0xFF, 0xFF, 0xFF}, update[5:]...)
	cut := update[:len(update)/2]
	for _, value := range [][]byte{unknown, cut} {
		if err := c.client.ProduceSync(context.Background(), &kgo.Record{Topic: source + ".public.product", Key: []byte("k"), Value: value}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}

	reg := &registry{schemas: schemas}
	reg.down.Store(true)
	p, err := processor.New(processor.Config{Sources: []processor.Source{{Name: source, Placeholder: corpus.Placeholder, Schemas: reg}}},
		processor.Options{Kafka: c.options, Log: zaptest.NewLogger(t)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	for deadline := time.Now().Add(20 * time.Second); reg.asked.Load() < 3; {
		if time.Now().After(deadline) {
			t.Fatal("the registry was not asked again")
		}
		time.Sleep(50 * time.Millisecond)
	}
	reg.down.Store(false)
	c.events(events)
	reasons := map[string]string{}
	for _, r := range c.read("dossier.dlq", 2) {
		for _, h := range r.Headers {
			if h.Key == "dossier.dlq.reason" {
				reasons[string(h.Value)] = string(r.Value)
			}
		}
	}
	if reasons["unknown_schema_id"] != string(unknown) || reasons["truncated"] != string(cut) {
		t.Errorf("dead letters by reason: %d, %q", len(reasons), reasons)
	}
}

// What the configuration leaves out is not read, and is no dead letter.
func TestTablesConfiguredAway(t *testing.T) {
	c := newCluster(t)
	config := processor.Config{Sources: []processor.Source{{Name: "shop", Exclude: []string{"public.order"}}},
		Entities: []processor.Entity{{Table: "public.product", Disabled: true}}}
	p, err := processor.New(config, processor.Options{Kafka: c.options, Log: zaptest.NewLogger(t)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	defer func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	if _, err := kadm.NewClient(c.client).CreateTopic(context.Background(), 1, 1, nil, "shop.public.kept"); err != nil {
		t.Fatal(err)
	}
	c.produce("shop.public.order", `{"id":1}`, "not even JSON")
	c.update(7, 1, 1, "1", "2")
	c.end(7, 0, 1)
	c.produce("shop.public.kept", `{"id":1}`, fmt.Sprintf(`{"before":null,"after":{"id":1},%s,"op":"c","ts_ms":1,"transaction":null}`,
		strings.Replace(c.source(7), `"product"`, `"kept"`, 1)))
	if e := c.events(1)[0]; e.Entity.Type != "public.kept" {
		t.Errorf("an event of %s", e.Entity.Type)
	}
	c.read("dossier.dlq", 0)
}
