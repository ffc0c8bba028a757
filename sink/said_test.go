package sink

import (
	"testing"
	"time"

	"dossier/schema"
)

func TestWhatWasWrittenTwiceAgrees(t *testing.T) {
	feedback := func(change func(*schema.Document)) schema.Document {
		d := schema.Document{Kind: schema.DocumentFeedback, EventID: "e", Scope: "default", Time: midnight,
			Entity:   schema.DocumentEntity{EntityRef: schema.EntityRef{Type: "product", ID: "1"}},
			Feedback: &schema.Feedback{Application: "payments", Status: "rejected", Message: "no IBAN"}, VersionName: "Baseline",
			Context: &schema.EventContext{Status: schema.StatusAttached, Context: schema.Context{RequestID: "r-1", IP: "10.0.0.1"}}}
		if change != nil {
			change(&d)
		}
		return d
	}
	version := func(change func(*schema.Document)) schema.Document {
		d := feedback(nil)
		d.Kind, d.Feedback = schema.DocumentNamedVersion, nil
		d.NamedVersion = &schema.NamedVersion{ID: "v", AsOf: midnight, EventID: "c-1"}
		if change != nil {
			change(&d)
		}
		return d
	}
	later := func(d *schema.Document) {
		d.Time, d.Created = d.Time.Add(time.Minute), d.Time
		d.Context = &schema.EventContext{Status: schema.StatusAttached, Context: schema.Context{RequestID: "r-2", VersionName: d.VersionName}}
	}
	for name, test := range map[string]struct {
		a, b schema.Document
		want bool
	}{
		"feedback sent again":   {feedback(nil), feedback(later), true},
		"another status":        {feedback(nil), feedback(func(d *schema.Document) { d.Feedback.Status = "accepted" }), false},
		"another entity":        {feedback(nil), feedback(func(d *schema.Document) { d.Entity.ID = "2" }), false},
		"another version":       {feedback(nil), feedback(func(d *schema.Document) { d.VersionName = "Final" }), false},
		"version named again":   {version(nil), version(later), true},
		"of a state since then": {version(nil), version(func(d *schema.Document) { later(d); d.NamedVersion.AsOf, d.NamedVersion.EventID = d.Time, "c-2" }), true},
		"another name":          {version(nil), version(func(d *schema.Document) { d.VersionName = "Final" }), false},
		"named by a row, another state": {version(func(d *schema.Document) { d.NamedVersion.ID = "" }),
			version(func(d *schema.Document) { d.NamedVersion.ID, d.NamedVersion.EventID = "", "c-2" }), false},
	} {
		t.Run(name, func(t *testing.T) {
			if Agree(test.a, test.b) != test.want || Agree(test.b, test.a) != test.want {
				t.Errorf("agree: %v, want %v", !test.want, test.want)
			}
		})
	}
	a, b := feedback(nil), feedback(later)
	if Agree(a, b); a.Context == nil || a.Time != midnight || b.Context.RequestID != "r-2" {
		t.Error("the documents were changed")
	}
}
