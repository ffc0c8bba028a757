package main

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"dossier/requestcontext"
	"dossier/requestcontext/pgxcontext"
)

// latencyRows is how many rows the changes go round: more than transactions that are under way at once could meet on.
const latencyRows = 10_000

// latencyTable makes the table whose changes are measured, of five columns; its events have about 800 bytes.
const latencyTable = `
CREATE TABLE product (id int PRIMARY KEY, supplier_id int NOT NULL, name text NOT NULL, serial bigint NOT NULL, price numeric(10, 2) NOT NULL);
INSERT INTO product SELECT n, n % 97, 'article ' || n || ', in a returnable box of cardboard, twelve to a pallet', -1, 1.50 FROM generate_series(0, 9999) n;
`

// loadConnections is how many transactions may be under way at once.
const loadConnections = 8

// load is an application that commits transactions by a timetable, each with its request's context in the round trip of BEGIN.
type load struct {
	settings latencySettings
	dsn      string
	marks    *marks
	next     atomic.Int64
}

// run commits every transaction, the first at begin.
func (l *load) run(ctx context.Context, begin time.Time) error {
	group, ctx := errgroup.WithContext(ctx)
	for range loadConnections {
		conn, err := pgx.Connect(ctx, l.dsn)
		if err != nil {
			return err
		}
		defer conn.Close(context.WithoutCancel(ctx))
		group.Go(func() error { return l.work(ctx, conn, begin) })
	}
	return group.Wait()
}

// work takes one transaction after the other off the timetable.
func (l *load) work(ctx context.Context, conn *pgx.Conn, begin time.Time) error {
	db := pgxcontext.DB{Conn: conn}
	for {
		n := int(l.next.Add(1) - 1)
		if n >= len(l.marks.transactions) {
			return nil
		}
		at := begin.Add(time.Duration(n) * l.settings.interval())
		if err := sleepUntil(ctx, at); err != nil {
			return err
		}
		m := &l.marks.transactions[n]
		m.late = max(time.Since(at), 0)
		if err := l.transaction(ctx, db, n, m); err != nil {
			return fmt.Errorf("transaction %d: %w", n, err)
		}
	}
}

// transaction changes as many rows as a transaction has, in three round trips.
func (l *load) transaction(ctx context.Context, db pgxcontext.DB, n int, m *transactionMark) error {
	perTx := l.settings.perTx
	tx, err := db.BeginTx(requestcontext.With(ctx, loadContext(n)), pgx.TxOptions{})
	if err != nil {
		return err
	}
	var batch pgx.Batch
	for i := range perTx {
		serial := n*perTx + i
		batch.Queue("UPDATE product SET serial = $1 WHERE id = $2", serial, serial%latencyRows)
	}
	if err := tx.SendBatch(ctx, &batch).Close(); err != nil {
		return err
	}
	// Before COMMIT is sent: what comes after includes the commit itself, and no delay of this process makes a time look shorter.
	began := time.Now()
	m.committed.Store(began.UnixNano())
	err = tx.Commit(ctx)
	m.commit = time.Since(began)
	return err
}

// loadContext is who asked for a transaction.
func loadContext(n int) requestcontext.Context {
	return requestcontext.Context{
		CorrelationID: fmt.Sprintf("4f0c1a5e-9d53-4c8e-b7a2-%012d", n), User: requestcontext.User{ID: user(n)},
		Initiator: requestcontext.InitiatorUser, Service: "shop", IP: "10.1.2.3", Reason: "goods received",
	}
}

// fellBehind says whether the load was less than the one that was asked for: half of the transactions began later than a full house explains.
func (l *load) fellBehind(warmUp int) bool {
	late := make([]time.Duration, 0, len(l.marks.transactions)-warmUp)
	for i := range l.marks.transactions[warmUp:] {
		late = append(late, l.marks.transactions[warmUp+i].late)
	}
	slices.Sort(late)
	return late[len(late)/2] > 20*time.Millisecond
}

// sleepUntil waits for a time; one that is past is no wait.
func sleepUntil(ctx context.Context, at time.Time) error {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
