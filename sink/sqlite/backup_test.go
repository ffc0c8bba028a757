package sqlite

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"dossier/schema"
	"dossier/sink"
)

func refs(docs []schema.Document) []schema.DocumentRef {
	refs := make([]schema.DocumentRef, len(docs))
	for i := range docs {
		refs[i] = docs[i].Ref()
	}
	return refs
}

// replaceText replaces the field change that says silver by one that says golden.
func replaceText(t *testing.T, s *Store, docs []schema.Document, found []sink.Stored) error {
	t.Helper()
	for i := range docs {
		if docs[i].Change.Field == "name" {
			d := docs[i]
			d.Change.Current = value("golden spoon")
			_, err := s.Replace(t.Context(), []sink.Replacement{{Document: d, Version: found[i].Version}})
			return err
		}
	}
	return errors.New("no such document")
}

// Copies made while others write are whole: each holds what was acknowledged before it began, all documents up to one and none after.
func TestBackupWhileWriting(t *testing.T) {
	path := newFile(t)
	s := open(t, Config{Path: path, BatchDocuments: 30})
	const total = 900
	var acknowledged atomic.Int64
	done := make(chan error, 1)
	go func() {
		for n := 0; n < total; n += 10 {
			if _, err := s.Create(t.Context(), materialize(n, n+10)); err != nil {
				done <- err
				return
			}
			acknowledged.Store(int64(n + 10))
		}
		done <- nil
	}()
	directory := t.TempDir()
	for i, writing := 0, true; writing || i < 2; i++ {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			writing = false
		default:
		}
		before := int(acknowledged.Load())
		to := filepath.Join(directory, string(rune('a'+i))+".db")
		if err := s.Backup(t.Context(), to); err != nil {
			t.Fatal(err)
		}
		n := sound(t, to)
		if n < 3*before || n%30 != 0 || n > 3*total {
			t.Errorf("copy %d holds %d documents, begun after %d were acknowledged", i, n, 3*before)
		}
		backup := open(t, Config{Path: to}) // a store like any other
		found, err := backup.Get(t.Context(), refs(materialize(0, n/3)))
		if err != nil {
			t.Fatal(err)
		}
		for j := range found {
			if !found[j].Found {
				t.Fatalf("copy %d has a gap at document %d of %d", i, j, n)
			}
		}
		if i == 20 {
			break
		}
	}
	if info, err := os.Stat(filepath.Join(directory, "a.db")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the copy: %v, %v", info, err)
	}
}

func TestBackupRefuses(t *testing.T) {
	s := open(t, Config{Path: newFile(t)})
	directory := t.TempDir()
	taken := filepath.Join(directory, "taken")
	write(t, taken, "mine")
	if err := s.Backup(t.Context(), taken); err == nil {
		t.Error("wrote over a file")
	}
	if content, _ := os.ReadFile(taken); string(content) != "mine" {
		t.Errorf("the file is now %q", content)
	}
	if err := s.Backup(t.Context(), filepath.Join(directory, "none", "b.db")); err == nil {
		t.Error("wrote into a directory that does not exist")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Backup(ctx, filepath.Join(directory, "b.db")); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context: %v", err)
	}
	for name, store := range map[string]string{"does not exist": filepath.Join(directory, "nothing.db"), "no SQLite database": taken} {
		if err := Backup(t.Context(), store, filepath.Join(directory, "b.db")); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("a store that %s: %v", name, err)
		}
	}
	left, err := os.ReadDir(directory)
	if err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
