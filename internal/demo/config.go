package demo

import (
	_ "embed"
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
	return strings.NewReplacer("${DEMO_KAFKA}", p.Kafka, "${DEMO_STORE}", strings.ReplaceAll(p.Store, `\`, `\\`), "${DEMO_LISTEN}", p.Listen).Replace(config)
}
