package sqlite

import (
	"testing"

	"dossier/query"
	"dossier/query/querytest"
	"dossier/schema"
)

// openBoth opens a new file to write to and to read.
func openBoth(t *testing.T) (*Store, *Reader) {
	t.Helper()
	path := newFile(t)
	s := open(t, Config{Path: path})
	r, err := OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, r
}

func writeTo(t *testing.T, s *Store) func(docs ...schema.Document) {
	return func(docs ...schema.Document) {
		t.Helper()
		outcomes, err := s.Create(t.Context(), docs)
		if err != nil {
			t.Fatal(err)
		}
		for i, o := range outcomes {
			if o.Err != nil {
				t.Fatalf("%s: %v", docs[i].EventID, o.Err)
			}
		}
	}
}

func TestReader(t *testing.T) {
	querytest.Run(t, func(t *testing.T) (func(...schema.Document), query.Store) {
		s, r := openBoth(t)
		return writeTo(t, s), r.For(nil)
	})
}
