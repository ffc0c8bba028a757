package processor

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dossier/schema"
	"dossier/test/stack/corpus"
)

// recordedUpdate decodes a recorded update of a row.
func recordedUpdate(b *testing.B) *schema.Change {
	records, err := corpus.Read(filepath.Join("..", "schema", "testdata", "corpus", corpus.JSON.File()), "crud")
	if err != nil {
		b.Fatal(err)
	}
	d := schema.NewDecoder(schema.DecoderConfig{})
	for _, r := range records {
		var c schema.Change
		if !strings.HasSuffix(r.Topic, ".product") || r.Value == nil {
			continue
		}
		if err := d.Change(b.Context(), &schema.Record{Topic: r.Topic, Key: r.Key, Value: r.Value}, &c); err != nil {
			b.Fatal(err)
		}
		if c.Op == schema.OpUpdate && string(c.Before.Get("price").JSON) != string(c.After.Get("price").JSON) {
			return &c
		}
	}
	b.Fatal("no recorded update")
	return nil
}

// BenchmarkMaterialize measures the step from a decoded change to its audit event: the comparison of the rows, and the event's identity.
func BenchmarkMaterialize(b *testing.B) {
	c := recordedUpdate(b)
	for name, entities := range map[string][]Entity{
		"plain": nil,
		"rules": {{Table: "public.product", Type: "product", Fields: FieldRules{Exclude: []string{"made"}, Mask: []string{"name"}}, Parent: &ParentRule{Type: "supplier", Field: "supplier_id"}}},
	} {
		b.Run(name, func(b *testing.B) {
			p, err := New(Config{Sources: []Source{{Name: c.Source}}, Entities: entities}, Options{})
			if err != nil {
				b.Fatal(err)
			}
			m := materializer{rules: p.rules}
			var e schema.AuditEvent
			b.ReportAllocs()
			for b.Loop() {
				if visible, err := m.Materialize(c, 0, &e); !visible || err != nil {
					b.Fatal(visible, err)
				}
			}
		})
	}
}

// BenchmarkDecide measures how the context of a change is found in a window of many transactions. What it says is rendered once for a transaction.
func BenchmarkDecide(b *testing.B) {
	const transactions = 100_000
	at := time.Now().UnixMilli()
	w := NewWindow(1<<30, 1<<40)
	for tx := range uint64(transactions) {
		w.AddBegin(0, tx, at)
		w.AddMessage(0, tx, ContextEntry{Time: at, LSN: tx * 100, Order: 1, Payload: []byte(`{"user":{"id":"u-1"},"correlation_id":"4f0c1a5e-9d53-4c8e-b7a2-000000000001"}`)})
		w.AddEnd(0, tx, End{Time: at, Messages: 1})
	}
	j := Joiner{Window: w, Policy: Policy{Grace: 5000, Lookback: 900_000}}
	b.ReportAllocs()
	for i := uint64(0); b.Loop(); i++ {
		tx := i * 7919 % transactions // no two neighbours in memory
		f := Facts{HasTx: true, TxID: tx, LSN: tx*100 + 10, Order: 2, RecordTime: at, CommitTime: at}
		if d := j.Decide(&f, 0); !d.Decided || d.ref == 0 {
			b.Fatalf("no context is found: %+v", d)
		}
	}
}
