package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"dossier/intake"
	"dossier/internal/config"
	"dossier/internal/telemetry"
	"dossier/schema"
	"dossier/web"
	"dossier/web/tail"
)

// serveRole is the role that answers questions, with what it has open.
//
//	               ┌─> reader ──────────> store
//	HTTP ──> API ──┼─> desk ─> publisher ─> audit topic
//	               └─> hub <──────────────  audit topic
type serveRole struct {
	api       *web.API
	reader    storeReader
	publisher *intake.Publisher
	hub       *tail.Hub
	observer  *telemetry.Serve
	log       *zap.Logger
}

// storeReader is the store as its callers see it.
type storeReader interface {
	io.Closer
	access(c *config.Config) web.Access
	// answers says whether the store can be asked.
	answers(ctx context.Context) error
}

// newServe builds the role that answers questions. It connects to nothing yet but the schema registry, where the audit topic is in Avro; a store that is a file is
// opened.
func newServe(ctx context.Context, c *config.Config, t telemetrySet, log *zap.Logger) (role *serveRole, err error) {
	kafka, err := kafkaOptions(c.Kafka)
	if err != nil {
		return nil, err
	}
	format, err := auditFormat(ctx, c, log)
	if err != nil {
		return nil, err
	}
	s := &serveRole{observer: telemetry.NewServe(t.metrics, t.readiness, log.Named("serve")), log: log.Named("serve")}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close(ctx))
		}
	}()
	if s.reader, err = openReader(c.Sink); err != nil {
		return nil, err
	}
	if s.publisher, err = intake.NewPublisher(format, kafka, telemetry.NewPublisher(t.metrics, log.Named("serve"), time.Now)); err != nil {
		return nil, err
	}
	s.hub = tail.NewHub(tail.Config{Topic: c.Audit.Topic}, append(kafka, kgo.MaxConcurrentFetches(2)), s.log)
	s.api = web.NewAPI(serveOptions(c, s))
	return s, nil
}

// serveOptions carries the configuration over to the API's own.
func serveOptions(c *config.Config, s *serveRole) web.Options {
	o := web.Options{
		Access: s.reader.access(c), Desk: &intake.Desk{Publisher: s.publisher, Scopes: intakeScopes(c), Now: time.Now}, ReadOnly: c.Serve.ReadOnly,
		Tail: s.hub, MaxTails: c.Serve.MaxTails, CORSOrigins: c.Serve.CORSOrigins, CheckHost: c.ChecksHost(), Hosts: c.Serve.Hosts, Observer: s.observer, Log: s.log, Now: time.Now,
	}
	if c.Serve.AuditReads {
		o.Reads = s.publisher
	}
	return o
}

// auditFormat is how the audit topic is written. Where that is in Avro, it waits for the schema registry, as the processor does.
func auditFormat(ctx context.Context, c *config.Config, log *zap.Logger) (f intake.Format, err error) {
	f = intake.Format{Topic: c.Audit.Topic, Avro: c.Audit.Format == "avro", Compression: c.Audit.Compression}
	if f.Avro {
		f.AvroSchemaID, err = registerAudit(ctx, c, log)
	}
	return f, err
}

// intakeScopes says where the feedback on an entity lies that nobody knows yet.
func intakeScopes(c *config.Config) intake.Scopes {
	s := intake.Scopes{Known: c.AllScopes(), ByType: map[string]string{}}
	for _, e := range c.Entities {
		if e.Enabled && e.Scope != schema.DefaultScope {
			entityType := e.Type
			if entityType == "" {
				entityType = e.Table
			}
			s.ByType[entityType] = e.Scope
		}
	}
	return s
}

const (
	// askStore is how often the store is asked whether it can be asked.
	askStore = 10 * time.Second
	// closeTime bounds how long requests under way are waited for, and what is still to be published.
	closeTime = 20 * time.Second
)

// run answers until ctx ends, lets the requests under way end, and closes what it has open.
func (s *serveRole) run(ctx context.Context) error {
	// The streams end with the API, and their source after them.
	live, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	group := errgroup.Group{}
	group.Go(func() error { return s.hub.Run(live) })
	group.Go(func() error { s.watchStore(live); return nil })
	<-ctx.Done()
	s.observer.Stopping()
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTime)
	defer cancel()
	err := s.api.Close(closing)
	stop()
	return errors.Join(err, group.Wait(), s.close(closing))
}

// watchStore tells readiness whether the store answers.
func (s *serveRole) watchStore(ctx context.Context) {
	ticker := time.NewTicker(askStore)
	defer ticker.Stop()
	for {
		asked, cancel := context.WithTimeout(ctx, askStore)
		err := s.reader.answers(asked)
		cancel()
		if ctx.Err() != nil {
			return
		}
		s.observer.StoreAnswers(err)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (s *serveRole) close(ctx context.Context) (err error) {
	if s.publisher != nil {
		err = s.publisher.Close(ctx)
	}
	if s.reader != nil {
		if closing := s.reader.Close(); closing != nil {
			err = errors.Join(err, fmt.Errorf("closing the store: %w", closing))
		}
	}
	return err
}
