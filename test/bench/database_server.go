package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"dossier/connectors"
	"dossier/requestcontext"
	"dossier/test/stack"
)

const benchSlot = "bench"

// databaseSettingsInUse are the server's, as a database in use has them; nothing else writes to it, and neither a checkpoint nor a vacuum falls
// into some of the runs and not into others.
var databaseSettingsInUse = []struct{ name, value string }{
	{"fsync", "on"}, {"full_page_writes", "on"}, {"synchronous_commit", "on"}, {"shared_buffers", "1GB"}, {"max_wal_size", "16GB"},
	{"checkpoint_timeout", "1h"}, {"autovacuum", "off"},
}

// database is the server under test.
type database struct {
	settings databaseSettings
	servers  *stack.Stack
	program  string // pgbench
	dir      string // its scripts
	made     stack.Database
	conn     *pgx.Conn
	level    string // wal_level in force

	contextSize int // bytes of a context message
}

// openDatabase fills pgbench's tables and prepares the capture of its accounts as the documentation says.
func openDatabase(ctx context.Context, b *bench, s databaseSettings) (_ *database, err error) {
	d := &database{settings: s, servers: b.servers, level: "logical"}
	defer func() {
		if err != nil {
			d.close()
		}
	}()
	if d.program, err = findPgbench(); err != nil {
		return nil, err
	}
	if d.dir, err = os.MkdirTemp("", "dossier-bench-"); err != nil {
		return nil, err
	}
	if d.made, err = b.servers.CreateDatabase(ctx); err != nil {
		return nil, err
	}
	if err := d.connect(ctx); err != nil {
		return nil, err
	}
	for _, setting := range databaseSettingsInUse {
		if err := d.execute(ctx, fmt.Sprintf("ALTER SYSTEM SET %s = '%s'", setting.name, setting.value)); err != nil {
			return nil, err
		}
	}
	if err := d.restart(ctx); err != nil {
		return nil, err
	}
	b.show.say("filling %s rows", thousands(float64(s.rows())))
	// Room in each page lets most updates leave the index alone, as a table that is updated often should have it.
	if out, err := d.command(ctx, "-i", "-q", "-s", fmt.Sprint(s.scale), "-F", "80").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("pgbench -i: %w\n%s", err, out)
	}
	setup, _ := connectors.ShippedFile("postgres-setup")
	for _, sql := range []string{string(setup), "SELECT dossier.capture('public.pgbench_accounts')"} {
		if err := d.execute(ctx, sql); err != nil {
			return nil, err
		}
	}
	return d, d.writeScripts(ctx)
}

func (d *database) connect(ctx context.Context) (err error) {
	d.conn, err = pgx.Connect(ctx, d.made.DSN)
	return err
}

func (d *database) execute(ctx context.Context, sql string) error {
	if _, err := d.conn.Exec(ctx, sql); err != nil {
		return fmt.Errorf("%.70s: %w", sql, err)
	}
	return nil
}

func (d *database) restart(ctx context.Context) error {
	_ = d.conn.Close(ctx) // the server goes away anyhow
	if err := d.servers.Restart(ctx, stack.Postgres); err != nil {
		return err
	}
	return d.connect(ctx)
}

// walLevel starts the server anew where it has another wal_level.
func (d *database) walLevel(ctx context.Context, level string) error {
	if d.level == level {
		return nil
	}
	if err := d.execute(ctx, "ALTER SYSTEM SET wal_level = '"+level+"'"); err != nil {
		return err
	}
	d.level = level
	return d.restart(ctx)
}

