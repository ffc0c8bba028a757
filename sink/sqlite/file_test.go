package sqlite

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dossier/sink"
)

func TestSetupRepeats(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dossier.db")
	for i, step := range []struct {
		dryRun bool
		want   string
	}{{true, "create"}, {true, "create"}, {false, "create"}, {true, "keep"}, {false, "keep"}} {
		change, err := Setup(t.Context(), path, step.dryRun)
		if err != nil || change.Action != step.want {
			t.Errorf("step %d: %+v, %v; want %s", i, change, err, step.want)
		}
		if _, err := os.Stat(path); (err == nil) == (i < 2) {
			t.Errorf("step %d: the file: %v", i, err)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, want it readable by its owner alone; %v", info.Mode(), err)
	}
	s := open(t, Config{Path: path})
	if _, err := s.Create(t.Context(), materialize(0, 2)); err != nil {
		t.Fatal(err)
	}
	if change, err := Setup(t.Context(), path, false); err != nil || change.Action != "keep" { // in use
		t.Errorf("%+v, %v", change, err)
	}
	if n := sound(t, path); n != 6 {
		t.Errorf("%d documents", n)
	}
}

// Files that are not Dossier's, or not this release's, are refused by name and left as they are.
func TestForeignFiles(t *testing.T) {
	run := func(statements string) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			db, err := sql.Open("sqlite", path)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if _, err := db.Exec(statements); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, test := range []struct {
		name      string
		make      func(*testing.T, string)
		open, set string // in the error of Open and of Setup
	}{
		{"missing", func(*testing.T, string) {}, `run "dossier setup"`, ""},
		{"empty", func(t *testing.T, path string) { write(t, path, "") }, `run "dossier setup"`, ""},
		{"text", func(t *testing.T, path string) { write(t, path, strings.Repeat("not a database\n", 1000)) }, "no SQLite database", "no SQLite database"},
		{"another program's", run("CREATE TABLE t (a); INSERT INTO t VALUES (1)"), "another program's", "another program's"},
		{"another application id", run("PRAGMA application_id = 7; CREATE TABLE t (a)"), "another program's", "another program's"},
		{"newer", run(fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d; CREATE TABLE document (a)", applicationID, len(steps)+1)),
			"a newer release has written it", "a newer release has written it"},
		{"directory", func(t *testing.T, path string) {
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		}, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "some.db")
			test.make(t, path)
			before, _ := os.ReadFile(path)
			s, err := Open(t.Context(), Config{Path: path}, nil)
			if err == nil {
				s.Close()
			}
			if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), test.open) {
				t.Errorf("open: %v", err)
			}
			if after, _ := os.ReadFile(path); string(after) != string(before) {
				t.Error("the file was changed")
			}
			_, err = Setup(t.Context(), path, false)
			if wantErr := test.set != "" || test.name == "directory"; (err != nil) != wantErr || wantErr && !strings.Contains(err.Error(), test.set) {
				t.Errorf("setup: %v", err)
			}
			if after, _ := os.ReadFile(path); test.set != "" && string(after) != string(before) {
				t.Error("setup changed the file")
			}
		})
	}
	if _, err := Setup(t.Context(), filepath.Join(t.TempDir(), "none", "some.db"), false); err == nil || !strings.Contains(err.Error(), "directory") {
		t.Errorf("setup in a directory that does not exist: %v", err)
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A release that finds the layout changed under its feet writes nothing more.
func TestLayoutChangedMeanwhile(t *testing.T) {
	path := newFile(t)
	s, newer := open(t, Config{Path: path}), open(t, Config{Path: path})
	if _, err := newer.writer.Exec(fmt.Sprintf("PRAGMA user_version = %d", len(steps)+1)); err != nil {
		t.Fatal(err)
	}
	_, err := s.Create(t.Context(), materialize(0, 1))
	var setup *sink.SetupError
	if !errors.As(err, &setup) || !strings.Contains(err.Error(), "another release") {
		t.Errorf("written into another release's file: %v", err)
	}
	if n := sound(t, path); n != 0 {
		t.Errorf("%d documents", n)
	}
}

// An acknowledged document survives a loss of power: the log is brought to the disk with each commit.
func TestConnectionsAreAsPromised(t *testing.T) {
	s := open(t, Config{Path: newFile(t)})
	for query, want := range map[string]string{"PRAGMA journal_mode": "wal", "PRAGMA synchronous": "2", "PRAGMA busy_timeout": "2000"} {
		var got string
		if err := s.writer.QueryRow(query).Scan(&got); err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", query, got, err, want)
		}
	}
	if _, err := s.readers.Exec("DELETE FROM document"); err == nil {
		t.Error("a reader may write")
	}
}

// The full-text index finds words of previous and current values, and after a replacement the new ones alone.
func TestFullText(t *testing.T) {
	s := open(t, Config{Path: newFile(t)})
	docs := materialize(1, 2)
	if _, err := s.Create(t.Context(), docs); err != nil {
		t.Fatal(err)
	}
	count := func(text string) (n int) {
		t.Helper()
		if err := s.readers.QueryRow("SELECT count(*) FROM document_text WHERE document_text MATCH ?", text).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for text, want := range map[string]int{"loffel": 1, "LOFFEL": 1, `"silver spoon"`: 1, `"spoon silver"`: 0, "previous: silver": 0, "current: silv*": 1, `"99.50"`: 1} {
		if n := count(text); n != want {
			t.Errorf("%s: %d found, want %d", text, n, want)
		}
	}
	found, err := s.Get(t.Context(), refs(docs))
	if err != nil {
		t.Fatal(err)
	}
	if err := replaceText(t, s, docs, found); err != nil {
		t.Fatal(err)
	}
	if silver, golden := count("silver"), count("golden"); silver != 0 || golden != 1 {
		t.Errorf("after the replacement: %d silver, %d golden", silver, golden)
	}
}
