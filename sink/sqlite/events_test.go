package sqlite

import (
	"fmt"
	"strconv"
	"time"

	"dossier/schema"
	"dossier/sink"
)

var commit = time.Date(2026, 11, 23, 2, 43, 54, 384552123, time.UTC)

func value(s string) schema.Value {
	return schema.Value{State: schema.Present, JSON: schema.AppendString(nil, s)}
}

// change is the n-th change of a made-up table: a row version and two field changes, without a context on every third.
func change(n int) *schema.AuditEvent {
	id := "e" + strconv.Itoa(n)
	entity := strconv.Itoa(n % 50)
	e := &schema.AuditEvent{
		SchemaVersion: schema.AuditSchemaVersion, Kind: schema.KindChange, ID: id, Time: commit.Add(time.Duration(n) * time.Second), Captured: commit,
		Action: schema.ActionUpdate, Scope: schema.DefaultScope,
		Entity:  schema.Entity{Type: "public.product", ID: entity, Key: schema.Row{{Name: "id", Value: value(entity)}}, Parent: &schema.EntityRef{Type: "supplier", ID: "7"}},
		Context: &schema.EventContext{Status: schema.StatusUnattributed},
		Before:  schema.Row{{Name: "id", Value: value(entity)}, {Name: "name", Value: value("Löffel")}, {Name: "price", Value: value("1.50")}},
		After:   schema.Row{{Name: "id", Value: value(entity)}, {Name: "name", Value: value(fmt.Sprint("silver spoon ", n))}, {Name: "price", Value: value("99.50")}},
		Changes: []schema.FieldChange{
			{Field: "name", Previous: value("Löffel"), Current: value(fmt.Sprint("silver spoon ", n))},
			{Field: "price", Previous: value("1.50"), Current: value("99.50")},
		},
		CDC: schema.CDC{Source: "shop", Connector: "postgresql", Schema: "public", Table: "product", Op: schema.OpUpdate, TxID: uint64(n), HasTx: true,
			Position: schema.FormatPosition(uint64(n), uint64(n), 1)},
	}
	if !late(n) {
		e.Context = &schema.EventContext{Status: schema.StatusAttached, Route: schema.RouteMessage,
			Context: schema.Context{User: schema.User{ID: "u1"}, RequestID: "r" + strconv.Itoa(n), IP: "192.0.2.7"}}
	}
	return e
}

func late(n int) bool { return n%3 == 0 }

// events returns the n-th change, and what completes it where its context came late.
func events(n int) []*schema.AuditEvent {
	e := change(n)
	if !late(n) {
		return []*schema.AuditEvent{e}
	}
	a := *e
	a.Kind, a.ID = schema.KindAttribution, schema.DerivedID(e.ID, "attribution")
	a.Changes, a.Before, a.After = nil, nil, nil
	a.Context = &schema.EventContext{Status: schema.StatusLate, Route: schema.RouteTopic, Context: schema.Context{User: schema.User{ID: "u9"}}}
	a.Attribution = &schema.Attribution{EventID: e.ID, Action: e.Action, Fields: []string{"name", "price"}}
	return []*schema.AuditEvent{e, &a}
}

// documents is how many the events of change n become.
func documents(n int) int {
	if late(n) {
		return 4
	}
	return 3
}

// materialize returns the documents of changes from up to below to, as their events make them.
func materialize(from, to int) []schema.Document {
	var docs []schema.Document
	for n := from; n < to; n++ {
		more, err := sink.Materialize(change(n), sink.Options{})
		if err != nil {
			panic(err)
		}
		docs = append(docs, more...)
	}
	return docs
}
