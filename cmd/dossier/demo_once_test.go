package main

import (
	"bufio"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"dossier/internal/demo"
	"dossier/schema"
	"dossier/sink"
	"dossier/sink/sqlite"
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
	before := demoDocuments(t, dir)
	want.Documents["transaction"] = checkDemoCounts(t, before, notes)
	if !reflect.DeepEqual(*first, want) {
		t.Errorf("summary\n%+v, want\n%+v", *first, want)
	}
	checkDemoTransactions(t, before, notes)

	again := demoOnce(t, dir)
	again.Seconds = first.Seconds
	if !reflect.DeepEqual(again, first) {
		t.Errorf("second run %+v, first %+v", again, first)
	}
	after := demoDocuments(t, dir)
	if len(after) != len(before) {
		t.Errorf("%d documents after the second run, %d before", len(after), len(before))
	}
	for ref, d := range before {
		if after[ref].Hash != d.Hash || after[ref].Version != d.Version {
			t.Errorf("the second run changed %v", ref)
		}
	}
}

// demoDocuments reads the whole store.
func demoDocuments(t *testing.T, dir string) map[schema.DocumentRef]sink.Stored {
	t.Helper()
	path := filepath.Join(dir, "dossier.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query("SELECT index_name, id FROM document")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var refs []schema.DocumentRef
	for rows.Next() {
		var ref schema.DocumentRef
		if err := rows.Scan(&ref.Index, &ref.ID); err != nil {
			t.Fatal(err)
		}
		refs = append(refs, ref)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	store, err := sqlite.Open(t.Context(), sqlite.Config{Path: path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	stored, err := store.Get(t.Context(), refs)
	if err != nil {
		t.Fatal(err)
	}
	documents := map[schema.DocumentRef]sink.Stored{}
	for i, ref := range refs {
		documents[ref] = stored[i]
	}
	return documents
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
func checkDemoTransactions(t *testing.T, documents map[schema.DocumentRef]sink.Stored, notes []demo.Note) {
	t.Helper()
	found := map[uint64]*demo.Note{}
	for _, stored := range documents {
		d := stored.Document
		switch {
		case d.Action == schema.ActionSnapshot:
			continue
		case d.Kind != schema.DocumentRowVersion && d.Kind != schema.DocumentTruncate && d.Kind != schema.DocumentFieldChange:
			continue
		}
		by := demo.Note{Time: d.Time, TxID: d.CDC.TxID, Status: string(d.Context.Status), User: d.Context.User.ID, Service: d.Context.Service, Version: d.VersionName}
		n := found[by.TxID]
		if n == nil {
			n = &by
			n.Tables, n.Actions = map[string]int{}, map[string]int{}
			found[by.TxID] = n
		}
		if n.Status != by.Status || n.User != by.User || n.Service != by.Service || n.Version != by.Version || !n.Time.Equal(by.Time) {
			t.Errorf("transaction %d: %+v in one document and %+v in another", by.TxID, by, *n)
		}
		if d.Kind == schema.DocumentFieldChange {
			n.Fields++
			continue
		}
		n.Tables[d.CDC.Table]++
		n.Actions[string(d.Action)]++
	}
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
func checkDemoCounts(t *testing.T, all map[schema.DocumentRef]sink.Stored, notes []demo.Note) (documents int) {
	t.Helper()
	found := map[uint64]map[string]int{}
	scopes := map[string]bool{}
	for _, stored := range all {
		d := stored.Document
		if d.Kind != schema.DocumentTransaction {
			continue
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
	}
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
