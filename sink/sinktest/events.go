package sinktest

import (
	"strings"
	"time"

	"dossier/schema"
)

// commit is the commit time of the suite's events, unless a test says otherwise.
var commit = time.Date(2026, 11, 23, 2, 43, 54, 384552123, time.UTC)

func text(s string) schema.Value {
	return schema.Value{State: schema.Present, JSON: schema.AppendString(nil, s)}
}

func number(s string) schema.Value { return schema.Value{State: schema.Present, JSON: []byte(s)} }

// event returns a change without its rows. id must be unique in the store.
func event(id string, action schema.Action, op schema.Op) *schema.AuditEvent {
	return &schema.AuditEvent{
		SchemaVersion: schema.AuditSchemaVersion,
		Kind:          schema.KindChange,
		ID:            id,
		Time:          commit,
		Captured:      commit.Add(120 * time.Millisecond),
		Action:        action,
		Entity:        schema.Entity{Type: "public.product", ID: id, Key: schema.Row{{Name: "id", Value: text(id)}}},
		Scope:         schema.DefaultScope,
		Context:       attached("u1"),
		CDC: schema.CDC{Source: "shop", Connector: "postgresql", Schema: "public", Table: "product", Op: op, TxID: 728, HasTx: true,
			Position: schema.FormatPosition(26375504, 26375672, 1)},
	}
}

func attached(user string) *schema.EventContext {
	return &schema.EventContext{
		Status: schema.StatusAttached,
		Route:  schema.RouteMessage,
		Context: schema.Context{
			CorrelationID: "r-" + user, RequestID: "r-" + user, TraceID: "4bf92f3577b34da6a3ce929d0e0e4736", Initiator: "user", Service: "shop-web",
			User: schema.User{ID: user, Name: "User " + user, Email: user + "@example.org", AccountID: "acme", Roles: []string{"editor", "admin"}},
			IP:   "192.0.2.7", Reason: "corrected", Extra: []byte(`{"ticket":42}`), OnBehalfOf: "u0",
		},
		UserAgent: schema.UserAgent{Original: "Mozilla/5.0 (X11; Linux x86_64; rv:145.0)", Name: "Firefox", OS: "Linux", Device: "desktop"},
	}
}

func unattributed() *schema.EventContext {
	return &schema.EventContext{Status: schema.StatusUnattributed}
}

func create(id string) *schema.AuditEvent {
	e := event(id, schema.ActionCreate, schema.OpCreate)
	e.After = schema.Row{
		{Name: "id", Value: text(id)}, {Name: "name", Value: text("Löffel")}, {Name: "price", Value: text("1.50")},
		{Name: "note", Value: schema.NullValue}, {Name: "stock", Value: number("9007199254740993")}, {Name: "ssn", Value: schema.Value{State: schema.Masked}},
	}
	return e
}

func update(id string) *schema.AuditEvent {
	e := event(id, schema.ActionUpdate, schema.OpUpdate)
	e.Before = schema.Row{
		{Name: "id", Value: text(id)}, {Name: "price", Value: text("1.50")}, {Name: "since", Value: schema.NullValue},
		{Name: "doc", Value: schema.Value{State: schema.Unavailable}},
	}
	e.After = schema.Row{
		{Name: "id", Value: text(id)}, {Name: "price", Value: text("99.50")}, {Name: "since", Value: text("2026-11-23")},
		{Name: "doc", Value: schema.Value{State: schema.Unavailable}},
	}
	e.Changes = []schema.FieldChange{
		{Field: "price", Previous: text("1.50"), Current: text("99.50")},
		{Field: "since", Previous: schema.NullValue, Current: text("2026-11-23")},
	}
	return e
}

// rekey returns the two halves of a changed key.
func rekey(id string) (old, renewed *schema.AuditEvent) {
	from, to := id+"-from", id+"-to"
	old = event(from, schema.ActionRekey, schema.OpDelete)
	old.PairID, old.Entity.NextID = to, to
	old.Before = schema.Row{{Name: "id", Value: text(from)}, {Name: "price", Value: text("1.50")}, {Name: "name", Value: text("Löffel")}}
	renewed = event(to, schema.ActionRekey, schema.OpCreate)
	renewed.PairID, renewed.Entity.PreviousID = from, from
	renewed.After = schema.Row{{Name: "id", Value: text(to)}, {Name: "price", Value: text("2.50")}, {Name: "name", Value: text("Löffel")}}
	return old, renewed
}

