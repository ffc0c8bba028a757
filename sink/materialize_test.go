package sink

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dossier/schema"
)

var updateGolden = flag.Bool("update", false, "write the golden files anew")

// Each golden file holds audit events, one a line, and the documents that they become: what a reader of the store sees.
func TestMaterialize(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no golden files", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			input, want, ok := strings.Cut(string(content), "-- documents --\n")
			if !ok {
				t.Fatal("no line -- documents --")
			}
			var o Options
			if strings.Contains(input, "# field_changes: updates\n") {
				o.FieldChanges = FieldChangesUpdates
			}
			got := golden(t, input, o)
			if *updateGolden {
				if err := os.WriteFile(file, []byte(input+"-- documents --\n"+got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != want {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

func golden(t *testing.T, input string, o Options) string {
	var out strings.Builder
	var rows []schema.Document
	print := func(d *schema.Document) {
		text, _ := d.AppendJSON(nil)
		if !json.Valid(text) || bytes.ContainsRune(text, '\n') {
			t.Errorf("not one line of JSON: %s", text)
		}
		var pretty bytes.Buffer
		if err := json.Indent(&pretty, text, "", " "); err != nil {
			t.Fatal(err)
		}
		out.WriteString(d.Index() + " " + d.ID() + "\n" + pretty.String() + "\n")
	}
	for line := range strings.Lines(input) {
		if strings.HasPrefix(line, "#") || strings.TrimSpace(line) == "" {
			continue
		}
		var e schema.AuditEvent
		if err := schema.ParseAuditEvent([]byte(line), &e); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		docs, err := Materialize(&e, o)
		if err != nil {
			out.WriteString("error: " + err.Error() + "\n")
			continue
		}
		for i := range docs {
			print(&docs[i])
		}
		if len(docs) > 0 && isHalf(&docs[0]) {
			rows = append(rows, docs[0])
		}
	}
	if len(rows) == 2 {
		changes := RekeyChanges(&rows[0], &rows[1])
		for i := range changes {
			print(&changes[i])
		}
		reversed := RekeyChanges(&rows[1], &rows[0])
		for i := range changes {
			if changes[i].Hash() != reversed[i].Hash() {
				t.Error("the order of the halves makes a difference")
			}
		}
	}
	return out.String()
}

func TestMaterializeRefuses(t *testing.T) {
	good := func() *schema.AuditEvent {
		return &schema.AuditEvent{SchemaVersion: 1, Kind: schema.KindChange, ID: "e1", Time: time.Unix(1e9, 0), Action: schema.ActionDelete}
	}
	if _, err := Materialize(good(), Options{}); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		spoil  func(*schema.AuditEvent)
		reason string
		says   string
	}{
		{"kind", func(e *schema.AuditEvent) { e.Kind = "rumour" }, ReasonUnsupportedKind, `kind "rumour"`},
		{"action", func(e *schema.AuditEvent) { e.Action = "fold" }, ReasonInvalidEvent, `action is "fold"`},
		{"no id", func(e *schema.AuditEvent) { e.ID = "" }, ReasonInvalidEvent, "id is missing"},
		{"no time", func(e *schema.AuditEvent) { e.Time = time.Time{} }, ReasonInvalidEvent, "between 1970 and 2262"},
		{"a clock that lies", func(e *schema.AuditEvent) { e.Time = time.Date(2262, 1, 1, 0, 0, 0, 0, time.UTC) }, ReasonInvalidEvent, "between 1970 and 2262"},
		{"scope", func(e *schema.AuditEvent) { e.Scope = "../people" }, ReasonInvalidEvent, "cannot name an index"},
		{"attribution of nothing", func(e *schema.AuditEvent) { e.Kind = schema.KindAttribution }, ReasonInvalidEvent, "without the id"},
		{"attribution without context", func(e *schema.AuditEvent) {
			e.Kind, e.Attribution = schema.KindAttribution, &schema.Attribution{EventID: "e0"}
		}, ReasonInvalidEvent, "without a context"},
		{"version of nothing", func(e *schema.AuditEvent) { e.VersionName, e.VersionOf = "x", &schema.EntityRef{Type: "person"} }, ReasonInvalidEvent, "version.entity lacks"},
		{"version without a name", func(e *schema.AuditEvent) { e.VersionOf = &schema.EntityRef{Type: "person", ID: "1"} }, ReasonInvalidEvent, "without a version_name"},
		{"version of a time that no store holds", func(e *schema.AuditEvent) {
			e.VersionName, e.VersionOf, e.NamedVersion = "x", &schema.EntityRef{Type: "person", ID: "1"}, &schema.NamedVersion{}
		}, ReasonInvalidEvent, "version.as_of 0001"},
		{"attribution of a version of nothing", func(e *schema.AuditEvent) {
			e.Kind, e.Attribution, e.Context = schema.KindAttribution, &schema.Attribution{EventID: "e0"}, &schema.EventContext{}
			e.VersionName, e.VersionOf = "x", &schema.EntityRef{ID: "1"}
		}, ReasonInvalidEvent, "version.entity lacks"},
		{"named version without a name", namedVersionEvent(func(e *schema.AuditEvent) { e.VersionName = "" }), ReasonInvalidEvent, "without a version_name"},
		{"named version of no state", namedVersionEvent(func(e *schema.AuditEvent) { e.NamedVersion = nil }), ReasonInvalidEvent, "member version"},
		{"named version of another", namedVersionEvent(func(e *schema.AuditEvent) { e.VersionOf = &schema.EntityRef{Type: "a", ID: "b"} }), ReasonInvalidEvent, "own entity"},
		{"named version of nothing", namedVersionEvent(func(e *schema.AuditEvent) { e.Entity.ID = "" }), ReasonInvalidEvent, "type and id"},
		{"named version of a time that no store holds", namedVersionEvent(func(e *schema.AuditEvent) { e.NamedVersion.AsOf = latest }), ReasonInvalidEvent, "version.as_of 2262"},
		{"feedback without feedback", feedbackEvent(func(e *schema.AuditEvent) { e.Feedback = nil }), ReasonInvalidEvent, "member feedback"},
		{"feedback of nobody", feedbackEvent(func(e *schema.AuditEvent) { e.Feedback.Application = "" }), ReasonInvalidEvent, "application or status"},
		{"feedback that says nothing", feedbackEvent(func(e *schema.AuditEvent) { e.Feedback.Status = "" }), ReasonInvalidEvent, "application or status"},
		{"feedback on nothing", feedbackEvent(func(e *schema.AuditEvent) { e.Entity = schema.Entity{} }), ReasonInvalidEvent, "on nothing"},
		{"feedback on an entity without a type", feedbackEvent(func(e *schema.AuditEvent) { e.Entity.Type = "" }), ReasonInvalidEvent, "without its type"},
		{"feedback without a time", feedbackEvent(func(e *schema.AuditEvent) { e.Time = time.Time{} }), ReasonInvalidEvent, "between 1970 and 2262"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e := good()
			test.spoil(e)
			docs, err := Materialize(e, Options{})
			var decode *schema.DecodeError
			if !errors.As(err, &decode) || decode.Reason != test.reason || !strings.Contains(err.Error(), test.says) || docs != nil {
				t.Errorf("got %v and %d documents; want reason %s with %q", err, len(docs), test.reason, test.says)
			}
		})
	}
}

// namedVersionEvent returns what makes a sound named version of an event and then spoils it.
func namedVersionEvent(spoil func(*schema.AuditEvent)) func(*schema.AuditEvent) {
	return func(e *schema.AuditEvent) {
		e.Kind, e.Action, e.VersionName = schema.KindNamedVersion, "", "x"
		e.Entity = schema.Entity{Type: "person", ID: "1"}
		e.NamedVersion = &schema.NamedVersion{AsOf: e.Time}
		if _, err := Materialize(e, Options{}); err != nil {
			panic(err)
		}
		spoil(e)
	}
}

func feedbackEvent(spoil func(*schema.AuditEvent)) func(*schema.AuditEvent) {
	return func(e *schema.AuditEvent) {
		e.Kind, e.Action = schema.KindFeedback, ""
		e.Entity = schema.Entity{Type: "person", ID: "1"}
		e.Feedback = &schema.Feedback{Application: "payments", Status: "paid"}
		if _, err := Materialize(e, Options{}); err != nil {
			panic(err)
		}
		spoil(e)
	}
}
