package intake

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"dossier/query"
	"dossier/query/querytest"
	"dossier/schema"
)

func TestGiveFeedback(t *testing.T) {
	renamed := change("person", "7", "people", schema.ActionUpdate, 1)
	d, p, reader := newDesk(t, append(people, renamed)...)
	for name, test := range map[string]struct {
		feedback Feedback
		want     Target // without parent
		faults   string
	}{
		"on an entity":                    {Feedback{Entity: &refs("person/1")[0]}, Target{Entity: refs("person/1")[0], Scope: "people"}, ""},
		"on an entity not yet stored":     {Feedback{Entity: &refs("person/77")[0]}, Target{Entity: refs("person/77")[0], Scope: "people"}, ""},
		"on an entity of no scope":        {Feedback{Entity: &refs("dragon/1")[0], Scope: "people"}, Target{Entity: refs("dragon/1")[0], Scope: "default"}, ""},
		"on a version":                    {Feedback{Version: "Baseline"}, Target{Scope: "default"}, ""},
		"on a version, in a scope":        {Feedback{Version: "Baseline", Scope: "people"}, Target{Scope: "people"}, ""},
		"on a change":                     {Feedback{EventID: "person/2@20"}, Target{Entity: refs("person/2")[0], Scope: "people"}, ""},
		"on a change and its entity":      {Feedback{EventID: "person/2@20", Entity: &refs("person/2")[0]}, Target{Entity: refs("person/2")[0], Scope: "people"}, ""},
		"on a change and another entity":  {Feedback{EventID: "person/2@20", Entity: &refs("person/1")[0]}, Target{}, "[/entity]"},
		"on a change that nobody may see": {Feedback{EventID: "unknown"}, Target{}, "[/event_id]"},
		"in a scope that is none":         {Feedback{Version: "Baseline", Scope: "poeple"}, Target{}, "[/scope]"},
	} {
		t.Run(name, func(t *testing.T) {
			f := test.feedback
			f.Application, f.Status = "payments", "accepted"
			before, _ := p.count()
			answer, err := d.GiveFeedback(t.Context(), reader, f, Caller{})
			if test.faults != "" {
				if n, _ := p.count(); fmt.Sprint(pointers(err)) != test.faults || n != before {
					t.Errorf("%v, want faults at %s", err, test.faults)
				}
				return
			}
			if err != nil || !answer.Stored {
				t.Fatalf("%+v, %v", answer, err)
			}
			e := p.published[len(p.published)-1][0]
			if e.Scope != test.want.Scope || e.Entity.Type != test.want.Entity.Type || e.Entity.ID != test.want.Entity.ID || e.ID != answer.EventID {
				t.Errorf("%+v", e)
			}
		})
	}
}

func TestFeedbackWithAnIDOfItsOwnIsGivenOnce(t *testing.T) {
	d, p, reader := newDesk(t, people...)
	p.hold = true
	f := Feedback{ID: "77", Application: "payments", Status: "accepted", Version: "Baseline"}
	first, err := d.GiveFeedback(t.Context(), reader, f, Caller{})
	if err != nil || first.Stored || first.EventID != f.FeedbackID() {
		t.Fatalf("%+v, %v", first, err)
	}
	if again, err := d.GiveFeedback(t.Context(), reader, f, Caller{}); err != nil || again != first {
		t.Errorf("%+v, %v", again, err)
	}
	p.release()
	other := &Desk{Publisher: p, Now: d.Now}
	if again, err := other.GiveFeedback(t.Context(), reader, f, Caller{}); err != nil || !again.Stored || again.EventID != first.EventID {
		t.Errorf("at another instance: %+v, %v", again, err)
	}
	if n, _ := p.count(); n != 1 {
		t.Errorf("%d publications", n)
	}
	f.Payload, f.User, f.Reason = []byte(` { } `), schema.User{ID: "u2"}, "again"
	var conflict *query.Error
	for name, desk := range map[string]*Desk{"remembered": d, "stored": other, "stored, at a third instance": {Publisher: p, Now: d.Now}} {
		if answer, err := desk.GiveFeedback(t.Context(), reader, f, Caller{}); !errors.As(err, &conflict) || conflict.Code != query.CodeConflict || conflict.Parameter != "id" {
			t.Errorf("%s, and now it tells something else: %+v, %v", name, answer, err)
		}
	}
	if n, _ := p.count(); n != 1 {
		t.Errorf("%d publications", n)
	}
	f.ID, f.Payload = "", nil
	for range 2 {
		if answer, err := d.GiveFeedback(t.Context(), reader, f, Caller{}); err != nil || answer.EventID == first.EventID {
			t.Errorf("%+v, %v", answer, err)
		}
	}
	if n, _ := p.count(); n != 3 {
		t.Errorf("%d publications of feedback without an id, want each", n)
	}
}

