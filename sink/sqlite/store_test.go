package sqlite

import (
	"path/filepath"
	"testing"

	"dossier/sink"
	"dossier/sink/sinktest"
)

// newFile sets a store up in a new file, under a name that needs escaping.
func newFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a b?c#d%20.db")
	if change, err := Setup(t.Context(), path, false); err != nil || change.Action != "create" {
		t.Fatalf("set up: %+v, %v", change, err)
	}
	return path
}

func open(t *testing.T, config Config) *Store {
	t.Helper()
	s, err := Open(t.Context(), config, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestStore(t *testing.T) {
	path := newFile(t)
	sinktest.Run(t, func(t *testing.T) sink.Store { return open(t, Config{Path: path}) })
	sound(t, path)
}

// A store that cuts every call into transactions of few documents.
func TestStoreInSmallTransactions(t *testing.T) {
	path := newFile(t)
	sinktest.Run(t, func(t *testing.T) sink.Store { return open(t, Config{Path: path, BatchDocuments: 2, BatchBytes: 1500}) })
	sound(t, path)
}
