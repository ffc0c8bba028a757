package intake

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"

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
// The error is Faults, such as for a change that does not exist or that the caller may not see; a *query.Error with CodeConflict where the caller sees other feedback
// under the same id, with CodeUnavailable where the store or Kafka does not answer; or the context's.
func (d *Desk) GiveFeedback(ctx context.Context, reader Reader, f Feedback, who Caller) (FeedbackAnswer, error) {
	if err := d.Scopes.checkScope(&f); err != nil {
		return FeedbackAnswer{}, err
	}
	id := f.FeedbackID()
	if id == "" {
		return d.giveFeedback(ctx, reader, f, newID("feedback"), who)
	}
	// What another caller gave under the same id may be nothing that this one sees.
	answer, repeated, err := d.recent.do(ctx, "feedback "+id+" "+who.User.ID, func() (any, error) {
		stored, err := d.given(ctx, reader.Store, &f, id)
		if err != nil || stored {
			return givenFeedback{FeedbackAnswer{id, true}, f.content()}, err
		}
		answer, err := d.giveFeedback(ctx, reader, f, id, who)
		return givenFeedback{answer, f.content()}, err
	})
	if err != nil {
		return FeedbackAnswer{}, err
	}
	given := answer.(givenFeedback)
	if given.content != f.content() {
		return FeedbackAnswer{}, errOtherFeedback
	}
	if repeated && !given.Stored {
		given.Stored = d.visible(ctx, reader.Store, feedbackIs(id), 1)
	}
	return given.FeedbackAnswer, nil
}

// givenFeedback is what is remembered of feedback with an id of its own.
type givenFeedback struct {
	FeedbackAnswer
	content [sha256.Size]byte
}

var errOtherFeedback = &query.Error{Code: query.CodeConflict, Parameter: "id",
	Detail: "other feedback of this application has the same id, and was not changed; give what is new an id of its own"}

// given says whether the feedback is stored already. The error is errOtherFeedback where other feedback has its id.
func (d *Desk) given(ctx context.Context, store query.Store, f *Feedback, id string) (bool, error) {
	pages, err := store.Search(ctx, query.Search{Filter: feedbackIs(id), Limit: 1})
	if err != nil || len(pages[0].Documents) == 0 {
		return false, err
	}
	if !f.sameAs(&pages[0].Documents[0]) {
		return false, errOtherFeedback
	}
	return true, nil
}

// sameAs says whether a stored document tells what the feedback does. Who sent it, and why, makes no difference, nor does what the sender left to be found out.
func (f *Feedback) sameAs(d *schema.Document) bool {
	if d.Feedback == nil {
		return false
	}
	stored := Feedback{Application: d.Feedback.Application, Status: d.Feedback.Status, Message: d.Feedback.Message, Payload: d.Feedback.Payload, EventID: d.Feedback.EventID, Version: d.VersionName}
	if f.Entity != nil {
		stored.Entity = &d.Entity.EntityRef
	}
	return stored.content() == f.content()
}

// content is a hash of what feedback tells.
func (f *Feedback) content() [sha256.Size]byte {
	var payload bytes.Buffer
	if json.Compact(&payload, f.Payload) != nil { // none
		payload.Reset()
	}
	entity := schema.EntityRef{}
	if f.Entity != nil {
		entity = *f.Entity
	}
	text, _ := json.Marshal([]string{f.Application, f.Status, f.Message, payload.String(), f.Version, f.EventID, entity.Type, entity.ID}) // texts cannot fail
	return sha256.Sum256(text)
}

func feedbackIs(id string) query.Filter {
	return query.And{kindIs(schema.DocumentFeedback), query.Is(query.FieldEventID, id)}
}

func (d *Desk) giveFeedback(ctx context.Context, reader Reader, f Feedback, id string, who Caller) (FeedbackAnswer, error) {
	target, stored, err := d.target(ctx, reader.Store, &f)
	if err != nil {
		return FeedbackAnswer{}, err
	}
	if !stored && reader.MaySee != nil {
		switch may, err := reader.MaySee(ctx, target.Scope); {
		case err != nil:
			return FeedbackAnswer{}, err
		case !may:
			return FeedbackAnswer{}, foreign(&f)
		}
	}
	if err := d.Publisher.Publish(ctx, []schema.AuditEvent{f.Event(id, d.now(), target, who)}); err != nil {
		return FeedbackAnswer{}, err
	}
	return FeedbackAnswer{id, d.visible(ctx, reader.Store, feedbackIs(id), 1)}, nil
}

// foreign is the fault of feedback that would lie in a scope that the caller has no part in.
func foreign(f *Feedback) error {
	switch {
	case f.Entity != nil:
		return Faults{{"/entity", "is of a type that you may not see"}}
	case f.Scope != "":
		return Faults{{"/scope", noSuchScope}}
	}
	return Faults{{"/scope", "is missing: without an entity it would be the default one, which you may not see"}}
}

// target finds what feedback is on. A change has to be there. An entity need not: an application may be told of one, and answer, before its first change
// is stored; the configuration then says its scope. stored says that the store showed it to the caller, and so the scope with it.
func (d *Desk) target(ctx context.Context, store query.Store, f *Feedback) (target Target, stored bool, err error) {
	whole := kindIs(schema.DocumentRowVersion, schema.DocumentTruncate)
	var filter query.Filter
	switch {
	case f.EventID != "":
		filter = query.And{query.Is(query.FieldEventID, f.EventID), whole}
	case f.Entity != nil:
		filter = query.And{query.Is(query.FieldEntityType, f.Entity.Type), query.Is(query.FieldEntityID, f.Entity.ID), whole}
	default:
		return d.Scopes.target(f), false, nil
	}
	pages, err := store.Search(ctx, query.Search{Filter: filter, Order: query.NewestFirst, Limit: 1})
	if err != nil {
		return Target{}, false, err
	}
	if len(pages[0].Documents) == 0 {
		if f.EventID != "" {
			return Target{}, false, Faults{{"/event_id", "there is no such change"}}
		}
		return d.Scopes.target(f), false, nil
	}
	found := &pages[0].Documents[0]
	if f.Entity != nil && *f.Entity != found.Entity.EntityRef {
		return Target{}, false, Faults{{"/entity", "is not the one that the change event_id is of"}}
	}
	return Target{found.Entity.EntityRef, found.Entity.Parent, found.Scope}, true, nil
}
