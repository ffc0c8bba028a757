package demo

import (
	_ "embed"
	"encoding/json"
	"strings"
)

//go:embed dossier.yaml
var config string

// Places are what a configuration names that differs from run to run.
type Places struct {
	Kafka  string // host:port of the broker
	Store  string // the SQLite file
	Listen string // host:port of the HTTP API
}

// Config returns the demo's configuration, as a file that other commands take with --config.
func Config(p Places) string {
	text := config
	for name, value := range map[string]string{"DEMO_KAFKA": p.Kafka, "DEMO_STORE": p.Store, "DEMO_LISTEN": p.Listen} {
		quoted, _ := json.Marshal(value) // YAML's double quotes are JSON's; a string cannot fail
		text = strings.Replace(text, `"${`+name+`}"`, string(quoted), 1)
	}
	return text
}

// IsConfig says whether a file's text is a configuration that Config gave, of this release or another.
func IsConfig(text string) bool {
	first, _, _ := strings.Cut(config, "\n")
	return strings.HasPrefix(text, first[:strings.IndexByte(first, '.')+1])
}
