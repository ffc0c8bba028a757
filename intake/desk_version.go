package intake

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"dossier/query"
	"dossier/schema"
)

// VersionAnswer is what became of a request that named a version.
type VersionAnswer struct {
	Name     string `json:"name"`
	ID       string `json:"id"`
	Entities int    `json:"entities"`
	// Stored says whether the caller can read it already; if not, it will within moments.
	Stored bool `json:"-"`
}

// NameVersion gives a name to the states of entities. Either all of them get it, or none.
//
// key is the request's idempotency key, "" without: the same caller's request of the same key and name is the same request, whose answer is given again and
// which names nothing anew.
//
// The error is Faults for entities that did not exist then or that the caller may not see; a *query.Error with CodeConflict where the name is taken, with
// CodeTooBroad where a query finds too much, with CodeUnavailable where the store or Kafka does not answer; or the context's.
func (d *Desk) NameVersion(ctx context.Context, reader Reader, v VersionRequest, key string, who Caller) (VersionAnswer, error) {
	if err := CheckIdempotencyKey(key); err != nil {
		return VersionAnswer{}, err
	}
	if key == "" {
		answer, err := d.nameVersion(ctx, reader, v, newID("version"), who)
		return answer, err
	}
	id := schema.DerivedID("version", who.User.ID, who.User.Name, key, v.Name)
	answer, repeated, err := d.recent.do(ctx, "version "+id, func() (any, error) {
		stored, err := count(ctx, reader.Store, edition(v.Name, id))
		if err != nil || stored > 0 {
			return VersionAnswer{Name: v.Name, ID: id, Entities: int(stored), Stored: true}, err
		}
		return d.nameVersion(ctx, reader, v, id, who)
	})
	if err != nil {
		return VersionAnswer{}, err
	}
	result := answer.(VersionAnswer)
	if repeated && !result.Stored {
		result.Stored = d.visible(ctx, reader.Store, edition(v.Name, id), result.Entities)
	}
	return result, nil
}

// edition is the filter for the documents of one request's edition.
func edition(name, id string) query.Filter {
	return query.And{kindIs(schema.DocumentNamedVersion), query.Is(query.FieldVersionName, name), query.Is(query.FieldVersionID, id)}
}

func (d *Desk) nameVersion(ctx context.Context, reader Reader, v VersionRequest, id string, who Caller) (VersionAnswer, error) {
	now := d.now()
	asOf := v.AsOf
	switch {
	case asOf.IsZero():
		asOf = now
	case asOf.After(now):
		return VersionAnswer{}, Faults{{"/as_of", "is in the future; nobody knows the states of then"}}
	}
	d.naming.forget(now)
	name, done, err := d.naming.begin(ctx, who.User.ID+"\x00"+v.Name)
	if err != nil {
		return VersionAnswer{}, err
	}
	defer done()
	if !v.NewEdition {
		taken, err := count(ctx, reader.Store, query.And{query.Is(query.FieldVersionName, v.Name),
			kindIs(schema.DocumentRowVersion, schema.DocumentTruncate, schema.DocumentNamedVersion)})
		if err != nil {
			return VersionAnswer{}, err
		}
		if taken > 0 || now.Before(name.until) {
			return VersionAnswer{}, &query.Error{Code: query.CodeConflict, Parameter: "name", Detail: fmt.Sprintf(
				"the name %q is taken; give another, or set new_edition to true to name a further edition", v.Name)}
		}
	}
	refs, listed := v.Entities, true
	if v.Query != "" {
		var err error
		if refs, err = find(ctx, reader.Store, v.Query, asOf, now); err != nil {
			return VersionAnswer{}, err
		}
		listed = false
	}
	states, err := resolve(ctx, reader, refs, asOf, listed)
	if err != nil {
		return VersionAnswer{}, err
	}
	if len(states) == 0 {
		return VersionAnswer{}, Faults{{"/query", "finds no entity that was there at that time"}}
	}
	if err := d.Publisher.Publish(ctx, v.Events(id, now, asOf, states, who)); err != nil {
		return VersionAnswer{}, err
	}
	answer := VersionAnswer{v.Name, id, len(states), d.visible(ctx, reader.Store, edition(v.Name, id), len(states))}
	if !answer.Stored {
		name.until = now.Add(rememberedNames)
	}
	return answer, nil
}

