package main

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dossier/test/stack"
)

// The benchmark of the sink in small: loader and sink store the same documents, which are the corpus's, and the report has its figures. Nothing is asserted about times.
func TestSinkPart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "documents.ndjson")
	b := small(t, settings{runs: 1, events: 2_001, perTx: 5, context: shareHalf, partitions: 3}, "sink", stack.Kafka, stack.Elasticsearch)
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	result, err := measureSink(ctx, b, sinkOptions{inFlight: 2, documents: 500, keep: file})
	if err != nil {
		t.Fatal(err)
	}
	shown(t, result, "sink to bulk", "bytes per field change", "_source")
	s := result.(*sinkSection)
	if s.Documents["row_version"] != 2_005 || s.Documents["field_change"] != 2_005 || s.Documents["transaction"] != 401 {
		t.Errorf("documents: %v", s.Documents)
	}
	if s.Disk.Bytes == 0 || s.Disk.MergedBytes == 0 || s.Disk.Segments == 0 {
		t.Errorf("no bytes on disk: %+v", s.Disk)
	}
	for _, m := range s.Measured {
		for _, name := range []string{figureChanges, figureMillion, figurePerField} {
			if m.Runs[0].Figures[name] <= 0 {
				t.Errorf("%s has no %s", m.Name, name)
			}
		}
	}

	// A store that lacks a document, or has another text, is found out.
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	c := b.corpus(time.Now())
	for what, wrong := range map[string]string{
		"a document is missing": string(text[:strings.LastIndex(string(text[:len(text)-1]), "\n{\"create\"")+1]),
		"another price":         strings.Replace(string(text), `"1.50\"","exact"`, `"9.50\"","exact"`, 1),
		"another identity":      strings.Replace(string(text), `.f.price"`, `.f.other"`, 1),
	} {
		if err := os.WriteFile(file, []byte(wrong), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readDocuments(file, c); err == nil {
			t.Errorf("%s: not found out", what)
		}
	}
	whole := documents{kinds: s.Documents, n: 4411, sum: 1}
	if err := whole.check(ctx, administrator(b.servers)); err == nil || !strings.Contains(err.Error(), "texts") {
		t.Errorf("other texts: %v", err)
	}
}

// The part that lets the store grow, in small.
func TestFlatPart(t *testing.T) {
	b := small(t, settings{runs: 1, perTx: 5, context: shareAll, partitions: 3}, "flat", stack.Kafka, stack.Elasticsearch)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	result, err := measureFlat(ctx, b, flatOptions{changes: 2_000, every: 1_000})
	if err != nil {
		t.Fatal(err)
	}
	shown(t, result, "changes in the store", "2,000")
	if r := result.(*flatReport); r.Bytes == 0 || len(r.Intervals) == 0 || r.Intervals[len(r.Intervals)-1].Changes != 2_000 {
		t.Errorf("%+v", r)
	}
}

func TestCutRequests(t *testing.T) {
	text := strings.Repeat("action\ndocument\n", 5)
	requests := cutRequests([]byte(text), 2)
	var joined strings.Builder
	n := 0
	for _, r := range requests {
		joined.Write(r.text)
		n += r.documents
	}
	if len(requests) != 3 || n != 5 || joined.String() != text || requests[2].documents != 1 {
		t.Errorf("%d requests of %d documents: %q", len(requests), n, joined.String())
	}
}

func TestLastToFirst(t *testing.T) {
	of := func(costs ...float64) (list []flatInterval) {
		for _, c := range costs {
			list = append(list, flatInterval{Documents: 1000, SinkPerMillion: c / 2, StorePer: c / 2})
		}
		return list
	}
	for _, test := range []struct {
		costs []float64
		want  float64
	}{{nil, 0}, {[]float64{9, 8}, 0}, {[]float64{99, 10, 12}, 1.2}, {[]float64{99, 10, 20, 14, 50, 60, 31, 29}, 2}} {
		if got := lastToFirst(of(test.costs...)); math.Abs(got-test.want) > 1e-9 {
			t.Errorf("%v: %v, expected %v", test.costs, got, test.want)
		}
	}
}
