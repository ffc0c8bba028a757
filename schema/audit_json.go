package schema

import (
	_ "embed"
	"strconv"
	"time"
)

// AuditJSONSchema is the JSON Schema (2020-12) of the audit event's JSON form.
//
//go:embed audit.schema.json
var AuditJSONSchema string

// AppendJSON appends the event in the audit topic's JSON form: see docs/audit-topic.md, and audit.schema.json for its shape.
//
// Values' JSON texts and Context.Extra are spliced in as they are: they must be valid JSON. What is empty is left out, except that
// an empty row image is {} where a row without an image is left out.
func (e *AuditEvent) AppendJSON(b []byte) []byte {
	b = e.appendJSONHead(b)
	if e.Context != nil {
		b = append(b, `,"context":`...)
		b = e.Context.AppendJSON(b)
	}
	return e.appendJSONTail(b)
}

// AppendJSONWithContext is AppendJSON with the context object already rendered by EventContext.AppendJSON: the many changes of one
// transaction share one context. An empty context is left out; e.Context is then looked at for the version name alone.
func (e *AuditEvent) AppendJSONWithContext(b, context []byte) []byte {
	b = e.appendJSONHead(b)
	if len(context) > 0 {
		b = append(b, `,"context":`...)
		b = append(b, context...)
	}
	return e.appendJSONTail(b)
}

// AppendKey appends the event's record key on the audit topic: entity.type/entity.id, or its id where it concerns no single entity.
func (e *AuditEvent) AppendKey(b []byte) []byte {
	if e.Entity.Type == "" && e.Entity.ID == "" {
		return append(b, e.ID...)
	}
	b = append(b, e.Entity.Type...)
	b = append(b, '/')
	return append(b, e.Entity.ID...)
}

func (e *AuditEvent) appendJSONHead(b []byte) []byte {
	b = append(b, `{"schema_version":`...)
	b = strconv.AppendInt(b, int64(e.SchemaVersion), 10)
	b = appendStringMember(b, `,"kind":`, string(e.Kind))
	b = appendStringMember(b, `,"id":`, e.ID)
	b = appendTimeMember(b, `,"time":`, e.Time)
	b = appendTimeMember(b, `,"captured":`, e.Captured)
	b = appendStringMember(b, `,"action":`, string(e.Action))
	b = append(b, `,"entity":`...)
	b = e.Entity.appendJSON(b)
	return appendStringMember(b, `,"scope":`, e.Scope)
}

func (e *AuditEvent) appendJSONTail(b []byte) []byte {
	b = appendStringMember(b, `,"version_name":`, e.versionName())
	if e.NamedVersion != nil {
		b = append(b, `,"version":`...)
		b = e.NamedVersion.appendJSON(b, e.VersionOf)
	}
	if len(e.Changes) > 0 {
		b = append(b, `,"changes":[`...)
		for i := range e.Changes {
			if i > 0 {
				b = append(b, ',')
			}
			b = e.Changes[i].appendJSON(b)
		}
		b = append(b, ']')
	}
	b = appendRowMember(b, `,"before":`, e.Before)
	b = appendRowMember(b, `,"after":`, e.After)
	b = e.appendStates(b)
	b = appendStringMember(b, `,"pair_id":`, e.PairID)
	if e.Attribution != nil {
		b = append(b, `,"attribution":`...)
		b = e.Attribution.appendJSON(b)
	}
	if e.Feedback != nil {
		b = append(b, `,"feedback":`...)
		b = e.Feedback.appendJSON(b)
	}
	if e.Access != nil {
		b = append(b, `,"access":`...)
		b = e.Access.appendJSON(b)
	}
	b = append(b, `,"cdc":`...)
	b = e.CDC.appendJSON(b)
	return append(b, '}')
}

// versionName is the event's version name. It stands once in the event, not in its context.
func (e *AuditEvent) versionName() string {
	if e.VersionName == "" && e.Context != nil {
		return e.Context.VersionName
	}
	return e.VersionName
}

func (n *Entity) appendJSON(b []byte) []byte {
	b = append(b, `{"type":`...)
	b = appendJSONString(b, n.Type)
	b = appendStringMember(b, `,"id":`, n.ID)
	b = appendRowMember(b, `,"key":`, n.Key)
	if n.Parent != nil {
		b = append(b, `,"parent":`...)
		b = n.Parent.appendJSON(b)
	}
	b = appendStringMember(b, `,"next_id":`, n.NextID)
	b = appendStringMember(b, `,"previous_id":`, n.PreviousID)
	return append(b, '}')
}

