package e2e

import (
	"cmp"
	"slices"
	"testing"
	"time"
)

// checkDocuments compares a source's documents with the truth: each one, the order of each entity's, and that of transactions.
func checkDocuments(t *testing.T, want []event, commits []commit, got []document) {
	t.Helper()
	var wantFacts, gotFacts []fact
	wantOrder, gotOrder := map[string][]string{}, map[string][]string{}
	for i := range want {
		e := &want[i]
		docs := e.documents()
		wantFacts = append(wantFacts, docs...)
		if e.ID != "" {
			entity := e.EntityType + "/" + e.ID
			wantOrder[entity] = append(wantOrder[entity], docs[len(docs)-1].String())
		}
	}
	slices.SortFunc(got, func(a, b document) int { return cmp.Compare(a.Position, b.Position) })
	versions := map[string]string{}
	var order []uint32
	for _, d := range got {
		switch d.Kind {
		case "attribution":
			continue
		case "row_version", "truncate":
			if first, twice := versions[d.EventID]; twice {
				t.Errorf("event %s has two documents of its own: %s and %s", d.EventID, first, d.About)
			}
			versions[d.EventID] = d.About
			order = append(order, d.Tx)
		}
		gotFacts = append(gotFacts, d.fact)
		if d.Kind == "row_version" && d.Entity != "" {
			gotOrder[d.Entity] = append(gotOrder[d.Entity], d.String())
		}
	}
	for _, d := range got {
		if versions[d.EventID] == "" && d.Kind == "field_change" {
			t.Errorf("%s belongs to event %s, which has no row version", d.About, d.EventID)
		}
	}
	if compareFacts(t, "documents", wantFacts, gotFacts) {
		compareOrder(t, "order of an entity's versions", wantOrder, gotOrder)
	}
	checkCommitOrder(t, commits, order)
}

// checkAudit compares the audit topic with the truth: each event, and the order of each key's in its partition.
func checkAudit(t *testing.T, want []event, commits []commit, got []event) {
	t.Helper()
	facts := func(events []event) (all []fact, order map[string][]string) {
		order = map[string][]string{}
		for i := range events {
			f := events[i].fact()
			all = append(all, f)
			if events[i].ID != "" {
				entity := events[i].EntityType + "/" + events[i].ID
				order[entity] = append(order[entity], f.String())
			}
		}
		return all, order
	}
	wantFacts, wantOrder := facts(want)
	gotFacts, gotOrder := facts(got)
	if compareFacts(t, "audit events", wantFacts, gotFacts) {
		compareOrder(t, "order of an entity's events on the audit topic", wantOrder, gotOrder)
	}
	byPosition := slices.Clone(got)
	slices.SortStableFunc(byPosition, func(a, b event) int { return cmp.Compare(a.Position, b.Position) })
	var order []uint32
	for _, e := range byPosition {
		order = append(order, e.Tx)
	}
	checkCommitOrder(t, commits, order)
}

// checkCommitOrder checks that transactions, in the order of their positions, are in the order in which the server committed them, and
// that none is torn apart.
func checkCommitOrder(t *testing.T, commits []commit, order []uint32) {
	t.Helper()
	rank := map[uint32]int{}
	for i, c := range commits {
		rank[c.Tx] = i
	}
	last, seen := -1, map[uint32]bool{}
	for i, tx := range order {
		if i > 0 && order[i-1] == tx {
			continue
		}
		r, known := rank[tx]
		switch {
		case !known:
			t.Errorf("transaction %d has documents and was never committed", tx)
		case seen[tx]:
			t.Errorf("position: changes of other transactions stand between those of transaction %d", tx)
		case r < last:
			t.Errorf("position: transaction %d, committed at %s, stands after one that was committed at %s", tx,
				commits[r].Time.Format(time.RFC3339Nano), commits[last].Time.Format(time.RFC3339Nano))
		}
		seen[tx], last = true, max(last, r)
	}
	t.Logf("%d transactions stand in the order of their commits", len(seen))
}
