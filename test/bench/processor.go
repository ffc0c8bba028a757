package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/sr"

	"dossier/internal/garbage"
	"dossier/internal/telemetry"
	"dossier/internal/useragent"
	"dossier/processor"
	"dossier/schema"
)

// progress counts what a processor commits; everything else it passes on to the observer that feeds Prometheus, as `dossier run` has it.
type progress struct {
	processor.Observer
	watch     *watch
	remaining atomic.Int64
	done      func()
	aborted   atomic.Int64
}

func (p *progress) Committed(records int, took time.Duration) {
	p.Observer.Committed(records, took)
	if records == 0 {
		return // contexts alone
	}
	p.watch.committed(took)
	if p.remaining.Add(-int64(records)) <= 0 {
		p.done()
	}
}

func (p *progress) Aborted() {
	p.Observer.Aborted()
	p.aborted.Add(1)
}

// runProcessor runs the processor as `dossier run` does, with the defaults, until the corpus's changes are committed, or, as one of several, until it is told.
func runProcessor(ctx context.Context, t task, w *watch) error {
	log, err := telemetry.NewLog(os.Stderr, "warn")
	if err != nil {
		return err
	}
	garbage.Collect(garbage.Processor)
	run, stop := context.WithCancel(ctx)
	defer stop()
	observer := &progress{watch: w, done: stop, Observer: telemetry.NewProcessor(telemetry.NewMetrics("bench"), nil, log,
		telemetry.ProcessorOptions{Grace: 5 * time.Second, Now: time.Now})}
	alone := t.Changes > 0
	observer.remaining.Store(int64(t.Changes))
	if !alone {
		observer.remaining.Store(math.MaxInt64)
	}
	config := processor.Config{
		Group: t.Group, Sources: []processor.Source{{Name: t.Source}}, DeadLetterTopic: t.deadLetters(),
		Audit: processor.AuditConfig{Topic: t.Output, PendingTopic: t.pending(), Avro: t.AvroOutput},
	}
	if t.Registry != "" {
		if err := useRegistry(ctx, t, &config); err != nil {
			return err
		}
	}
	p, err := processor.New(config, processor.Options{Kafka: w.kafka(t.Brokers), UserAgent: useragent.New(10_000).Parse, Observer: observer, Log: log})
	if err != nil {
		return err
	}
	if err := p.Run(run); err != nil {
		return err
	}
	if !alone {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%d of %d changes are left: %w", observer.remaining.Load(), t.Changes, context.Cause(ctx))
	}
	if n := observer.aborted.Load(); n > 0 {
		return fmt.Errorf("%d transactions were given up and done again: no figure of such a run counts", n)
	}
	return nil
}

// useRegistry lets the processor read Avro, and registers the schema of its output where that is in Avro too.
func useRegistry(ctx context.Context, t task, c *processor.Config) error {
	registry, err := schema.NewRegistry(t.Registry)
	if err != nil {
		return err
	}
	c.Sources[0].Schemas = registry
	if !t.AvroOutput {
		return nil
	}
	client, err := sr.NewClient(sr.URLs(t.Registry))
	if err != nil {
		return err
	}
	c.Audit.AvroSchemaID, err = schema.RegisterAudit(ctx, client, t.Output+"-value")
	return err
}
