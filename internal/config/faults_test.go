package config

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "write what came out into the golden files")

// TestFaults compares every file of testdata/faults: a configuration, an environment, and the faults that they give.
func TestFaults(t *testing.T) {
	files, err := filepath.Glob("testdata/faults/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var text, want string
			var environ []string
			golden := -1
			for i, f := range archive.Files {
				switch f.Name {
				case "dossier.yaml":
					text = string(f.Data)
				case "env":
					environ = strings.Split(strings.TrimSpace(string(f.Data)), "\n")
				case "faults":
					want, golden = string(f.Data), i
				}
			}
			_, err = Parse("dossier.yaml", []byte(text), environ)
			var faults Faults
			if !errors.As(err, &faults) {
				t.Fatalf("got %v, want faults", err)
			}
			got := faults.Error() + "\n"
			if strings.Contains(got, "hunter2") {
				t.Errorf("a fault shows a secret:\n%s", got)
			}
			if *update {
				archive.Files[golden].Data = []byte(got)
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}
