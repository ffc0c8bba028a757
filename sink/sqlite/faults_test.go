package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"dossier/schema"
	"dossier/sink"
	"dossier/sink/sinktest"

	driver "modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"
)

// A store whose commits fail, half of them after they took effect.
func TestStoreWithLostAnswers(t *testing.T) {
	path := newFile(t)
	sinktest.RunLossy(t, func(t *testing.T) sink.Store {
		s := open(t, Config{Path: path, BackoffMin: time.Microsecond, BackoffMax: time.Millisecond, BatchDocuments: 5})
		s.commit = func(tx *sql.Tx) error {
			switch rand.IntN(6) {
			case 0:
				return errors.New("lost before")
			case 1:
				return errors.Join(tx.Commit(), errors.New("lost after"))
			}
			return tx.Commit()
		}
		return s
	})
	sound(t, path)
}

// watch notes what an observer is told of waiting.
type watch struct {
	sink.NoObserver
	mu      sync.Mutex
	reasons []string
	waiting chan struct{} // closed at the first wait
	going   bool
	batches []int // bytes
}

func newWatch() *watch { return &watch{waiting: make(chan struct{})} }

func (w *watch) Retried(reason string, _ int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reasons = append(w.reasons, reason)
}

func (w *watch) Waiting(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.going = err == nil; !w.going && len(w.reasons) == 1 {
		close(w.waiting)
	}
}

func (w *watch) Bulk(_ time.Duration, _, bytes int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.batches = append(w.batches, bytes)
}

// A full disk is waited for. None of the documents is lost, and none stored twice.
func TestFullDisk(t *testing.T) {
	path := newFile(t)
	w := newWatch()
	s, err := Open(t.Context(), Config{Path: path, BackoffMin: time.Millisecond, BackoffMax: 10 * time.Millisecond}, w)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	pages := func(n string) {
		if _, err := s.writer.ExecContext(t.Context(), "PRAGMA max_page_count = "+n); err != nil {
			t.Fatal(err)
		}
	}
	pages("50")
	docs := materialize(0, 200)
	done := make(chan error, 1)
	go func() {
		outcomes, err := s.Create(t.Context(), docs)
		for _, o := range outcomes {
			if o.Status != sink.StatusStored {
				err = errors.Join(err, errors.New("not stored"))
			}
		}
		done <- err
	}()
	select {
	case <-w.waiting:
	case err := <-done:
		t.Fatalf("came to an end on a full disk: %v", err)
	}
	pages("1000000")
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if w.reasons[0] != "disk_full" || !w.going {
		t.Errorf("observed %v, going on: %v", w.reasons, w.going)
	}
	if n := sound(t, path); n != len(docs) {
		t.Errorf("%d documents, want %d", n, len(docs))
	}
}

