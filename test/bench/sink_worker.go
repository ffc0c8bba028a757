package main

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"dossier/internal/garbage"
	"dossier/internal/telemetry"
	"dossier/processor"
	"dossier/schema"
	"dossier/sink"
	"dossier/sink/elastic"
)

// storeTask is what a worker has to bring into the store.
type storeTask struct {
	Brokers     []string `json:"brokers,omitempty"`
	Source      string   `json:"source,omitempty"` // the corpus's topic prefix
	Audit       string   `json:"audit,omitempty"`  // the audit topic
	DeadLetters string   `json:"dead_letters,omitempty"`
	Group       string   `json:"group,omitempty"`
	URL         string   `json:"url"`
	User        string   `json:"user,omitempty"`
	Password    string   `json:"password,omitempty"`
	// Documents is how many are to be stored; then the worker ends.
	Documents int `json:"documents"`
	// File holds the prepared documents of the part bulk.
	File string `json:"file,omitempty"`
	// InFlight and BulkDocuments are the requests under way at a time and the documents of each, of the part bulk.
	InFlight      int `json:"in_flight,omitempty"`
	BulkDocuments int `json:"bulk_documents,omitempty"`
}

func (s storeTask) config() elastic.Config {
	return elastic.Config{Addresses: []string{s.URL}, Username: s.User, Password: s.Password}
}

// storing counts what a sink stores; everything else it passes on to the observer that feeds Prometheus, as `dossier run` has it.
type storing struct {
	sink.Observer
	watch     *watch
	documents int // that are to be stored
	stored    atomic.Int64
	done      func()
	wrong     atomic.Int64 // documents that were there already, in conflict or refused: the store was empty, and the corpus is sound
}

func (s *storing) Stored(kind schema.DocumentKind, n int) {
	s.Observer.Stored(kind, n)
	s.watch.stored()
	now := int(s.stored.Add(int64(n)))
	if now >= s.documents && now-n < s.documents {
		s.done()
	}
}

func (s *storing) Repeated(n int) {
	s.Observer.Repeated(n)
	s.wrong.Add(int64(n))
}

func (s *storing) Conflict(c sink.Conflict) {
	s.Observer.Conflict(c)
	s.wrong.Add(1)
}

func (s *storing) DeadLetter(reason string) {
	s.Observer.DeadLetter(reason)
	s.wrong.Add(1)
}

func (s *storing) Bulk(d time.Duration, n, bytes int) {
	s.Observer.Bulk(d, n, bytes)
	s.watch.requested(d)
}

// stored notes that documents are acknowledged.
func (w *watch) stored() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last = time.Now()
}

// requested notes a bulk request and how long it took.
func (w *watch) requested(took time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.commits++
	w.committing += took
}

// runSink runs the sink as `dossier run` does, with the defaults, until the corpus's documents are stored.
func runSink(ctx context.Context, t storeTask, w *watch) error {
	log, err := telemetry.NewLog(os.Stderr, "warn")
	if err != nil {
		return err
	}
	garbage.Collect(garbage.Sink)
	run, stop := context.WithCancel(ctx)
	defer stop()
	observer := &storing{Observer: telemetry.NewSink(telemetry.NewMetrics("bench"), nil, log, time.Now), watch: w, documents: t.Documents, done: stop}
	client, err := elastic.NewClient(t.config())
	if err != nil {
		return err
	}
	store := elastic.NewWriter(client, t.config(), observer)
	coverage := processor.NewCoverage(processor.Config{Group: t.Group, Sources: []processor.Source{{Name: t.Source}}})
	loop := &sink.Loop{Config: sink.Config{Topic: t.Audit, DeadLetterTopic: t.DeadLetters, Group: t.Group}, Kafka: w.kafka(t.Brokers),
		Apply: &sink.Applier{Store: store, Observer: observer, Now: time.Now}}
	transactions := &sink.TransactionLoop{Kafka: w.kafka(t.Brokers), Store: store, Observer: observer, Now: time.Now,
		Config: sink.TransactionConfig{Group: t.Group + ".transactions", DeadLetterTopic: t.DeadLetters, Sources: []sink.TransactionSource{{
			Name: t.Source, Decoder: schema.NewDecoder(schema.DecoderConfig{Source: t.Source}), Scope: func(table string) (string, bool) { return coverage.Scope(t.Source, table) },
		}}}}
	group, groupCtx := errgroup.WithContext(run)
	group.Go(func() error { return loop.Run(groupCtx) })
	group.Go(func() error { return transactions.Run(groupCtx) })
	if err := group.Wait(); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%d of %d documents are stored: %w", observer.stored.Load(), t.Documents, context.Cause(ctx))
	}
	if n := observer.wrong.Load(); n > 0 {
		return fmt.Errorf("%d documents were repeated, in conflict or refused: no figure of such a run counts", n)
	}
	return nil
}
