package schema

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"

	"dossier/test/stack/corpus"
)

var update = flag.Bool("update", false, "write the golden files anew")

const corpusDir = "testdata/corpus"

// corpusTypes are the types that a configuration has to give for the corpus's JSON without schemas, where they matter: see
// docs/values.md.
func corpusTypes(_, table, column string) (ColumnType, bool) {
	name, ok := map[string]string{
		"times.ts": "timestamp_micros", "times.ts0": "timestamp_millis", "times.ts3": "timestamp_millis", "times.d": "date",
		"times.t": "time_micros", "times.t0": "time_millis", "times.t3": "time_millis", "times.tstz": "timestamptz", "times.tstz0": "timestamptz",
		"times.tstz3": "timestamptz", "times.ttz": "timetz", "product.made": "timestamptz", "reading.day": "date",
		"mixed_key.day": "date", "mixed_key.at": "timestamptz", "lists.days": "date[]",
		"document.stamps": "timestamptz[]", "document.amounts": "decimal[]",
		"numbers.single": "real", "numbers.double": "float",
	}[table+"."+column]
	if !ok {
		return ColumnType{}, false
	}
	t, err := ParseColumnType(name)
	if err != nil {
		panic(err)
	}
	return t, true
}

// corpusSchemas is the recorded registry.
func corpusSchemas(t testing.TB) SchemaSource {
	t.Helper()
	recorded, err := corpus.ReadSchemas(filepath.Join(corpusDir, corpus.SchemasFile))
	if err != nil {
		t.Fatal(err)
	}
	m := make(schemaMap)
	for id, s := range recorded {
		m[id] = string(s.Schema)
	}
	return m
}

func corpusDecoder(t testing.TB) *Decoder {
	return NewDecoder(DecoderConfig{Placeholder: corpus.Placeholder, Schemas: corpusSchemas(t), Types: corpusTypes})
}

// corpusRecords reads recorded events of the given scenarios, all without any.
func corpusRecords(t testing.TB, f corpus.Format, scenarios ...string) []corpus.Record {
	t.Helper()
	records, err := corpus.Read(filepath.Join(corpusDir, f.File()), scenarios...)
	if err != nil {
		t.Fatal(err)
	}
	return records
}

func recordOf(r corpus.Record) *Record {
	rec := &Record{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Time: r.Timestamp, Key: r.Key, Value: r.Value}
	for _, h := range r.Headers {
		rec.Headers = append(rec.Headers, Header{Key: h.Key, Value: h.Value})
	}
	return rec
}

func boundaryText(b *TransactionBoundary) string {
	s := fmt.Sprintf("BEGIN tx=%d ", b.TxID)
	if b.End {
		s = fmt.Sprintf("END tx=%d events=%d", b.TxID, b.EventCount)
	}
	for _, c := range b.Collections {
		name := c.Name
		if i := strings.IndexByte(name, '@'); i >= 0 {
			name = name[:i] // an object's address
		}
		s += fmt.Sprintf(" %s=%d", name, c.Count)
	}
	return s
}

func messageText(m *Message) string {
	return fmt.Sprintf("message prefix=%s tx=%d order=%d content=%q", m.Prefix, m.TxID, m.TotalOrder, m.Content)
}

func changeText(c *Change) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%c %s.%s", c.Op, c.Schema, c.Table)
	if c.Snapshot != "" {
		fmt.Fprintf(&b, " snapshot=%s", c.Snapshot)
	}
	if c.HasTx {
		fmt.Fprintf(&b, " tx=%d ", c.TxID)
	}
	if c.TotalOrder > 0 {
		fmt.Fprintf(&b, "order=%d/%d", c.TotalOrder, c.CollectionOrder)
	}
	for _, row := range []struct {
		name string
		row  Row
	}{{"key", c.Key}, {"new key", c.NewKey}, {"old key", c.OldKey}, {"before", c.Before}, {"after", c.After}} {
		if row.row != nil {
			fmt.Fprintf(&b, "\n    %-7s %s", row.name, rowText(row.row))
		}
	}
	return b.String()
}

