package main

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"dossier/internal/config"
	"dossier/internal/telemetry"
	"dossier/internal/useragent"
	"dossier/processor"
	"dossier/schema"
)

// rememberedUserAgents is how many parsed User-Agent headers are kept: more than the browsers of one organisation, in a few MB.
const rememberedUserAgents = 10_000

// newProcessor builds the role that joins changes with contexts.
func newProcessor(ctx context.Context, c *config.Config, t telemetrySet, log *zap.Logger) (*processor.Processor, error) {
	kafka, err := kafkaOptions(c.Kafka)
	if err != nil {
		return nil, err
	}
	registry, err := newRegistry(c.SchemaRegistry)
	if err != nil {
		return nil, err
	}
	settings, err := processorConfig(c)
	if err != nil {
		return nil, err
	}
	for i := range settings.Sources {
		if registry != nil {
			settings.Sources[i].Schemas = registry
		}
	}
	if settings.Audit.Avro {
		if settings.Audit.AvroSchemaID, err = registerAudit(ctx, c, log); err != nil {
			return nil, err
		}
	}
	var p *processor.Processor
	observer := telemetry.NewProcessor(t.metrics, t.readiness, log, telemetry.ProcessorOptions{
		Grace: time.Duration(c.Context.Grace), Now: time.Now, Ready: func() bool { return p != nil && p.Ready() },
	})
	p, err = processor.New(settings, processor.Options{
		Kafka: kafka, UserAgent: useragent.New(rememberedUserAgents).Parse, Observer: observer, Log: log.Named("processor"),
	})
	if err != nil {
		return nil, &exitError{code: exitMisuse, err: err}
	}
	return p, nil
}

// processorConfig carries the configuration over to the processor's own.
func processorConfig(c *config.Config) (processor.Config, error) {
	p := processor.Config{
		Group: c.Processor.Group, CommitInterval: time.Duration(c.Processor.CommitInterval), Workers: c.Processor.Workers,
		Context: processor.ContextConfig{
			Grace: time.Duration(c.Context.Grace), Lookback: time.Duration(c.Context.Lookback), MessagePrefix: c.Context.MessagePrefix,
			Table: c.Context.Table, Topic: c.Context.Topic,
		},
		Audit: processor.AuditConfig{
			Topic: c.Audit.Topic, PendingTopic: c.Audit.PendingTopic(), Avro: c.Audit.Format == "avro", Compression: c.Audit.Compression,
			MaxRecordBytes: int(c.Audit.MaxRecordBytes),
		},
		DeadLetterTopic: c.DeadLetter.Topic,
		Limits: processor.Limits{
			BufferBytes: int(c.Limits.BufferBytes), BufferRecords: c.Limits.BufferRecords, ContextBytes: int(c.Limits.ContextBytes),
			ContextRecords: c.Limits.ContextRecords, PendingRecords: c.Limits.PendingRecords,
		},
	}
	for _, s := range c.Sources {
		types, err := columnTypes(c.Entities, s.Name)
		if err != nil {
			return p, err
		}
		p.Sources = append(p.Sources, processor.Source{
			Name: s.Name, Format: schema.Format(s.Format), Include: s.Include, Exclude: s.Exclude, Placeholder: s.UnavailablePlaceholder,
			PartialBefore: s.PartialBefore, FullBefore: s.FullBefore, Types: types,
		})
	}
	for _, e := range c.Entities {
		p.Entities = append(p.Entities, entityOf(e))
	}
	return p, nil
}

// columnTypes collects what the entities tell of a source's columns.
func columnTypes(entities []config.Entity, source string) (map[string]map[string]schema.ColumnType, error) {
	tables := map[string]map[string]schema.ColumnType{}
	for _, e := range entities {
		if len(e.Types) == 0 || e.Source != "" && e.Source != source {
			continue
		}
		columns := map[string]schema.ColumnType{}
		for column, name := range e.Types {
			t, err := schema.ParseColumnType(name)
			if err != nil {
				return nil, fmt.Errorf("entity %s, column %s: %w", e.Table, column, err)
			}
			columns[column] = t
		}
		tables[e.Table] = columns
	}
	return tables, nil
}

func entityOf(e config.Entity) processor.Entity {
	out := processor.Entity{
		Source: e.Source, Table: e.Table, Type: e.Type, Scope: e.Scope, Disabled: !e.Enabled, Key: e.Key,
		Fields:  processor.FieldRules{Include: e.Fields.Include, Exclude: e.Fields.Exclude, Mask: e.Fields.Mask},
		Columns: processor.ColumnRoute{User: e.Context.User, Request: e.Context.Request, Witness: e.Context.Witness},
	}
	if e.NamedVersion != nil {
		out.NamedVersion = e.NamedVersion.Name
	}
	if e.Parent != nil {
		out.Parent = &processor.ParentRule{Type: e.Parent.Type, Field: e.Parent.Field}
	}
	for column, steps := range e.Fields.Transform {
		if out.Fields.Transform == nil {
			out.Fields.Transform = map[string][]processor.Transform{}
		}
		for _, s := range steps {
			t := processor.Transform{Rename: s.Rename, Truncate: s.Truncate, Scale: s.Scale, Expand: s.Expand == "json"}
			if s.Hash != "" {
				t.HashKey = []byte(s.Salt.Reveal())
			}
			out.Fields.Transform[column] = append(out.Fields.Transform[column], t)
		}
	}
	return out
}
