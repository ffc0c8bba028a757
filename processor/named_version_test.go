package processor

import (
	"strings"
	"testing"
	"time"

	"dossier/schema"
)

// A table whose rows are named versions: what their changes say, beside what changes of any table say.
func TestVersionNamedByRow(t *testing.T) {
	key := row("id", "5")
	household := Entity{NamedVersion: "wave", Parent: &ParentRule{Type: "household", Field: "household_id"}}
	with := func(change func(*Entity)) Entity {
		e := household
		change(&e)
		return e
	}
	const named = `"version_name":"Baseline","version":{"as_of":"2023-11-14T22:13:20Z","entity":{"type":"household","id":"7"}}`
	response := row("id", "5", "household_id", "7", "wave", `"Baseline"`)
	renamed := with(func(e *Entity) {
		e.Fields.Transform = map[string][]Transform{"wave": {{Rename: "survey"}}}
	})
	for _, test := range []struct {
		name   string
		entity Entity
		change *schema.Change
		want   string // the part of the event that names the version; "" where it names none
	}{
		{"create", household, change(schema.OpCreate, key, nil, response), named},
		{"update", household, change(schema.OpUpdate, key, row("id", "5", "household_id", "6", "wave", `"Endline"`), response), named},
		{"update of something else", household, change(schema.OpUpdate, key, row("id", "5", "household_id", "7", "wave", `"Baseline"`, "a", "1"),
			row("id", "5", "household_id", "7", "wave", `"Baseline"`, "a", "2")), named},
		{"unchanged, and too large to be carried", household, change(schema.OpUpdate, key, row("household_id", "7", "wave", `"Baseline"`, "a", "1"),
			row("household_id", "7", "wave", "?", "a", "2")), named},
		{"unknown", household, change(schema.OpUpdate, key, row("id", "5"), row("id", "5", "household_id", "7", "wave", "?", "a", "2")), ""},
		{"delete", household, change(schema.OpDelete, key, response, nil), ""},
		{"snapshot", household, change(schema.OpRead, key, nil, response), ""},
		{"truncate", household, change(schema.OpTruncate, nil, nil, nil), ""},
		{"null", household, change(schema.OpCreate, key, nil, row("id", "5", "household_id", "7", "wave", "null")), ""},
		{"empty", household, change(schema.OpCreate, key, nil, row("id", "5", "household_id", "7", "wave", `""`)), ""},
		{"no such column", household, change(schema.OpCreate, key, nil, row("id", "5", "household_id", "7")), ""},
		{"a number", household, change(schema.OpCreate, key, nil, row("id", "5", "wave", "2026")), `"version_name":"2026"`},
		{"of nobody", household, change(schema.OpCreate, key, nil, row("id", "5", "household_id", "null", "wave", `"Baseline"`)), `"version_name":"Baseline"`},
		{"of itself", with(func(e *Entity) { e.Parent = nil }), change(schema.OpCreate, key, nil, response), `"version_name":"Baseline"`},
		{"of whom must not show", with(func(e *Entity) { e.Fields.Mask = []string{"household_id"} }), change(schema.OpCreate, key, nil, response), `"version_name":"Baseline"`},
		{"renamed column", renamed, change(schema.OpCreate, key, nil, response), named},
		{"renamed column, masked by its new name", with(func(e *Entity) {
			e.Fields = FieldRules{Mask: []string{"survey"}, Transform: renamed.Fields.Transform}
		}), change(schema.OpCreate, key, nil, response), ""},
		{"expanded away", with(func(e *Entity) { e.Fields.Transform = map[string][]Transform{"wave": {{Expand: true}}} }),
			change(schema.OpCreate, key, nil, row("id", "5", "household_id", "7", "wave", `"{\"a\":1}"`)), ""},
		{"hashed", with(func(e *Entity) {
			e.Fields.Transform = map[string][]Transform{"wave": {{HashKey: []byte("0123456789abcdef")}}}
		}), change(schema.OpCreate, key, nil, response), `"version_name":"` + strings.Trim(string(hashValue([]byte(`"Baseline"`), []byte("0123456789abcdef"))), `"`) + `","version":{`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := materialize(t, test.entity, test.change)
			if test.want == "" && strings.Contains(got, `"version`) || !strings.Contains(got, test.want) || got == "" {
				t.Errorf("got %s, want %s", got, test.want)
			}
			if !strings.Contains(test.want, `"version":`) && strings.Contains(got, `"version":`) {
				t.Errorf("it is said to be a version of another entity: %s", got)
			}
		})
	}
}

