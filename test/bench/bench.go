package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"dossier/internal/deadletter"
)

// The parts that are measured.
const (
	partCopy      = "copy"
	partProcessor = "processor"
)

// settings say what to measure.
type settings struct {
	runs       int
	events     int
	perTx      int
	columns    int
	context    share
	partitions int
	cpuProfile string // of one more run of the processor, which is not counted
}

// runTimeout ends a run that makes no progress.
const runTimeout = 10 * time.Minute

// bench writes the corpus and measures the parts in turn: a warm-up of each first, then the runs.
func bench(ctx context.Context, b *broker, s settings, show *display) (*report, error) {
	c := newCorpus(s.events, s.perTx, s.columns, s.context, time.Now())
	written := show.bar("writing the corpus", c.changes())
	original, size, err := b.write(ctx, c, s.partitions, written)
	written(c.changes())
	if err != nil {
		return nil, err
	}
	r := &report{
		Machine: thisMachine(), At: time.Now().UTC().Truncate(time.Second),
		Corpus: corpusReport{Changes: c.changes(), BytesPerChange: float64(size) / float64(c.changes()), ChangesPerTransaction: s.perTx,
			Context: s.context, Format: "json", Columns: s.columns, Partitions: s.partitions, Compression: "zstd"},
	}
	parts := []string{partCopy, partProcessor}
	measured := map[string][]run{}
	number := 0
	one := func(part, profile string) (run, error) {
		number++
		j := job{Part: part, Brokers: b.addresses, Changes: c.changes(), CPUProfile: profile,
			Group: fmt.Sprintf("bench-%s-%d", part, number), Output: fmt.Sprintf("bench.%s.%d", part, number)}
		ctx, cancel := context.WithTimeoutCause(ctx, runTimeout, fmt.Errorf("not done after %v", runTimeout))
		defer cancel()
		return b.measure(ctx, j, c, original, s.partitions)
	}
	for i := range s.runs + 1 {
		for _, part := range parts {
			got, err := one(part, "")
			if err != nil {
				return nil, err
			}
			if i == 0 {
				show.say("%-9s warm-up   %9s changes/s", part, thousands(got.ChangesPerSec))
				continue
			}
			measured[part] = append(measured[part], got)
			show.say("%-9s %2d of %2d  %9s changes/s, %.1f CPU seconds a million, %d MB, %d commits in %.1f of %.1f s", part, i, s.runs, thousands(got.ChangesPerSec),
				got.CPUPerMillion, got.PeakMemoryBytes>>20, got.Commits, got.CommitSeconds, got.Seconds)
		}
	}
	if s.cpuProfile != "" {
		if _, err := one(partProcessor, s.cpuProfile); err != nil {
			return nil, err
		}
		show.say("%-9s profile   %s", partProcessor, s.cpuProfile)
	}
	for _, part := range parts {
		r.Parts = append(r.Parts, summarize(part, measured[part]))
	}
	limit, processor := r.Parts[0], r.Parts[1]
	r.Ratios = map[string]float64{
		"processor_to_copy_changes_per_second": processor.ChangesPerSec.Median / limit.ChangesPerSec.Median,
		"processor_to_copy_cpu_seconds":        processor.CPUPerMillion.Median / limit.CPUPerMillion.Median,
	}
	return r, nil
}

// measure does one run with topics of its own, and checks what came out.
func (b *broker) measure(ctx context.Context, j job, c corpus, original fingerprint, partitions int) (run, error) {
	topics := []string{j.Output}
	err := b.create(ctx, partitions, j.Output)
	if err == nil && j.Part == partProcessor {
		topics = append(topics, j.pending(), j.deadLetters())
		err = b.create(ctx, 1, topics[1:]...)
	}
	if err != nil {
		return run{}, err
	}
	got, err := start(ctx, j)
	if err != nil {
		return run{}, err
	}
	if err := b.check(ctx, j, c, original); err != nil {
		return run{}, fmt.Errorf("%s: wrong result: %w", j.Part, err)
	}
	return got, b.remove(ctx, topics...)
}

// check reads what a run wrote and compares it with the corpus.
func (b *broker) check(ctx context.Context, j job, c corpus, original fingerprint) error {
	if j.Part == partCopy {
		var copied fingerprint
		if err := b.read(ctx, j.Output, func(r *kgo.Record) error { copied.add(r); return nil }); err != nil {
			return err
		}
		return original.same(copied)
	}
	err := b.read(ctx, j.deadLetters(), func(r *kgo.Record) error {
		letter, err := deadletter.Parse(r)
		return errors.Join(fmt.Errorf("a dead letter, and the corpus has none that should be: %s, %s", letter.Reason, letter.Detail), err)
	})
	if err != nil {
		return err
	}
	audit := &auditCheck{corpus: c}
	if err := b.read(ctx, j.Output, func(r *kgo.Record) error { return audit.add(r.Value) }); err != nil {
		return err
	}
	return audit.end()
}
