package main

import (
	"strings"
	"testing"
)

func TestCompletionOffersValues(t *testing.T) {
	for args, want := range map[string]string{
		"run --role ":          "processor sink",
		"config check --role ": "processor sink",
		"dlq list --stage ":    "processor context sink feedback",
		"dlq replay --stage ":  "processor context sink feedback",
		"dlq show --encoding ": "auto utf8 hex base64",
		"connectors show ":     "postgres-json.json",
		"search --count-by ":   "user entity type day field action context version :4",
		"search x --count-by ": "user entity type",
		"versions create ":     ":4",
	} {
		_, out, _ := invoke(t, append([]string{"__complete"}, strings.Split(args, " ")...)...)
		if got := strings.Join(strings.Fields(out), " "); !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q in it", args, got, want)
		}
	}
}
