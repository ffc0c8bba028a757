// Package pgxcontext begins pgx v5 transactions with the request context attached, in the same round trip as BEGIN.
//
// [DB] has the Begin and BeginTx methods of a pool or connection, so that code written against those (pgx.BeginFunc, the
// query generators' interfaces) takes it in their place:
//
//	db := pgxcontext.DB{Conn: pool}
//	tx, err := db.Begin(r.Context())
package pgxcontext

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"dossier/requestcontext"
)

// Beginner is what begins transactions: *pgxpool.Pool, *pgxpool.Conn and *pgx.Conn do.
type Beginner interface {
	BeginTx(ctx context.Context, opts pgx.TxOptions) (pgx.Tx, error)
}

// DB begins transactions on Conn and attaches to each the request context of the context.Context that it is begun with.
// It is safe for concurrent use if Conn is.
type DB struct {
	Conn   Beginner
	Attach requestcontext.Attacher
}

// Begin is [DB.BeginTx] with the default options.
func (db DB) Begin(ctx context.Context) (pgx.Tx, error) {
	return db.BeginTx(ctx, pgx.TxOptions{})
}

// BeginTx begins a transaction whose first statement attaches the request context. BEGIN and that statement go to the server
// as one message and cost one round trip, as BEGIN alone does.
//
// With AccessMode pgx.ReadOnly nothing is attached: the transaction changes no rows. An own BeginQuery is kept, and the
// statement put after it. If either statement fails no transaction is open and the connection is usable, unless the
// error was the connection's.
//
// The statement's text holds the context, and is seen by a pgx tracer, in pg_stat_activity by those who may read it, and in
// the server's log where that logs statements.
func (db DB) BeginTx(ctx context.Context, opts pgx.TxOptions) (pgx.Tx, error) {
	if opts.AccessMode == pgx.ReadOnly {
		return db.Conn.BeginTx(ctx, opts)
	}
	statement, err := db.Attach.Statement(ctx)
	if err != nil {
		return nil, err
	}
	if statement == "" {
		return db.Conn.BeginTx(ctx, opts)
	}
	conn := single(db.Conn)
	idle := conn != nil && conn.PgConn().TxStatus() == 'I'
	opts.BeginQuery = begin(opts) + "; " + statement
	tx, err := db.Conn.BeginTx(ctx, opts)
	if err != nil {
		// BEGIN may have succeeded before the statement failed. A pool discards such a connection; one that the caller
		// holds must not be left in the failed transaction.
		if idle && conn.PgConn().TxStatus() != 'I' {
			_, _ = conn.Exec(ctx, "rollback")
		}
		return nil, fmt.Errorf("begin with request context: %w", err)
	}
	return tx, nil
}

// BeginTxFunc calls fn with a transaction as [DB.BeginTx] begins it, commits it if fn returns nil, and rolls it back
// otherwise.
func (db DB) BeginTxFunc(ctx context.Context, opts pgx.TxOptions, fn func(pgx.Tx) error) error {
	return pgx.BeginTxFunc(ctx, db, opts, fn)
}

// Send attaches the request context of ctx to a transaction that is already open, in a round trip of its own. A
// transaction that works for several users in turn calls it before each one's changes: a change belongs to the last
// context before it.
func (db DB) Send(ctx context.Context, tx pgx.Tx) error {
	statement, err := db.Attach.Statement(ctx)
	if err != nil || statement == "" {
		return err
	}
	if _, err := tx.Exec(ctx, statement); err != nil {
		return fmt.Errorf("attach request context to transaction: %w", err)
	}
	return nil
}

// single returns the one connection behind b, or nil where b is a pool.
func single(b Beginner) *pgx.Conn {
	switch c := b.(type) {
	case *pgx.Conn:
		return c
	case interface{ Conn() *pgx.Conn }: // *pgxpool.Conn, without needing its package
		return c.Conn()
	}
	return nil
}

// begin renders opts as pgx does.
func begin(opts pgx.TxOptions) string {
	if opts.BeginQuery != "" {
		return strings.TrimRight(opts.BeginQuery, "; \t\n")
	}
	words := []string{"begin"}
	if opts.IsoLevel != "" {
		words = append(words, "isolation level", string(opts.IsoLevel))
	}
	if opts.AccessMode != "" {
		words = append(words, string(opts.AccessMode))
	}
	if opts.DeferrableMode != "" {
		words = append(words, string(opts.DeferrableMode))
	}
	return strings.Join(words, " ")
}