// AppendJSON appends the context object of an audit event. The version name is no part of it: it is the event's.
func (c *EventContext) AppendJSON(b []byte) []byte {
	b = append(b, `{"status":`...)
	b = appendJSONString(b, c.Status)
	b = appendStringMember(b, `,"route":`, string(c.Route))
	if c.TransactionID != nil {
		b = append(b, `,"transaction_id":`...)
		b = strconv.AppendUint(b, *c.TransactionID, 10)
	}
	b = appendStringMember(b, `,"correlation_id":`, c.CorrelationID)
	b = appendStringMember(b, `,"request_id":`, c.RequestID)
	b = appendStringMember(b, `,"trace_id":`, c.TraceID)
	if !c.User.IsZero() {
		b = append(b, `,"user":`...)
		b = c.User.appendJSON(b)
	}
	b = appendStringMember(b, `,"on_behalf_of":`, c.OnBehalfOf)
	b = appendStringMember(b, `,"initiator":`, c.Initiator)
	b = appendStringMember(b, `,"service":`, c.Service)
	b = appendStringMember(b, `,"ip":`, c.IP)
	if agent := c.userAgent(); agent != (UserAgent{}) {
		o := openObject(append(b, `,"user_agent":`...))
		o.string("original", agent.Original)
		o.string("name", agent.Name)
		o.string("os", agent.OS)
		o.string("device", agent.Device)
		b = o.close()
	}
	b = appendStringMember(b, `,"reason":`, c.Reason)
	b = appendTimeMember(b, `,"timestamp":`, c.Timestamp)
	if len(c.Extra) > 0 {
		b = append(b, `,"extra":`...)
		b = append(b, c.Extra...)
	}
	if len(c.Candidates) > 0 {
		b = append(b, `,"candidates":[`...)
		for i := range c.Candidates {
			if i > 0 {
				b = append(b, ',')
			}
			b = c.Candidates[i].appendJSON(b)
		}
		b = append(b, ']')
	}
	return append(b, '}')
}

// userAgent is the parsed user agent, with the original text also where nobody has parsed it.
func (c *EventContext) userAgent() UserAgent {
	agent := c.UserAgent
	if agent.Original == "" {
		agent.Original = c.Context.UserAgent
	}
	return agent
}

func (c *Candidate) appendJSON(b []byte) []byte {
	b = append(b, `{"route":`...)
	b = appendJSONString(b, c.Route)
	if !c.User.IsZero() {
		b = append(b, `,"user":`...)
		b = c.User.appendJSON(b)
	}
	b = appendStringMember(b, `,"correlation_id":`, c.CorrelationID)
	return append(b, '}')
}

func (u *User) appendJSON(b []byte) []byte {
	o := openObject(b)
	o.string("id", u.ID)
	o.string("name", u.Name)
	o.string("email", u.Email)
	o.string("account_id", u.AccountID)
	if len(u.Roles) > 0 {
		o.key("roles")
		o.b = appendStringArray(o.b, u.Roles)
	}
	return o.close()
}

func (c *FieldChange) appendJSON(b []byte) []byte {
	b = append(b, `{"field":`...)
	b = appendJSONString(b, c.Field)
	b = appendSide(b, `,"previous":`, `,"previous_state":`, c.Previous)
	b = appendSide(b, `,"current":`, `,"current_state":`, c.Current)
	return append(b, '}')
}

// appendSide writes one side of a change: its value where there is one, else the name of its state.
func appendSide(b []byte, value, state string, v Value) []byte {
	switch v.State {
	case Present:
		b = append(b, value...)
		return append(b, v.JSON...)
	case Null:
		b = append(b, value...)
		return append(b, "null"...)
	}
	b = append(b, state...)
	return appendJSONString(b, v.State.String())
}

func (a *Attribution) appendJSON(b []byte) []byte {
	b = append(b, `{"event_id":`...)
	b = appendJSONString(b, a.EventID)
	b = appendStringMember(b, `,"action":`, string(a.Action))
	if len(a.Fields) > 0 {
		b = append(b, `,"fields":`...)
		b = appendStringArray(b, a.Fields)
	}
	return append(b, '}')
}

// appendJSON appends the event's member version, with the entity that it is of where that is not the event's own.
func (v *NamedVersion) appendJSON(b []byte, of *EntityRef) []byte {
	o := openObject(b)
	o.string("id", v.ID)
	o.time("as_of", v.AsOf)
	o.string("event_id", v.EventID)
	if of != nil {
		o.key("entity")
		o.b = of.appendJSON(o.b)
	}
	return o.close()
}

func (r *EntityRef) appendJSON(b []byte) []byte {
	b = append(b, `{"type":`...)
	b = appendJSONString(b, r.Type)
	b = append(b, `,"id":`...)
	b = appendJSONString(b, r.ID)
	return append(b, '}')
}