// TestCorpus decodes everything that was recorded, in each format, and compares with golden files that people can read. Transactions are
// numbered anew in each scenario, and records sorted, so that another recording of the same workload gives the same files.
func TestCorpus(t *testing.T) {
	for _, f := range append(corpus.Formats(), corpus.JSONSchemaISO, corpus.AvroConnect) {
		t.Run(string(f), func(t *testing.T) {
			d := corpusDecoder(t)
			scenarios := make(map[string]*goldenScenario)
			var names []string
			for _, r := range corpusRecords(t, f) {
				if r.Scenario == "heartbeat" || r.Scenario == "restart" || strings.HasPrefix(r.Topic, "__debezium") {
					continue // how often, and at what moment, is another each time
				}
				s := scenarios[r.Scenario]
				if s == nil {
					s = new(goldenScenario)
					scenarios[r.Scenario] = s
					names = append(names, r.Scenario)
				}
				s.add(t, d, f, r)
			}
			sort.Strings(names)
			var all strings.Builder
			for _, n := range names {
				fmt.Fprintf(&all, "-- %s --\n%s", n, scenarios[n].text())
			}
			golden(t, filepath.Join("testdata", "decoded-"+string(f)+".txt"), all.String())
		})
	}
}

type goldenScenario struct {
	entries      []goldenEntry
	transactions []uint64
}

type goldenEntry struct{ order, text string }

func (s *goldenScenario) add(t *testing.T, d *Decoder, f corpus.Format, r corpus.Record) {
	t.Helper()
	rec := recordOf(r)
	topic := strings.TrimPrefix(r.Topic, f.Prefix()+".")
	e := goldenEntry{order: fmt.Sprintf("%s %012d", topic, r.Offset)}
	var tx uint64
	var err error
	switch topic {
	case "transaction":
		var b TransactionBoundary
		err = d.Transaction(t.Context(), rec, &b)
		e.text, tx = boundaryText(&b), b.TxID
	case "message":
		var m Message
		err = d.Message(t.Context(), rec, &m)
		e.text, tx = messageText(&m), m.TxID
	default:
		var c Change
		err = d.Change(t.Context(), rec, &c)
		e.text, tx = changeText(&c), c.TxID
		if err == nil {
			e.order = topic + " " + c.Position + " " + EntityID(c.Key)
		}
	}
	if errors.Is(err, ErrTombstone) {
		return
	}
	if err != nil {
		e.text = "ERROR " + err.Error()
	}
	e.text = topic + ": " + e.text
	s.entries = append(s.entries, e)
	if tx != 0 && !slices.Contains(s.transactions, tx) {
		s.transactions = append(s.transactions, tx)
	}
}

func (s *goldenScenario) text() string {
	slices.SortStableFunc(s.entries, func(a, b goldenEntry) int { return strings.Compare(a.order, b.order) })
	slices.Sort(s.transactions)
	var b strings.Builder
	for _, e := range s.entries {
		b.WriteString(e.text)
		b.WriteByte('\n')
	}
	text := b.String()
	for i, tx := range s.transactions {
		text = strings.ReplaceAll(text, fmt.Sprintf("tx=%d ", tx), fmt.Sprintf("tx=#%d ", i+1))
	}
	return text
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; run go test ./schema -update", err)
	}
	g, w := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for i := range max(len(g), len(w)) {
		if i >= len(g) || i >= len(w) || g[i] != w[i] {
			line := func(s []string) string {
				if i < len(s) {
					return s[i]
				}
				return "(end)"
			}
			t.Fatalf("%s:%d differs; if the change is meant, run go test ./schema -update\n got %s\nwant %s", path, i+1, line(g), line(w))
		}
	}
}

// BenchmarkChange decodes a recorded update with its key, before and after.
func BenchmarkChange(b *testing.B) {
	for _, f := range corpus.Formats() {
		b.Run(string(f), func(b *testing.B) {
			d := corpusDecoder(b)
			var rec *Record
			for _, r := range corpusRecords(b, f, "crud") {
				if bytes.Contains(r.Value, []byte("wide shelf")) && bytes.Contains(r.Value, []byte("shelf")) && rec == nil {
					rec = recordOf(r)
				}
			}
			var c Change
			b.SetBytes(int64(len(rec.Value)))
			b.ReportAllocs()
			for b.Loop() {
				if err := d.Change(b.Context(), rec, &c); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
