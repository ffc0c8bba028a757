package requestcontext

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// BeginTx begins a transaction on db, a [*sql.DB] or [*sql.Conn], and attaches the request context of ctx to it as a
// message, before anything else: BeginTx of the zero [Attacher].
func BeginTx(ctx context.Context, db SQLBeginner, opts *sql.TxOptions) (*sql.Tx, error) {
	return Attacher{}.BeginTx(ctx, db, opts)
}

// SQLBeginner is what begins a transaction: [*sql.DB] and [*sql.Conn] do.
type SQLBeginner interface {
	BeginTx(ctx context.Context, opts *sql.TxOptions) (*sql.Tx, error)
}

// SQLExecer is what runs a statement: [*sql.Tx] does, and [*sql.Conn] within a transaction begun by hand.
type SQLExecer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// BeginTx begins a transaction on db and attaches the request context of ctx to it, before anything else. This is one
// round trip after the driver's BEGIN, since database/sql has no way to send the two together.
//
// A transaction that opts declares read-only gets nothing: it changes no rows, and a message would give it a
// transaction number and a commit record to write.
//
// If the context cannot be attached the transaction is rolled back and the error returned.
func (a Attacher) BeginTx(ctx context.Context, db SQLBeginner, opts *sql.TxOptions) (*sql.Tx, error) {
	tx, err := db.BeginTx(ctx, opts)
	if err != nil || opts != nil && opts.ReadOnly {
		return tx, err
	}
	if err := a.Send(ctx, tx); err != nil {
		return nil, errors.Join(err, tx.Rollback())
	}
	return tx, nil
}

// Send attaches the request context of ctx to a transaction that is already open. A transaction that works for several
// users in turn calls it before each one's changes: a change belongs to the last context before it.
//
// Outside a transaction it would attach the context to itself alone, which helps no one.
func (a Attacher) Send(ctx context.Context, tx SQLExecer) error {
	statement, err := a.Statement(ctx)
	if err != nil || statement == "" {
		return err
	}
	if _, err := tx.ExecContext(ctx, statement); err != nil {
		return fmt.Errorf("attach request context to transaction: %w", err)
	}
	return nil
}
