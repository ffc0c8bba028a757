package requestcontext_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/lib/pq"

	"dossier/requestcontext"
)

// The wrapped connection must be as able as the driver's: parameters of the driver's own types, prepared statements, COPY.
func TestConnectorKeepsTheDriversAbilities(t *testing.T) {
	db := newDatabase(t)
	config, err := pgx.ParseConfig(db.url)
	must(t, err)
	connector, err := pq.NewConnector(db.url)
	must(t, err)
	for name, tt := range map[string]struct {
		connector driver.Connector
		array     any
	}{
		"pgx": {stdlib.GetConnector(*config), []int64{1, 2}}, // only pgx's own value checker takes a slice
		"pq":  {connector, pq.Array([]int64{1, 2})},
	} {
		t.Run(name, func(t *testing.T) {
			wrapped := sql.OpenDB(requestcontext.Attacher{}.Connector(tt.connector))
			defer wrapped.Close()
			ctx := t.Context()
			must(t, wrapped.PingContext(ctx))
			var n int
			must(t, wrapped.QueryRowContext(ctx, "select cardinality($1::bigint[])", tt.array).Scan(&n))
			stmt, err := wrapped.PrepareContext(ctx, "select cardinality($1::bigint[]) + $2")
			must(t, err)
			must(t, stmt.QueryRowContext(ctx, tt.array, 1).Scan(&n))
			if n != 3 {
				t.Errorf("got %d", n)
			}
			must(t, stmt.Close())

			one, err := wrapped.Conn(ctx)
			must(t, err)
			defer one.Close()
			must(t, one.Raw(func(c any) error {
				inner := c.(interface{ Unwrap() driver.Conn }).Unwrap()
				if _, ok := inner.(*stdlib.Conn); name == "pgx" && !ok {
					t.Errorf("unwrapped to %T", inner)
				}
				return nil
			}))
			if name == "pq" {
				tx, err := one.BeginTx(with("copy"), nil)
				must(t, err)
				in, err := tx.Prepare("copy product (id, price) from stdin")
				must(t, err)
				_, err = in.Exec(1, "1.50")
				must(t, err)
				_, err = in.Exec()
				must(t, err)
				must(t, in.Close())
				must(t, tx.Commit())
				db.expect(t, "BEGIN", `message {"request_id":"copy"}`, "product: INSERT: id[bigint]:1 price[numeric]:1.50", "COMMIT")
			}
		})
	}
}

func TestBeginTx(t *testing.T) {
	db := newDatabase(t)
	connector, err := pq.NewConnector(db.url)
	must(t, err)
	plain := sql.OpenDB(connector)
	defer plain.Close()
	tx, err := requestcontext.BeginTx(with("r-1"), plain, nil)
	must(t, err)
	must(t, tx.Commit())
	db.expect(t, "BEGIN", `message {"request_id":"r-1"}`, "COMMIT")
}

// A driver for something else says so at once, and one that lacks the optional interfaces still works for what it has.
func TestConnectorOverAPlainDriver(t *testing.T) {
	closed := false
	db := sql.OpenDB(requestcontext.Attacher{}.Connector(plainConnector{closed: &closed}))
	ctx := with("r-1")
	must(t, db.PingContext(ctx))
	if _, err := db.ExecContext(ctx, "anything", 1); !errors.Is(err, errPlain) {
		t.Errorf("exec: %v", err)
	}
	if _, err := db.QueryContext(ctx, "anything", 1); !errors.Is(err, errPlain) {
		t.Errorf("query: %v", err)
	}
	if _, err := db.BeginTx(ctx, nil); err == nil || !strings.Contains(err.Error(), "plainConn") {
		t.Errorf("begin: %v", err)
	}
	must(t, db.Close())
	if !closed {
		t.Error("the inner connector was not closed")
	}
}

var errPlain = errors.New("reached the plain driver")

type plainConnector struct{ closed *bool }

func (c plainConnector) Connect(context.Context) (driver.Conn, error) { return plainConn{}, nil }
func (c plainConnector) Driver() driver.Driver                        { return nil }
func (c plainConnector) Close() error                                 { *c.closed = true; return nil }

type plainConn struct{}

func (plainConn) Prepare(string) (driver.Stmt, error) { return nil, errPlain }
func (plainConn) Close() error                        { return nil }
func (plainConn) Begin() (driver.Tx, error)           { return nil, errPlain }
