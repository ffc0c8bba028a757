package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"dossier/query"
)

// readTime bounds how long the statements for one question may take.
const readTime = 10 * time.Second

// readConnections bounds how many questions are answered at a time. The others wait.
const readConnections = 8

// Reader answers queries from the file, also while other processes write to it. It is safe for concurrent use.
type Reader struct {
	path    string
	file    fs.FileInfo // the file as it was opened
	db      *sql.DB
	timeout time.Duration
	bounds  bounds
}

// OpenReader opens the file, which Setup has created and brought to the present layout, to read alone. The error is a *query.Error whose cause says for the operator what to
// do. Close the reader after its last use.
func OpenReader(path string) (*Reader, error) {
	r := &Reader{path: path, timeout: readTime, bounds: usualBounds}
	err := r.open()
	if err == nil {
		return r, nil
	}
	if r.db != nil {
		err = errors.Join(err, r.db.Close())
	}
	return nil, &query.Error{Code: query.CodeUnavailable, Detail: err.Error(), RetryAfter: retryLater, Err: err}
}

func (r *Reader) open() (err error) {
	if r.file, err = exists(r.path); err != nil {
		return err
	}
	if r.db, err = connectReaders(r.path, readConnections); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), r.timeout)
	defer cancel()
	if err := inspectStore(ctx, r.db, r.path); err != nil {
		return err
	}
	return r.ready(ctx)
}

// ready sees to it that the file is still the one that was opened, and has this release's layout.
func (r *Reader) ready(ctx context.Context) error {
	if err := unmoved(r.path, r.file); err != nil {
		return err
	}
	l, err := inspect(ctx, r.db, r.path)
	if err == nil && l.version != len(steps) {
		err = fmt.Errorf(`%s: the file has layout %d, and this release reads layout %d; run "dossier setup", which brings it there`, r.path, l.version, len(steps))
	}
	return err
}

// Ready says whether questions can be answered: nil, or a *query.Error.
func (r *Reader) Ready(ctx context.Context) error {
	if err := r.ready(ctx); err != nil {
		return r.fault(ctx, ctx, err)
	}
	return nil
}

// Close gives the file back.
func (r *Reader) Close() error { return r.db.Close() }

// For returns the store as somebody sees it who may see some scopes alone; nil stands for all. What is in other scopes is neither found nor counted.
func (r *Reader) For(scopes []string) query.Store {
	v := &view{reader: r, scope: always}
	if scopes != nil {
		v.scope = equal(query.Equal{Field: query.FieldScope, Values: scopes})
	}
	return v
}

// view is the store with a bound on scopes, which stands in each statement.
type view struct {
	reader *Reader
	scope  condition
}

var _ query.Store = (*view)(nil)

// queryer asks within one transaction, in which all statements see the same moment. Statements of the same text are prepared once.
type queryer struct {
	tx       *sql.Tx
	prepared map[string]*sql.Stmt
	bounds   bounds
}

// read runs the statements of one question in one transaction.
func (v *view) read(ctx context.Context, ask func(context.Context, queryer) error) error {
	r := v.reader
	if ctx.Err() != nil {
		return ctx.Err()
	}
	limited, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	err := unmoved(r.path, r.file)
	if err == nil {
		err = r.transaction(limited, ask)
	}
	if err != nil {
		return r.fault(ctx, limited, err)
	}
	return nil
}

func (r *Reader) transaction(ctx context.Context, ask func(context.Context, queryer) error) error {
	tx, err := r.db.BeginTx(ctx, nil)
	if errors.Is(err, context.DeadlineExceeded) { // all connections are taken
		return errBusy
	}
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if err := unchanged(ctx, tx, r.path); err != nil {
		return err
	}
	return ask(ctx, queryer{tx, make(map[string]*sql.Stmt), r.bounds})
}

// rows asks, and hands each row to scan until it wants no more.
func (q queryer) rows(ctx context.Context, text string, args []any, scan func(*sql.Rows) (more bool, err error)) error {
	if len(args) > maxParameters {
		return errTooBroad
	}
	statement := q.prepared[text]
	if statement == nil {
		var err error
		if statement, err = q.tx.PrepareContext(ctx, text); err != nil {
			return fmt.Errorf("%s: %w", text, err)
		}
		q.prepared[text] = statement
	}
	rows, err := statement.QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if more, err := scan(rows); err != nil || !more {
			return err
		}
	}
	return rows.Err()
}
