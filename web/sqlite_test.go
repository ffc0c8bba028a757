package web

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/zap"

	"dossier/intake"
	"dossier/schema"
	"dossier/sink"
	"dossier/sink/sqlite"
)

// newSQLiteAPI returns an API over the sample in a SQLite file; what is written goes straight into the file.
func newSQLiteAPI(t testing.TB, change func(*Options)) *API {
	t.Helper()
	path := filepath.Join(t.TempDir(), "dossier.db")
	if _, err := sqlite.Setup(t.Context(), path, false); err != nil {
		t.Fatal(err)
	}
	store, err := sqlite.Open(t.Context(), sqlite.Config{Path: path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	p := &directPublisher{sink.Applier{Store: store}}
	if err := p.apply(t.Context(), sampleEvents()); err != nil {
		t.Fatal(err)
	}
	reader, err := sqlite.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := reader.Close(); err != nil {
			t.Error(err)
		}
	})
	o := Options{Access: &TokenAccess{For: reader.For}, Desk: &intake.Desk{Publisher: p, Now: now, Wait: time.Second, Scopes: intake.Scopes{Known: []string{"catalog", "people"}}},
		Observer: &seen{}, Log: zap.NewNop(), Now: now}
	if change != nil {
		change(&o)
	}
	return NewAPI(o)
}

// directPublisher stores events at once, as if the audit topic and the sink stood between.
type directPublisher struct{ applier sink.Applier }

func (p *directPublisher) Publish(ctx context.Context, events []schema.AuditEvent) error {
	list := make([]*schema.AuditEvent, len(events))
	for i := range events {
		list[i] = &events[i]
	}
	return p.apply(ctx, list)
}

func (p *directPublisher) apply(ctx context.Context, events []*schema.AuditEvent) error {
	results, err := p.applier.Apply(ctx, events)
	for _, r := range results {
		if r != (sink.Result{}) {
			err = errors.Join(err, errors.New(r.Reason+": "+r.Detail))
		}
	}
	return err
}
