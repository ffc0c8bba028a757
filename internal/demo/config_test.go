package demo

import (
	"strings"
	"testing"

	dossier "dossier/internal/config"
)

// TestConfig: whatever the places are called, the configuration has no faults.
func TestConfig(t *testing.T) {
	p := Places{Kafka: "127.0.0.1:40001", Store: `C:\demo "x"/ä\dossier.db`, Listen: "127.0.0.1:0"}
	text := Config(p)
	if strings.Contains(text, "DEMO_") {
		t.Errorf("a place is left open in\n%s", text)
	}
	if !IsConfig(text) || IsConfig("kafka: {}\n") || IsConfig("") {
		t.Error("the demo's own configuration is not told from another")
	}
	c, err := dossier.Parse("dossier.yaml", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.Sink.SQLite.Path != p.Store || c.Kafka.Brokers[0] != p.Kafka || c.Serve.Listen != p.Listen {
		t.Errorf("%s, %v, %s", c.Sink.SQLite.Path, c.Kafka.Brokers, c.Serve.Listen)
	}
	if len(c.Warnings) > 0 {
		t.Errorf("warnings: %v", c.Warnings)
	}
}
