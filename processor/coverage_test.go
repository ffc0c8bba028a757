package processor

import (
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"dossier/schema"
	"dossier/test/stack/corpus"
)

func TestCoverage(t *testing.T) {
	c := NewCoverage(Config{
		Sources: []Source{{Name: "shop", Include: []string{"public.*", "stock.Gr____e"}, Exclude: []string{"public.secret_*"}}, {Name: "crm"}},
		Context: ContextConfig{Table: "public.request_context"},
		Entities: []Entity{{Table: "public.person", Scope: "people"}, {Table: "public.session", Disabled: true}, {Source: "crm", Table: "public.note", Scope: "people"},
			{Table: "stock.Größe", Scope: "sizes"}},
	})
	for _, test := range []struct{ source, table, scope string }{
		{"shop", "public.product", "default"},
		{"shop", "public.person", "people"},
		{"shop", "public.note", "default"},
		{"crm", "public.note", "people"},
		{"crm", "any.table", "default"},
		{"shop", "stock.Größe", "sizes"},
		{"shop", "public.session", ""},
		{"shop", "public.secret_key", ""},
		{"shop", "private.thing", ""},
		{"shop", "public.request_context", ""},
		{"shop", "public.debezium_signal", ""},
		{"shop", "public.debezium_heartbeat", ""},
		{"shop", "io.debezium.connector.postgresql.LogicalDecodingMessageId@4f6ec54f", ""},
		{"shop", "transaction", ""},
		{"shop", "", ""},
		{"other", "public.product", ""},
	} {
		if scope, ok := c.Scope(test.source, test.table); ok != (test.scope != "") || ok && scope != test.scope {
			t.Errorf("%s %s: scope %q, %v; want %q", test.source, test.table, scope, ok, test.scope)
		}
	}
}

// What the connector counts of a transaction is what becomes of it: as many changes of each covered table as its END tells. That is what a reader compares.
func TestCountsOfRecordedTransactionsAgreeWithTheirEvents(t *testing.T) {
	for _, format := range corpus.Formats() {
		t.Run(string(format), func(t *testing.T) {
			scenarios := append([]string{"names", "restart"}, corpusScenarios...)
			config := ContextConfig{Table: "public.request_context"}
			coverage := NewCoverage(Config{Sources: []Source{{Name: format.Prefix()}}, Context: config})
			type key struct {
				tx    uint64
				table string
			}
			published := make(map[key]int64)
			invisible := int64(0)
			for _, text := range audit(t, format, scenarios, config, nil) {
				if strings.HasPrefix(text, "invisible") {
					invisible++
					continue
				}
				var e struct {
					Action string
					CDC    struct {
						Schema, Table string
						TxID          uint64 `json:"tx_id"`
					}
				}
				if err := json.Unmarshal([]byte(text), &e); err != nil {
					t.Fatal(err)
				}
				if e.Action != "snapshot" {
					published[key{e.CDC.TxID, e.CDC.Schema + "." + e.CDC.Table}]++
				}
			}
			counted, missing := 0, int64(0)
			begins := make(map[uint64]int)
			for _, b := range recordedBoundaries(t, format, scenarios) {
				if !b.End {
					begins[b.TxID]++
					continue
				}
				if begins[b.TxID] != 1 {
					continue // the connector was restarted within it, and counted the rest alone
				}
				for _, c := range b.Collections {
					if _, ok := coverage.Scope(format.Prefix(), c.Name); !ok {
						continue
					}
					counted++
					switch n := published[key{b.TxID, c.Name}]; {
					case n > c.Count:
						t.Errorf("transaction %d: %d events of %s, the connector counts %d", b.TxID, n, c.Name, c.Count)
					case n < c.Count:
						missing += c.Count - n
					}
				}
			}
			if counted < 50 {
				t.Fatalf("%d counts compared", counted)
			}
			if missing != invisible {
				t.Errorf("%d events are missing, %d changes were invisible", missing, invisible)
			}
		})
	}
}

func recordedBoundaries(t *testing.T, format corpus.Format, scenarios []string) []schema.TransactionBoundary {
	t.Helper()
	records, err := corpus.Read(filepath.Join(corpusDir, format.File()), scenarios...)
	if err != nil {
		t.Fatal(err)
	}
	schemas, err := corpus.ReadSchemas(filepath.Join(corpusDir, corpus.SchemasFile))
	if err != nil {
		t.Fatal(err)
	}
	d := schema.NewDecoder(schema.DecoderConfig{Source: format.Prefix(), Schemas: corpusSchemas(schemas)})
	var boundaries []schema.TransactionBoundary
	for _, r := range records {
		if !strings.HasSuffix(r.Topic, ".transaction") {
			continue
		}
		var b schema.TransactionBoundary
		if err := d.Transaction(context.Background(), &schema.Record{Topic: r.Topic, Key: r.Key, Value: r.Value}, &b); err != nil {
			t.Fatal(err)
		}
		boundaries = append(boundaries, b)
	}
	return boundaries
}
