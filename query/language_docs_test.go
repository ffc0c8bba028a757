package query

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestDocumentedQuestions reads each example of docs/search.md: what stands in a table's first column or in the text as code, and is no key or value by itself.
func TestDocumentedQuestions(t *testing.T) {
	text, err := os.ReadFile("../docs/search.md")
	if err != nil {
		t.Fatal(err)
	}
	code := regexp.MustCompile("`([^`]+)`")
	examples := 0
	for line := range strings.Lines(string(text)) {
		for i, m := range code.FindAllStringSubmatch(line, -1) {
			question := m[1]
			first := i == 0 && (strings.HasPrefix(line, "| `") || strings.HasPrefix(line, "- `"))
			asks := regexp.MustCompile(`^-?[a-z_]+:[^ ]`).MatchString(question)
			if !asks && !first || strings.HasSuffix(question, ":") || question == "-" || strings.Contains(question, "…") || strings.HasPrefix(question, "key:") {
				continue
			}
			examples++
			if _, err := ParseQuestion(question, languageNow); err != nil {
				t.Errorf("%s: %v", question, err)
			}
		}
	}
	if examples < 60 {
		t.Errorf("%d examples were found, expected more", examples)
	}
	for _, key := range searchKeys {
		if !strings.Contains(string(text), "`"+key.name+":`") {
			t.Errorf("the key %s: is not described", key.name)
		}
	}
}
