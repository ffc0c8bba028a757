package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"dossier/test/stack"
)

func TestMain(m *testing.M) {
	if isWorker() { // bench starts this program again for each run
		os.Exit(work())
	}
	os.Exit(stack.Main(m))
}

// small is a benchmark in small, with topics of its own on the tests' broker.
func small(t *testing.T, s settings, prefix string, servers ...stack.Part) *bench {
	t.Helper()
	s.row, s.columns = cmp.Or(s.row, rowNarrow), wide
	s.format, s.audit = cmp.Or(s.format, formatJSON), cmp.Or(s.audit, formatJSON)
	if s.usesAvro() {
		servers = append(servers, stack.Registry)
	}
	var said strings.Builder
	b, err := newBench(s, stack.ForTest(t, servers...), newDisplay(&said))
	if err != nil {
		t.Fatal(err)
	}
	b.prefix = prefix
	t.Cleanup(func() {
		b.close()
		t.Log(said.String())
	})
	return b
}

// shown fails the test if the section is no JSON, or its table lacks a text.
func shown(t *testing.T, result section, wants ...string) {
	t.Helper()
	if text, err := json.Marshal(result); err != nil || !json.Valid(text) {
		t.Error(err)
	}
	var table strings.Builder
	if err := result.table(&table); err != nil {
		t.Error(err)
	}
	for _, want := range wants {
		if !strings.Contains(table.String(), want) {
			t.Errorf("no %q in the table:\n%s", want, table.String())
		}
	}
}

// The benchmark of the processor in small: what it measures gives the right results, and the report has its figures. Nothing is asserted about times.
func TestProcessorPart(t *testing.T) {
	profile := filepath.Join(t.TempDir(), "cpu.pprof")
	const events = 12_001 // each row is changed, some twice
	b := small(t, settings{runs: 1, events: events, perTx: 5, context: shareHalf, partitions: 3, cpuProfile: profile}, "processor", stack.Kafka)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	result, err := measureProcessor(ctx, b)
	if err != nil {
		t.Fatal(err)
	}
	shown(t, result, "processor to copy")
	r := result.(*comparison)
	if r.Corpus.Changes != 12_005 || r.Corpus.BytesPerChange < 700 || r.Corpus.BytesPerChange > 950 {
		t.Errorf("corpus of %d changes of %.0f bytes", r.Corpus.Changes, r.Corpus.BytesPerChange)
	}
	for _, m := range r.Measured {
		if len(m.Runs) != 1 || m.PerSecond.Median <= 0 || m.CPUPerMillion.Median <= 0 {
			t.Errorf("%s: no figures: %+v", m.Name, m)
		}
	}
	if info, err := os.Stat(profile); err != nil || info.Size() == 0 {
		t.Errorf("no profile: %v", err)
	}

	// A copy that lacks a record, or has another in its place, is found out.
	var copied fingerprint
	if err := b.broker.read(ctx, changeTopic(b.prefix), func(r *kgo.Record) error { copied.add(r); return nil }); err != nil {
		t.Fatal(err)
	}
	if copied.Records != r.Corpus.Changes {
		t.Errorf("%d records read of %d written", copied.Records, r.Corpus.Changes)
	}
	if _, err := start(ctx, job{Worker: "other"}, task{}); err == nil || !strings.Contains(err.Error(), `no worker "other"`) {
		t.Errorf("a job that no worker does: %v", err)
	}
}

// Every form of row and record is measured, and its results are checked, column by column.
func TestProcessorPartForms(t *testing.T) {
	for _, test := range []struct {
		row           rowShape
		format, audit format
		bytes         float64 // at least, for each change
	}{
		{rowNarrow, formatAvro, formatAvro, 250}, {rowWide, formatAvro, formatJSON, 800}, {rowDocument, formatAvro, formatAvro, 2000},
		{rowWide, formatJSON, formatAvro, 3000}, {rowDocument, formatJSON, formatJSON, 2500},
	} {
		name := fmt.Sprintf("%s_%s_%s", test.row, test.format, test.audit)
		t.Run(name, func(t *testing.T) {
			b := small(t, settings{runs: 1, events: 11_000, perTx: 5, row: test.row, format: test.format, audit: test.audit, context: shareAll, partitions: 2}, name, stack.Kafka)
			result, err := measureProcessor(t.Context(), b)
			if err != nil {
				t.Fatal(err)
			}
			shown(t, result, string(test.row)+" rows", string(test.format))
			if got := result.(*comparison).Corpus.BytesPerChange; got < test.bytes || got > 2.5*test.bytes {
				t.Errorf("%.0f bytes for each change", got)
			}
		})
	}
}

// Without --part the quick parts are measured; a part that is not there is a fault that names those that are.
func TestPick(t *testing.T) {
	all := []part{{name: "a", quick: true}, {name: "b"}, {name: "c", quick: true}}
	for _, test := range []struct {
		names []string
		want  string
	}{{nil, "ac"}, {[]string{"b"}, "b"}, {[]string{"c", "b"}, "bc"}} {
		chosen, err := pick(all, test.names)
		got := ""
		for _, p := range chosen {
			got += p.name
		}
		if err != nil || got != test.want {
			t.Errorf("%q: %q, %v; want %q", test.names, got, err, test.want)
		}
	}
	if _, err := pick(all, []string{"d"}); err == nil || !strings.Contains(err.Error(), "a, b, c") {
		t.Errorf("an unknown part: %v", err)
	}
}

// Two processors share a corpus, and together make what one alone makes.
func TestInstancesPart(t *testing.T) {
	b := small(t, settings{runs: 1, events: 20_000, perTx: 5, context: shareAll}, "instances", stack.Kafka)
	result, err := measureInstances(t.Context(), b, 2)
	if err != nil {
		t.Fatal(err)
	}
	shown(t, result, "2 at once to 1 at once")
}

// The memory of the processor in small: corpora with and without changes in their transactions.
func TestMemoryPart(t *testing.T) {
	profile := filepath.Join(t.TempDir(), "memory.pprof")
	b := small(t, settings{runs: 1, perTx: 5, context: shareAll, partitions: 2, memoryProfile: profile}, "memory", stack.Kafka)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	result, err := measureMemory(ctx, b, memoryOptions{backlog: 12_000, contexts: 20_000})
	if err != nil {
		t.Fatal(err)
	}
	shown(t, result, "backlog", "window", "at most 200 MB")
	for i, changes := range []int{12_000, 200} {
		c := result.(*memoryReport).Cases[i]
		if c.Corpus.Changes != changes || c.Processor.PeakMemory.Max < 1<<20 {
			t.Errorf("%s: %d changes, %.0f bytes", c.Case, c.Corpus.Changes, c.Processor.PeakMemory.Max)
		}
	}
	if info, err := os.Stat(profile); err != nil || info.Size() == 0 {
		t.Errorf("no profile: %v", err)
	}
}
