package sqlite

import (
	"context"
	"database/sql"
	_ "embed"
	"fmt"

	"dossier/sink"
)

// applicationID marks a file as Dossier's: "DOSS", in the header's field for it.
const applicationID = 0x444F5353

//go:embed schema.sql
var schemaSQL string

// steps lead from each version of the layout to the next: steps[0] makes version 1 of an empty file. Released steps never change.
var steps = []string{schemaSQL}

// layout is what a file's header says of its content.
type layout struct {
	empty   bool // no tables at all
	version int
}

type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// inspect reads the file's layout, and refuses what this release must not touch.
func inspect(ctx context.Context, db querier, path string) (layout, error) {
	var application, tables int64
	var l layout
	for query, to := range map[string]any{
		"PRAGMA application_id":              &application,
		"PRAGMA user_version":                &l.version,
		"SELECT count(*) FROM sqlite_schema": &tables,
	} {
		if err := db.QueryRowContext(ctx, query).Scan(to); err != nil {
			return l, fmt.Errorf("%s: %w", path, err)
		}
	}
	l.empty = tables == 0 && l.version == 0 && application == 0
	switch {
	case l.empty:
		return l, nil
	case application != applicationID:
		return l, fmt.Errorf("%s: the file is another program's SQLite database; name a file of Dossier's own", path)
	case l.version > len(steps):
		return l, fmt.Errorf("%s: the file has layout %d, and this release knows layouts up to %d: a newer release has written it; run that one, or a newer one yet",
			path, l.version, len(steps))
	}
	return l, nil
}

// unchanged sees to it, within a transaction, that the file still has the layout of this release: a newer one may have been started on it.
func unchanged(ctx context.Context, tx *sql.Tx, path string) error {
	var version int
	if err := tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	if version == len(steps) {
		return nil
	}
	return &sink.SetupError{Where: path, Detail: fmt.Sprintf("another release has changed the file's layout from %d to %d", len(steps), version),
		Mend: "run that release in every process that uses the file"}
}

// migrate brings the file to the layout of this release, in one transaction. It returns the version that it found.
func migrate(ctx context.Context, db *sql.DB, path string) (from int, err error) {
	tx, err := db.BeginTx(ctx, nil) // an immediate one: of two processes, the second sees what the first has done
	if err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	l, err := inspect(ctx, tx, path)
	if err != nil {
		return 0, err
	}
	if l.version == len(steps) {
		return l.version, nil
	}
	for _, step := range steps[l.version:] {
		if _, err := tx.ExecContext(ctx, step); err != nil {
			return l.version, fmt.Errorf("%s: making layout %d: %w", path, len(steps), err)
		}
	}
	header := fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", applicationID, len(steps))
	if _, err := tx.ExecContext(ctx, header); err != nil {
		return l.version, fmt.Errorf("%s: %w", path, err)
	}
	if err := tx.Commit(); err != nil {
		return l.version, fmt.Errorf("%s: making layout %d: %w", path, len(steps), err)
	}
	return l.version, nil
}
