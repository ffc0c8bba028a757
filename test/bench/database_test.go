package main

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"strconv"
	"testing"
	"time"

	"dossier/test/stack"
)

// The cost on the database in small: each variant leaves what it should, and the report has its figures. Nothing is asserted about times. The server
// is one of its own: it is started anew with other settings, which other tests need not bear.
func TestDatabasePart(t *testing.T) {
	stack.ForTest(t, stack.Postgres) // skips where the machine cannot run it
	if _, err := findPgbench(); errors.Is(err, errNoPgbench) {
		if ci, _ := strconv.ParseBool(os.Getenv("CI")); !ci {
			t.Skip(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	servers, err := stack.Start(ctx, stack.Options{Parts: []stack.Part{stack.Postgres}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := servers.Stop(); err != nil {
			t.Error(err)
		}
	}()
	b, err := newBench(settings{runs: 1}, servers, newDisplay(t.Output()))
	if err != nil {
		t.Fatal(err)
	}
	defer b.close()
	r, err := measureDatabase(ctx, b, databaseSettings{runs: 1, clients: 2, scale: 1, seconds: 1})
	if err != nil {
		t.Fatal(err)
	}
	shown(t, r, "fsync=on", "context-apart")
	figures := map[string]variantReport{}
	for _, v := range r.Variants {
		figures[v.Name] = v
		if len(v.Runs) != 1 || v.PerSecond.Median <= 0 || v.ToNone <= 0 || v.LogBytes.Median <= 0 {
			t.Errorf("%s: no figures: %+v", v.Name, v)
		}
	}
	// What each adds to the log is not a matter of time.
	for _, pair := range [][2]string{{variantNone, variantFull}, {variantFull, "context"}, {variantNone, "trigger"}} {
		if less, more := figures[pair[0]].LogBytes.Median, figures[pair[1]].LogBytes.Median; less >= more {
			t.Errorf("%s writes %.0f bytes of log a transaction, %s %.0f", pair[0], less, pair[1], more)
		}
	}
	if n := r.Settings.ContextSize; n < 100 || n > 400 {
		t.Errorf("a context of %d bytes", n)
	}
}

func TestParsePgbench(t *testing.T) {
	const good = `transaction type: x.sql
number of clients: 8
number of transactions actually processed: 12345
number of failed transactions: 0 (0.000%)
latency average = 0.512 ms
initial connection time = 9.1 ms
tps = 15625.250000 (without initial connection time)
`
	run, err := parsePgbench(good)
	if err != nil || run.Transactions != 12345 || run.PerSecond != 15625.25 || run.MeanMilliseconds != 0.512 {
		t.Errorf("%+v, %v", run, err)
	}
	for name, text := range map[string]string{
		"nothing":          "",
		"failures":         "number of failed transactions: 3 (0.1%)\n" + good,
		"without its rate": good[:len(good)-40],
		"without any":      "number of transactions actually processed: 0\nlatency average = 0 ms\ntps = 0 (without initial connection time)\n",
	} {
		if _, err := parsePgbench(text); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// The reader counts what the plugin says, and knows up to where it has read.
func TestLogReaderTakes(t *testing.T) {
	data := func(kind byte, position uint64, rest ...byte) []byte {
		out := binary.BigEndian.AppendUint64([]byte{kind}, position)
		return append(out, rest...)
	}
	sixteen := make([]byte, 16)
	var r logReader
	for _, c := range []struct {
		data  []byte
		at    uint64
		reply bool
	}{
		{data('w', 100, append(sixteen, 'B', 0)...), 100, false},
		{data('w', 110, append(sixteen, 'M', 0)...), 110, false},
		{data('w', 120, append(sixteen, 'U', 0)...), 120, false},
		{data('k', 90, append(sixteen[:8:8], 1)...), 120, true},
	} {
		at, reply, err := r.take(c.data, 0)
		if c.data[0] == 'k' {
			at, reply, err = r.take(c.data, 120)
		}
		if err != nil || at != c.at || reply != c.reply {
			t.Errorf("%q: at %d, reply %v, %v", c.data, at, reply, err)
		}
	}
	if r.changes.Load() != 1 || r.contexts.Load() != 1 {
		t.Errorf("%d changes, %d contexts", r.changes.Load(), r.contexts.Load())
	}
	if _, _, err := r.take([]byte("x"), 0); err == nil {
		t.Error("no error for a message that there is not")
	}
}
