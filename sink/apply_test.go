package sink_test

import (
	"context"
	"testing"

	"dossier/schema"
	"dossier/sink"
	"dossier/sink/sinktest"
)

// overtaken is a store in which, at the first replacement, somebody else has always been faster.
type overtaken struct {
	*sinktest.Memory
	replaced int
}

func (s *overtaken) Replace(ctx context.Context, docs []sink.Replacement) ([]sink.Outcome, error) {
	s.replaced++
	if s.replaced > 1 {
		return s.Memory.Replace(ctx, docs)
	}
	outcomes := make([]sink.Outcome, len(docs))
	for i := range outcomes {
		outcomes[i].Status = sink.StatusSuperseded
	}
	return outcomes, nil
}

// A document that changes while it is being completed is read again and completed then.
func TestCompletionIsTriedAgain(t *testing.T) {
	store := &overtaken{Memory: sinktest.NewMemory()}
	e := change(1)
	e.Context = &schema.EventContext{Status: schema.StatusUnattributed}
	a := *e
	a.Kind, a.ID, a.Before = schema.KindAttribution, "a1", nil
	a.Attribution = &schema.Attribution{EventID: e.ID, Action: e.Action}
	a.Context = &schema.EventContext{Status: schema.StatusLate, Context: schema.Context{User: schema.User{ID: "u9"}}}
	applier := &sink.Applier{Store: store}
	for _, event := range []*schema.AuditEvent{e, &a} {
		if results, err := applier.Apply(t.Context(), []*schema.AuditEvent{event}); err != nil || results[0].Refused() {
			t.Fatal(results, err)
		}
	}
	docs, err := sink.Materialize(e, sink.Options{})
	if err != nil {
		t.Fatal(err)
	}
	found, err := store.Get(t.Context(), []schema.DocumentRef{docs[0].Ref()})
	if err != nil {
		t.Fatal(err)
	}
	if c := found[0].Document.Context; c.Status != schema.StatusLate || c.User.ID != "u9" || store.replaced != 2 {
		t.Errorf("after %d replacements: %+v", store.replaced, c)
	}
}
