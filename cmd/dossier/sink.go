package main

import (
	"time"

	"go.uber.org/zap"

	"dossier/internal/config"
	"dossier/internal/telemetry"
	"dossier/sink"
	"dossier/sink/elastic"
)

// newSink builds the role that stores audit events. It connects to nothing yet.
func newSink(c *config.Config, t telemetrySet, log *zap.Logger) (*sink.Loop, error) {
	kafka, err := kafkaOptions(c.Kafka)
	if err != nil {
		return nil, err
	}
	es := c.Sink.Elasticsearch
	client, err := newElasticsearch(es, es.Credentials, c.Sink.InFlight)
	if err != nil {
		return nil, err
	}
	observer := telemetry.NewSink(t.metrics, t.readiness, log.Named("sink"), time.Now)
	return &sink.Loop{
		Config: sink.Config{Topic: c.Audit.Topic, DeadLetterTopic: c.DeadLetter.Topic, Group: c.Sink.Group},
		Kafka:  kafka,
		Apply: &sink.Applier{
			Store:    elastic.NewWriter(client, writerConfig(c.Sink), observer),
			Options:  sink.Options{FieldChanges: sink.FieldChanges(c.FieldChanges)},
			Observer: observer,
			Now:      time.Now,
		},
	}, nil
}
