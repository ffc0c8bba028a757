package intake

import (
	"context"

	"dossier/query"
	"dossier/schema"
)

// FeedbackAnswer is what became of feedback.
type FeedbackAnswer struct {
	EventID string `json:"event_id"`
	// Stored says whether the caller can read it already; if not, it will within moments.
	Stored bool `json:"-"`
}

// GiveFeedback publishes feedback. Feedback with an id of its own that was given before is not given again.
//
// The error is Faults, such as for a change that does not exist or that the caller may not see; a *query.Error with CodeUnavailable where the store or Kafka
// does not answer; or the context's.
func (d *Desk) GiveFeedback(ctx context.Context, reader Reader, f Feedback, who Caller) (FeedbackAnswer, error) {
	if err := d.Scopes.checkScope(&f); err != nil {
		return FeedbackAnswer{}, err
	}
	id := f.FeedbackID()
	if id == "" {
		return d.giveFeedback(ctx, reader, f, newID("feedback"), who)
	}
	answer, repeated, err := d.recent.do(ctx, "feedback "+id, func() (any, error) {
		stored, err := count(ctx, reader.Store, feedbackIs(id))
		if err != nil || stored > 0 {
			return FeedbackAnswer{id, true}, err
		}
		return d.giveFeedback(ctx, reader, f, id, who)
	})
	if err != nil {
		return FeedbackAnswer{}, err
	}
	result := answer.(FeedbackAnswer)
	if repeated && !result.Stored {
		result.Stored = d.visible(ctx, reader.Store, feedbackIs(id), 1)
	}
	return result, nil
}

func feedbackIs(id string) query.Filter {
	return query.And{kindIs(schema.DocumentFeedback), query.Is(query.FieldEventID, id)}
}

func (d *Desk) giveFeedback(ctx context.Context, reader Reader, f Feedback, id string, who Caller) (FeedbackAnswer, error) {
	target, err := d.target(ctx, reader.Store, &f)
	if err != nil {
		return FeedbackAnswer{}, err
	}
	if err := d.Publisher.Publish(ctx, []schema.AuditEvent{f.Event(id, d.now(), target, who)}); err != nil {
		return FeedbackAnswer{}, err
	}
	return FeedbackAnswer{id, d.visible(ctx, reader.Store, feedbackIs(id), 1)}, nil
}

// target finds what feedback is on. A change has to be there. An entity need not: an application may be told of one, and answer, before its first change
// is stored; the configuration then says its scope.
func (d *Desk) target(ctx context.Context, store query.Store, f *Feedback) (Target, error) {
	whole := kindIs(schema.DocumentRowVersion, schema.DocumentTruncate)
	var filter query.Filter
	switch {
	case f.EventID != "":
		filter = query.And{query.Is(query.FieldEventID, f.EventID), whole}
	case f.Entity != nil:
		filter = query.And{query.Is(query.FieldEntityType, f.Entity.Type), query.Is(query.FieldEntityID, f.Entity.ID), whole}
	default:
		return d.Scopes.target(f), nil
	}
	pages, err := store.Search(ctx, query.Search{Filter: filter, Order: query.NewestFirst, Limit: 1})
	if err != nil {
		return Target{}, err
	}
	if len(pages[0].Documents) == 0 {
		if f.EventID != "" {
			return Target{}, Faults{{"/event_id", "there is no such change"}}
		}
		return d.Scopes.target(f), nil
	}
	found := &pages[0].Documents[0]
	if f.Entity != nil && *f.Entity != found.Entity.EntityRef {
		return Target{}, Faults{{"/entity", "is not the one that the change event_id is of"}}
	}
	return Target{found.Entity.EntityRef, found.Entity.Parent, found.Scope}, nil
}
