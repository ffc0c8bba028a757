package connectors

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPlaceholders(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "password")
	if err := os.WriteFile(secret, []byte("sword\nfish\r\n\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := environment("A=1\nEMPTY=\nB_FILE=" + secret + "\nA_FILE=/nowhere\n")
	for raw, want := range map[string]string{
		"x":                          "x",
		"${A}-${A}":                  "1-1",
		"${A:-2}":                    "1",
		"${C:-2}":                    "2",
		"${EMPTY:-2}":                "2",
		"${EMPTY}":                   "",
		"${B}":                       "sword\nfish", // only line ends at the end go
		"${file:" + secret + "}":     "sword\nfish",
		"${file:/etc/db.props:pass}": "${file:/etc/db.props:pass}", // Connect's own
		"${env:A}":                   "${env:A}",
		"$${A}":                      "${A}",
		"$1":                         "$1",
		"${C:--1}":                   "-1",
	} {
		f := filler{path: "f", lookup: env, readFile: readBounded, missed: map[string]bool{}}
		got, secrets, filled := f.expand("k", 1, raw)
		if got != want || !filled || len(f.findings) > 0 {
			t.Errorf("%s: %q, %v, %v; want %q", raw, got, filled, f.findings, want)
		}
		if fromFile := strings.Contains(want, "fish"); fromFile != (len(secrets) == 1) {
			t.Errorf("%s: secrets %q", raw, secrets)
		}
	}
}

func TestSecretsAreRedacted(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "s")
	if err := os.WriteFile(file, []byte("from-a-file"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := Parse("f", []byte(`{"name":"n","config":{"database.password":"${PW}","database.sslpassword":"hunter2-longer",
		"producer.override.sasl.jaas.config":"jaas!","value.converter.basic.auth.user.info":"u:p","database.user":"${file:`+file+`}","unavailable.value.placeholder":"gone"}}`),
		environment("PW=hunter2"))
	if err != nil {
		t.Fatal(err)
	}
	got := cfg.Redact("hunter2 hunter2-longer jaas! u:p from-a-file gone public")
	if want := "*** *** *** *** *** *** public"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestLoadPrefersFilesToTheBinary(t *testing.T) {
	t.Chdir(t.TempDir())
	inside, err := Load("postgres-json.json", environment(shippedEnvironment))
	if err != nil || inside.Name != "dossier-shop" {
		t.Fatalf("%v, %v", inside, err)
	}
	if err := os.WriteFile("postgres-json.json", []byte(`{"name":"mine","config":{}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if mine, err := Load("postgres-json.json", environment("")); err != nil || mine.Name != "mine" {
		t.Errorf("%v, %v", mine, err)
	}
	for _, path := range []string{"nothing.json", "postgres-setup.sql"} {
		if _, err := Load(path, environment("")); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestLargeFilesAreRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "large.json")
	if err := os.WriteFile(path, make([]byte, maxFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path, environment("")); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("%v", err)
	}
}

func TestNearest(t *testing.T) {
	names := []string{"table.include.list", "table.exclude.list", "topic.prefix", "slot.name"}
	for name, want := range map[string]string{
		"tabel.include.list": "table.include.list",
		"table.include.lits": "table.include.list",
		"topic.perfix":       "topic.prefix",
		"slotname":           "slot.name",
		"slot":               "",
		"x":                  "",
	} {
		if got, _ := nearest(name, names); got != want {
			t.Errorf("nearest(%q) = %q, want %q", name, got, want)
		}
	}
}
