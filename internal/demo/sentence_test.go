package demo

import (
	"testing"
	"time"

	"dossier/schema"
)

func TestSentence(t *testing.T) {
	present := func(json string) schema.Value { return schema.Value{State: schema.Present, JSON: []byte(json)} }
	event := schema.AuditEvent{
		Time: time.Date(2026, 11, 23, 4, 5, 6, 0, time.UTC), Action: schema.ActionUpdate, Entity: schema.Entity{Type: "product", ID: "7"},
		Context: &schema.EventContext{Status: schema.StatusAttached, Context: schema.Context{User: schema.User{Name: "Ada"}, Reason: "sale"}},
		Changes: []schema.FieldChange{
			{Field: "price", Previous: present(`"1.50"`), Current: schema.NullValue},
			{Field: "ssn", Previous: schema.Value{State: schema.Masked}, Current: schema.Value{State: schema.Unavailable}},
		},
	}
	if got, want := Sentence(&event), "04:05:06  Ada             update   product/7  price 1.50 -> null  ssn masked -> unavailable  (sale)"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	event.Action, event.Context = schema.ActionDelete, &schema.EventContext{Status: schema.StatusUnattributed}
	if got, want := Sentence(&event), "04:05:06  (unattributed)  delete   product/7"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
