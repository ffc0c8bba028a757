package requestcontext_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/lib/pq"

	"dossier/requestcontext"
	"dossier/requestcontext/pgxcontext"
	"dossier/test/stack"
)

func TestMain(m *testing.M) { os.Exit(stack.Main(m)) }

// database is a fresh database with the table product, the context table, and a logical decoding slot that shows every
// transaction as test_decoding prints it.
type database struct {
	url  string
	conn *pgx.Conn
}

func newDatabase(t *testing.T) *database {
	t.Helper()
	fresh := stack.ForTest(t, stack.Postgres).NewDatabase(t)
	setup := connect(t, fresh.DSN)
	// The slot is read by SQL, which shows what has reached the disk.
	exec(t, setup, "alter database "+fresh.Name+" set synchronous_commit = on")
	db := &database{url: fresh.DSN, conn: connect(t, fresh.DSN)}
	exec(t, db.conn, "create table product (id bigint primary key, price numeric)")
	ddl, err := os.ReadFile("../docs/context/request_context.sql")
	if err != nil {
		t.Fatal(err)
	}
	exec(t, db.conn, string(ddl))
	exec(t, db.conn, string(ddl)) // it may be run again
	exec(t, db.conn, "select pg_create_logical_replication_slot(current_database(), 'test_decoding')")
	return db
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func exec(t *testing.T, conn *pgx.Conn, sql string, args ...any) {
	t.Helper()
	if _, err := conn.Exec(context.Background(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// transactions returns what has been committed since the last call, a line for each thing, without the numbers that vary.
func (db *database) transactions(t *testing.T) []string {
	t.Helper()
	rows, err := db.conn.Query(t.Context(), "select data from pg_logical_slot_get_changes(current_database(), null, null, 'include-xids', '0')")
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range lines {
		if m, ok := strings.CutPrefix(line, "message: transactional: 1 prefix: dossier.context, sz: "); ok {
			_, content, _ := strings.Cut(m, " content:")
			lines[i] = "message " + content
		}
		lines[i] = strings.TrimPrefix(lines[i], "table public.")
	}
	return lines
}

func (db *database) expect(t *testing.T, want ...string) {
	t.Helper()
	if got := db.transactions(t); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the database's log holds\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// transaction is what the tests do with one, whatever began it.
type transaction struct {
	exec             func(sql string) error
	commit, rollback func() error
}

// each runs test with every way of beginning a transaction.
func each(t *testing.T, attach requestcontext.Attacher, test func(t *testing.T, db *database, begin func(ctx context.Context, readOnly bool) (transaction, error))) {
	db := newDatabase(t)
	pool, err := pgxpool.New(t.Context(), db.url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	held, err := pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(held.Release)
	simple, err := pgx.ParseConfig(db.url)
	if err != nil {
		t.Fatal(err)
	}
	simple.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol // as behind a connection pooler
	simpleConn, err := pgx.ConnectConfig(t.Context(), simple)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { simpleConn.Close(context.Background()) })
	for name, b := range map[string]pgxcontext.Beginner{"pgx pool": pool, "pgx pool's connection": held, "pgx connection": connect(t, db.url), "pgx simple protocol": simpleConn} {
		t.Run(name, func(t *testing.T) {
			test(t, db, func(ctx context.Context, readOnly bool) (transaction, error) {
				var opts pgx.TxOptions
				if readOnly {
					opts.AccessMode = pgx.ReadOnly
				}
				tx, err := pgxcontext.DB{Conn: b, Attach: attach}.BeginTx(ctx, opts)
				if err != nil {
					return transaction{}, err
				}
				return transaction{
					exec:     func(sql string) error { _, err := tx.Exec(ctx, sql); return err },
					commit:   func() error { return tx.Commit(ctx) },
					rollback: func() error { return tx.Rollback(ctx) },
				}, nil
			})
		})
	}

	pqConnector, err := pq.NewConnector(db.url)
	if err != nil {
		t.Fatal(err)
	}
	config, err := pgx.ParseConfig(db.url)
	if err != nil {
		t.Fatal(err)
	}
	pgxConnector := stdlib.GetConnector(*config)
	overSQL := func(name string, db2 *sql.DB, begin func(context.Context, *sql.TxOptions) (*sql.Tx, error)) {
		t.Cleanup(func() { db2.Close() })
		t.Run(name, func(t *testing.T) {
			test(t, db, func(ctx context.Context, readOnly bool) (transaction, error) {
				tx, err := begin(ctx, &sql.TxOptions{ReadOnly: readOnly})
				if err != nil {
					return transaction{}, err
				}
				return transaction{
					exec:   func(sql string) error { _, err := tx.ExecContext(ctx, sql); return err },
					commit: tx.Commit, rollback: tx.Rollback,
				}, nil
			})
			if n := db2.Stats().InUse; n != 0 {
				t.Errorf("%d connections still in use", n)
			}
		})
	}
	for name, db2 := range map[string]*sql.DB{"database/sql with pgx": sql.OpenDB(pgxConnector), "database/sql with pq": sql.OpenDB(pqConnector)} {
		overSQL(name, db2, func(ctx context.Context, opts *sql.TxOptions) (*sql.Tx, error) { return attach.BeginTx(ctx, db2, opts) })
	}
	for name, db2 := range map[string]*sql.DB{"connector over pgx": sql.OpenDB(attach.Connector(pgxConnector)), "connector over pq": sql.OpenDB(attach.Connector(pqConnector))} {
		overSQL(name, db2, db2.BeginTx)
	}
}

func with(id string) context.Context {
	return requestcontext.With(context.Background(), requestcontext.Context{RequestID: id})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestContextComesFirstInItsTransaction(t *testing.T) {
	each(t, requestcontext.Attacher{}, func(t *testing.T, db *database, begin func(context.Context, bool) (transaction, error)) {
		exec(t, db.conn, "delete from product")
		db.transactions(t)

		tx, err := begin(with("r-1"), false)
		must(t, err)
		must(t, tx.exec("insert into product values (1, 1.50)"))
		must(t, tx.exec("update product set price = 99.50"))
		must(t, tx.commit())
		db.expect(t, "BEGIN", `message {"request_id":"r-1"}`, "product: INSERT: id[bigint]:1 price[numeric]:1.50",
			"product: UPDATE: id[bigint]:1 price[numeric]:99.50", "COMMIT")

		tx, err = begin(with("r-2"), false)
		must(t, err)
		must(t, tx.exec("update product set price = 3"))
		must(t, tx.rollback())
		db.expect(t)

		// The connection that carried r-1 and r-2 carries them no further.
		tx, err = begin(context.Background(), false)
		must(t, err)
		must(t, tx.exec("update product set price = 4"))
		must(t, tx.commit())
		db.expect(t, "BEGIN", "product: UPDATE: id[bigint]:1 price[numeric]:4", "COMMIT")

		// A message would make a reader into a writer.
		tx, err = begin(with("r-3"), true)
		must(t, err)
		must(t, tx.exec("select * from product"))
		if tx.exec("update product set price = 5") == nil {
			t.Error("the read-only transaction wrote")
		}
		must(t, tx.rollback())
		db.expect(t)
	})
}

func TestContextRow(t *testing.T) {
	each(t, requestcontext.Attacher{Table: "public.request_context"}, func(t *testing.T, db *database, begin func(context.Context, bool) (transaction, error)) {
		exec(t, db.conn, "truncate product, request_context restart identity")
		db.transactions(t)
		tx, err := begin(with("r-1"), false)
		must(t, err)
		must(t, tx.exec("insert into product values (1, 1.50)"))
		must(t, tx.commit())
		got := db.transactions(t)
		if len(got) != 4 || !strings.HasPrefix(got[1], "request_context: INSERT: id[bigint]:1 ") || !strings.Contains(got[1], "request_id[text]:'r-1'") ||
			got[2] != "product: INSERT: id[bigint]:1 price[numeric]:1.50" {
			t.Errorf("the database's log holds\n%s", strings.Join(got, "\n"))
		}
	})
}

func TestRequiredContext(t *testing.T) {
	each(t, requestcontext.Attacher{Required: true}, func(t *testing.T, db *database, begin func(context.Context, bool) (transaction, error)) {
		if _, err := begin(context.Background(), false); !errors.Is(err, requestcontext.ErrNoContext) {
			t.Errorf("began without a context: %v", err)
		}
		tx, err := begin(context.Background(), true)
		must(t, err)
		must(t, tx.rollback())
		tx, err = begin(with("r-1"), false)
		must(t, err)
		must(t, tx.rollback())
	})
}

// A context that cannot be attached must not leave a transaction half begun.
func TestFailedAttachLeavesNothingOpen(t *testing.T) {
	each(t, requestcontext.Attacher{Table: "public.absent"}, func(t *testing.T, db *database, begin func(context.Context, bool) (transaction, error)) {
		_, err := begin(with("r-1"), false)
		if err == nil || !strings.Contains(err.Error(), "request context") || !strings.Contains(err.Error(), "absent") {
			t.Fatalf("error is %v", err)
		}
		tx, err := begin(context.Background(), false)
		must(t, err)
		must(t, tx.exec("select 1"))
		must(t, tx.commit())
	})
}

func TestSavepointAndSeveralUsers(t *testing.T) {
	db := newDatabase(t)
	contexts := pgxcontext.DB{Conn: db.conn}
	ctx := t.Context()
	tx, err := contexts.Begin(with("first"))
	must(t, err)
	savepoint, err := tx.Begin(ctx)
	must(t, err)
	must(t, contexts.Send(with("rolled back"), savepoint))
	must(t, savepoint.Rollback(ctx))
	_, err = tx.Exec(ctx, "insert into product values (1, 1)")
	must(t, err)
	must(t, contexts.Send(with("second"), tx))
	_, err = tx.Exec(ctx, "insert into product values (2, 2)")
	must(t, err)
	must(t, contexts.Send(context.Background(), tx)) // nothing to send
	must(t, tx.Commit(ctx))
	db.expect(t, "BEGIN", `message {"request_id":"first"}`, "product: INSERT: id[bigint]:1 price[numeric]:1",
		`message {"request_id":"second"}`, "product: INSERT: id[bigint]:2 price[numeric]:2", "COMMIT")
}

func TestPgxOptions(t *testing.T) {
	db := newDatabase(t)
	for name, tt := range map[string]struct {
		opts pgx.TxOptions
		show string
		want string
	}{
		"isolation":  {pgx.TxOptions{IsoLevel: pgx.Serializable, AccessMode: pgx.ReadWrite, DeferrableMode: pgx.Deferrable}, "transaction_isolation", "serializable"},
		"deferrable": {pgx.TxOptions{IsoLevel: pgx.Serializable, DeferrableMode: pgx.Deferrable}, "transaction_deferrable", "on"},
		"own begin":  {pgx.TxOptions{BeginQuery: "begin isolation level repeatable read;\n"}, "transaction_isolation", "repeatable read"},
	} {
		t.Run(name, func(t *testing.T) {
			err := pgxcontext.DB{Conn: db.conn}.BeginTxFunc(with("r-1"), tt.opts, func(tx pgx.Tx) error {
				var got string
				if err := tx.QueryRow(t.Context(), "show "+tt.show).Scan(&got); err != nil || got != tt.want {
					t.Errorf("%s is %s, %v; want %s", tt.show, got, err, tt.want)
				}
				return nil
			})
			must(t, err)
			db.expect(t, "BEGIN", `message {"request_id":"r-1"}`, "COMMIT")
		})
	}
	gone := errors.New("changed my mind")
	err := pgxcontext.DB{Conn: db.conn}.BeginTxFunc(with("r-1"), pgx.TxOptions{}, func(pgx.Tx) error { return gone })
	if !errors.Is(err, gone) {
		t.Error(err)
	}
	db.expect(t)
}

// counter counts how often the client has written to the server: pgx writes each message, or pipeline of messages, once,
// and then waits.
type counter struct {
	net.Conn
	writes *atomic.Int32
}

func (c counter) Write(b []byte) (int, error) { c.writes.Add(1); return c.Conn.Write(b) }

func TestOneRoundTrip(t *testing.T) {
	db := newDatabase(t)
	var writes atomic.Int32
	config, err := pgx.ParseConfig(db.url)
	must(t, err)
	config.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		return counter{conn, &writes}, err
	}
	conn, err := pgx.ConnectConfig(t.Context(), config)
	must(t, err)
	defer conn.Close(context.Background())
	count := func(b interface {
		Begin(context.Context) (pgx.Tx, error)
	}) int32 {
		writes.Store(0)
		tx, err := b.Begin(with("r-1"))
		must(t, err)
		n := writes.Load()
		must(t, tx.Rollback(t.Context()))
		return n
	}
	if plain, contexts := count(conn), count(pgxcontext.DB{Conn: conn}); plain != 1 || contexts != 1 {
		t.Errorf("BEGIN alone took %d writes, with the context %d; want 1 and 1", plain, contexts)
	}
}

// A batch outside a transaction is a transaction of its own, in one round trip: the message in it belongs to its changes.
func TestBatch(t *testing.T) {
	db := newDatabase(t)
	message, err := requestcontext.Context{RequestID: "r-1"}.Encode()
	must(t, err)
	var batch pgx.Batch
	batch.Queue("select pg_logical_emit_message(true, $1::text, $2::text)", requestcontext.Prefix, string(message))
	batch.Queue("insert into product values ($1, $2)", 1, "1.50")
	must(t, db.conn.SendBatch(t.Context(), &batch).Close())
	db.expect(t, "BEGIN", `message {"request_id":"r-1"}`, "product: INSERT: id[bigint]:1 price[numeric]:1.50", "COMMIT")
}

// Every text arrives as it was, whatever the session's settings make of quotes and bytes.
func TestHostileTexts(t *testing.T) {
	db := newDatabase(t)
	texts := []string{
		`'; drop table product; --`, `\'; drop table product; --`, `\`, `\\`, `''`, `"`, "$$", "$1", "%s", "line\r\n\tend",
		"é 漢字 😀 \U0010ffff", "\u0085\u2028", `{"json":"inside"}`, strings.Repeat("'\\", 500),
	}
	for _, setting := range []string{
		"standard_conforming_strings = on", "standard_conforming_strings = off", "client_encoding = sjis",
		"client_encoding = gb18030", "client_encoding = latin1", "backslash_quote = on",
	} {
		t.Run(setting, func(t *testing.T) {
			conn := connect(t, db.url)
			exec(t, conn, "set "+setting)
			for _, s := range texts {
				want := requestcontext.Context{Reason: s, User: requestcontext.User{ID: s, Roles: []string{s, "plain"}}, Extra: map[string]any{s: s}}
				ctx := requestcontext.With(t.Context(), want)

				statement, err := requestcontext.Attacher{}.Statement(ctx)
				must(t, err)
				_, err = conn.PgConn().Exec(t.Context(), "begin; "+statement+"; commit").ReadAll()
				must(t, err)
				lines := db.transactions(t)
				if len(lines) != 3 {
					t.Fatalf("%q: log holds %q", s, lines)
				}
				var got requestcontext.Context
				if err := json.Unmarshal([]byte(strings.TrimPrefix(lines[1], "message ")), &got); err != nil || !reflect.DeepEqual(got, want) {
					t.Errorf("message: got %+v, %v\nwant %+v", got, err, want)
				}

				statement, err = requestcontext.Attacher{Table: "public.request_context"}.Statement(ctx)
				must(t, err)
				_, err = conn.PgConn().Exec(t.Context(), statement).ReadAll()
				must(t, err)
				got = requestcontext.Context{}
				err = db.conn.QueryRow(t.Context(), "delete from request_context returning reason, user_id, user_roles, extra").
					Scan(&got.Reason, &got.User.ID, &got.User.Roles, &got.Extra)
				if err != nil || !reflect.DeepEqual(got, want) {
					t.Errorf("row: got %+v, %v\nwant %+v", got, err, want)
				}
				db.transactions(t)
			}
		})
	}
}

// The row holds every field of the vocabulary, and its writer has no right but to insert it.
func TestContextTable(t *testing.T) {
	db := newDatabase(t)
	role := fmt.Sprintf("writer_%d", time.Now().UnixNano())
	exec(t, db.conn, "create role "+role+"; grant request_context_writer to "+role+"; grant insert on product to "+role)
	t.Cleanup(func() { exec(t, db.conn, "drop owned by "+role+"; drop role "+role) })
	app := connect(t, db.url)
	exec(t, app, "set role "+role)

	at := time.Date(2026, 11, 23, 2, 43, 54, 384552000, time.UTC)
	c := requestcontext.Context{TransactionID: 1<<32 + 7, CorrelationID: "c", RequestID: "r", TraceID: "t",
		User:       requestcontext.User{ID: "u", Name: "n", Email: "e", AccountID: "a", Roles: []string{"x", "y"}},
		OnBehalfOf: "o", Initiator: "system", Service: "s", IP: "2001:db8::1", UserAgent: "ua", Reason: "why", VersionName: "v",
		Timestamp: at, Extra: map[string]any{"k": "v"}}
	contexts := pgxcontext.DB{Conn: app, Attach: requestcontext.Attacher{Table: "public.request_context"}}
	must(t, contexts.BeginTxFunc(requestcontext.With(t.Context(), c), pgx.TxOptions{}, func(tx pgx.Tx) error {
		_, err := tx.Exec(t.Context(), "insert into product values (1, 1)")
		return err
	}))
	must(t, contexts.BeginTxFunc(requestcontext.With(t.Context(), requestcontext.Context{}), pgx.TxOptions{}, func(pgx.Tx) error { return nil }))

	rows, err := db.conn.Query(t.Context(), "select to_jsonb(c) - 'id' - 'recorded_at' from request_context c order by id")
	must(t, err)
	got, err := pgx.CollectRows(rows, pgx.RowTo[map[string]any])
	must(t, err)
	want := map[string]any{"transaction_id": float64(1<<32 + 7), "correlation_id": "c", "request_id": "r", "trace_id": "t",
		"user_id": "u", "user_name": "n", "user_email": "e", "user_account_id": "a", "user_roles": []any{"x", "y"},
		"on_behalf_of": "o", "initiator": "system", "service": "s", "ip": "2001:db8::1", "user_agent": "ua", "reason": "why",
		"version_name": "v", "timestamp": got[0]["timestamp"], "extra": map[string]any{"k": "v"}}
	if len(got) != 2 || !reflect.DeepEqual(got[0], want) {
		t.Errorf("rows are %v\nwant first %v", got, want)
	}
	if ts, err := time.Parse(time.RFC3339Nano, fmt.Sprint(got[0]["timestamp"])); err != nil || !ts.Equal(at) {
		t.Errorf("timestamp is %v, %v", got[0]["timestamp"], err)
	}

	for _, sql := range []string{
		"select * from request_context", "update request_context set user_id = 'x'", "delete from request_context",
		"truncate request_context", "insert into request_context (id) overriding system value values (1)",
		"insert into request_context (recorded_at) values (now())",
	} {
		_, err := app.Exec(t.Context(), sql)
		var pgErr *pgconn.PgError
		if !errors.As(err, &pgErr) || pgErr.Code != "42501" {
			t.Errorf("%s: %v; want it refused", sql, err)
		}
	}
}

// An ordinary role may send messages, and pgoutput, which Debezium reads, carries them where it is asked to.
func TestMessageThroughPgoutput(t *testing.T) {
	db := newDatabase(t)
	suffix := fmt.Sprint(time.Now().UnixNano())
	exec(t, db.conn, "create publication everything for all tables")
	exec(t, db.conn, "select pg_create_logical_replication_slot($1, 'pgoutput')", "pgoutput_"+suffix)
	role := "sender_" + suffix
	exec(t, db.conn, "create role "+role+"; grant insert on product to "+role)
	t.Cleanup(func() { exec(t, db.conn, "drop owned by "+role+"; drop role "+role) })
	app := connect(t, db.url)
	exec(t, app, "set role "+role)
	must(t, pgxcontext.DB{Conn: app}.BeginTxFunc(with("r-1"), pgx.TxOptions{}, func(tx pgx.Tx) error {
		_, err := tx.Exec(t.Context(), "insert into product values (1, 1)")
		return err
	}))

	rows, err := db.conn.Query(t.Context(), `select data from pg_logical_slot_get_binary_changes($1, null, null,
		'proto_version', '1', 'publication_names', 'everything', 'messages', 'true')`, "pgoutput_"+suffix)
	must(t, err)
	records, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
	must(t, err)
	var kinds strings.Builder
	for _, r := range records {
		kinds.WriteByte(r[0])
		if r[0] != 'M' {
			continue
		}
		// Message: flags (1 is transactional), LSN, prefix and NUL, length, content.
		prefix, rest, _ := bytes.Cut(r[10:], []byte{0})
		if r[1] != 1 || string(prefix) != requestcontext.Prefix || binary.BigEndian.Uint32(rest) != uint32(len(rest)-4) || string(rest[4:]) != `{"request_id":"r-1"}` {
			t.Errorf("message is %q", r)
		}
	}
	if kinds.String() != "BMRIC" { // begin, message, relation, insert, commit
		t.Errorf("records are %s", kinds.String())
	}
}

// What docs/context/sql.md says of hooks at a transaction's end, and warns of.
func TestDocumentedSQL(t *testing.T) {
	db := newDatabase(t)
	const atEnd = `select pg_logical_emit_message(true, 'dossier.context', '{"at":"end"}') where pg_current_xact_id_if_assigned() is not null`
	exec(t, db.conn, "begin; select * from product; "+atEnd+"; commit")
	db.expect(t)
	exec(t, db.conn, "begin; insert into product values (1, 1); "+atEnd+"; commit")
	db.expect(t, "BEGIN", "product: INSERT: id[bigint]:1 price[numeric]:1", `message {"at":"end"}`, "COMMIT")
	exec(t, db.conn, "with c as (select pg_logical_emit_message(true, 'dossier.context', '{}')) update product set price = 2")
	db.expect(t, "BEGIN", "product: UPDATE: id[bigint]:1 price[numeric]:2", "COMMIT")

	role := fmt.Sprintf("outsider_%d", time.Now().UnixNano())
	exec(t, db.conn, "create role "+role)
	t.Cleanup(func() { exec(t, db.conn, "drop owned by "+role+"; drop role "+role) })
	signature := "boolean, text, %s"
	var version int
	must(t, db.conn.QueryRow(t.Context(), "select current_setting('server_version_num')::int").Scan(&version))
	if version >= 170000 {
		signature += ", boolean"
	}
	text := "pg_logical_emit_message(" + fmt.Sprintf(signature, "text") + ")"
	exec(t, db.conn, "revoke execute on function "+text+", pg_logical_emit_message("+fmt.Sprintf(signature, "bytea")+") from public")
	outsider := connect(t, db.url)
	exec(t, outsider, "set role "+role)
	_, err := pgxcontext.DB{Conn: outsider}.Begin(with("forged"))
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) || pgErr.Code != "42501" {
		t.Errorf("a role without the right sent a message: %v", err)
	}
	exec(t, db.conn, "grant execute on function "+text+" to "+role)
	db.transactions(t) // of the role and its rights
	tx, err := pgxcontext.DB{Conn: outsider}.Begin(with("r-1"))
	must(t, err)
	must(t, tx.Commit(t.Context()))
	db.expect(t, "BEGIN", `message {"request_id":"r-1"}`, "COMMIT")
}

func BenchmarkBegin(b *testing.B) {
	conn, err := pgx.Connect(b.Context(), stack.ForTest(b, stack.Postgres).PostgresDSN("postgres"))
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close(context.Background())
	ctx := requestcontext.With(b.Context(), requestcontext.Context{RequestID: "7b1d7a1e-91a5-4f0c-8b5c-0d2f8f4f7a11",
		User: requestcontext.User{ID: "u1", Email: "ann@example.org"}, IP: "192.0.2.1", UserAgent: strings.Repeat("Mozilla ", 15)})
	contexts := pgxcontext.DB{Conn: conn}
	for name, begin := range map[string]func() (pgx.Tx, error){
		"without context": func() (pgx.Tx, error) { return conn.Begin(ctx) },
		"with BEGIN":      func() (pgx.Tx, error) { return contexts.Begin(ctx) },
		"after BEGIN": func() (pgx.Tx, error) {
			tx, err := conn.Begin(ctx)
			if err == nil {
				err = contexts.Send(ctx, tx)
			}
			return tx, err
		},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				tx, err := begin()
				if err != nil {
					b.Fatal(err)
				}
				if err := tx.Rollback(ctx); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