// find returns the entities that a search's changes up to a time concern.
func find(ctx context.Context, store query.Store, text string, asOf, now time.Time) ([]schema.EntityRef, error) {
	question, err := query.ParseQuestion(text, now)
	if err != nil {
		var fault *query.Error
		if errors.As(err, &fault) {
			fault.Parameter = "query"
		}
		return nil, err
	}
	// To is exclusive: the moment itself is meant as well.
	groups := query.Groups{Filter: query.And{question.Filter(), query.Between{Field: query.FieldTime, To: asOf.Add(time.Nanosecond)}},
		By: []query.Field{query.FieldEntityType, query.FieldEntityID}, Limit: query.MaxLimit}
	var refs []schema.EntityRef
	for {
		page, err := store.Groups(ctx, groups)
		if err != nil {
			return nil, err
		}
		for _, g := range page {
			if g.Key[1] != "" { // a truncate concerns no one entity
				refs = append(refs, schema.EntityRef{Type: g.Key[0], ID: g.Key[1]})
			}
		}
		if len(refs) > MaxVersionEntities {
			return nil, tooBroad("query", "finds more than %d entities, which are too many for one version; narrow it", MaxVersionEntities)
		}
		if len(page) < groups.Limit {
			return refs, nil
		}
		groups.After = page[len(page)-1].Key
	}
}

// maxEntityFaults bounds the faults that are listed of one request; more say nothing new.
const maxEntityFaults = 100

// resolve finds the states of entities at a time, each entity once. An entity that was listed and was not there then is a fault; one that a query found
// is left out.
func resolve(ctx context.Context, reader Reader, refs []schema.EntityRef, asOf time.Time, listed bool) ([]NamedState, error) {
	states := make([]*NamedState, len(refs))
	details := make([]string, len(refs))
	seen := make(map[schema.EntityRef]bool, len(refs))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for i, ref := range refs {
		if seen[ref] {
			continue
		}
		seen[ref] = true
		group.Go(func() error {
			state, err := reader.State(ctx, ref, asOf)
			switch {
			case notFound(err):
				details[i] = "nothing is known of it"
			case err != nil:
				return err
			case state.Status != query.StatusPresent || state.Version == nil:
				details[i] = absence(state)
			default:
				states[i] = named(state)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var faults Faults
	var found []NamedState
	for i := range refs {
		switch {
		case states[i] != nil:
			found = append(found, *states[i])
		case details[i] != "" && listed && len(faults) < maxEntityFaults:
			faults.add(fmt.Sprintf("/entities/%d", i), "%s", details[i])
		}
	}
	return found, faults.orNil()
}

func named(s *query.State) *NamedState {
	n := &NamedState{Target: Target{Entity: schema.EntityRef{Type: s.Entity.Type, ID: s.Entity.ID}, Scope: s.Scope}, EventID: s.Version.EventID}
	if p := s.Entity.Parent; p != nil {
		n.Parent = &schema.EntityRef{Type: p.Type, ID: p.ID}
	}
	return n
}

// absence says why an entity has no state at the time.
func absence(s *query.State) string {
	switch s.Status {
	case query.StatusDeleted:
		return "had been deleted at that time"
	case query.StatusTruncated:
		return "was not there at that time: its table had been truncated"
	case query.StatusMoved:
		return fmt.Sprintf("had got another id by then: %s", clip(s.MovedTo))
	case query.StatusNotYet:
		return "was not there yet at that time"
	}
	return "is not known as it was at that time: what is known begins later"
}
