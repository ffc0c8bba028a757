package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/twmb/franz-go/pkg/kgo"
)

// application is the audited application: it writes to one database and says, by one route or another, who asked for it.
type application struct {
	source string // the connector's topic.prefix, which also makes its correlation ids its own
	dsn    string
	kafka  *kgo.Client
	topic  string // request contexts
	serial atomic.Int64
}

// session is one connection of the application.
type session struct {
	app  *application
	conn *pgx.Conn
}

func (a *application) session(t *testing.T) *session {
	t.Helper()
	return &session{a, connect(t, a.dsn)}
}

// person makes up a request of a user.
func (a *application) person(route string) who {
	n := a.serial.Add(1)
	id := n % 37
	w := who{
		Status: "attached", Route: route,
		User: "u" + strconv.FormatInt(id, 10), Name: fmt.Sprintf("Zoë %d \"the\" Ünal", id), Email: fmt.Sprintf("u%d@example.org", id),
		Correlation: fmt.Sprintf("%s-r-%d", a.source, n), Request: fmt.Sprintf("%s-q-%d", a.source, n), Reason: fmt.Sprintf("ticket %d", n),
		IP: fmt.Sprintf("192.0.2.%d", n%250), Service: "shop",
	}
	if n%11 == 0 {
		w.Version = fmt.Sprintf("Baseline %d of %s", n, a.source)
	}
	return w
}

// json is the request as the routes carry it.
func (w who) json() []byte {
	b, err := json.Marshal(map[string]any{
		"correlation_id": w.Correlation, "request_id": w.Request, "reason": w.Reason, "ip": w.IP, "service": w.Service, "version_name": w.Version,
		"user": map[string]string{"id": w.User, "name": w.Name, "email": w.Email},
	})
	if err != nil {
		panic(err) // strings alone
	}
	return b
}

// txn is a transaction of the application. Its methods return the first error of the transaction again and again: the caller
// looks once, at the end.
type txn struct {
	*session
	ctx context.Context
	tx  pgx.Tx
	err error
	// after the end: what a gateway produces
	later []func(context.Context) error
}

// errRollBack makes run roll back, which is then no error.
var errRollBack = errors.New("the application rolls back")

// run runs a transaction. What it gave the topic is produced after its end, if not before.
func (s *session) run(ctx context.Context, body func(*txn)) error {
	x := &txn{session: s, ctx: ctx}
	x.tx, x.err = s.conn.Begin(ctx)
	if x.err != nil {
		return x.err
	}
	body(x)
	if x.err != nil {
		if err := x.tx.Rollback(ctx); err != nil {
			return errors.Join(x.err, err)
		}
		if !errors.Is(x.err, errRollBack) {
			return x.err
		}
	} else if err := x.tx.Commit(ctx); err != nil {
		return err
	}
	for _, produce := range x.later {
		if err := produce(ctx); err != nil {
			return err
		}
	}
	return nil
}

// isConflict says that a transaction failed because of another one, as applications must expect.
func isConflict(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "40P01" || pg.Code == "23505" || pg.Code == "23503" || pg.Code == "40001")
}

func (x *txn) exec(sql string, args ...any) {
	if x.err != nil {
		return
	}
	if _, err := x.tx.Exec(x.ctx, sql, args...); err != nil {
		x.err = fmt.Errorf("%.60s: %w", sql, err)
	}
}

// copyIn is COPY … FROM STDIN in its text form.
func (x *txn) copyIn(sql string, data *copyText) {
	if x.err != nil {
		return
	}
	if _, err := x.tx.Conn().PgConn().CopyFrom(x.ctx, data, sql); err != nil {
		x.err = fmt.Errorf("%.60s: %w", sql, err)
	}
}

// savepoint runs a part whose failure or wish to roll back ends only itself.
func (x *txn) savepoint(part func()) {
	x.exec("SAVEPOINT part")
	part()
	if errors.Is(x.err, errRollBack) {
		x.err = nil
		x.exec("ROLLBACK TO SAVEPOINT part")
		return
	}
	x.exec("RELEASE SAVEPOINT part")
}

func (x *txn) rollBack() {
	if x.err == nil {
		x.err = errRollBack
	}
}

// truth says what the documents of the following changes must say about who made them.
func (x *txn) truth(w who) {
	b, err := json.Marshal(w)
	if err != nil {
		panic(err) // strings alone
	}
	x.exec("SELECT set_config('truth.context', $1, true)", string(b))
}

// message sends a context by the route message, without saying so to the truth.
func (x *txn) message(content []byte) {
	x.exec("SELECT pg_logical_emit_message(true, 'dossier.context', $1::text)", string(content))
}

// row sends a context by the route table.
func (x *txn) row(w who) {
	x.exec(`INSERT INTO request_context (correlation_id, request_id, reason, ip, service, version_name, user_id, user_name, user_email)
		VALUES ($1, $2, $3, $4, $5, nullif($6, ''), $7, $8, $9)`, w.Correlation, w.Request, w.Reason, w.IP, w.Service, w.Version, w.User, w.Name, w.Email)
}

// number is the transaction's own, of 64 bits, as an application knows it.
func (x *txn) number() string {
	var n string
	if x.err == nil {
		x.err = x.tx.QueryRow(x.ctx, "SELECT pg_current_xact_id()::text").Scan(&n)
	}
	return n
}

// topicRecord produces a record on the request-context topic: now, as a gateway does, or after the commit.
func (x *txn) topicRecord(now bool, key string, value []byte) {
	if x.err != nil {
		return
	}
	produce := func(ctx context.Context) error { return x.app.produce(ctx, key, value) }
	if now {
		x.err = produce(x.ctx)
		return
	}
	x.later = append(x.later, produce)
}

func (a *application) produce(ctx context.Context, key string, value []byte) error {
	return a.kafka.ProduceSync(ctx, &kgo.Record{Topic: a.topic, Key: []byte(key), Value: value}).FirstErr()
}

// The routes, each of which makes the following changes a new person's.

func (x *txn) byMessage() who {
	w := x.app.person("message")
	x.truth(w)
	x.message(w.json())
	return w
}

func (x *txn) byTable() who {
	w := x.app.person("table")
	x.truth(w)
	x.row(w)
	return w
}

// byTopic sends a record keyed by the transaction's number.
func (x *txn) byTopic(now bool) who {
	w := x.app.person("topic")
	x.truth(w)
	x.topicRecord(now, x.number(), w.json())
	return w
}

// byCorrelation tells only the correlation id in the transaction, and the rest on the topic.
func (x *txn) byCorrelation(now bool) who {
	w := x.app.person("message")
	x.truth(w)
	x.message(fmt.Appendf(nil, `{"correlation_id": %q}`, w.Correlation))
	x.topicRecord(now, w.Correlation, w.json())
	return w
}

func (x *txn) byNobody() { x.truth(nobody) }
