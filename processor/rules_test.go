package processor

import (
	"slices"
	"testing"

	"dossier/schema"
)

func TestFieldsThatTheTableDoesNotHave(t *testing.T) {
	rules := NewRules([]Entity{{Table: "public.person", Fields: FieldRules{
		Mask: []string{"ssn", "snn", "tax_*", "doc.secret", "social"}, Exclude: []string{"gone"}, Transform: map[string][]Transform{"doc": {{Expand: true}}, "name": {{Rename: "social"}}, "typo": {{Expand: true}}},
	}}})
	c := change(schema.OpCreate, row("id", "1"), nil, row("id", "1", "ssn", "null", "doc", `"{}"`, "name", `"x"`))
	if got, want := rules.unmatched(c), []string{"snn", "gone", "typo"}; !slices.Equal(got, want) {
		t.Errorf("unmatched %v, want %v", got, want)
	}
	if got := rules.unmatched(c); got != nil {
		t.Errorf("said again: %v", got)
	}
}
