package requestcontext

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
)

// Connector returns a connector whose connections attach the request context to every transaction that database/sql begins
// on them, so that code which begins its own (an ORM, a query generator, a library) need not be changed:
//
//	connector, err := pq.NewConnector(dsn) // or stdlib.GetConnector(*config) of pgx
//	…
//	db := sql.OpenDB(requestcontext.Attacher{}.Connector(connector))
//
// The request context is that of the context.Context given to BeginTx: code that calls Begin without one has none to
// give. Statements outside a transaction are their own transactions, and get no context. [database/sql.Conn.Raw] shows
// the wrapped connection; its Unwrap method returns the driver's own.
func (a Attacher) Connector(c driver.Connector) driver.Connector {
	return &connector{Connector: c, attach: a}
}

type connector struct {
	driver.Connector
	attach Attacher
}

func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	inner, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &conn{Conn: inner, attach: c.attach}, nil
}

// Close lets sql.DB.Close reach a connector that holds something.
func (c *connector) Close() error {
	if closer, ok := c.Connector.(io.Closer); ok {
		return closer.Close()
	}
	return nil
}

// conn passes every optional interface of database/sql/driver on to the driver's connection, and answers as database/sql
// takes it where the driver lacks one.
type conn struct {
	driver.Conn
	attach Attacher
}

// Unwrap returns the driver's own connection.
func (c *conn) Unwrap() driver.Conn { return c.Conn }

func (c *conn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	beginner, ok := c.Conn.(driver.ConnBeginTx)
	if !ok {
		return nil, fmt.Errorf("begin with request context: driver connection %T has no BeginTx: use a driver for PostgreSQL such as pgx or lib/pq", c.Conn)
	}
	if opts.ReadOnly {
		return beginner.BeginTx(ctx, opts)
	}
	statement, err := c.attach.Statement(ctx)
	if err != nil {
		return nil, err
	}
	tx, err := beginner.BeginTx(ctx, opts)
	if err != nil || statement == "" {
		return tx, err
	}
	if _, err := c.ExecContext(ctx, statement, nil); err != nil {
		return nil, errors.Join(fmt.Errorf("attach request context to transaction: %w", err), tx.Rollback())
	}
	return tx, nil
}

func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if inner, ok := c.Conn.(driver.ExecerContext); ok {
		return inner.ExecContext(ctx, query, args)
	}
	return nil, driver.ErrSkip
}

func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if inner, ok := c.Conn.(driver.QueryerContext); ok {
		return inner.QueryContext(ctx, query, args)
	}
	return nil, driver.ErrSkip
}

func (c *conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	if inner, ok := c.Conn.(driver.ConnPrepareContext); ok {
		return inner.PrepareContext(ctx, query)
	}
	return c.Prepare(query)
}

func (c *conn) CheckNamedValue(v *driver.NamedValue) error {
	if inner, ok := c.Conn.(driver.NamedValueChecker); ok {
		return inner.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

func (c *conn) Ping(ctx context.Context) error {
	if inner, ok := c.Conn.(driver.Pinger); ok {
		return inner.Ping(ctx)
	}
	return nil
}

func (c *conn) ResetSession(ctx context.Context) error {
	if inner, ok := c.Conn.(driver.SessionResetter); ok {
		return inner.ResetSession(ctx)
	}
	return nil
}

func (c *conn) IsValid() bool {
	if inner, ok := c.Conn.(driver.Validator); ok {
		return inner.IsValid()
	}
	return true
}