// Another process's lock is waited for, and the wait ends with the context.
func TestLockedFile(t *testing.T) {
	path := newFile(t)
	s := open(t, Config{Path: path})
	other := open(t, Config{Path: path})
	tx, err := other.writer.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := s.Create(ctx, materialize(0, 1)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("creating in a locked file: %v, want the context's end", err)
	}
	done := make(chan error, 1)
	go func() { _, err := s.Create(t.Context(), materialize(0, 1)); done <- err }()
	// A reader is not held up.
	if found, err := s.Get(t.Context(), []schema.DocumentRef{materialize(0, 1)[0].Ref()}); err != nil || found[0].Found {
		t.Errorf("reading beside a writer: %+v, %v", found, err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// Two processes' stores on one file: each document is stored by one of them.
func TestTwoStores(t *testing.T) {
	path := newFile(t)
	docs := materialize(0, 300)
	var mu sync.Mutex
	stored := 0
	var group sync.WaitGroup
	for range 2 {
		s := open(t, Config{Path: path, BatchDocuments: 20})
		group.Go(func() {
			outcomes, err := s.Create(t.Context(), docs)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			for _, o := range outcomes {
				if o.Status == sink.StatusStored {
					stored++
				}
			}
		})
	}
	group.Wait()
	if stored != len(docs) {
		t.Errorf("%d stored, want %d", stored, len(docs))
	}
	sound(t, path)
}

// A document over SQLite's limit is refused, and its neighbours are stored.
func TestTooLargeDocument(t *testing.T) {
	path := newFile(t)
	s := open(t, Config{Path: path})
	conn, err := s.writer.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := driver.Limit(conn, codes.SQLITE_LIMIT_LENGTH, 20_000); err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	docs := materialize(0, 3)
	docs[4].Change.Current = value(strings.Repeat("secret", 5_000))
	outcomes, err := s.Create(t.Context(), docs)
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range outcomes {
		if want := i == 4; (o.Status == sink.StatusRejected) != want || o.Status == 0 {
			t.Errorf("document %d: %+v", i, o)
		}
	}
	if e := outcomes[4].Err; e == nil || strings.Contains(e.Error(), "secret") {
		t.Errorf("refused with %v", e)
	}
	found, err := s.Get(t.Context(), refs(docs[1:2]))
	if err != nil {
		t.Fatal(err)
	}
	grown := docs[1]
	grown.Change.Current = value(strings.Repeat("secret", 5_000))
	if outcomes, err = s.Replace(t.Context(), []sink.Replacement{{Document: grown, Version: found[0].Version}}); err != nil || outcomes[0].Status != sink.StatusRejected {
		t.Errorf("replaced by a document that is too large: %+v, %v", outcomes, err)
	}
	if again, err := s.Get(t.Context(), refs(docs[1:2])); err != nil || again[0].Hash != found[0].Hash || again[0].Version != found[0].Version {
		t.Errorf("after a refused replacement: %+v, %v", again, err)
	}
	if n := sound(t, path); n != len(docs)-1 {
		t.Errorf("%d documents, want %d", n, len(docs)-1)
	}
}

// A large call becomes several transactions of bounded size.
func TestTransactionsAreBounded(t *testing.T) {
	w := newWatch()
	s, err := Open(t.Context(), Config{Path: newFile(t), BatchBytes: 20_000}, w)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Create(t.Context(), materialize(0, 100)); err != nil {
		t.Fatal(err)
	}
	if len(w.batches) < 8 {
		t.Errorf("transactions of %v bytes", w.batches)
	}
	for _, bytes := range w.batches {
		if bytes > 22_000 {
			t.Errorf("a transaction of %d bytes, want about 20,000", bytes)
		}
	}
}

// A store whose file is taken away acknowledges nothing more.
func TestFileTakenAway(t *testing.T) {
	for name, take := range map[string]func(t *testing.T, path string) error{
		"deleted": func(_ *testing.T, path string) error { return os.Remove(path) },
		"moved":   func(_ *testing.T, path string) error { return os.Rename(path, path+".old") },
		"replaced": func(t *testing.T, path string) error {
			return os.Rename(newFile(t), path)
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := newFile(t)
			s := open(t, Config{Path: path})
			if err := take(t, path); err != nil {
				t.Fatal(err)
			}
			_, err := s.Create(t.Context(), materialize(0, 1))
			var setup *sink.SetupError
			if !errors.As(err, &setup) || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "dossier setup") {
				t.Errorf("created in a file that is %s: %v", name, err)
			}
		})
	}
}

// A damaged file stops the store, as waiting does not mend it.
func TestDamagedFile(t *testing.T) {
	path := newFile(t)
	s := open(t, Config{Path: path})
	if _, err := s.Create(t.Context(), materialize(0, 200)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 60 * 4096; i < len(content); i++ {
		content[i] = 0x5A
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	s = open(t, Config{Path: path})
	_, err = s.Create(t.Context(), materialize(0, 300))
	var setup *sink.SetupError
	if !errors.As(err, &setup) || !strings.Contains(err.Error(), "damaged") || !strings.Contains(err.Error(), "backup") {
		t.Errorf("created in a damaged file: %v", err)
	}
}
