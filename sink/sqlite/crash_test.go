package sqlite

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"dossier/schema"
	"dossier/sink"
)

const (
	crashFile   = "DOSSIER_TEST_SQLITE_FILE"
	crashFrom   = "DOSSIER_TEST_SQLITE_FROM"
	crashTotal  = 1500
	crashBatch  = 10
	crashRounds = 8
)

// TestWriterProcess is no test: it is the process that TestKilledWriter kills. It applies events from a number on, in batches, and prints
// the number before which all is acknowledged.
func TestWriterProcess(t *testing.T) {
	path := os.Getenv(crashFile)
	if path == "" {
		t.Skip("runs as the child of TestKilledWriter")
	}
	from, err := strconv.Atoi(os.Getenv(crashFrom))
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), Config{Path: path, BatchDocuments: 7}, nil)
	if err != nil {
		t.Fatal(err)
	}
	a := &sink.Applier{Store: s}
	for n := from; n < crashTotal; n += crashBatch {
		var batch []*schema.AuditEvent
		for i := n; i < min(n+crashBatch, crashTotal); i++ {
			batch = append(batch, events(i)...)
		}
		results, err := a.Apply(t.Context(), batch)
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range results {
			if r.Refused() {
				t.Fatalf("%s: %+v", batch[i].ID, r)
			}
		}
		fmt.Printf("acknowledged %d\n", min(n+crashBatch, crashTotal))
	}
	// Neither closed nor cleaned up: as with a signal.
	os.Exit(0)
}

// A writing process is killed again and again, at random moments. Whatever it had acknowledged is there each time, the file is whole, and in the end
// each document exists once, although batches are repeated.
func TestKilledWriter(t *testing.T) {
	path := newFile(t)
	acknowledged, kills := 0, 0
	for acknowledged < crashTotal {
		patience := time.Hour
		if kills < crashRounds {
			patience = time.Duration(rand.IntN(120)) * time.Millisecond
		}
		from := max(acknowledged-rand.IntN(3)*crashBatch, 0) // what was not committed comes again
		reached, killed := writeUntil(t, path, from, patience)
		if killed {
			kills++
		}
		acknowledged = max(acknowledged, reached)
		s := open(t, Config{Path: path})
		docs := materialize(0, acknowledged)
		refs := make([]schema.DocumentRef, len(docs))
		for i := range docs {
			refs[i] = docs[i].Ref()
		}
		found, err := s.Get(t.Context(), refs)
		if err != nil {
			t.Fatal(err)
		}
		for i := range found {
			if !found[i].Found {
				t.Fatalf("after %d kills: %s of %s was acknowledged and is missing", kills, docs[i].Kind, docs[i].EventID)
			}
			if c := found[i].Document.Context; c.User.ID == "" || (c.Status == schema.StatusLate) != (docs[i].Context.Status == schema.StatusUnattributed) {
				t.Fatalf("after %d kills: %s of %s has context %+v", kills, docs[i].Kind, docs[i].EventID, c)
			}
		}
	}
	if kills < crashRounds/2 {
		t.Errorf("the writer was killed only %d times; it was too fast", kills)
	}
	want := 0
	for n := range crashTotal {
		want += documents(n)
	}
	if got := sound(t, path); got != want {
		t.Errorf("%d documents after %d kills, want %d", got, kills, want)
	}
}

// writeUntil runs a writer, kills it so long after its first acknowledgement, and returns up to where it had acknowledged.
func writeUntil(t *testing.T, path string, from int, patience time.Duration) (acknowledged int, killed bool) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestWriterProcess$")
	cmd.Env = append(os.Environ(), crashFile+"="+path, crashFrom+"="+strconv.Itoa(from))
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var other strings.Builder
	var timer *time.Timer
	for lines := bufio.NewScanner(io.Reader(out)); lines.Scan(); {
		text, ok := strings.CutPrefix(lines.Text(), "acknowledged ")
		if !ok {
			other.WriteString(lines.Text() + "\n")
			continue
		}
		if acknowledged, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
		if timer == nil {
			timer = time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
			defer timer.Stop()
		}
	}
	err = cmd.Wait()
	if err != nil && cmd.ProcessState.ExitCode() != -1 {
		t.Fatalf("the writer failed: %v\n%s%s", err, other.String(), errs.String())
	}
	return acknowledged, err != nil
}
