package main

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"dossier/internal/demo"
	"dossier/schema"
)

// demoTruth reads what the recorded database itself says of each transaction: see internal/demo/corpus/README.md.
func demoTruth(t *testing.T) []demo.Note {
	t.Helper()
	file, err := os.Open("../../internal/demo/testdata/truth.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var notes []demo.Note
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var n demo.Note
		if err := json.Unmarshal(lines.Bytes(), &n); err != nil {
			t.Fatal(err)
		}
		notes = append(notes, n)
	}
	return notes
}

// TestDemoOnce runs README's first command: what is stored is what the database says was done, transaction by transaction. A second run into the
// same store changes nothing.
func TestDemoOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "kept")
	first := demoOnce(t, dir)
	notes := demoTruth(t)
	want := demoSummary{Records: first.Records, Events: map[string]int{}, Documents: map[string]int{}, Seconds: first.Seconds}
	baseline := 344 // rows loaded before the connector came: see test/stack/record/population
	want.Transactions, want.DeadLetters = len(notes), 2
	for _, n := range notes {
		rows := 0
		for action, events := range n.Actions {
			rows += events
			if action == "truncate" {
				want.Documents["truncate"] += events
			} else {
				want.Documents["row_version"] += events
			}
		}
		want.Documents["field_change"] += n.Fields
		want.Documents["named_version"] += n.Tables["survey_response"]
		want.Events["change"] += rows
		switch n.Status {
		case "attached":
			want.Attached += rows
		case "late":
			want.Late += rows
			want.Events["attribution"] += rows
			want.Documents["attribution"] += rows
		case "ambiguous":
			want.Ambiguous += rows
		case "unattributed":
			want.Unattributed += rows
		}
	}
	want.Events["feedback"], want.Documents["feedback"] = 9, 9
	want.Events["snapshot"] = baseline
	want.Documents["row_version"] += baseline
	store := filepath.Join(dir, "dossier.db")
	want.Documents["transaction"] = checkDemoCounts(t, store, notes)
	if !reflect.DeepEqual(*first, want) {
		t.Errorf("summary\n%+v, want\n%+v", *first, want)
	}
	checkDemoTransactions(t, store, notes)

	before := demoHashes(t, store)
	again := demoOnce(t, dir)
	again.Seconds = first.Seconds
	if !reflect.DeepEqual(again, first) {
		t.Errorf("second run %+v, first %+v", again, first)
	}
	if after := demoHashes(t, store); !maps.Equal(after, before) {
		t.Errorf("the second run changed the store: %d documents, %d before", len(after), len(before))
	}
}

// demoOnce runs the demo in this process.
func demoOnce(t *testing.T, dir string) *demoSummary {
	t.Helper()
	code, out, errs := invoke(t, "demo", "--once", "--data", dir)
	if code != 0 {
		log, _ := os.ReadFile(filepath.Join(dir, "dossier.log"))
		t.Fatalf("code %d\n%s%s\n%s", code, out, errs, log)
	}
	var s demoSummary
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		t.Fatalf("%v in\n%s", err, out)
	}
	return &s
}

// checkDemoTransactions compares each transaction in the store with the database's own note of it.
func checkDemoTransactions(t *testing.T, store string, notes []demo.Note) {
	t.Helper()
	found := map[uint64]*demo.Note{}
	eachRow(t, store, `SELECT tx_id, time, kind, action, table_name, context, coalesce(user_id, ''), coalesce(version_name, ''),
		coalesce(json_extract(json, '$.service.name'), '') FROM document WHERE action <> 'snapshot' AND kind IN ('row_version', 'truncate', 'field_change')`,
		func(scan func(...any) error) error {
			var tx uint64
			var nanos int64
			var kind, action, table, status, user, version, service string
			if err := scan(&tx, &nanos, &kind, &action, &table, &status, &user, &version, &service); err != nil {
				return err
			}
			n := found[tx]
			if n == nil {
				n = &demo.Note{Time: time.Unix(0, nanos), TxID: tx, Status: status, User: user, Service: service, Version: version, Tables: map[string]int{}, Actions: map[string]int{}}
				found[tx] = n
			}
			if n.Status != status || n.User != user || n.Service != service || n.Version != version || n.Time.UnixNano() != nanos {
				t.Errorf("transaction %d: %s by %q of %q, version %q in one document and otherwise in another", tx, status, user, service, version)
			}
			if kind == "field_change" {
				n.Fields++
				return nil
			}
			n.Tables[table]++
			n.Actions[action]++
			return nil
		})
	for _, want := range notes {
		got := found[want.TxID]
		if got == nil {
			t.Errorf("transaction %d of %s is not stored", want.TxID, want.Time)
			continue
		}
		// The commit follows the time that the workload gave its transaction within two milliseconds.
		if late := got.Time.Sub(want.Time); late < 0 || late > 2*time.Millisecond {
			t.Errorf("transaction %d: committed at %s, recorded for %s", want.TxID, got.Time, want.Time)
		}
		got.Time = want.Time
		if !reflect.DeepEqual(*got, want) {
			t.Errorf("transaction %d:\n%+v, want\n%+v", want.TxID, *got, want)
		}
		delete(found, want.TxID)
	}
	for tx := range found {
		t.Errorf("transaction %d is stored, and was none", tx)
	}
}

