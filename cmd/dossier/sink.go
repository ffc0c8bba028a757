package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"dossier/internal/config"
	"dossier/internal/telemetry"
	"dossier/sink"
	"dossier/sink/elastic"
	"dossier/sink/sqlite"
)

// newSink builds the role that stores audit events. It connects to nothing yet; a store that is a file is opened.
func newSink(ctx context.Context, c *config.Config, t telemetrySet, log *zap.Logger) (*sinkRole, error) {
	kafka, err := kafkaOptions(c.Kafka)
	if err != nil {
		return nil, err
	}
	observer := telemetry.NewSink(t.metrics, t.readiness, log.Named("sink"), time.Now)
	store, err := openStore(ctx, c.Sink, observer)
	if err != nil {
		return nil, err
	}
	transactions, err := newTransactions(c, kafka, store, observer)
	if err != nil {
		return nil, err
	}
	return &sinkRole{store, transactions, &sink.Loop{
		Config: sink.Config{Topic: c.Audit.Topic, DeadLetterTopic: c.DeadLetter.Topic, Group: c.Sink.Group},
		Kafka:  kafka,
		Apply: &sink.Applier{
			Store:    store,
			Options:  sink.Options{FieldChanges: sink.FieldChanges(c.FieldChanges)},
			Observer: observer,
			Now:      time.Now,
		},
	}}, nil
}

// sinkRole is the role with what it has open.
type sinkRole struct {
	store        sink.Store
	transactions *sink.TransactionLoop
	loop         *sink.Loop
}

// run stores audit events, and what the database reports of transactions, until ctx ends, and closes the store where it is one to be closed.
func (s *sinkRole) run(ctx context.Context) (err error) {
	if file, ok := s.store.(io.Closer); ok {
		defer func() {
			if closing := file.Close(); err == nil && closing != nil {
				err = fmt.Errorf("closing the store: %w", closing)
			}
		}()
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.loop.Run(ctx) })
	group.Go(func() error { return s.transactions.Run(ctx) })
	return group.Wait()
}

// openStore returns the one store that is configured.
func openStore(ctx context.Context, s config.Sink, observer sink.Observer) (sink.Store, error) {
	if s.SQLite != nil {
		store, err := sqlite.Open(ctx, sqlite.Config{Path: s.SQLite.Path, BatchBytes: int(s.BulkBytes)}, observer)
		if err != nil {
			return nil, fmt.Errorf("sink.sqlite: %w", err)
		}
		return store, nil
	}
	client, err := newElasticsearch(s.Elasticsearch, s.Elasticsearch.Credentials, s.InFlight)
	if err != nil {
		return nil, err
	}
	return elastic.NewWriter(client, writerConfig(s), observer), nil
}
