package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"dossier/query"
	"dossier/schema"
)

// TestChangesSayWhy: the reason stands once for each change, on its first line.
func TestChangesSayWhy(t *testing.T) {
	table := newChangeTable(false)
	because := json.RawMessage(`{"status":"attached","user":{"id":"u1"},"request_id":"r1","reason":"audit\u001b finding 7"}`)
	table.change(&query.Change{Kind: "change", Action: schema.ActionUpdate, Context: because, Changes: []query.FieldChange{
		{Field: "a", Previous: json.RawMessage("1"), Current: json.RawMessage("2")}, {Field: "b", Previous: json.RawMessage("3"), Current: json.RawMessage("4")}}})
	table.change(&query.Change{Kind: "change", Action: schema.ActionDelete, Context: because})
	var out bytes.Buffer
	if err := table.print(&out); err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n") {
		end := []string{"  REASON", `  audit\x1b finding 7`, "  4", `  audit\x1b finding 7`}[i]
		if !strings.HasSuffix(line, end) {
			t.Errorf("line %d: %q, want %q at its end", i, line, end)
		}
	}
}

// TestLeast: where no row fits with the last column, there is no use in cutting the others for it.
func TestLeast(t *testing.T) {
	table := &table{head: make([]string, 3), shrink: []int{1, 2}}
	if got, want := table.least([]int{20, 100, 5}), 20+minCell+5+4; got != want {
		t.Errorf("%d, want %d", got, want)
	}
	widths := []int{20, 100}
	if table.fit(widths, 40); widths[1] != 18 {
		t.Errorf("without the last column: %v", widths)
	}
}

func TestShellWord(t *testing.T) {
	for text, want := range map[string]string{"/tmp/a-1/dossier.yaml": "/tmp/a-1/dossier.yaml", "my demo": "'my demo'", "it's": `'it'\''s'`, "$x": "'$x'", "": "''"} {
		if got := shellWord(text); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}
