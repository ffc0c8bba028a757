package sink_test

import (
	"errors"
	"fmt"
	"testing"

	"dossier/schema"
	"dossier/sink"
	"dossier/sink/sinktest"
)

// A store that fails at any point, before or after it has written, leaves neither the row's documents nor the named version without the late context,
// once the events have come again, whichever of them comes first.
func TestNamedByRowSurvivesEveryFault(t *testing.T) {
	e := change(1)
	e.Action, e.Before, e.After = schema.ActionCreate, nil, e.Before
	e.Context = &schema.EventContext{Status: schema.StatusUnattributed}
	e.VersionName, e.VersionOf, e.NamedVersion = "Baseline", &schema.EntityRef{Type: "person", ID: "17"}, &schema.NamedVersion{AsOf: e.Time}
	a := *e
	a.Kind, a.ID, a.After = schema.KindAttribution, "a1", nil
	a.Attribution = &schema.Attribution{EventID: e.ID, Action: e.Action, Fields: []string{"n"}}
	a.Context = &schema.EventContext{Status: schema.StatusLate, Route: schema.RouteTopic, Context: schema.Context{User: schema.User{ID: "u9"}}}

	broken := errors.New("broken")
	for _, events := range [][]*schema.AuditEvent{{e, &a}, {&a, e}} {
		for writes := 0; ; writes++ {
			n := -1
			failed := false
			for _, persisted := range []bool{false, true} {
				store := sinktest.NewMemory()
				n = -1
				store.Fault = func(_ *schema.Document, after bool) error {
					if !after {
						n++
					}
					if n == writes && after == persisted {
						n, failed = 1000, true
						return broken
					}
					return nil
				}
				applier := &sink.Applier{Store: store}
				for _, event := range events {
					for {
						results, err := applier.Apply(t.Context(), []*schema.AuditEvent{event})
						if err == nil && results[0].Refused() {
							t.Fatalf("write %d, persisted %v: %+v", writes, persisted, results[0])
						}
						if err == nil {
							break
						}
					}
				}
				wantLate(t, store, e, fmt.Sprintf("%s first, write %d, persisted %v", events[0].Kind, writes, persisted))
			}
			if !failed {
				if writes < 4 {
					t.Fatalf("only %d writes were seen", writes)
				}
				break
			}
		}
	}
}

// wantLate checks that every document of a change has the late context and its row's version name.
func wantLate(t *testing.T, store *sinktest.Memory, e *schema.AuditEvent, when string) {
	t.Helper()
	docs, err := sink.Materialize(e, sink.Options{})
	if err != nil {
		t.Fatal(err)
	}
	kinds := ""
	for i := range docs {
		kinds += string(docs[i].Kind) + " "
		found, err := store.Get(t.Context(), []schema.DocumentRef{docs[i].Ref()})
		if err != nil {
			t.Fatal(err)
		}
		d := found[0].Document
		if !found[0].Found || d.Context == nil || d.Context.Status != schema.StatusLate || d.Context.User.ID != "u9" || d.VersionName != e.VersionName {
			t.Errorf("%s: %s is %+v, by %+v", when, docs[i].Kind, d, d.Context)
		}
	}
	if kinds != "row_version named_version field_change " {
		t.Fatalf("documents %s", kinds)
	}
}