// prepare brings the table into the state in which each run begins: free space where the last run left dead rows, and no page that the
// run is the first to change since the checkpoint. Full images of pages cost every variant the same, and would make their ratios kinder.
func (d *database) prepare(ctx context.Context, v variant) error {
	for _, sql := range append(v.prepare, "VACUUM pgbench_accounts", "CHECKPOINT", d.touch()) {
		if err := d.execute(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

// touch changes a row of every page: a page has more than forty rows.
func (d *database) touch() string {
	return "UPDATE pgbench_accounts SET abalance = abalance WHERE aid % 40 = 0"
}

func (d *database) restore(ctx context.Context, v variant) error {
	restore := v.restore
	if v.captured {
		restore = append(restore, "SELECT pg_drop_replication_slot('"+benchSlot+"')")
	}
	for _, sql := range restore {
		if err := d.execute(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

// balance is the sum of what all updates have added, one each.
func (d *database) balance(ctx context.Context) (sum int, err error) {
	err = d.conn.QueryRow(ctx, "SELECT coalesce(sum(abalance), 0) FROM pgbench_accounts").Scan(&sum)
	return sum, err
}

// check compares the table, and the audit table of the trigger, with the number of transactions.
func (d *database) check(ctx context.Context, v variant, before, transactions int) error {
	after, err := d.balance(ctx)
	if err != nil {
		return err
	}
	if after-before != transactions {
		return fmt.Errorf("%d transactions changed %d rows", transactions, after-before)
	}
	if !v.trigger {
		return nil
	}
	var rows int
	err = d.conn.QueryRow(ctx, `SELECT count(*) FROM audit WHERE operation = 'UPDATE' AND (current->>'abalance')::int = (previous->>'abalance')::int + 1`).Scan(&rows)
	if err == nil && rows != transactions {
		err = fmt.Errorf("%d transactions left %d rows in the audit table", transactions, rows)
	}
	return err
}

// position is how far the log has been written, in bytes.
func (d *database) position(ctx context.Context) (bytes float64, err error) {
	err = d.conn.QueryRow(ctx, "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::float8").Scan(&bytes)
	return bytes, err
}

// describe tells what the figures were measured with.
func (d *database) describe(ctx context.Context) (databaseSettingsReport, error) {
	s := d.settings
	r := databaseSettingsReport{Clients: s.clients, Rows: s.rows(), Seconds: s.seconds, RoundTrips: 3, Server: map[string]string{}, ContextSize: d.contextSize}
	if s.single {
		r.RoundTrips = 1
	}
	for _, setting := range databaseSettingsInUse {
		r.Server[setting.name] = setting.value
	}
	return r, d.conn.QueryRow(ctx, "SHOW server_version").Scan(&r.PostgreSQL)
}

// writeScripts writes what pgbench runs, for each way to send a context.
func (d *database) writeScripts(ctx context.Context) error {
	c := loadContext(0)
	c.CorrelationID, c.User.ID = "4f0c1a5e-9d53-4c8e-b7a2-00000:request", "u-:request" // :request is pgbench's to fill in
	content, err := c.Encode()
	if err != nil {
		return err
	}
	d.contextSize = len(content)
	message, err := requestcontext.Attacher{}.Statement(requestcontext.With(ctx, c))
	if err != nil {
		return err
	}
	update := "UPDATE pgbench_accounts SET abalance = abalance + 1 WHERE aid = :aid;\n"
	for route := noContext; route <= contextApart; route++ {
		var b strings.Builder
		fmt.Fprintf(&b, "\\set aid random(1, %d)\n\\set request random(1000000, 9999999)\n", d.settings.rows())
		// \; joins two statements into one message to the server.
		switch {
		case d.settings.single && route == contextWithBegin:
			b.WriteString(message + " \\;\n" + update)
		case d.settings.single && route == noContext:
			b.WriteString(update)
		case route == contextWithBegin:
			b.WriteString("BEGIN \\;\n" + message + ";\n" + update + "END;\n")
		case route == contextApart:
			b.WriteString("BEGIN;\n" + message + ";\n" + update + "END;\n")
		default:
			b.WriteString("BEGIN;\n" + update + "END;\n")
		}
		if err := os.WriteFile(d.script(route), []byte(b.String()), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (d *database) script(route contextRoute) string {
	return filepath.Join(d.dir, fmt.Sprintf("transaction-%d.sql", route))
}

// close leaves the server as it was: others may use it.
func (d *database) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if d.conn != nil {
		err := errors.Join(d.execute(ctx, "ALTER SYSTEM RESET ALL"), d.restart(ctx))
		if err == nil {
			_ = d.conn.Close(ctx)
		}
	}
	if d.dir != "" {
		_ = os.RemoveAll(d.dir) // a directory of our own in the system's temporary one
	}
}
