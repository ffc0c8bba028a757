package connectors

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// environment makes a lookup from NAME=value lines.
func environment(lines string) func(string) (string, bool) {
	values := map[string]string{}
	for line := range strings.Lines(lines) {
		if name, value, found := strings.Cut(strings.TrimRight(line, "\n"), "="); found {
			values[name] = value
		}
	}
	return func(name string) (string, bool) {
		value, ok := values[name]
		return value, ok
	}
}

// TestValidate runs the golden files: a configuration, optionally its environment, and the findings that it is to give, or the error
// of a file that cannot be read. With `base` instead of `connector.json`, the configuration is the shipped JSON one with these
// lines merged over it; null takes a setting away.
func TestValidate(t *testing.T) {
	files, err := filepath.Glob("testdata/validate/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			parts := map[string]string{}
			for _, part := range archive.Files {
				parts[part.Name] = string(part.Data)
			}
			content := []byte(parts["connector.json"])
			env := parts["env"]
			if changes, ok := parts["changes"]; ok {
				content = changed(t, changes)
				env = shippedEnvironment + env
			}
			got := ""
			cfg, err := Parse("connector.json", content, environment(env))
			if err != nil {
				got = "unreadable: " + err.Error() + "\n"
			} else {
				for _, finding := range Validate(cfg) {
					got += finding.String() + "\n"
				}
			}
			if *update {
				for i, part := range archive.Files {
					if part.Name == "want" {
						archive.Files[i].Data = []byte(got)
					}
				}
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != parts["want"] {
				t.Errorf("findings differ\n got:\n%s\nwant:\n%s", got, parts["want"])
			}
		})
	}
}

const shippedEnvironment = `DOSSIER_SOURCE=shop
DOSSIER_DB_HOST=db.example.org
DOSSIER_DB_NAME=shop
DOSSIER_DB_PASSWORD=swordfish
DOSSIER_UNAVAILABLE_PLACEHOLDER=0c1e6f0b9d6a4d2c
DOSSIER_CONVERTER_REGISTRY_URL=http://registry.example.org/apis/registry/v2
`

// changed applies lines of the form "key = value", or "- key" to take one away, to the shipped JSON configuration. An added key
// comes last.
func changed(t *testing.T, changes string) []byte {
	t.Helper()
	content, ok := ShippedFile("postgres-json")
	if !ok {
		t.Fatal("the JSON configuration is not in the binary")
	}
	lines := strings.Split(string(content), "\n")
	at := func(key string) int {
		for i, line := range lines {
			if strings.HasPrefix(strings.TrimSpace(line), fmt.Sprintf("%q:", key)) {
				return i
			}
		}
		return -1
	}
	for change := range strings.Lines(changes) {
		change = strings.TrimSpace(change)
		if change == "" {
			continue
		}
		if key, found := strings.CutPrefix(change, "- "); found {
			i := at(key)
			if i < 0 {
				t.Fatalf("the shipped configuration has no %s to take away", key)
			}
			lines[i] = "" // the others keep their numbers
			continue
		}
		key, value, found := strings.Cut(change, " = ")
		if !found {
			t.Fatalf("not a change: %q", change)
		}
		line := fmt.Sprintf("    %q: %q,", key, value)
		if i := at(key); i >= 0 {
			lines[i] = line
			continue
		}
		last := at("topic.creation.control.partitions")
		lines[last] = line + "\n" + lines[last]
		lines = strings.Split(strings.Join(lines, "\n"), "\n")
	}
	return []byte(strings.Join(lines, "\n"))
}

func TestShippedConfigurationsAreSound(t *testing.T) {
	for name, want := range map[string][]string{
		"postgres-json.json": nil,
		"postgres-avro.json": {"value.converter"}, // what Apicurio's converter does to nulls, which no setting mends
	} {
		t.Run(name, func(t *testing.T) {
			cfg, err := Load(name, environment(shippedEnvironment))
			if err != nil {
				t.Fatal(err)
			}
			var keys []string
			for _, finding := range Validate(cfg) {
				keys = append(keys, finding.Key)
				if finding.Severity == Error || len(want) == 0 {
					t.Error(finding)
				}
			}
			if fmt.Sprint(keys) != fmt.Sprint(want) {
				t.Errorf("findings about %v, want %v", keys, want)
			}
			// Every key is declared by the connector, by Connect or by the JSON converter; only another converter's are taken on trust.
			for _, setting := range cfg.Settings {
				k, ok := resolve(setting.Key, postgresKeys(), cfg)
				if !ok || k.Name == setting.Key && k.Type == "" {
					t.Errorf("%s is not a known setting", setting.Key)
				}
			}
		})
	}
}

// What the processor takes as its defaults must be what the shipped connectors do.
func TestShippedConfigurationsMatchTheDefaults(t *testing.T) {
	for _, name := range []string{"postgres-json.json", "postgres-avro.json"} {
		cfg, err := Load(name, environment(shippedEnvironment))
		if err != nil {
			t.Fatal(err)
		}
		for key, want := range map[string]string{
			"topic.prefix":                 "shop",
			"message.prefix.include.list":  `dossier\.context`,
			"table.include.list":           `public\..*`, // and with it public.request_context
			"skipped.operations":           "none",
			"provide.transaction.metadata": "true",
		} {
			if got, _ := cfg.Get(key); got != want {
				t.Errorf("%s: %s is %q, want %q", name, key, got, want)
			}
		}
		for _, key := range []string{"topic.transaction", "topic.delimiter", "topic.naming.strategy"} {
			if cfg.has(key) {
				t.Errorf("%s: %s is set; topics must keep Debezium's names", name, key)
			}
		}
	}
}

func TestConflicts(t *testing.T) {
	load := func(env string) *Config {
		cfg, err := Load("postgres-json", environment(shippedEnvironment+env))
		if err != nil {
			t.Fatal(err)
		}
		return cfg
	}
	got := Conflicts([]*Config{load(""), load("DOSSIER_SOURCE=other\n")})
	if len(got) != 1 || got[0].Key != "slot.name" {
		t.Errorf("two sources on one slot: %v", got)
	}
	if got := Conflicts([]*Config{load(""), load("DOSSIER_SOURCE=other\nDOSSIER_SLOT=other\n")}); len(got) != 0 {
		t.Errorf("two sources with a slot each: %v", got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"name":"${A}","tasks.max":1,"slot.drop.on.stop":true,"x":"${file:/nowhere}"}`))
	f.Add([]byte(`{"name":"a","config":{"connector.class":"io.debezium.connector.postgresql.PostgresConnector","transforms":"a,b"}}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		cfg, err := Parse("f.json", content, environment("A=b\n"))
		if err != nil {
			if !strings.HasPrefix(err.Error(), "f.json:") {
				t.Errorf("the error does not say where: %v", err)
			}
			return
		}
		lines := 1 + strings.Count(string(content), "\n")
		for _, finding := range Validate(cfg) {
			if finding.Line < 1 || finding.Line > lines {
				t.Errorf("line %d of %d: %s", finding.Line, lines, finding)
			}
		}
	})
}
