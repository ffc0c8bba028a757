package main

import (
	"context"
	"encoding/json"
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
		os.Exit(work(context.Background()))
	}
	os.Exit(stack.Main(m))
}

// The whole benchmark in small: what it measures gives the right results, and the report has its figures. Nothing is asserted about times.
func TestBenchOnARealBroker(t *testing.T) {
	s := stack.ForTest(t, stack.Kafka)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	b, err := openBroker(s.KafkaBrokers())
	if err != nil {
		t.Fatal(err)
	}
	defer b.close()
	profile := filepath.Join(t.TempDir(), "cpu.pprof")
	var said strings.Builder
	const events = 12_001 // each row is changed, some twice
	r, err := bench(ctx, b, settings{runs: 1, events: events, perTx: 5, columns: narrow, context: shareHalf, partitions: 3, cpuProfile: profile}, newDisplay(&said))
	if err != nil {
		t.Fatal(err)
	}
	t.Log(said.String())
	if r.Corpus.Changes != 12_005 || r.Corpus.BytesPerChange < 700 || r.Corpus.BytesPerChange > 950 {
		t.Errorf("corpus of %d changes of %.0f bytes", r.Corpus.Changes, r.Corpus.BytesPerChange)
	}
	for _, p := range r.Parts {
		if len(p.Runs) != 1 || p.ChangesPerSec.Median <= 0 || p.CPUPerMillion.Median <= 0 {
			t.Errorf("%s: no figures: %+v", p.Part, p)
		}
	}
	if info, err := os.Stat(profile); err != nil || info.Size() == 0 {
		t.Errorf("no profile: %v", err)
	}
	if text, err := json.Marshal(r); err != nil || !json.Valid(text) {
		t.Error(err)
	}
	var table strings.Builder
	if err := r.table(&table); err != nil || !strings.Contains(table.String(), "processor to copy") {
		t.Errorf("%v\n%s", err, table.String())
	}

	// A copy that lacks a record, or has another in its place, is found out.
	var copied fingerprint
	if err := b.read(ctx, changeTopic, func(r *kgo.Record) error { copied.add(r); return nil }); err != nil {
		t.Fatal(err)
	}
	if copied.Records != r.Corpus.Changes {
		t.Errorf("%d records read of %d written", copied.Records, r.Corpus.Changes)
	}
	if _, err := b.measure(ctx, job{Part: "other", Brokers: b.addresses, Group: "other", Output: "bench.other"}, corpus{}, copied, 1); err == nil ||
		!strings.Contains(err.Error(), `no part "other"`) {
		t.Errorf("a worker without a part: %v", err)
	}
}
