package main

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/sr"
	"go.uber.org/zap"

	"dossier/internal/config"
	"dossier/schema"
)

// newRegistry returns the source of Avro schemas; nil without a registry.
func newRegistry(r *config.SchemaRegistry) (*schema.Registry, error) {
	if r == nil {
		return nil, nil
	}
	options, err := registryOptions(r)
	if err != nil {
		return nil, err
	}
	registry, err := schema.NewRegistry(r.URL, options...)
	if err != nil {
		return nil, misuse("schema_registry.url: %w", err)
	}
	return registry, nil
}

func registryOptions(r *config.SchemaRegistry) ([]sr.ClientOpt, error) {
	options := []sr.ClientOpt{sr.UserAgent("dossier")}
	encryption, err := tlsConfig("schema_registry.tls", r.TLS)
	if err != nil {
		return nil, err
	}
	if encryption != nil {
		options = append(options, sr.DialTLSConfig(encryption))
	}
	switch {
	case r.Username != "":
		options = append(options, sr.BasicAuth(r.Username, r.Password.Reveal()))
	case r.BearerToken.IsSet():
		options = append(options, sr.BearerToken(r.BearerToken.Reveal()))
	}
	return options, nil
}

// registerAudit registers the audit event's schema, or finds it registered, and returns its id. It waits for a registry that does not
// answer until ctx ends.
func registerAudit(ctx context.Context, c *config.Config, log *zap.Logger) (int, error) {
	options, err := registryOptions(c.SchemaRegistry)
	if err != nil {
		return 0, err
	}
	client, err := sr.NewClient(append(options, sr.URLs(c.SchemaRegistry.URL))...)
	if err != nil {
		return 0, misuse("schema_registry.url: %w", err)
	}
	for pause := time.Second; ; pause = min(2*pause, 30*time.Second) {
		id, err := schema.RegisterAudit(ctx, client, auditSubject(c))
		if !errors.Is(err, schema.ErrRegistryUnavailable) || ctx.Err() != nil {
			return id, err
		}
		log.Warn("waiting for the schema registry", zap.Error(err), zap.Duration("pause", pause))
		select {
		case <-ctx.Done():
			return 0, err
		case <-time.After(pause):
		}
	}
}

// auditSubject is the subject of the audit event's schema, as consumers of the audit topic look for it.
func auditSubject(c *config.Config) string { return c.Audit.Topic + "-value" }
