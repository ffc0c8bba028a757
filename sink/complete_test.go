package sink

import (
	"errors"
	"testing"
	"time"

	"dossier/schema"
)

func contextDocument(status schema.ContextStatus, c schema.Context) schema.Document {
	return schema.Document{Kind: schema.DocumentRowVersion, EventID: "e", Time: time.Unix(1e9, 0).UTC(), Action: schema.ActionUpdate,
		Context: &schema.EventContext{Status: status, Context: c}}
}

func TestAgree(t *testing.T) {
	user, other := schema.User{ID: "u1"}, schema.User{ID: "u2"}
	plain := contextDocument(schema.StatusUnattributed, schema.Context{})
	late := contextDocument(schema.StatusLate, schema.Context{User: user})
	elsewhere := late
	elsewhere.Entity.ID = "2"
	snapshot := schema.Document{Kind: schema.DocumentRowVersion, EventID: "e", Action: schema.ActionSnapshot}
	for _, test := range []struct {
		name string
		a, b schema.Document
		want bool
	}{
		{"the same", plain, plain, true},
		{"snapshots", snapshot, snapshot, true},
		{"completed since", late, plain, true},
		{"other data", elsewhere, plain, false},
		{"other context, nothing late", contextDocument(schema.StatusAttached, schema.Context{User: user}), plain, false},
		{"completed with another user", late, contextDocument(schema.StatusAttached, schema.Context{User: other}), false},
		{"completed, but something is missing", late, contextDocument(schema.StatusUnattributed, schema.Context{IP: "192.0.2.7"}), false},
		{"both late, each knows a part", late, contextDocument(schema.StatusLate, schema.Context{IP: "192.0.2.7"}), true},
		{"both late, and contradictory", late, contextDocument(schema.StatusLate, schema.Context{User: other}), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if Agree(test.a, test.b) != test.want || Agree(test.b, test.a) != test.want {
				t.Errorf("Agree is %v one way and %v the other, want %v", Agree(test.a, test.b), Agree(test.b, test.a), test.want)
			}
		})
	}
}

func TestCompleteNamesTheContradiction(t *testing.T) {
	d := contextDocument(schema.StatusAttached, schema.Context{User: schema.User{ID: "u1"}, IP: "192.0.2.7"})
	before := d.Hash()
	got, changed, err := Complete(d, contextDocument(schema.StatusLate, schema.Context{User: schema.User{ID: "u2", Name: "Ann"}}))
	var c *Contradiction
	if !errors.As(err, &c) || c.Field != "user.id" || c.Stored != "u1" || c.Arriving != "u2" || changed {
		t.Errorf("%v, %v; want a contradiction about user.id", changed, err)
	}
	if got.Hash() != before || d.Hash() != before {
		t.Error("half of the context was filled in all the same")
	}
	snapshot := schema.Document{Action: schema.ActionSnapshot}
	if _, changed, err := Complete(snapshot, d); changed || err != nil {
		t.Errorf("a snapshot row, which nobody made, got a context: %v %v", changed, err)
	}
}