// attribution returns the event that completes a change.
func attribution(e *schema.AuditEvent, c *schema.EventContext) *schema.AuditEvent {
	a := *e
	a.Kind = schema.KindAttribution
	a.ID = schema.DerivedID(e.ID, "attribution", c.User.ID, c.CorrelationID)
	a.Changes, a.Before, a.After, a.PairID = nil, nil, nil, ""
	late := *c
	late.Status = schema.StatusLate
	a.Context = &late
	a.Attribution = &schema.Attribution{EventID: e.ID, Action: e.Action}
	for _, change := range e.Changes {
		a.Attribution.Fields = append(a.Attribution.Fields, change.Field)
	}
	return &a
}

// extremes returns changes that stores are known to choke on.
func extremes(id string) []*schema.AuditEvent {
	huge := create(id + "-huge")
	huge.After = append(huge.After,
		schema.Field{Name: "megabytes", Value: text(strings.Repeat("ä€😀 ", 300_000))},
		schema.Field{Name: "term", Value: text(strings.Repeat("x", 40_000))},
		schema.Field{Name: "units", Value: text(strings.Repeat("€", schema.ExactLimit))},
		schema.Field{Name: "array", Value: number(`["a",{"b":[1,2.50,null]}]`)})
	long := update(id + "-" + strings.Repeat("k", 40_000))
	long.Context.Reason = strings.Repeat("because ", 10_000)
	long.Context.IP = "203.0.113.7, 10.0.0.1"
	long.Context.UserAgent.Original = strings.Repeat("Mozilla/5.0 ", 5_000)
	long.Context.Extra = []byte("{\"lines\":\n[1,\r\n2]}")
	long.VersionName = strings.Repeat("v", 33_000)

	names := create(id + "-names")
	for _, name := range []string{"", ".", "..", " ", "a.b", "a..b", ".a", "a.", "_id", "_source", "@timestamp", "Ünï", "new\nline", `qu"ote\`, "\u0000", "💾", "$ref",
		strings.Repeat("n", 9_000)} {
		names.After = append(names.After, schema.Field{Name: name, Value: text("v")})
	}
	values := create(id + "-values")
	for i, v := range []schema.Value{text("0001-01-01"), text("9999-12-31T23:59:59.999999999Z"), text("2026-02-30"), text("2026-11-23T02:43:54+05:30"), text("Infinity"),
		text("NaN"), number("1e308"), number("1e309"), number("-0"), number("123456789012345678901234567890.123456789"), text("0x1p-2"), number("true"), text(""),
		text("00:00:00"), text("294276-12-31"), text("-4713-11-24"), text("{}"), {State: schema.Unavailable}, {State: schema.Erased}} {
		values.After = append(values.After, schema.Field{Name: "v" + string(rune('a'+i)), Value: v})
	}
	truncate := event(id+"-truncate", schema.ActionTruncate, schema.OpTruncate)
	truncate.Entity.ID, truncate.Entity.Key = "", nil
	snapshot := event(id+"-snapshot", schema.ActionSnapshot, schema.OpRead)
	snapshot.Context, snapshot.After, snapshot.CDC.HasTx = nil, create(id).After, false
	deleted := event(id+"-delete", schema.ActionDelete, schema.OpDelete)
	deleted.Before = create(id).After
	ambiguous := update(id + "-ambiguous")
	ambiguous.Context = &schema.EventContext{Status: schema.StatusAmbiguous, Route: schema.RouteTopic, Candidates: []schema.Candidate{
		{Route: schema.RouteTopic, User: schema.User{ID: "u1", Roles: []string{"a"}, AccountID: "acme"}, CorrelationID: "r-1"},
		{Route: schema.RouteTopic, User: schema.User{ID: "u2"}, CorrelationID: "r-2"}}}
	ambiguous.Entity.Parent = &schema.EntityRef{Type: "supplier", ID: "7"}
	return []*schema.AuditEvent{huge, long, names, values, truncate, snapshot, deleted, ambiguous}
}
