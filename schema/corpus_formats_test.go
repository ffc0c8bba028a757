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
	"json numbers.free":                     "numeric without a scale: bytes have no trailing zeros, text has",
	"json lists.free":                       "the same in an array",
	"json document.amounts":                 "the same in an array",
	"json document_full.amounts":            "the same in an array",
	"json times.span":                       "interval.handling.mode: microseconds no longer tell months and days",
	"json odd_numbers.free":                 "numeric NaN is the text NAN, of a type that is not configured; bytes cannot hold it, so avro has null",
	"json odd_numbers.money":                "the same",
	"json-schema-iso times.t":               "time.precision.mode=isostring: 24:00 comes as 00:00",
	"json-schema-iso times.t0":              "the same",
	"json-schema-iso times.t3":              "the same",
	"json-schema-iso times.span":            "interval.handling.mode: microseconds no longer tell months and days",
	"json-schema-iso numbers.free":          "numeric without a scale: bytes have no trailing zeros, text has",
	"json-schema-iso lists.free":            "the same in an array",
	"json-schema-iso document.amounts":      "the same; and null for an unchanged TOASTed array of text that is no text[] cannot be told",
	"json-schema-iso document_full.amounts": "the same in an array",
	"json-schema-iso odd_numbers.free":      "numeric NaN is the text NAN, and the schema says text",
	"json-schema-iso odd_numbers.money":     "the same",
	"json-schema-iso kinds.blob":            "binary.handling.mode=hex: text, of which nothing says that it is binary",
	"json-schema-iso lists.blobs":           "the same in an array",
	"json-schema-iso document.raw":          "the same",
	"json-schema-iso document_full.raw":     "the same",
	"json-schema-iso kinds.h":               "hstore.handling.mode: a map, or the text of a JSON object",
	"json-schema-iso document.pairs":        "the same",
	"json-schema-iso document_full.pairs":   "the same",
	"json debezium_heartbeat.beat":          "timestamptz is not among the configured types",
}

// TestSameValuesInEveryFormat: one row gives the same values, whether it came as JSON, as JSON with schemas or as Avro.
func TestSameValuesInEveryFormat(t *testing.T) {
	avro := corpusFields(t, corpus.Avro)
	unused := make(map[string]bool)
	for k := range formatDifferences {
		unused[k] = true
	}
	for _, f := range []corpus.Format{corpus.JSON, corpus.JSONSchema, corpus.JSONSchemaISO} {
		compared := 0
		for field, value := range corpusFields(t, f) {
			other, ok := avro[field]
			if !ok {
				// A snapshot row's place in the log is that of its snapshot. Avro's names have letters and digits alone
				// (field.name.adjustment.mode=avro).
				if strings.Contains(field, " r ") || strings.HasPrefix(field, "names ") || strings.HasSuffix(field, "lde-1") {
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
				// Not by its order in the transaction, which starts anew when Connect does.
				place := fmt.Sprintf("%s %c %d %s %s %s.%s", r.Scenario, c.Op, c.LSN, EntityID(c.Key), name, c.Table, field.Name)
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
