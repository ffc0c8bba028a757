package main

import (
	"context"
	"time"

	"go.uber.org/zap"

	"dossier/intake"
	"dossier/internal/config"
	"dossier/internal/telemetry"
)

// newFeedback builds the part of the processor that takes in what connected applications report on the feedback topic. It connects to nothing yet but the
// schema registry, where the audit topic is in Avro.
func newFeedback(ctx context.Context, c *config.Config, t telemetrySet, log *zap.Logger) (*intake.Loop, error) {
	kafka, err := kafkaOptions(c.Kafka)
	if err != nil {
		return nil, err
	}
	format, err := auditFormat(ctx, c, log)
	if err != nil {
		return nil, err
	}
	return &intake.Loop{
		Config: intake.Config{
			Topic: c.Feedback.Topic, Group: c.Processor.Group + ".feedback", Audit: format, DeadLetterTopic: c.DeadLetter.Topic, Scopes: intakeScopes(c),
		},
		Kafka:    kafka,
		Observer: telemetry.NewFeedback(t.metrics, t.readiness, log.Named("feedback"), time.Now),
		Now:      time.Now,
	}, nil
}
