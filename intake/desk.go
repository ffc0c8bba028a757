package intake

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"dossier/query"
	"dossier/schema"
)

// Desk takes what callers of the HTTP API write: it finds out what an input is on, publishes it, and waits until the caller can read it.
// Safe for concurrent use.
type Desk struct {
	Publisher EventPublisher
	Scopes    Scopes
	Now       func() time.Time // nil is time.Now
	// Wait is how long an answer waits for what was written to be seen in the store. 0: 5 s.
	Wait time.Duration

	recent recent
	naming naming
}

// EventPublisher writes audit events: a *Publisher.
type EventPublisher interface {
	// Publish writes all of the events, or none.
	Publish(ctx context.Context, events []schema.AuditEvent) error
}

// Reader is the store as one caller sees it. What the caller may not see is not there.
type Reader struct {
	Store query.Store
	// State returns an entity as it was at a time. An entity of which nothing is known is a *query.Error with CodeNotFound.
	State func(ctx context.Context, entity schema.EntityRef, at time.Time) (*query.State, error)
	// MaySee says whether the caller may see a scope: what would lie in one that the caller may not see is not taken. The error is a *query.Error or the context's.
	// Nil: all of them.
	MaySee func(ctx context.Context, scope string) (bool, error)
}

// StateReader answers what an entity was: a *query.Service.
type StateReader interface {
	State(ctx context.Context, q query.StateQuery) (*query.State, error)
}

// NewReader returns the reader that sees what a store and a service over it show.
func NewReader(store query.Store, states StateReader) Reader {
	return Reader{Store: store, State: func(ctx context.Context, entity schema.EntityRef, at time.Time) (*query.State, error) {
		return states.State(ctx, query.StateQuery{Type: entity.Type, ID: entity.ID, AsOf: at.Format(time.RFC3339Nano)})
	}}
}

// Scopes says which scope an entity type's feedback lies in where the store does not tell.
type Scopes struct {
	// ByType are the configured entity types that lie outside the default scope.
	ByType map[string]string
	// Known are all scopes there are, the default one among them.
	Known []string
}

// Of returns the scope of an entity type.
func (s Scopes) Of(entityType string) string {
	if scope := s.ByType[entityType]; scope != "" {
		return scope
	}
	return schema.DefaultScope
}

func (s Scopes) known(scope string) bool {
	for _, k := range s.Known {
		if k == scope {
			return true
		}
	}
	return scope == schema.DefaultScope
}

// checkScope says what is wrong with the scope that feedback names.
func (s Scopes) checkScope(f *Feedback) error {
	if f.Scope != "" && !s.known(f.Scope) {
		return Faults{{"/scope", noSuchScope}}
	}
	return nil
}

// noSuchScope is the same for a scope that is none and for one that the caller may not know of.
const noSuchScope = "is no configured scope, or none that you may see"

// target is what feedback is on, as far as the configuration tells.
func (s Scopes) target(f *Feedback) Target {
	t := Target{Scope: f.Scope}
	if f.Entity != nil {
		t.Entity, t.Scope = *f.Entity, s.Of(f.Entity.Type)
	}
	return t
}

func (d *Desk) now() time.Time {
	if d.Now == nil {
		return time.Now().UTC()
	}
	return d.Now().UTC()
}

// visible waits until the store shows as many documents as were written, and says whether it does. A store that does not answer is no fault here:
// what was written is safe.
func (d *Desk) visible(ctx context.Context, store query.Store, filter query.Filter, documents int) bool {
	wait := d.Wait
	if wait == 0 {
		wait = 5 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, 250*time.Millisecond) {
		if n, err := count(ctx, store, filter); err == nil && n >= int64(documents) {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(pause):
		}
	}
}

// count returns how many documents fit a filter.
func count(ctx context.Context, store query.Store, filter query.Filter) (int64, error) {
	counts, err := store.Count(ctx, query.Count{Filter: filter, Limit: 1})
	return counts.Total, err
}

// kindIs is the filter for documents of some kinds.
func kindIs(kinds ...schema.DocumentKind) query.Filter {
	f := query.Equal{Field: query.FieldKind}
	for _, k := range kinds {
		f.Values = append(f.Values, string(k))
	}
	return f
}

// newID returns an identity that nothing else has.
func newID(what string) string { return schema.DerivedID(what, "", rand.Text()) }

// notFound says whether the error is that there is no such thing.
func notFound(err error) bool {
	var e *query.Error
	return errors.As(err, &e) && e.Code == query.CodeNotFound
}

// tooBroad refuses what would be too much at once.
func tooBroad(parameter, format string, args ...any) error {
	return &query.Error{Code: query.CodeTooBroad, Parameter: parameter, Detail: fmt.Sprintf(format, args...)}
}
