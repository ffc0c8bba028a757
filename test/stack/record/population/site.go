package population

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"dossier/internal/demo"
	"dossier/requestcontext"
	"dossier/requestcontext/pgxcontext"
)

// site is where the year happens: the database, what applications send besides it, and the notes of what was done.
type site struct {
	conn         *pgx.Conn
	transactions []transaction
	sent         []demo.Record // what gateways and applications sent to topics of their own
	broken       int           // how many of these nobody can understand
}

// transaction is what the recorder knows of one database transaction: when the year has it, and who made it.
type transaction struct {
	id uint64 // all 64 bits
	at time.Time
	by author
}

// author is who stands behind a transaction, as Dossier has to say it in the end.
type author struct {
	status  string // attached, late, unattributed, ambiguous
	user    string // id; "" for nobody, or a program
	service string
	version string // the named version that the transaction's changes belong to
}

// statement is one SQL statement with its arguments.
type statement struct {
	sql  string
	args []any
}

func sql(text string, args ...any) statement { return statement{text, args} }

// application makes a transaction as an application does that is instrumented: its first statement attaches the request's context.
func (s *site) application(ctx context.Context, at time.Time, c requestcontext.Context, statements ...statement) error {
	c.Timestamp = at
	return s.write(requestcontext.With(ctx, c), at, author{status: "attached", user: c.User.ID, service: c.Service, version: c.VersionName}, statements...)
}

// direct makes a transaction past every application, as a person at a prompt does.
func (s *site) direct(ctx context.Context, at time.Time, statements ...statement) error {
	return s.write(ctx, at, author{status: "unattributed"}, statements...)
}

// write runs statements in one transaction, with ctx's request context if it has one.
func (s *site) write(ctx context.Context, at time.Time, by author, statements ...statement) error {
	var id uint64
	err := (pgxcontext.DB{Conn: s.conn}).BeginTxFunc(ctx, pgx.TxOptions{}, func(tx pgx.Tx) error {
		for _, st := range statements {
			if _, err := tx.Exec(ctx, st.sql, st.args...); err != nil {
				return fmt.Errorf("%s: %w", st.sql, err)
			}
		}
		var err error
		id, err = currentTransaction(ctx, tx)
		return err
	})
	if err != nil {
		return fmt.Errorf("%s: %w", at.Format(time.DateTime), err)
	}
	s.transactions = append(s.transactions, transaction{id, at, by})
	return nil
}

// copyIn loads rows in a transaction of an application.
func (s *site) copyIn(ctx context.Context, at time.Time, c requestcontext.Context, table string, columns []string, rows [][]any) error {
	c.Timestamp = at
	var id uint64
	err := (pgxcontext.DB{Conn: s.conn}).BeginTxFunc(requestcontext.With(ctx, c), pgx.TxOptions{}, func(tx pgx.Tx) error {
		if _, err := tx.CopyFrom(ctx, pgx.Identifier{"public", table}, columns, pgx.CopyFromRows(rows)); err != nil {
			return fmt.Errorf("copy %s: %w", table, err)
		}
		var err error
		id, err = currentTransaction(ctx, tx)
		return err
	})
	if err != nil {
		return err
	}
	s.transactions = append(s.transactions, transaction{id, at, author{status: "attached", user: c.User.ID, service: c.Service}})
	return nil
}

// currentTransaction returns the number of the transaction that is open.
func currentTransaction(ctx context.Context, tx pgx.Tx) (uint64, error) {
	var text string
	if err := tx.QueryRow(ctx, "SELECT pg_current_xact_id()::text").Scan(&text); err != nil {
		return 0, err
	}
	return strconv.ParseUint(text, 10, 64)
}

// last is the transaction made last.
func (s *site) last() transaction { return s.transactions[len(s.transactions)-1] }

// gateway sends a context to the request-context topic, as a gateway does for services that know only the request's id.
func (s *site) gateway(at time.Time, c requestcontext.Context) error {
	value, err := c.Encode()
	if err != nil {
		return err
	}
	s.send(at, "request-context", c.CorrelationID, string(value))
	return nil
}

// bastion sends who was behind a transaction, which it names by its number, to the request-context topic.
func (s *site) bastion(at time.Time, tx uint64, c requestcontext.Context) error {
	value, err := c.Encode()
	if err != nil {
		return err
	}
	s.send(at, "request-context", strconv.FormatUint(tx, 10), string(value), demo.Header{Key: "source", Value: []byte(source)})
	return nil
}

// feedbackTopic is where connected applications report.
const feedbackTopic = "dossier.feedback"

// feedback sends what an application says of an entity.
func (s *site) feedback(at time.Time, f map[string]any) error {
	value, err := json.Marshal(f)
	if err != nil {
		return err
	}
	s.send(at, feedbackTopic, "", string(value))
	return nil
}

func (s *site) send(at time.Time, topic, key, value string, headers ...demo.Header) {
	r := demo.Record{Topic: topic, Time: at.Truncate(time.Millisecond), Value: []byte(value), Headers: headers}
	if key != "" {
		r.Key = []byte(key)
	}
	s.sent = append(s.sent, r)
}
