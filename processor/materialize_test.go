package processor

import (
	"strings"
	"testing"
	"time"

	"dossier/schema"
)

func value(json string) schema.Value { return schema.Value{State: schema.Present, JSON: []byte(json)} }

func row(fields ...string) schema.Row {
	r := schema.Row{}
	for i := 0; i < len(fields); i += 2 {
		v := value(fields[i+1])
		switch fields[i+1] {
		case "null":
			v = schema.NullValue
		case "?":
			v = schema.Value{State: schema.Unavailable}
		}
		r = append(r, schema.Field{Name: fields[i], Value: v})
	}
	return r
}

func change(op schema.Op, key, before, after schema.Row) *schema.Change {
	return &schema.Change{Source: "shop", Connector: "postgresql", Schema: "public", Table: "person", Op: op, TxID: 7, HasTx: true,
		Coordinates: "100", LSN: 100, CommitTime: time.Unix(1_700_000_000, 0), Key: key, Before: before, After: after}
}

// materialize returns the event's JSON without what these tests are not about; "" where there is no event.
func materialize(t *testing.T, entity Entity, c *schema.Change) string {
	t.Helper()
	entity.Table = "public.person"
	config := Config{Sources: []Source{{Name: "shop"}}, Entities: []Entity{entity}}
	if err := config.Validate(); err != nil {
		t.Fatal(err)
	}
	m := materializer{rules: NewRules(config.Entities)}
	var e schema.AuditEvent
	visible, err := m.Materialize(c, 0, &e)
	if err != nil {
		return err.Error()
	}
	if !visible {
		return ""
	}
	text := string(e.AppendJSON(nil))
	text = text[strings.Index(text, `"action"`):]
	return text[:strings.Index(text, `,"cdc"`)]
}

