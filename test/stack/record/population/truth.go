package population

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"dossier/internal/demo"
)

// keys are the columns of the primary keys that are not just "id".
var keys = map[string][]string{"household_member": {"household_id", "person_id"}, "programme": {"code"}, "import_person": {"line"}}

// partial is the table without REPLICA IDENTITY FULL: its log does not have the previous row, so that every column which it carries may have
// changed. large is its column that lies out of line, which the log has only where it was changed.
const partial, large = "document", "body"

// readTruth returns what the triggers wrote down, a note for each transaction that changed something, in the order of the year.
func readTruth(ctx context.Context, conn *pgx.Conn, transactions []transaction) ([]demo.Note, error) {
	notes, by := make([]*demo.Note, 0, len(transactions)), map[uint64]*demo.Note{}
	for _, t := range transactions {
		n := &demo.Note{Time: t.at.Truncate(time.Microsecond), TxID: t.id & 0xffffffff, Status: t.by.status, User: t.by.user, Service: t.by.service, Version: t.by.version,
			Tables: map[string]int{}, Actions: map[string]int{}}
		notes, by[t.id] = append(notes, n), n
	}
	rows, err := conn.Query(ctx, "SELECT tx, tab, op, old::text, new::text FROM truth.change ORDER BY seq")
	if err != nil {
		return nil, err
	}
	var tx int64
	var tab, op string
	var before, after []byte
	_, err = pgx.ForEachRow(rows, []any{&tx, &tab, &op, &before, &after}, func() error {
		n := by[uint64(tx)]
		if n == nil {
			return fmt.Errorf("transaction %d is none of the workload's", tx)
		}
		return note(n, tab, op, before, after)
	})
	if err != nil {
		return nil, fmt.Errorf("read the truth: %w", err)
	}
	var out []demo.Note
	for _, n := range notes {
		if len(n.Tables) > 0 {
			out = append(out, *n)
		}
	}
	slices.SortStableFunc(out, func(a, b demo.Note) int { return a.Time.Compare(b.Time) })
	return out, nil
}

// note adds one row's change to its transaction's note.
func note(n *demo.Note, tab, op string, before, after []byte) error {
	var old, now map[string]json.RawMessage
	for _, image := range []struct {
		text []byte
		row  *map[string]json.RawMessage
	}{{before, &old}, {after, &now}} {
		if image.text == nil {
			continue
		}
		if err := json.Unmarshal(image.text, image.row); err != nil {
			return err
		}
	}
	count := func(action string, events, fields int) {
		n.Tables[tab] += events
		n.Actions[action] += events
		n.Fields += fields
	}
	switch op {
	case "i":
		count("create", 1, len(now)-nulls(now))
	case "d":
		count("delete", 1, 0)
	case "t":
		count("truncate", 1, 0)
	case "u":
		changed := differing(old, now)
		switch {
		case len(changed) == 0: // nothing to be seen
		case keyChanged(tab, changed):
			count("rekey", 2, len(changed))
		case tab == partial:
			carried := len(now) - 1 // all but the key, which is known not to have changed: that would have been another event
			if !slices.Contains(changed, large) {
				carried--
			}
			count("update", 1, carried)
		default:
			count("update", 1, len(changed))
		}
	}
	return nil
}

func nulls(row map[string]json.RawMessage) (n int) {
	for _, v := range row {
		if string(v) == "null" {
			n++
		}
	}
	return n
}

func differing(a, b map[string]json.RawMessage) []string {
	var names []string
	for name, v := range b {
		if !bytes.Equal(a[name], v) {
			names = append(names, name)
		}
	}
	return names
}

func keyChanged(tab string, changed []string) bool {
	key := keys[tab]
	if key == nil {
		key = []string{"id"}
	}
	return slices.ContainsFunc(key, func(column string) bool { return slices.Contains(changed, column) })
}

// total adds up what Dossier has to say of the whole year.
func total(baseline int, notes []demo.Note, s *site) demo.Totals {
	t := demo.Totals{Baseline: baseline, Transactions: len(notes), Contexts: map[string]int{}, Actions: map[string]int{}, DeadLetters: s.broken}
	for _, r := range s.sent {
		if r.Topic == feedbackTopic {
			t.Feedback++
		}
	}
	t.Feedback-- // one of them is broken
	for _, n := range notes {
		for action, events := range n.Actions {
			t.Actions[action] += events
			t.Changes += events
			t.Contexts[n.Status] += events
			if n.Status == "late" {
				t.Attributions += events
			}
		}
		t.Fields += n.Fields
		t.NamedVersions += n.Tables["survey_response"]
	}
	return t
}
