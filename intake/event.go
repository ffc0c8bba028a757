package intake

import (
	"cmp"
	"encoding/json"
	"time"

	"dossier/schema"
)

// Caller is who sent something, as far as the program that took it knows by itself.
type Caller struct {
	// User is whoever has been authenticated; empty where nobody is.
	User      schema.User
	RequestID string
	TraceID   string
	IP        string
	UserAgent schema.UserAgent
	// Route is how it came. "": by the HTTP API.
	Route schema.Route
}

// context returns the context of what a caller sent. Whom the input names as its author goes first, since an application speaks for its users; a caller
// that has been authenticated as somebody else then stands beside it, in extra.authenticated_user.
func (c Caller) context(author schema.User, reason, service string) *schema.EventContext {
	e := &schema.EventContext{Status: schema.StatusAttached, Route: cmp.Or(c.Route, schema.RouteHTTP), UserAgent: c.UserAgent}
	e.User, e.RequestID, e.TraceID, e.IP, e.Reason, e.Service = author, c.RequestID, c.TraceID, c.IP, reason, service
	e.Context.UserAgent = c.UserAgent.Original
	switch {
	case author.IsZero():
		e.User = c.User
	case !c.User.IsZero() && c.User.ID != author.ID:
		name := c.User.ID
		if name == "" {
			name = c.User.Name
		}
		text, _ := json.Marshal(name) // a string cannot fail
		e.Extra = append(append([]byte(`{"authenticated_user":`), text...), '}')
	}
	if e.User.IsZero() && service == "" {
		e.Status, e.Route = schema.StatusUnattributed, ""
	}
	return e
}

// event returns what all events of this package have in common.
func event(kind schema.Kind, id string, at time.Time, target Target) schema.AuditEvent {
	e := schema.AuditEvent{
		SchemaVersion: schema.AuditSchemaVersion, Kind: kind, ID: id, Time: at.UTC(), Captured: at.UTC(), Scope: target.Scope,
		Entity: schema.Entity{Type: target.Entity.Type, ID: target.Entity.ID, Parent: target.Parent},
	}
	if e.Scope == "" {
		e.Scope = schema.DefaultScope
	}
	return e
}

// AccessEvent returns the audit event of somebody having read something: at when, entity what the question was about, empty where that was no single
// entity.
func AccessEvent(read schema.Access, at time.Time, entity schema.EntityRef, who Caller) schema.AuditEvent {
	e := event(schema.KindAccess, schema.AccessEventID(read.Caller, who.RequestID, at), at, Target{Entity: entity})
	e.Context = who.context(schema.User{}, "", "")
	e.Access = &read
	return e
}