func TestMaterialize(t *testing.T) {
	key := row("id", "1")
	update := func(before, after schema.Row) *schema.Change { return change(schema.OpUpdate, key, before, after) }
	salt := []byte("0123456789abcdef")
	one := 1
	for _, test := range []struct {
		name   string
		entity Entity
		change *schema.Change
		want   string
	}{
		{"type, scope, parent", Entity{Type: "person", Scope: "people", Parent: &ParentRule{Type: "household", Field: "household_id"}},
			change(schema.OpCreate, key, nil, row("id", "1", "household_id", `"a/b"`)),
			`"action":"create","entity":{"type":"person","id":"1","key":{"id":1},"parent":{"type":"household","id":"a%2Fb"}},"scope":"people","after":{"id":1,"household_id":"a/b"}`},
		{"configured key", Entity{Key: []string{"tenant", "code"}},
			change(schema.OpDelete, key, row("id", "1", "tenant", `"t"`, "code", "7"), nil),
			`"action":"delete","entity":{"type":"public.person","id":"t/7","key":{"tenant":"t","code":7}},"scope":"default","before":{"id":1,"tenant":"t","code":7}`},
		{"disabled", Entity{Disabled: true}, update(row("a", "1"), row("a", "2")), ``},
		{"null and absent differ; an added column is no change", Entity{}, update(row("a", "null", "b", "1"), row("a", "1", "b", "null", "c", "3")),
			`"action":"update","entity":{"type":"public.person","id":"1","key":{"id":1}},"scope":"default","changes":[{"field":"a","previous":null,"current":1},{"field":"b","previous":1,"current":null}],"before":{"a":null,"b":1},"after":{"a":1,"b":null,"c":3}`},
		{"an unchanged TOAST value is no change", Entity{}, update(row("a", "1", "doc", `"long"`), row("a", "2", "doc", "?")),
			`"action":"update","entity":{"type":"public.person","id":"1","key":{"id":1}},"scope":"default","changes":[{"field":"a","previous":1,"current":2}],"before":{"a":1,"doc":"long"},"after":{"a":2},"states":{"after":{"doc":"unavailable"}}`},
		{"without the previous row", Entity{}, update(nil, row("id", "1", "a", "2", "doc", "?")),
			`"action":"update","entity":{"type":"public.person","id":"1","key":{"id":1}},"scope":"default","changes":[{"field":"a","previous_state":"unavailable","current":2}],"after":{"id":1,"a":2},"states":{"after":{"doc":"unavailable"}}`},
		{"a key as the previous row", Entity{}, update(row("id", "1"), row("id", "1", "a", "2")),
			`"action":"update","entity":{"type":"public.person","id":"1","key":{"id":1}},"scope":"default","changes":[{"field":"a","previous_state":"unavailable","current":2}],"before":{"id":1},"after":{"id":1,"a":2}`},
		{"only an excluded field changed", Entity{Fields: FieldRules{Exclude: []string{"search_*"}}}, update(row("a", "1", "search_vector", "1"), row("a", "1", "search_vector", "2")), ``},
		{"include", Entity{Fields: FieldRules{Include: []string{"a*"}}}, change(schema.OpCreate, key, nil, row("id", "1", "a1", "2", "b", "3")),
			`"action":"create","entity":{"type":"public.person","id":"1","key":{"id":1}},"scope":"default","after":{"a1":2}`},
		{"mask", Entity{Fields: FieldRules{Mask: []string{"ssn"}}}, update(row("ssn", `"123"`, "a", "1"), row("ssn", `"456"`, "a", "1")),
			`"action":"update","entity":{"type":"public.person","id":"1","key":{"id":1}},"scope":"default","changes":[{"field":"ssn","previous_state":"masked","current_state":"masked"}],"before":{"a":1},"after":{"a":1},"states":{"before":{"ssn":"masked"},"after":{"ssn":"masked"}}`},
		{"mask, unchanged", Entity{Fields: FieldRules{Mask: []string{"ssn"}}}, update(row("ssn", `"123"`, "a", "1"), row("ssn", `"123"`, "a", "1")), ``},
		{"mask follows a rename and an expansion", Entity{Fields: FieldRules{Mask: []string{"ssn", "doc"}, Transform: map[string][]Transform{
			"ssn": {{Rename: "social"}}, "doc": {{Expand: true}}}}}, change(schema.OpCreate, key, nil, row("ssn", `"123"`, "doc", `"{\"secret\":1}"`)),
			`"action":"create","entity":{"type":"public.person","id":"1","key":{"id":1}},"scope":"default","after":{},"states":{"after":{"social":"masked","doc.secret":"masked"}}`},
		{"a masked member", Entity{Fields: FieldRules{Mask: []string{"doc.ssn"}, Exclude: []string{"doc.x"}, Transform: map[string][]Transform{"doc": {{Expand: true}}}}},
			change(schema.OpCreate, key, nil, row("doc", `"{\"ssn\":1,\"x\":2,\"y\":3}"`)),
			`"action":"create","entity":{"type":"public.person","id":"1","key":{"id":1}},"scope":"default","after":{"doc.y":3},"states":{"after":{"doc.ssn":"masked"}}`},
		{"a masked member of what does not expand", Entity{Fields: FieldRules{Mask: []string{"doc.ssn"}, Transform: map[string][]Transform{"doc": {{Expand: true}}}}},
			change(schema.OpCreate, key, nil, row("doc", `"[{\"ssn\":1}]"`)),
			`"action":"create","entity":{"type":"public.person","id":"1","key":{"id":1}},"scope":"default","after":{},"states":{"after":{"doc":"masked"}}`},
		{"mask, renamed and expanded", Entity{Fields: FieldRules{Mask: []string{"doc"}, Transform: map[string][]Transform{"doc": {{Rename: "d"}, {Expand: true}}}}},
			change(schema.OpCreate, key, nil, row("doc", `"{\"ssn\":1}"`)),
			`"action":"create","entity":{"type":"public.person","id":"1","key":{"id":1}},"scope":"default","after":{},"states":{"after":{"d.ssn":"masked"}}`},
		{"a masked parent", Entity{Parent: &ParentRule{Type: "household", Field: "household_id"}, Fields: FieldRules{Mask: []string{"household_*"}}},
			change(schema.OpCreate, key, nil, row("household_id", "7")),
			`"action":"create","entity":{"type":"public.person","id":"1","key":{"id":1}},"scope":"default","after":{},"states":{"after":{"household_id":"masked"}}`},
		{"a masked key", Entity{Fields: FieldRules{Mask: []string{"id"}}}, change(schema.OpCreate, key, nil, row("id", "1")),
			`masked_key: column id of public.person is masked, and is part of its identity; hash it by a transform instead, or identify the entity by other columns (entities[].key)`},
		{"a configured key that the previous row does not have", Entity{Key: []string{"code"}}, change(schema.OpDelete, key, row("id", "1", "code", "?"), nil),
			`"action":"delete","entity":{"type":"public.person"},"scope":"default","before":{"id":1},"states":{"before":{"code":"unavailable"}}`},
		{"transforms", Entity{Fields: FieldRules{Transform: map[string][]Transform{
			"at": {{Truncate: "seconds"}}, "m": {{Truncate: "millis"}}, "price": {{Scale: &one}}, "pin": {{HashKey: salt}}, "doc": {{Expand: true}}, "old": {{Rename: "new"}}}}},
			change(schema.OpCreate, key, nil, row("at", `"2026-01-02T03:04:05.678901Z"`, "m", `"03:04:05.678901"`, "price", `"12.3456"`, "pin", `"1234"`,
				"doc", `"{\"a\": {\"b\" : [1, 2]}, \"n\": 1.50, \"s\": \"\\u00e4\", \"z\": null}"`, "old", "1")),
			`"action":"create","entity":{"type":"public.person","id":"1","key":{"id":1}},"scope":"default","after":{"at":"2026-01-02T03:04:05Z","m":"03:04:05.678","price":"12.3","pin":"c21d21cd9b82a6b6bcc93f5ba87e3be0ac1f1d4d5a2dcaf5b2f0ae5eae3b4c8d","doc.a":{"b":[1,2]},"doc.n":1.50,"doc.s":"ä","doc.z":null,"new":1}`},
		{"transforms leave alone what they don't fit", Entity{Fields: FieldRules{Transform: map[string][]Transform{
			"at": {{Truncate: "seconds"}}, "price": {{Scale: &one}}, "doc": {{Expand: true}}}}},
			change(schema.OpCreate, key, nil, row("at", `"1.5.2026"`, "price", `"about 1.55 or so"`, "doc", `"[1]"`, "n", "null")),
			`"action":"create","entity":{"type":"public.person","id":"1","key":{"id":1}},"scope":"default","after":{"at":"1.5.2026","price":"about 1.55 or so","doc":"[1]","n":null}`},
		{"values that differ only beyond the precision kept are no change", Entity{Fields: FieldRules{Transform: map[string][]Transform{"at": {{Truncate: "seconds"}}}}},
			update(row("at", `"2026-01-02T03:04:05.1Z"`), row("at", `"2026-01-02T03:04:05.9Z"`)), ``},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := materialize(t, test.entity, test.change)
			if test.name == "transforms" { // the hash is checked apart
				got = got[:strings.Index(got, `"pin"`)+7] + "…" + got[strings.Index(got, `","doc.a"`):]
				test.want = test.want[:strings.Index(test.want, `"pin"`)+7] + "…" + test.want[strings.Index(test.want, `","doc.a"`):]
			}
			if got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestHashValueHidesAndRecognises(t *testing.T) {
	key, other := []byte("0123456789abcdef"), []byte("0123456789abcdeg")
	a := string(hashValue([]byte(`"1234"`), key))
	if a != string(hashValue([]byte(`"1234"`), key)) {
		t.Error("the same value has two hashes")
	}
	if a == string(hashValue([]byte(`"1235"`), key)) || a == string(hashValue([]byte(`"1234"`), other)) {
		t.Error("two values, or two keys, have one hash")
	}
	if strings.Contains(a, "1234\"") || len(a) != 66 {
		t.Errorf("hash %s", a)
	}
}

// The two halves of a changed key know each other's event id.
func TestRekeyHalvesNameEachOther(t *testing.T) {
	m := materializer{rules: NewRules(nil)}
	gone := change(schema.OpDelete, row("id", "1"), row("id", "1", "a", "2"), nil)
	gone.NewKey = row("id", "9")
	come := change(schema.OpCreate, row("id", "9"), nil, row("id", "9", "a", "2"))
	come.OldKey = row("id", "1")
	var e1, e2 schema.AuditEvent
	for c, e := range map[*schema.Change]*schema.AuditEvent{gone: &e1, come: &e2} {
		if _, err := m.Materialize(c, 0, e); err != nil {
			t.Fatal(err)
		}
	}
	if e1.ID != e2.PairID || e2.ID != e1.PairID || e1.Entity.NextID != "9" || e2.Entity.PreviousID != "1" || e1.Action != schema.ActionRekey || e2.Action != schema.ActionRekey {
		t.Errorf("%+v\n%+v", e1, e2)
	}
}

func TestMatches(t *testing.T) {
	for _, test := range []struct {
		pattern, name string
		want          bool
	}{
		{"a", "a", true}, {"a", "ab", false}, {"*", "", true}, {"d*", "d/c", true}, {"public.*", "public.x.y", true}, {"*.x", "public.x", true},
		{"a*b*c", "aXbYc", true}, {"a*b*c", "aXcYb", false}, {"*ab", "aab", true}, {"a*a", "a", false}, {"[a]", "a", false}, {"[a]", "[a]", true},
	} {
		if got := matches(test.pattern, test.name); got != test.want {
			t.Errorf("%s matches %s: %v", test.pattern, test.name, got)
		}
	}
}

func TestIdentity(t *testing.T) {
	base := change(schema.OpCreate, row("id", "1"), nil, row("id", "1"))
	m := materializer{rules: NewRules(nil)}
	id := func(change func(c *schema.Change), ordinal uint64) string {
		c := *base
		change(&c)
		var e schema.AuditEvent
		if _, err := m.Materialize(&c, ordinal, &e); err != nil {
			t.Fatal(err)
		}
		return e.ID
	}
	same := id(func(*schema.Change) {}, 0)
	for name, change := range map[string]func(*schema.Change){
		"position": func(c *schema.Change) { c.Position = "other" }, "total order": func(c *schema.Change) { c.TotalOrder = 9 },
		"captured": func(c *schema.Change) { c.Captured = time.Now() }, "context": func(c *schema.Change) { c.After = row("id", "1", "x", "2") },
	} {
		if id(change, 0) != same {
			t.Errorf("the identity depends on the %s", name)
		}
	}
	seen := map[string]string{same: "base"}
	keyless := func(c *schema.Change) { c.Key = nil }
	for name, other := range map[string]string{
		"source": id(func(c *schema.Change) { c.Source = "x" }, 0), "transaction": id(func(c *schema.Change) { c.TxID = 8 }, 0),
		"LSN": id(func(c *schema.Change) { c.Coordinates = "101" }, 0), "table": id(func(c *schema.Change) { c.Table = "x" }, 0),
		"key": id(func(c *schema.Change) { c.Key = row("id", "2") }, 0), "operation": id(func(c *schema.Change) { c.Op = schema.OpRead }, 0),
		"keyless": id(keyless, 0), "ordinal": id(keyless, 1),
		"content": id(func(c *schema.Change) { keyless(c); c.After = row("id", "3") }, 0),
	} {
		if seen[other] != "" {
			t.Errorf("%s does not tell from %s", name, seen[other])
		}
		seen[other] = name
	}
}

func TestColumnContext(t *testing.T) {
	rules := NewRules([]Entity{{Table: "public.person", Columns: ColumnRoute{User: "updated_by", Request: "request_id"}}})
	rule := rules.table("shop", "public", "person")
	full := row("id", "1", "updated_by", `"u1"`, "request_id", `"r1"`)
	for _, test := range []struct {
		name   string
		change *schema.Change
		want   string
	}{
		{"create", change(schema.OpCreate, nil, nil, full), "u1 r1"},
		{"update that changes the witness", change(schema.OpUpdate, nil, row("request_id", `"r0"`), full), "u1 r1"},
		{"direct SQL leaves the columns of the last request", change(schema.OpUpdate, nil, full, full), ""},
		{"unknown whether the witness changed", change(schema.OpUpdate, nil, nil, full), ""},
		{"delete", change(schema.OpDelete, nil, full, nil), ""},
		{"null", change(schema.OpCreate, nil, nil, row("updated_by", "null")), ""},
	} {
		got := ""
		if c := rule.columnContext(test.change); c != nil {
			got = c.User.ID + " " + c.CorrelationID
		}
		if got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

// Rows of one COPY share an LSN, and equal ones differ by their ordinal alone; a repeated delivery counts anew.
func TestOrdinals(t *testing.T) {
	var o ordinals
	next := func(coordinates string, order uint64, content string) uint64 {
		return o.next(&schema.Change{TxID: 7, Coordinates: coordinates, TotalOrder: order}, []byte(content))
	}
	for i, step := range []struct {
		coordinates string
		order       uint64
		content     string
		want        uint64
	}{
		{"100", 1, "a", 0}, {"100", 2, "a", 1}, {"100", 3, "b", 0}, {"100", 4, "a", 2},
		{"100", 1, "a", 0}, {"100", 2, "a", 1}, // delivered again
		{"108", 3, "a", 0},
	} {
		if got := next(step.coordinates, step.order, step.content); got != step.want {
			t.Errorf("step %d: %d, want %d", i, got, step.want)
		}
	}
}