func (a *Access) appendJSON(b []byte) []byte {
	o := openObject(b)
	o.string("caller", a.Caller)
	o.string("method", a.Method)
	o.string("path", a.Path)
	o.string("query", a.Query)
	o.key("status")
	o.b = strconv.AppendInt(o.b, int64(a.Status), 10)
	o.key("items")
	o.b = strconv.AppendInt(o.b, a.Items, 10)
	return o.close()
}

func (c *CDC) appendJSON(b []byte) []byte {
	b = append(b, `{"source":`...)
	b = appendJSONString(b, c.Source)
	b = appendStringMember(b, `,"connector":`, c.Connector)
	b = appendStringMember(b, `,"schema":`, c.Schema)
	b = appendStringMember(b, `,"table":`, c.Table)
	if c.Op != 0 {
		b = append(b, `,"op":`...)
		b = appendJSONString(b, []byte{byte(c.Op)})
	}
	if c.HasTx {
		b = append(b, `,"tx_id":`...)
		b = strconv.AppendUint(b, c.TxID, 10)
	}
	b = appendStringMember(b, `,"position":`, c.Position)
	b = append(b, `,"snapshot":`...)
	b = strconv.AppendBool(b, c.Snapshot)
	return append(b, '}')
}

// appendRowMember writes a row's present and null values; appendStates names the others.
func appendRowMember(b []byte, name string, row Row) []byte {
	if row == nil {
		return b
	}
	o := openObject(append(b, name...))
	for i := range row {
		switch v := &row[i].Value; v.State {
		case Present:
			o.key(row[i].Name)
			o.b = append(o.b, v.JSON...)
		case Null:
			o.key(row[i].Name)
			o.b = append(o.b, "null"...)
		}
	}
	return o.close()
}

func (e *AuditEvent) appendStates(b []byte) []byte {
	key, before, after := hasStates(e.Entity.Key), hasStates(e.Before), hasStates(e.After)
	if !key && !before && !after {
		return b
	}
	o := openObject(append(b, `,"states":`...))
	if key {
		o.states("key", e.Entity.Key)
	}
	if before {
		o.states("before", e.Before)
	}
	if after {
		o.states("after", e.After)
	}
	return o.close()
}

// hasStates says whether a row has fields that its JSON object leaves out. An absent field is no field.
func hasStates(row Row) bool {
	for i := range row {
		if row[i].Value.State > Present {
			return true
		}
	}
	return false
}

// objectWriter writes an object whose members are all optional.
type objectWriter struct {
	b     []byte
	empty bool
}

func openObject(b []byte) objectWriter { return objectWriter{append(b, '{'), true} }

func (o *objectWriter) key(name string) {
	if !o.empty {
		o.b = append(o.b, ',')
	}
	o.empty = false
	o.b = appendJSONString(o.b, name)
	o.b = append(o.b, ':')
}

func (o *objectWriter) string(name, value string) {
	if value != "" {
		o.key(name)
		o.b = appendJSONString(o.b, value)
	}
}

func (o *objectWriter) time(name string, t time.Time) {
	if !t.IsZero() {
		o.key(name)
		o.b = append(o.b, '"')
		o.b = append(appendTime(o.b, t), '"')
	}
}

func (o *objectWriter) states(name string, row Row) {
	o.key(name)
	states := openObject(o.b)
	for i := range row {
		if s := row[i].Value.State; s > Present {
			states.string(row[i].Name, s.String())
		}
	}
	o.b = states.close()
}

func (o *objectWriter) close() []byte { return append(o.b, '}') }

func appendStringMember(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	b = append(b, name...)
	return appendJSONString(b, value)
}

func appendStringArray(b []byte, values []string) []byte {
	b = append(b, '[')
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendJSONString(b, v)
	}
	return append(b, ']')
}

func appendTimeMember(b []byte, name string, t time.Time) []byte {
	if t.IsZero() {
		return b
	}
	b = append(b, name...)
	b = append(b, '"')
	b = appendTime(b, t)
	return append(b, '"')
}

// The years 0 to 9999.
var (
	firstTime = time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)
	lastTime  = time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC)
)

// appendTime writes RFC 3339 in UTC, to the nanosecond. RFC 3339 ends with the year 9999: what a lying clock says beyond the years 0
// to 9999 becomes the nearest time that can be said, because a record that nobody can read would be worse.
func appendTime(b []byte, t time.Time) []byte {
	t = t.UTC()
	switch {
	case t.After(lastTime):
		t = lastTime
	case t.Before(firstTime):
		t = firstTime
	}
	return t.AppendFormat(b, time.RFC3339Nano)
}
