package main

import (
	"strconv"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"dossier/schema"
)

// eventOf is the audit event that a right processor makes of change n.
func eventOf(c corpus, n int) schema.AuditEvent {
	row := func(version int) (r schema.Row) {
		for _, col := range c.columns {
			v := col.value(n%entities, version)
			r = append(r, schema.Field{Name: col.name, Value: schema.Value{State: schema.Present, JSON: appendJSONCell(nil, col.kind, v)}})
		}
		return r
	}
	tx := c.of(n)
	e := schema.AuditEvent{
		SchemaVersion: schema.AuditSchemaVersion, Kind: schema.KindChange, ID: "e", Action: schema.ActionUpdate, Before: row(0), After: row(1),
		Entity: schema.Entity{Type: "public.product", ID: strconv.Itoa(n % entities)}, CDC: schema.CDC{TxID: uint64(tx), HasTx: true, Source: c.source},
		Context: &schema.EventContext{Status: schema.StatusUnattributed},
	}
	e.Changes = []schema.FieldChange{{Field: "price", Previous: e.Before.Get("price"), Current: e.After.Get("price")}}
	if c.context.has(tx) {
		e.Context = &schema.EventContext{Status: schema.StatusAttached, Route: schema.RouteMessage}
		e.Context.User.ID = user(tx)
	}
	return e
}

// Every way in which a processor's output can be wrong makes the run a failure.
func TestAuditCheck(t *testing.T) {
	c := corpus{transactions: 3, perTx: 2, every: 1, context: shareHalf, shape: rowNarrow, columns: columnsOf(rowNarrow, narrow)}
	for _, test := range []struct {
		name  string
		spoil func(events []schema.AuditEvent) []schema.AuditEvent
		want  string
	}{
		{"right", func(e []schema.AuditEvent) []schema.AuditEvent { return e }, ""},
		{"missing", func(e []schema.AuditEvent) []schema.AuditEvent { return e[:5] }, "5 audit events for 6 changes"},
		{"twice", func(e []schema.AuditEvent) []schema.AuditEvent { return append(e, e[0]) }, "should be in version 1"},
		{"another's user", func(e []schema.AuditEvent) []schema.AuditEvent { e[0].Context.User.ID = "u-2"; return e }, `user "u-0"`},
		{"not attached", func(e []schema.AuditEvent) []schema.AuditEvent {
			e[0].Context = &schema.EventContext{Status: schema.StatusUnattributed}
			return e
		}, "expected attached"},
		{"a user out of nowhere", func(e []schema.AuditEvent) []schema.AuditEvent {
			e[2].Context = e[0].Context
			return e
		}, "expected unattributed"},
		{"another's transaction", func(e []schema.AuditEvent) []schema.AuditEvent { e[4].CDC.TxID = 1; return e }, "of transaction 1"},
		{"another value", func(e []schema.AuditEvent) []schema.AuditEvent { e[1].After = e[1].Before; return e }, "is in version 0"},
		{"no change", func(e []schema.AuditEvent) []schema.AuditEvent { e[1].Changes = nil; return e }, "changed fields"},
		{"another entity", func(e []schema.AuditEvent) []schema.AuditEvent { e[1].Entity.ID = "x"; return e }, `"x"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			var events []schema.AuditEvent
			for n := range c.changes() {
				events = append(events, eventOf(c, n))
			}
			check := auditCheck{corpus: c}
			var err error
			for _, e := range test.spoil(events) {
				if err = check.add(&kgo.Record{Value: e.AppendJSON(nil)}); err != nil {
					break
				}
			}
			if err == nil {
				err = check.end()
			}
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestFingerprint(t *testing.T) {
	a, b := &kgo.Record{Key: []byte("k"), Value: []byte("v")}, &kgo.Record{Key: []byte("k"), Value: []byte("w")}
	of := func(records ...*kgo.Record) (f fingerprint) {
		for _, r := range records {
			f.add(r)
		}
		return f
	}
	if err := of(a, b).same(of(b, a)); err != nil {
		t.Error("the order is not looked at, as partitions are read in any:", err)
	}
	if of(a, b).same(of(a)) == nil || of(a, b).same(of(a, a)) == nil || of(a).same(of(&kgo.Record{Key: []byte("kv")})) == nil {
		t.Error("a copy that differs counts as the same")
	}
}