// Feedback that another caller gave under the same id, and that this one does not see, is no answer to this one: 201 would say that what was sent can be read.
func TestFeedbackOfAnotherCallerIsAnotherOne(t *testing.T) {
	d, p, reader := newDesk(t, people...)
	blind := Reader{Store: querytest.NewMemory()}
	f := Feedback{ID: "77", Application: "payments", Status: "accepted", Version: "Baseline", Payload: []byte("{\n \"a\": 1}")}
	if answer, err := d.GiveFeedback(t.Context(), reader, f, Caller{User: schema.User{ID: "a"}}); err != nil || !answer.Stored {
		t.Fatalf("%+v, %v", answer, err)
	}
	if answer, err := d.GiveFeedback(t.Context(), reader, f, Caller{User: schema.User{ID: "c"}}); err != nil || !answer.Stored {
		t.Errorf("the same, seen by a third: %+v, %v", answer, err)
	}
	if n, _ := p.count(); n != 1 {
		t.Errorf("%d publications", n)
	}
	if answer, err := d.GiveFeedback(t.Context(), blind, f, Caller{User: schema.User{ID: "b"}}); err != nil || answer.Stored {
		t.Errorf("%+v, %v", answer, err)
	}
	if n, _ := p.count(); n != 2 {
		t.Errorf("%d publications", n)
	}
}

// Whoever has no part in a scope puts nothing into it, whether what is there is known or not, and learns nothing of it.
func TestFeedbackIntoAnotherScope(t *testing.T) {
	d, p, reader := newDesk(t, people...)
	away := errors.New("the store is away")
	reader.MaySee = func(_ context.Context, scope string) (bool, error) {
		if scope == "torn" {
			return false, away
		}
		return scope == "people", nil
	}
	for name, test := range map[string]struct {
		feedback Feedback
		faults   string
	}{
		"an entity":                 {Feedback{Entity: &refs("person/1")[0]}, ""},
		"an entity yet unknown":     {Feedback{Entity: &refs("person/77")[0]}, ""},
		"another scope's entity":    {Feedback{Entity: &refs("dragon/1")[0]}, "[/entity]"},
		"a version":                 {Feedback{Version: "Baseline", Scope: "people"}, ""},
		"a version, and no scope":   {Feedback{Version: "Baseline"}, "[/scope]"},
		"a version, other scope":    {Feedback{Version: "Baseline", Scope: "default"}, "[/scope]"},
		"a version, unknown scope":  {Feedback{Version: "Baseline", Scope: "poeple"}, "[/scope]"},
		"under an id of its own":    {Feedback{Entity: &refs("dragon/1")[0], ID: "1"}, "[/entity]"},
		"a change of its own scope": {Feedback{EventID: "person/2@20"}, ""},
	} {
		f := test.feedback
		f.Application, f.Status = "payments", "accepted"
		before, _ := p.count()
		_, err := d.GiveFeedback(t.Context(), reader, f, Caller{})
		got := ""
		if err != nil {
			got = fmt.Sprint(pointers(err))
		}
		if got != test.faults {
			t.Errorf("%s: %v, want faults at %q", name, err, test.faults)
		}
		if n, _ := p.count(); (n > before) != (test.faults == "") {
			t.Errorf("%s: %d publications", name, n-before)
		}
	}
	d.Scopes.Known = append(d.Scopes.Known, "torn")
	before, _ := p.count()
	if _, err := d.GiveFeedback(t.Context(), reader, Feedback{Application: "payments", Status: "accepted", Version: "Baseline", Scope: "torn"}, Caller{}); !errors.Is(err, away) {
		t.Errorf("while nobody knows what may be seen: %v", err)
	}
	if after, _ := p.count(); after > before {
		t.Error("published what perhaps may not be seen")
	}
	// What the store has just shown needs no answer from before it was there.
	reader.MaySee = func(context.Context, string) (bool, error) { return false, nil }
	if _, err := d.GiveFeedback(t.Context(), reader, Feedback{Application: "payments", Status: "accepted", Entity: &refs("person/1")[0]}, Caller{}); err != nil {
		t.Errorf("on what the caller sees: %v", err)
	}
}
