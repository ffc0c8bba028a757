package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"dossier/query"
	"dossier/query/querytest"
	"dossier/schema"
)

// openBoth opens a new file to write to and to read.
func openBoth(t *testing.T) (*Store, *Reader) {
	t.Helper()
	path := newFile(t)
	return open(t, Config{Path: path}), openReader(t, path)
}

func openReader(t *testing.T, path string) *Reader {
	t.Helper()
	r, err := OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
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

// However little counts as many, and so whichever ways are taken, the answers are the same.
func TestReaderTakesAnyWay(t *testing.T) {
	for _, b := range []bounds{{1, 1}, {5, 40}} {
		t.Run(fmt.Sprint(b), func(t *testing.T) {
			querytest.Run(t, func(t *testing.T) (func(...schema.Document), query.Store) {
				s, r := openBoth(t)
				r.bounds = b
				return writeTo(t, s), r.For(nil)
			})
		})
	}
}

// Each document stands there a second time, in a scope that the reader may not see. Nothing of that shows: not in pages, counts, groups, nor in whether there is more.
func TestReaderKeepsToScopes(t *testing.T) {
	querytest.Run(t, func(t *testing.T) (func(...schema.Document), query.Store) {
		s, r := openBoth(t)
		write := func(docs ...schema.Document) {
			t.Helper()
			var both []schema.Document
			for _, d := range docs {
				secret := d
				secret.Scope = "secret"
				both = append(both, d, secret)
			}
			writeTo(t, s)(both...)
		}
		return write, r.For([]string{schema.DefaultScope, "catalog", "people"})
	})
	s, r := openBoth(t)
	writeTo(t, s)(materialize(0, 3)...)
	nothing, err := r.For([]string{}).Count(t.Context(), query.Count{})
	if err != nil || nothing.Total != 0 {
		t.Errorf("who may see no scope counts %d, %v", nothing.Total, err)
	}
}

// One call sees one moment, however much is written meanwhile.
func TestReaderSeesOneMoment(t *testing.T) {
	path := newFile(t)
	s, r := open(t, Config{Path: path}), openReader(t, path)
	store := r.For(nil)
	done := make(chan error, 1)
	go func() {
		for n := 0; n < 300; n += 3 {
			if _, err := s.Create(context.Background(), materialize(n, n+3)); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	rows := query.Search{Filter: query.Is(query.FieldKind, rowVersion), Limit: query.MaxLimit}
	changes := query.Search{Filter: query.Is(query.FieldKind, fieldChange), Limit: query.MaxLimit}
	for last, writing := 0, true; writing; {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			writing = false
		default:
		}
		pages, err := store.Search(t.Context(), changes, rows)
		if err != nil {
			t.Fatal(err)
		}
		n := len(pages[1].Documents)
		if n < last || n%3 != 0 || len(pages[0].Documents) != 2*n {
			t.Fatalf("%d row versions after %d, and %d field changes", n, last, len(pages[0].Documents))
		}
		last = n
	}
}

// endless counts and never ends.
const endless = "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n) SELECT count(*) FROM n"

func ask(ctx context.Context, r *Reader, statement string) error {
	return r.For(nil).(*view).read(ctx, func(ctx context.Context, q queryer) error {
		return q.rows(ctx, statement, nil, func(*sql.Rows) (bool, error) { return true, nil })
	})
}

func TestReaderStops(t *testing.T) {
	s, r := openBoth(t)
	writeTo(t, s)(materialize(0, 3)...)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := ask(ctx, r, endless); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the caller's time is up: %v", err)
	}
	r.timeout = 50 * time.Millisecond
	wantCode(t, "the reader's time is up", ask(t.Context(), r, endless), query.CodeTooBroad, "narrow it down")
	// While slow questions hold all connections, another one is told to come again, and is not told that it is slow itself.
	r.timeout = 300 * time.Millisecond
	ctx, cancel = context.WithCancel(t.Context())
	var slow sync.WaitGroup
	for range readConnections {
		tx, err := r.db.BeginTx(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		slow.Go(func() {
			<-ctx.Done()
			_ = tx.Rollback()
		})
	}
	_, err := r.For(nil).Search(t.Context(), query.Search{Limit: 1})
	wantCode(t, "all connections are taken", err, query.CodeUnavailable, "busy")
	cancel()
	slow.Wait()
	r.timeout = time.Minute
	for range 2 * readConnections { // no connection was lost
		if p, err := r.For(nil).Search(t.Context(), query.Search{Limit: 5}); err != nil || len(p[0].Documents) != 5 {
			t.Errorf("afterwards: %v", err)
		}
	}
}

func wantCode(t *testing.T, what string, err error, code query.Code, part string) {
	t.Helper()
	var e *query.Error
	if !errors.As(err, &e) || e.Code != code || !strings.Contains(e.Detail, part) || (code == query.CodeUnavailable) != (e.RetryAfter > 0) {
		t.Errorf("%s: %#v, want %s and %q", what, err, code, part)
	}
}

// What does not fit into a statement is refused before SQLite stumbles over it.
func TestReaderRefusesHugeQuestions(t *testing.T) {
	s, r := openBoth(t)
	writeTo(t, s)(materialize(0, 3)...)
	values := make([]string, 40_000)
	for i := range values {
		values[i] = fmt.Sprint("v", i)
	}
	var deep query.Filter = query.Is(query.FieldUserID, "u1")
	for i := range 5_000 {
		deep = query.And{query.Or{deep, query.Is(query.FieldReason, fmt.Sprint(i))}, query.Exists{Field: query.FieldKind}}
	}
	var wide query.Or
	for i := range 5_000 {
		wide = append(wide, query.And{query.Is(query.FieldReason, fmt.Sprint(i)), query.Is(query.FieldUserID, "u1")})
	}
	for name, test := range map[string]struct {
		filter query.Filter
		code   query.Code
	}{
		"values":    {query.Equal{Field: query.FieldUserID, Values: values}, query.CodeTooBroad},
		"depth":     {deep, query.CodeTooBroad},
		"width":     {wide, ""},
		"negations": {negated(query.Is(query.FieldUserID, "u1"), 10_000), ""},
		"words":     {query.Match{Field: query.FieldCurrText, Text: strings.Repeat("very long ", 5_000)}, ""},
		"phrase":    {query.Match{Field: query.FieldCurrText, Text: strings.Repeat("very long ", 5_000), Phrase: true}, ""},
		"a value":   {query.Is(query.FieldCurrExact, strings.Repeat("very long ", 500_000)), ""},
	} {
		_, err := r.For(nil).Search(t.Context(), query.Search{Filter: test.filter, Limit: 1})
		if test.code != "" {
			wantCode(t, name, err, test.code, "")
		} else if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func negated(f query.Filter, times int) query.Filter {
	for range times {
		f = query.Not{Filter: f}
	}
	return f
}

func TestOpenReaderRefuses(t *testing.T) {
	directory := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(directory, name)
		write(t, path, content)
		return path
	}
	newer := newFile(t)
	s := open(t, Config{Path: newer})
	if _, err := s.writer.Exec(fmt.Sprintf("PRAGMA user_version = %d", len(steps)+1)); err != nil {
		t.Fatal(err)
	}
	for path, part := range map[string]string{
		filepath.Join(directory, "missing"): "dossier setup", file("empty", ""): "dossier setup", file("text", strings.Repeat("no database\n", 1000)): "no SQLite database",
		newer: "a newer release", directory: "",
	} {
		r, err := OpenReader(path)
		if err == nil {
			r.Close()
		}
		wantCode(t, path, err, query.CodeUnavailable, part)
	}
	if left, err := os.ReadDir(directory); err != nil || len(left) != 2 {
		t.Errorf("files were made: %v, %v", left, err)
	}
}

// What happens to the file while it is read is said to the one who asks, without a path, and to the operator with it.
func TestReaderMeetsFaults(t *testing.T) {
	search := func(r *Reader) error {
		_, err := r.For(nil).Search(t.Context(), query.Search{Limit: 1})
		return err
	}
	t.Run("moved", func(t *testing.T) {
		_, r := openBoth(t)
		if err := os.Rename(r.path, r.path+".away"); err != nil {
			t.Fatal(err)
		}
		err := search(r)
		wantCode(t, "moved", err, query.CodeUnavailable, "cannot be read")
		if strings.Contains(err.Error(), r.path) || !strings.Contains(fmt.Sprint(errors.Unwrap(err)), "was moved, deleted or replaced") {
			t.Errorf("%v, because %v", err, errors.Unwrap(err))
		}
		wantCode(t, "not ready", r.Ready(t.Context()), query.CodeUnavailable, "")
	})
	t.Run("newer", func(t *testing.T) {
		s, r := openBoth(t)
		if _, err := s.writer.Exec(fmt.Sprintf("PRAGMA user_version = %d", len(steps)+1)); err != nil {
			t.Fatal(err)
		}
		wantCode(t, "newer", search(r), query.CodeUnavailable, "")
		wantCode(t, "not ready", r.Ready(t.Context()), query.CodeUnavailable, "")
	})
	t.Run("damaged", func(t *testing.T) {
		s, r := openBoth(t)
		writeTo(t, s)(materialize(0, 3)...)
		if _, err := s.writer.Exec("UPDATE document_json SET json = '{}'"); err != nil {
			t.Fatal(err)
		}
		wantCode(t, "a document that is none", search(r), query.CodeUnavailable, "")
	})
	t.Run("locked", func(t *testing.T) {
		path := newFile(t)
		r := openReader(t, path)
		if err := search(r); err != nil {
			t.Fatal(err)
		}
		r.db.SetMaxIdleConns(0)
		other, err := connectWriter(path)
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		if _, err := other.Exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE; UPDATE document SET revision = 1; COMMIT"); err != nil {
			t.Fatal(err)
		}
		wantCode(t, "locked", search(r), query.CodeUnavailable, "busy")
	})
}

// Positions keep their order when they are packed, whatever they consist of.
func TestPackKeepsOrder(t *testing.T) {
	texts := []string{"", "0", "00", "0-", "0/", "0.", "1", "10", "9", "-", "--", "-1", ".", "/", ":", "@", "A", "AA", "A0", "B", "F", "F-", "G", "a", "é", "~", " ", "\x00", "\x00\x00", "\xff", "mysql-bin.000003:4:0", "0001-0002-3",
		schema.FormatPosition(1, 2, 3), schema.FormatPosition(1, 20, 3), schema.FormatPosition(11, 2, 3), schema.FormatPosition(9, 1<<40, 3), schema.FormatPosition(16, 0, 1<<41)}
	slices.Sort(texts)
	for i := range texts {
		for j := range texts {
			if got := slices.Compare(pack(texts[i]), pack(texts[j])); got != compareInts(i, j) {
				t.Errorf("%q and %q: %d", texts[i], texts[j], got)
			}
		}
	}
	if n := len(pack(schema.FormatPosition(1<<60, 1<<60, 1))); n != 22 {
		t.Errorf("a position takes %d bytes", n)
	}
}

func compareInts(a, b int) int { return min(max(a-b, -1), 1) }
