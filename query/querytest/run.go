package querytest

import (
	"bytes"
	"fmt"
	"testing"

	"dossier/query"
	"dossier/schema"
)

// Open returns a new and empty store, and what writes documents to it: they can be found when write returns. What cannot be written fails the test.
type Open func(t *testing.T) (write func(docs ...schema.Document), store query.Store)

// Run runs the suite.
func Run(t *testing.T, open Open) {
	t.Run("random", func(t *testing.T) { testRandom(t, open) })
}

// text is a document in full, to compare and to show.
func text(d *schema.Document) []byte {
	b, _ := d.AppendJSON(nil)
	return b
}

// samePage compares a store's page with the one that it should be.
func samePage(t *testing.T, what string, got, want query.Page) {
	t.Helper()
	if len(got.Documents) != len(want.Documents) || got.More != want.More {
		t.Errorf("%s: %d documents (more: %v), want %d (%v)\ngot  %s\nwant %s", what, len(got.Documents), got.More, len(want.Documents), want.More, keys(got.Documents), keys(want.Documents))
		return
	}
	for i := range want.Documents {
		g, w := text(&got.Documents[i]), text(&want.Documents[i])
		if !bytes.Equal(g, w) {
			t.Errorf("%s: document %d is\n%s, want\n%s", what, i, g, w)
			return
		}
	}
}

func keys(docs []schema.Document) string {
	var b bytes.Buffer
	for i := range docs {
		fmt.Fprintf(&b, "%s/%s/%s ", docs[i].EventID, docs[i].Kind, docs[i].Change.Field)
		if i == 20 {
			b.WriteString("…")
			break
		}
	}
	return b.String()
}

func describe(f query.Filter) string { return fmt.Sprintf("%#v", f) }
