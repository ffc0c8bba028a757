package e2e

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

//go:embed testdata/truth.sql
var truthSQL string

// who is what the test driver knows of a change's context: what must stand in the documents. It travels in the database, as
// the setting truth.context of the transaction, so that it holds for exactly the changes that are committed.
type who struct {
	Status      string `json:"status"`
	Route       string `json:"route,omitempty"`
	User        string `json:"user,omitempty"`
	Name        string `json:"name,omitempty"`
	Email       string `json:"email,omitempty"`
	Correlation string `json:"correlation,omitempty"`
	Request     string `json:"request,omitempty"`
	Reason      string `json:"reason,omitempty"`
	IP          string `json:"ip,omitempty"`
	Service     string `json:"service,omitempty"`
	Version     string `json:"version,omitempty"`
	// Candidates are the ids of the users between whom it is undecided, sorted.
	Candidates []string `json:"candidates,omitempty"`
}

var nobody = who{Status: "unattributed"}

// truthRow is one row change as the triggers saw it.
type truthRow struct {
	Seq      int64
	Tx       uint32 // as change events carry it
	Table    string // schema.table
	Op       string // i, u, d, t
	Key      []string
	Old, New image
	Context  who
}

// image is a row: its columns in the table's order.
type image []cell

// cell is a column's value, as the database prints it. Null is a nil Text.
type cell struct {
	Name, Type string
	Text       *string
}

func (c *cell) UnmarshalJSON(data []byte) error {
	var parts [3]*string
	if err := json.Unmarshal(data, &parts); err != nil {
		return err
	}
	*c = cell{Name: *parts[0], Type: *parts[1], Text: parts[2]}
	return nil
}

func (r image) get(name string) (cell, bool) {
	for _, c := range r {
		if c.Name == name {
			return c, true
		}
	}
	return cell{}, false
}

// truth is what happened in one database.
type truth struct {
	Rows    []truthRow
	Commits []commit // in the order of commits
}

// commit is a committed transaction.
type commit struct {
	Tx   uint32
	Time time.Time
}

// readTruth reads all that has been committed, in the order of the triggers.
func readTruth(t *testing.T, dsn string) truth {
	t.Helper()
	conn := connect(t, dsn)
	var out truth
	rows, err := conn.Query(t.Context(), `SELECT seq, tx::text::numeric % 4294967296, tab, op, key, old, new, context FROM truth.change ORDER BY seq`)
	check(t, err)
	var r truthRow
	var tx int64
	var key, old, new, context []byte
	_, err = pgx.ForEachRow(rows, []any{&r.Seq, &tx, &r.Table, &r.Op, &key, &old, &new, &context}, func() error {
		r.Tx, r.Key, r.Old, r.New, r.Context = uint32(tx), nil, nil, nil, who{}
		for raw, to := range map[*[]byte]any{&key: &r.Key, &old: &r.Old, &new: &r.New, &context: &r.Context} {
			if *raw == nil {
				continue
			}
			if err := json.Unmarshal(*raw, to); err != nil {
				return fmt.Errorf("truth row %d: %w", r.Seq, err)
			}
		}
		out.Rows = append(out.Rows, r)
		return nil
	})
	check(t, err)
	out.Commits = readCommits(t, conn)
	return out
}

var commitLine = regexp.MustCompile(`^COMMIT (\d+) \(at (.+)\)$`)

// readCommits asks the server's own decoder, which writes a line for each end of a transaction.
func readCommits(t *testing.T, conn *pgx.Conn) []commit {
	t.Helper()
	// The slot shows what has reached the disk: a transaction that waits for that brings all before it there.
	_, err := conn.Exec(t.Context(), `SET synchronous_commit = on; SELECT pg_logical_emit_message(true, 'truth', 'end')`)
	check(t, err)
	rows, err := conn.Query(t.Context(), `SELECT data FROM pg_logical_slot_peek_changes('truth_' || current_database(), NULL, NULL,
		'include-timestamp', 'on', 'skip-empty-xacts', 'off') WHERE data LIKE 'COMMIT %'`)
	check(t, err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	check(t, err)
	var commits []commit
	for _, line := range lines {
		m := commitLine.FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("test_decoding wrote %q, expected COMMIT and its time", line)
		}
		tx, err := strconv.ParseUint(m[1], 10, 32)
		check(t, err)
		at, err := time.Parse("2006-01-02 15:04:05.999999-07", m[2])
		check(t, err)
		commits = append(commits, commit{Tx: uint32(tx), Time: at.UTC()})
	}
	return commits
}

func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	check(t, err)
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

// check ends the test on an error.
func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
