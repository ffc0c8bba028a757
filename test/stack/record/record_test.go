package record

import (
	"encoding/binary"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"dossier/test/stack/corpus"
)

const corpusDir = "../../../schema/testdata/corpus"

// TestCorpusIsWhole catches a recording that lacks a scenario of the workload, that lost records on the way in one of its formats, or whose Avro
// cannot be read for want of a schema.
func TestCorpusIsWhole(t *testing.T) {
	script, err := scenarios()
	if err != nil {
		t.Fatal(err)
	}
	schemas, err := corpus.ReadSchemas(filepath.Join(corpusDir, corpus.SchemasFile))
	if err != nil {
		t.Fatal(err)
	}
	// Each connector has its own heartbeats, and writes its own part of a snapshot's signals; after a crash, BEGIN may come again.
	uneven := func(scenario, topic string) bool {
		return scenario == "heartbeat" || topic == "transaction" && (scenario == "restart" || scenario == "incremental" || scenario == "snapshot-again") ||
			strings.HasPrefix(topic, "dossier.")
	}
	counts := map[string]map[corpus.Format]int{}
	for _, f := range corpus.All() {
		records, err := corpus.Read(filepath.Join(corpusDir, f.File()))
		if err != nil {
			t.Fatal(err)
		}
		recorded := map[string]bool{}
		for _, r := range records {
			recorded[r.Scenario] = true
			topic := strings.TrimPrefix(r.Topic, f.Prefix()+".")
			if !uneven(r.Scenario, topic) {
				name := r.Scenario + " " + topic
				if counts[name] == nil {
					counts[name] = map[corpus.Format]int{}
				}
				counts[name][f]++
			}
			if !f.Avro() {
				continue
			}
			for _, b := range [][]byte{r.Key, r.Value} {
				if len(b) == 0 {
					continue
				}
				if b[0] != 0 || len(b) < 5 {
					t.Errorf("%s/%d@%d is not in Confluent's wire format", r.Topic, r.Partition, r.Offset)
				} else if id := int(binary.BigEndian.Uint32(b[1:])); len(schemas[id].Schema) == 0 {
					t.Errorf("%s/%d@%d: no schema %d", r.Topic, r.Partition, r.Offset, id)
				}
			}
		}
		for _, sc := range script {
			if !recorded[sc.name] {
				t.Errorf("%s: nothing of scenario %s: run `go run ./test/stack/cmd/record`", f, sc.name)
			}
		}
	}
	for name, of := range counts {
		for _, f := range corpus.All() {
			// The flattening transform swallows messages and truncations.
			if f == corpus.Flattened && of[f] == 0 {
				continue
			}
			if f != corpus.Flattened && of[f] != of[corpus.JSON] {
				t.Errorf("%s: %d records in %s, %d in %s", name, of[corpus.JSON], corpus.JSON, of[f], f)
			}
		}
	}
}

func TestParse(t *testing.T) {
	steps, err := parse("-- a comment\n-- session: b\nSELECT 1;\nSELECT\n-- within\n  2;\n-- quiet\n")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range steps {
		got = append(got, fmt.Sprintf("%d %s %s %q", s.line, s.verb, s.arg, s.sql))
	}
	want := []string{`2 session b ""`, `3   "SELECT 1;"`, `6   "SELECT\n-- within\n  2;"`, `7 quiet  ""`}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if _, err := parse("SELECT 1"); err == nil {
		t.Error("no error for a statement without its end")
	}
}
