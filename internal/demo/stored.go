package demo

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"path/filepath"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// Stored counts what a SQLite store holds.
type Stored struct {
	Documents    map[string]int // by kind
	Contexts     map[string]int // changes, by the status of their context
	Transactions int            // those of which a change is stored
}

// Count counts what the file holds, which is a store that may be in use.
func Count(ctx context.Context, path string) (Stored, error) {
	s := Stored{Documents: map[string]int{}, Contexts: map[string]int{}}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return s, err
	}
	name := url.URL{Path: filepath.ToSlash(absolute)}
	db, err := sql.Open("sqlite", "file:"+name.EscapedPath()+"?mode=ro")
	if err != nil {
		return s, err
	}
	defer db.Close()
	for to, query := range map[*map[string]int]string{
		&s.Documents: "SELECT kind, count(*) FROM document GROUP BY kind",
		&s.Contexts:  "SELECT context, count(*) FROM document WHERE kind IN ('row_version', 'truncate') AND context IS NOT NULL GROUP BY context",
	} {
		if err := groups(ctx, db, query, *to); err != nil {
			return s, fmt.Errorf("counting in %s: %w", path, err)
		}
	}
	err = db.QueryRowContext(ctx, `SELECT count(*) FROM (SELECT DISTINCT source, tx_id FROM document
		WHERE kind IN ('row_version', 'truncate') AND action <> 'snapshot')`).Scan(&s.Transactions)
	if err != nil {
		return s, fmt.Errorf("counting in %s: %w", path, err)
	}
	return s, nil
}

func groups(ctx context.Context, db *sql.DB, query string, to map[string]int) error {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		var n int
		if err := rows.Scan(&name, &n); err != nil {
			return err
		}
		to[name] = n
	}
	return rows.Err()
}
