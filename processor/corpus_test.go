package processor

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"dossier/schema"
	"dossier/test/stack/corpus"
)

const corpusDir = "../schema/testdata/corpus"

// corpusSchemas resolves the schema ids of the recorded Avro records.
type corpusSchemas map[int]corpus.Schema

func (s corpusSchemas) SchemaByID(_ context.Context, id int) (string, error) {
	return string(s[id].Schema), nil
}

// audit plays a recording through the join and the materializer, contexts first, and returns the audit events' JSON, and how many
// records gave none, by reason.
func audit(t *testing.T, format corpus.Format, scenarios []string, config ContextConfig, entities []Entity) []string {
	t.Helper()
	records, err := corpus.Read(filepath.Join(corpusDir, format.File()), scenarios...)
	if err != nil {
		t.Fatal(err)
	}
	schemas, err := corpus.ReadSchemas(filepath.Join(corpusDir, corpus.SchemasFile))
	if err != nil {
		t.Fatal(err)
	}
	p, err := New(Config{Sources: []Source{{Name: format.Prefix(), Placeholder: corpus.Placeholder, Schemas: corpusSchemas(schemas)}}, Context: config, Entities: entities}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	reader := &contextReader{decoders: p.decoders, sources: p.sources, config: p.config.Context, window: NewWindow(1<<20, 1<<30), streams: make(map[topicPartition]*stream)}
	kafka := make([]*kgo.Record, len(records))
	for i, r := range records {
		kafka[i] = &kgo.Record{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Timestamp: r.Timestamp, Key: r.Key, Value: r.Value}
		for _, h := range r.Headers {
			kafka[i].Headers = append(kafka[i].Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
		}
		_, role, ok := classify(r.Topic, p.sources, p.config.Context)
		if !ok || role == roleChange {
			continue
		}
		rec, at := fromKgo(kafka[i], nil), topicPartition{r.Topic, r.Partition}
		if reader.streams[at] == nil {
			reader.addStream(at, 0)
		}
		add := addition{offset: r.Offset, time: r.Timestamp.UnixMilli()}
		if err := reader.understand(context.Background(), reader.streams[at], &rec, &add, new(contextScratch)); err != nil {
			t.Fatal(err)
		}
		reader.addOne(&add)
	}
	readPast := records[len(records)-1].Timestamp.UnixMilli() + 3_600_000
	parts := make(map[topicPartition]*partition)
	var events []string
	for _, r := range kafka {
		source, role, ok := classify(r.Topic, p.sources, p.config.Context)
		if !ok || role != roleChange {
			continue
		}
		at := topicPartition{r.Topic, r.Partition}
		part := parts[at]
		if part == nil {
			part = &partition{topicPartition: at, source: source, decoder: p.decoders[source.index]}
			part.materials.rules, part.joiner = p.rules, Joiner{Window: reader.window, Policy: p.policy}
			parts[at] = part
		}
		part.push([]*kgo.Record{r}, r.Timestamp)
		err := part.decode(context.Background(), p.rules, r.Timestamp)
		visible := false
		if err == nil {
			visible, err = part.materials.Materialize(&part.change, part.ordinal(), &part.event)
		}
		if visible {
			if part.event.Action != schema.ActionSnapshot {
				d := part.joiner.Decide(&part.facts, readPast)
				if !d.Decided {
					t.Fatalf("%s/%d: not decided", r.Topic, r.Offset)
				}
				part.event.Context = d.Context()
			}
			events = append(events, string(part.event.AppendJSON(nil)))
		} else if err == nil {
			events = append(events, "invisible: "+string(part.change.Op))
		} else if err != schema.ErrTombstone {
			t.Errorf("%s/%d: %v", r.Topic, r.Offset, err)
		}
		part.pop()
	}
	return events
}

var corpusScenarios = []string{"snapshot", "crud", "copy", "keyless", "rekey", "truncate", "message", "contexts", "alter", "toast", "identity", "numbers",
	"times", "types", "rollback", "interleaved", "several-tables", "partitioned", "incremental", "heartbeat"}

// The recorded events of the real connector, each scenario through join and materializer. The golden files hold the audit events,
// one per line.
func TestCorpus(t *testing.T) {
	for _, scenario := range corpusScenarios {
		t.Run(scenario, func(t *testing.T) {
			got := strings.Join(audit(t, corpus.JSON, []string{scenario}, ContextConfig{Table: "public.request_context"}, nil), "\n") + "\n"
			file := filepath.Join("testdata/corpus", scenario+".jsonl")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got:\n%s", diffLines(string(want), got))
			}
		})
	}
}

// What differs between two connectors that read the same log: their names, and thereby the ids, and when they read it.
var connectorsOwn = regexp.MustCompile(`"(id|pair_id)":"[A-Za-z0-9_-]{22}"|"captured":"[^"]*"|"source":"[^"]*"|"tx_id":\d+|"position":"[^"]*"|"time":"[^"]*"`)

var oddColumn = regexp.MustCompile(`"s[^"]*lde-1"`)

// The same row gives the same audit event whichever format it came in.
func TestFormatsAgree(t *testing.T) {
	// Times without a zone and dates are told by the configuration where JSON has no schema; and snapshots are taken at different times.
	scenarios := slices.DeleteFunc(slices.Clone(corpusScenarios), func(s string) bool { return s == "snapshot" || s == "incremental" || s == "heartbeat" })
	normal := func(format corpus.Format) []string {
		events := audit(t, format, scenarios, ContextConfig{Table: "public.request_context"}, nil)
		for i := range events {
			events[i] = connectorsOwn.ReplaceAllString(events[i], "")
			// Avro has no such names: Debezium writes the column as s__lde_1 there.
			events[i] = oddColumn.ReplaceAllString(events[i], `"s__lde_1"`)
		}
		return events
	}
	withSchema, avro := normal(corpus.JSONSchema), normal(corpus.Avro)
	if len(withSchema) != len(avro) {
		t.Fatalf("%d events by JSON with schema, %d by Avro", len(withSchema), len(avro))
	}
	slices.Sort(withSchema)
	slices.Sort(avro)
	for i := range withSchema {
		if withSchema[i] != avro[i] {
			t.Errorf("%s", diffLines(withSchema[i], avro[i]))
			if i > 40 {
				t.FailNow()
			}
		}
	}
}