// checkDemoCounts compares what the database reports of each transaction, over all scopes, with the note of it, and returns how many documents tell of it.
func checkDemoCounts(t *testing.T, store string, notes []demo.Note) (documents int) {
	t.Helper()
	found := map[uint64]map[string]int{}
	scopes := map[string]bool{}
	eachRow(t, store, "SELECT json FROM document WHERE kind = 'transaction'", func(scan func(...any) error) error {
		var text []byte
		if err := scan(&text); err != nil {
			return err
		}
		d, _, err := schema.ParseDocument(text)
		if err != nil {
			return err
		}
		documents++
		if !d.Transaction.Certain {
			t.Errorf("transaction %d: its counts are not certain", d.CDC.TxID)
		}
		if key := fmt.Sprint(d.CDC.TxID, d.Scope); scopes[key] {
			t.Errorf("transaction %d: two documents in scope %s", d.CDC.TxID, d.Scope)
		} else {
			scopes[key] = true
		}
		if found[d.CDC.TxID] == nil {
			found[d.CDC.TxID] = map[string]int{}
		}
		for _, c := range d.Transaction.Tables {
			found[d.CDC.TxID][strings.TrimPrefix(c.Name, "public.")] += int(c.Count)
		}
		return nil
	})
	for _, n := range notes {
		if !maps.Equal(found[n.TxID], n.Tables) {
			t.Errorf("transaction %d: the database reports %v, and did %v", n.TxID, found[n.TxID], n.Tables)
		}
		delete(found, n.TxID)
	}
	for tx, counts := range found {
		t.Errorf("transaction %d is reported with %v, and was none", tx, counts)
	}
	return documents
}

// demoHashes returns the hashes of all documents by their identity.
func demoHashes(t *testing.T, store string) map[string]string {
	t.Helper()
	hashes := map[string]string{}
	eachRow(t, store, "SELECT index_name || '/' || id, hash FROM document", func(scan func(...any) error) error {
		var id, hash string
		err := scan(&id, &hash)
		hashes[id] = hash
		return err
	})
	return hashes
}

func eachRow(t *testing.T, store, text string, row func(scan func(...any) error) error) {
	t.Helper()
	db, err := sql.Open("sqlite", store)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query(text)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			t.Fatal(err)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
}

// TestDemoWithGoAlone: nothing but Go is on the PATH.
func TestDemoWithGoAlone(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program")
	}
	program, err := exec.LookPath("go")
	if err != nil {
		t.Skip("no go on the PATH")
	}
	if program, err = filepath.EvalSymlinks(program); err != nil {
		t.Fatal(err)
	}
	path := t.TempDir()
	if err := os.Symlink(program, filepath.Join(path, "go")); err != nil {
		t.Fatal(err)
	}
	environment := []string{"PATH=" + path}
	for _, name := range []string{"HOME", "GOCACHE", "GOMODCACHE", "GOPATH", "GOPROXY", "GOFLAGS", "GOTOOLCHAIN", "TMPDIR"} {
		if value, ok := os.LookupEnv(name); ok {
			environment = append(environment, name+"="+value)
		}
	}
	cmd := exec.CommandContext(t.Context(), filepath.Join(path, "go"), "run", "./cmd/dossier", "demo", "--once")
	cmd.Dir, cmd.Env = "../..", environment
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &errs)
	}
	var s demoSummary
	if err := json.Unmarshal(out, &s); err != nil || s.Transactions == 0 {
		t.Errorf("%v in\n%s", err, out)
	}
}

// TestDemoAnswers: with everything stored, the demo shows what to ask and answers, until it is told to end.
func TestDemoAnswers(t *testing.T) {
	var out, errs output
	root := newRootCommand()
	root.SetOut(&out)
	root.SetErr(&errs)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	t.Setenv("TMPDIR", t.TempDir())
	ended := make(chan int, 1)
	go func() { ended <- execute(ctx, root, []string{"demo", "--listen", "127.0.0.1:0"}, &errs) }()
	eventually(t, func() error {
		if !strings.Contains(out.String(), "Ctrl-C") {
			return fmt.Errorf("no page yet:\n%s%s", &out, &errs)
		}
		return nil
	})
	for line := range strings.Lines(out.String()) {
		if _, url, ok := strings.Cut(line, "curl -s "); ok {
			url = strings.Trim(strings.TrimSpace(url), "'\"")
			if code, body := get(t, url); code != 200 {
				t.Errorf("%s: %d %s", url, code, body)
			}
		}
	}
	stop()
	if code := <-ended; code != 0 {
		t.Errorf("code %d\n%s", code, &errs)
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestDemoRefuses: what cannot work is said before anything is done.
func TestDemoRefuses(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"--once", "--listen", taken.Addr().String()}, exitFailed, "in use"},
		{[]string{"--once", "--listen", "nowhere"}, exitFailed, "--listen"},
		{[]string{"--once", "--data", file}, exitFailed, "--data"},
		{[]string{"--once", "extra"}, exitMisuse, "demo"},
	} {
		code, out, errs := invoke(t, append([]string{"demo"}, c.args...)...)
		if code != c.code || !strings.Contains(errs, c.says) || strings.Contains(errs, "played") || out != "" {
			t.Errorf("%v: code %d\n%s%s", c.args, code, out, errs)
		}
	}
}

// TestDemoGivesWay: the default address may be in use; then it is another one, and that is said.
func TestDemoGivesWay(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	var said output
	d := demoCommand{listen: taken.Addr().String()}
	address, err := d.address(newNarrator(&said))
	if err != nil || address == d.listen || !strings.Contains(said.String(), d.listen+" is in use") || !strings.Contains(said.String(), address) {
		t.Errorf("%q, %v, %s", address, err, &said)
	}
}

// TestDemoInterrupted: who waits for the summary learns that there is none.
func TestDemoInterrupted(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	root := newRootCommand()
	var out, errs output
	root.SetOut(&out)
	root.SetErr(&errs)
	t.Setenv("TMPDIR", t.TempDir())
	if code := execute(ctx, root, []string{"demo", "--once"}, &errs); code != exitFailed || !strings.Contains(errs.String(), "interrupted") {
		t.Errorf("code %d\n%s%s", code, &out, &errs)
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
