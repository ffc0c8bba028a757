package schema

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"dossier/test/stack/corpus"
)

// formatDifferences are the columns whose values are not the same in all formats, because the connectors of the recording were told to send
// them differently, or because JSON without a schema does not tell what a number is. See docs/values.md.
var formatDifferences = map[string]string{
	"json numbers.free":            "numeric without a scale: bytes have no trailing zeros, text has",
	"json lists.free":              "the same in an array",
	"json document.amounts":        "the same in an array",
	"json document_full.amounts":   "the same in an array",
	"json times.span":              "interval.handling.mode: microseconds no longer tell months and days",
	"json debezium_heartbeat.beat": "timestamptz is not among the configured types",
}

// TestSameValuesInEveryFormat: one row gives the same values, whether it came as JSON, as JSON with schemas or as Avro.
func TestSameValuesInEveryFormat(t *testing.T) {
	rows := make(map[corpus.Format]map[string]string)
	for _, f := range corpus.Formats() {
		rows[f] = corpusFields(t, f)
	}
	// Avro's names have letters of ASCII: field.name.adjustment.mode=avro.
	const renamed = "sölde"
	unused := make(map[string]bool)
	for k := range formatDifferences {
		unused[k] = true
	}
	for _, f := range []corpus.Format{corpus.JSON, corpus.JSONSchema} {
		compared := 0
		for field, value := range rows[f] {
			other, ok := rows[corpus.Avro][field]
			if !ok {
				if strings.Contains(field, " r ") || strings.Contains(field, "lde-1") { // a snapshot row's place in the log is that of its snapshot
					continue
				}
				t.Errorf("%s is in %s, but not in avro", field, f)
				continue
			}
			compared++
			if value != other {
				name := string(f) + " " + field[strings.LastIndexByte(field, ' ')+1:]
				delete(unused, name)
				if formatDifferences[name] == "" {
					t.Errorf("%s: %s has %s, avro has %s", field, f, value, other)
				}
			}
		}
		if compared < 1000 {
			t.Errorf("%s: only %d fields compared: the corpus is not what it was", f, compared)
		}
	}
	for name := range unused {
		t.Errorf("%s is excepted and never differs", name)
	}
}

// corpusFields returns every field of every row of a format's recording, by where it is.
func corpusFields(t *testing.T, f corpus.Format) map[string]string {
	t.Helper()
	d := corpusDecoder(t)
	fields := make(map[string]string)
	var c Change
	for _, r := range corpusRecords(t, f) {
		if strings.HasSuffix(r.Topic, ".transaction") || strings.HasSuffix(r.Topic, ".message") || strings.HasPrefix(r.Topic, "__debezium") {
			continue
		}
		err := d.Change(t.Context(), recordOf(r), &c)
		if errors.Is(err, ErrTombstone) {
			continue
		}
		if err != nil {
			t.Fatalf("%s %s: %v", f, r.Topic, err)
		}
		for name, row := range map[string]Row{"key": c.Key, "new": c.NewKey, "old": c.OldKey, "before": c.Before, "after": c.After} {
			for _, field := range row {
				place := fmt.Sprintf("%s %c tx=%d order=%d %s %s %s.%s", r.Scenario, c.Op, c.TxID, c.TotalOrder, EntityID(c.Key), name, c.Table, field.Name)
				value := field.Value.State.String()
				if field.Value.State == Present {
					value = string(field.Value.JSON)
				}
				fields[place] = value
			}
		}
	}
	return fields
}