// The new half of a changed key names the version; the old one, which says that the row has gone, does not.
func TestVersionNamedByRowWithChangedKey(t *testing.T) {
	entity := Entity{Type: "response", NamedVersion: "wave", Parent: &ParentRule{Type: "household", Field: "household_id"}}
	gone := change(schema.OpDelete, row("id", "5"), row("id", "5", "household_id", "7", "wave", `"Baseline"`), nil)
	gone.NewKey = row("id", "6")
	if got := materialize(t, entity, gone); strings.Contains(got, "version") {
		t.Errorf("the old half: %s", got)
	}
	come := change(schema.OpCreate, row("id", "6"), nil, row("id", "6", "household_id", "7", "wave", `"Baseline"`))
	come.OldKey = row("id", "5")
	if got := materialize(t, entity, come); !strings.Contains(got, `"version_name":"Baseline","version":{"as_of":`) {
		t.Errorf("the new half: %s", got)
	}
}

func TestNamedVersionColumnThatMustNotShow(t *testing.T) {
	for name, fields := range map[string]FieldRules{"masked": {Mask: []string{"w*"}}, "excluded": {Exclude: []string{"wave"}}, "not included": {Include: []string{"id"}}} {
		c := Config{Sources: []Source{{Name: "shop"}}, Entities: []Entity{{Table: "public.response", NamedVersion: "wave", Fields: fields}}}
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "column wave") {
			t.Errorf("%s: %v", name, err)
		}
	}
	rules := NewRules([]Entity{{Table: "public.person", NamedVersion: "wvae"}})
	if got := rules.unmatched(change(schema.OpCreate, nil, nil, row("wave", "1"))); len(got) != 1 || got[0] != "wvae" {
		t.Errorf("a column that the table does not have is not told of: %q", got)
	}
}

// A pending change keeps apart what its row and what its context said, across a restart.
func TestPendingKeepsTheRowsVersionName(t *testing.T) {
	for _, test := range []struct{ named, contextName string }{{"Baseline", "Release 7"}, {"Baseline", ""}, {"", "Release 7"}, {"", ""}} {
		e := schema.AuditEvent{SchemaVersion: 1, Kind: schema.KindChange, ID: "e1", Time: time.Unix(1e9, 0).UTC(), Action: schema.ActionCreate, VersionName: test.named}
		if test.named != "" {
			e.VersionOf, e.NamedVersion = &schema.EntityRef{Type: "household", ID: "7"}, &schema.NamedVersion{AsOf: e.Time}
		}
		c := &pendingChange{source: "shop", event: attributionOf(&e, test.named), known: schema.EventContext{Status: schema.StatusUnattributed}}
		c.known.VersionName = test.contextName
		value, err := encodePending(c)
		if err != nil {
			t.Fatal(err)
		}
		got, err := decodePending(value, func(string) (uint16, bool) { return 0, true })
		if err != nil {
			t.Fatal(err)
		}
		if got.event.VersionName != test.named || got.known.VersionName != test.contextName {
			t.Errorf("row %q, context %q; want %q and %q", got.event.VersionName, got.known.VersionName, test.named, test.contextName)
		}
		if (test.named != "") != (got.event.VersionOf != nil && *got.event.VersionOf == *e.VersionOf && *got.event.NamedVersion == *e.NamedVersion) {
			t.Errorf("of %+v, %+v", got.event.VersionOf, got.event.NamedVersion)
		}
	}
}
