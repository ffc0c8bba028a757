package intake

import (
	"fmt"
	"testing"
	"time"

	"dossier/query"
	"dossier/schema"
)

// rowEvent is an audit event of a person's row, so many hours before noon.
func rowEvent(id string, action schema.Action, op schema.Op, hours int, name string) schema.AuditEvent {
	value := func(text string) schema.Row {
		return schema.Row{{Name: "name", Value: schema.Value{State: schema.Present, JSON: []byte(fmt.Sprintf("%q", text))}}}
	}
	e := schema.AuditEvent{SchemaVersion: 1, Kind: schema.KindChange, ID: fmt.Sprintf("person/%s@%d", id, hours), Time: noon.Add(-time.Duration(hours) * time.Hour), Action: action,
		Entity: schema.Entity{Type: "person", ID: id}, Scope: "people", Context: &schema.EventContext{Status: schema.StatusUnattributed},
		CDC: schema.CDC{Source: "shop", Schema: "public", Table: "person", Op: op, TxID: uint64(1000 - hours), HasTx: true, Position: schema.FormatPosition(uint64(1000-hours), uint64(1000-hours), 1)}}
	switch action {
	case schema.ActionDelete:
		e.Before = value(name)
	default:
		e.After = value(name)
	}
	if action == schema.ActionUpdate {
		e.Before = value("before")
		e.Changes = []schema.FieldChange{{Field: "name", Previous: e.Before.Get("name"), Current: e.After.Get("name")}}
	}
	return e
}

// What was named and said is found by the read side: the version with the states that were meant, and the feedback in its entity's history.
func TestWhatIsWrittenCanBeAsked(t *testing.T) {
	d, p, _ := newDesk(t)
	p.store([]schema.AuditEvent{
		rowEvent("1", schema.ActionCreate, schema.OpCreate, 30, "Erika"), rowEvent("1", schema.ActionUpdate, schema.OpUpdate, 5, "Erika M."), rowEvent("1", schema.ActionUpdate, schema.OpUpdate, 1, "Erika N."),
		rowEvent("2", schema.ActionCreate, schema.OpCreate, 20, "Max"), rowEvent("2", schema.ActionDelete, schema.OpDelete, 3, "Max"),
	})
	service := &query.Service{Store: p, Now: d.Now}
	reader := NewReader(p, service)
	answer, err := d.NameVersion(t.Context(), reader, VersionRequest{Name: "Baseline", AsOf: noon.Add(-4 * time.Hour), Query: "type:person", Reason: "closing"}, "", Caller{User: schema.User{ID: "ann"}})
	if err != nil || answer.Entities != 2 || !answer.Stored {
		t.Fatalf("%+v, %v", answer, err)
	}
	content, err := service.Version(t.Context(), query.VersionQuery{Name: "Baseline"})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range content.Items {
		for _, f := range s.Row {
			names = append(names, s.Entity.ID+" "+string(f.Value))
		}
	}
	if fmt.Sprint(names) != `[1 "Erika M." 2 "Max"]` || content.Edition.ID != answer.ID || content.Edition.Reason != "closing" {
		t.Errorf("%v in edition %+v", names, content.Edition)
	}
	if _, err = d.NameVersion(t.Context(), reader, VersionRequest{Name: "Now", Entities: refs("person/2")}, "", Caller{}); fmt.Sprint(pointers(err)) != "[/entities/0]" {
		t.Errorf("one that is deleted: %v", err)
	}
	given, err := d.GiveFeedback(t.Context(), reader, Feedback{Application: "payments", Status: "rejected", EventID: "person/1@5"}, Caller{})
	if err != nil {
		t.Fatal(err)
	}
	history, err := service.History(t.Context(), query.HistoryQuery{Type: "person", ID: "1"})
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, c := range history.Items {
		found = found || c.EventID == given.EventID && c.Kind == "feedback" && c.Feedback.Status == "rejected"
	}
	if !found {
		t.Errorf("the feedback is not in the history: %+v", history.Items)
	}
}
