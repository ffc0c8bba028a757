package sink

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dossier/schema"
)

// Whatever event can be read, its documents can be stored, each under an identity of its own, and read back as they were; or it is refused with a reason.
func FuzzMaterialize(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		f.Fatal("no golden files", err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		input, _, _ := strings.Cut(string(content), "-- documents --\n")
		for line := range strings.Lines(input) {
			if strings.HasPrefix(line, "{") {
				f.Add([]byte(line))
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var e schema.AuditEvent
		if schema.ParseAuditEvent(data, &e) != nil {
			return
		}
		docs, err := Materialize(&e, Options{})
		var refused *schema.DecodeError
		if err != nil && (!errors.As(err, &refused) || refused.Reason == "" || docs != nil) {
			t.Fatalf("refused by %v", err)
		}
		seen := map[string]bool{}
		for i := range docs {
			// Two fields of one name are one document: JSON lets a row say so, and no database does.
			if seen[docs[i].ID()] && docs[i].Kind != schema.DocumentFieldChange {
				t.Fatalf("two documents %s of one identity", docs[i].Kind)
			}
			seen[docs[i].ID()] = true
			text, hash := docs[i].AppendJSON(nil)
			if !json.Valid(text) || bytes.ContainsAny(text, "\n\r") {
				t.Fatalf("not one line of JSON: %s", text)
			}
			d, stored, err := schema.ParseDocument(text)
			if err != nil {
				t.Fatalf("%v in %s", err, text)
			}
			if again, _ := d.AppendJSON(nil); !bytes.Equal(again, text) || stored != hash || d.Ref() != docs[i].Ref() {
				t.Fatalf("read and written again:\n%s\n%s", again, text)
			}
		}
	})
}
