package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// copyText is data for COPY in its text form.
type copyText struct{ bytes.Buffer }

func (c *copyText) line(values ...any) {
	for i, v := range values {
		if i > 0 {
			c.WriteByte('\t')
		}
		fmt.Fprint(c, v)
	}
	c.WriteByte('\n')
}

// setUp makes the application's tables and the triggers of the truth.
func (a *application) setUp(t *testing.T) {
	t.Helper()
	conn := connect(t, a.dsn)
	contextTable, err := os.ReadFile("../../docs/context/request_context.sql")
	check(t, err)
	tables, err := os.ReadFile("testdata/tables.sql")
	check(t, err)
	for _, sql := range []string{string(tables), string(contextTable), truthSQL,
		`SELECT pg_create_logical_replication_slot('truth_' || current_database(), 'test_decoding')`,
		`SELECT truth.watch(oid) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> 'request_context'`,
	} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%.80s: %v", strings.TrimSpace(sql), err)
		}
	}
}

// scenario is a piece of the application's life that is particular. Each runs alone, in the order of the list.
type scenario struct {
	name string
	run  func(t *testing.T, a *application)
}

var scenarios = []scenario{
	{"every type", everyType},
	{"several contexts in one transaction", severalContexts},
	{"a message's content decides, not its place among other messages", foreignMessages},
	{"contexts merge", contextsMerge},
	{"several users by one route", ambiguousContexts},
	{"columns of the row", columnContexts},
	{"key changes", keyChanges},
	{"COPY, with equal rows", copies},
	{"large values", largeValues},
	{"long transactions", longTransactions},
	{"rolled back", rolledBack},
	{"ALTER TABLE", alterTable},
	{"TRUNCATE", truncates},
	{"no key", noKey},
	{"cascades and rows without change", cascades},
	{"masked and hidden columns", hiddenColumns},
	{"wide transaction", wideTransaction},
	{"surveys", surveys},
}

// in runs one transaction that must succeed.
func (s *session) in(t *testing.T, body func(*txn)) {
	t.Helper()
	check(t, s.run(t.Context(), body))
}

func everyType(t *testing.T, a *application) {
	s := a.session(t)
	const full = `INSERT INTO product (id, supplier_id, sku, name, price, weight, stock, small, huge, ratio, share, attributes, raw, tags, sizes, released,
		opens, made, updated, label, mood, code, origin) VALUES `
	s.in(t, func(x *txn) {
		x.byMessage()
		x.exec(`INSERT INTO supplier (id, name, country) VALUES (1, 'Müller & Söhne <"x">', 'DE'), (2, E'tab\there\nline \\ back', NULL), (3, '', 'FR')`)
		x.exec(full + `(1, 1, 'A-1', 'Naïve 漢字 🙂', 1.50, 0.000000000000000000000012345678901234567890, 7, -32768, 9007199254740993, 0.1, 0.1,
			'{"b": 1.50, "a": [1, null, "x"]}', '{"b":1.50,  "a":1, "b":2}', '{a,"b,c",NULL,"\"q\""}', '{1,NULL,-3}', '0044-03-15 BC', '23:59:59.999999',
			'2026-11-23 02:43:54.384552', '2026-11-23 02:43:54.384552+05:30', '\x00ff10', 'running "low"', '01234567-89ab-cdef-0123-456789abcdef', '192.0.2.1/24')`)
		x.exec(full + `(2, NULL, NULL, 'nulls', NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)`)
		x.exec(full + `(3, 2, '', '', -0.01, 12345678901234567890123456789.1, -1, 32767, -9223372036854775808, -1.7976931348623157e308, 3.4028235e38,
			'null', 'null', '{}', '{}', '9999-12-31', '00:00:00', '1969-12-31 23:59:59.999999', '1900-01-01 00:00:00+00', '', 'größer',
			'00000000-0000-0000-0000-000000000000', '::1')`)
		x.exec(full + `(4, 3, 'inf', 'special floats', 0.00, 1e20, 1, 0, 0, 'NaN', 'Infinity', '"text"', '"text"', NULL, NULL, '1970-01-01', '12:00:00.5',
			'1970-01-01 00:00:00', '1970-01-01 00:00:00.000001+00', '\xdeadbeef', 'new', NULL, '10.0.0.0/8')`)
	})
	s.in(t, func(x *txn) {
		x.byTable()
		x.exec(`UPDATE product SET price = 99.50, weight = 0.5, ratio = 1e-7, share = 1.25, huge = huge + 1 WHERE id = 1`)
		x.exec(`UPDATE product SET price = 1.5, name = '', supplier_id = NULL WHERE id = 1`)
		x.exec(`UPDATE product SET sku = 'N', price = 0, attributes = '{}', raw = '[]', tags = '{x}', sizes = '{0}', released = '2026-02-28', opens = '04:05:06.7',
			made = '2026-11-23 00:00:00', updated = now(), label = '\x01', mood = 'new', code = gen_random_uuid(), origin = '192.0.2.7', small = 1, huge = 2, ratio = 2, share = 3, weight = 10.10 WHERE id = 2`)
		x.exec(`UPDATE product SET sizes = NULL, tags = NULL, label = NULL, released = NULL, price = NULL WHERE id IN (2, 3)`)
	})
	s.in(t, func(x *txn) { // the same values again, and back: equal changes are two changes
		x.byTopic(true)
		x.exec(`UPDATE supplier SET name = 'one' WHERE id = 3`)
		x.exec(`UPDATE supplier SET name = '' WHERE id = 3`)
		x.exec(`UPDATE supplier SET name = 'one' WHERE id = 3`)
	})
	s.in(t, func(x *txn) {
		x.byCorrelation(false)
		x.exec(`DELETE FROM product WHERE id = 4`)
		x.exec(`INSERT INTO product (id, name) VALUES (4, 'again')`)
	})
	s.in(t, func(x *txn) {
		x.byNobody()
		x.exec(`UPDATE product SET stock = stock + 1`)
	})
}

func severalContexts(t *testing.T, a *application) {
	s := a.session(t)
	s.in(t, func(x *txn) { // what stands before the first context is the first's
		first, second := a.person("message"), a.person("message")
		x.truth(first)
		x.exec(`INSERT INTO supplier (id, name) VALUES (10, 'before the first')`)
		x.message(first.json())
		x.exec(`UPDATE supplier SET name = 'first' WHERE id = 10`)
		x.truth(second)
		x.message(second.json())
		x.exec(`UPDATE supplier SET name = 'second' WHERE id = 10`)
		x.exec(`INSERT INTO supplier (id, name) VALUES (11, 'second')`)
		third := x.byMessage()
		x.message(third.json()) // twice the same
		x.exec(`DELETE FROM supplier WHERE id = 11`)
	})
	s.in(t, func(x *txn) { // each row of a loop its own request
		for i := range 40 {
			x.byMessage()
			x.exec(`INSERT INTO order_line (order_id, line, quantity, price) VALUES (100, $1, $2, 1.000000)`, i, i*i)
		}
	})
	s.in(t, func(x *txn) { // a context that is taken back with its savepoint was never there
		w := x.byMessage()
		x.savepoint(func() {
			x.byMessage()
			x.exec(`UPDATE supplier SET name = 'never' WHERE id = 10`)
			x.rollBack()
		})
		x.truth(w)
		x.exec(`UPDATE supplier SET name = 'outer' WHERE id = 10`)
	})
}

func foreignMessages(t *testing.T, a *application) {
	s := a.session(t)
	s.in(t, func(x *txn) {
		x.byNobody()
		x.exec(`SELECT pg_logical_emit_message(true, 'somebody.else', '{"user":{"id":"wrong"}}')`)
		x.exec(`SELECT pg_logical_emit_message(false, 'dossier.context', '{"user":{"id":"wrong"}}')`)
		x.exec(`INSERT INTO supplier (id, name) VALUES (20, 'x')`)
	})
	s.in(t, func(x *txn) {
		w := x.byMessage()
		x.exec(`SELECT pg_logical_emit_message(true, 'somebody.else', '{"user":{"id":"wrong"}}')`)
		x.exec(`UPDATE supplier SET name = $1 WHERE id = 20`, w.User)
	})
	s.in(t, func(x *txn) { // a message and no change: no event
		x.byMessage()
	})
}

// contextsMerge: later routes fill only what earlier ones left empty.
func contextsMerge(t *testing.T, a *application) {
	s := a.session(t)
	s.in(t, func(x *txn) {
		w := a.person("message")
		x.truth(w)
		x.message(fmt.Appendf(nil, `{"user": {"id": %q}, "correlation_id": %q}`, w.User, w.Correlation))
		x.row(who{User: w.User, Name: w.Name, Email: w.Email, Correlation: "not this", Request: w.Request, Reason: w.Reason, IP: w.IP, Service: w.Service, Version: w.Version})
		x.exec(`INSERT INTO supplier (id, name) VALUES (30, 'merged')`)
	})
	s.in(t, func(x *txn) { // somebody else on a later route tells nothing
		w := a.person("message")
		x.truth(w)
		x.message(w.json())
		x.row(a.person("table"))
		x.exec(`UPDATE supplier SET name = 'the message knows' WHERE id = 30`)
	})
}

func ambiguousContexts(t *testing.T, a *application) {
	s := a.session(t)
	between := func(route string, one, two who) who {
		users := []string{one.User, two.User}
		slices.Sort(users)
		return who{Status: "ambiguous", Route: route, Service: "shop", Candidates: users}
	}
	s.in(t, func(x *txn) {
		one, two := a.person("table"), a.person("table")
		one.Version, two.Version = "", ""
		x.truth(between("table", one, two))
		x.row(one)
		x.exec(`INSERT INTO supplier (id, name) VALUES (40, 'whose?')`)
		x.row(two)
	})
	s.in(t, func(x *txn) {
		one, two := a.person("topic"), a.person("topic")
		one.Version, two.Version = "", ""
		x.truth(between("topic", one, two))
		x.topicRecord(true, x.number(), one.json())
		x.topicRecord(true, x.number(), two.json())
		x.exec(`UPDATE supplier SET name = 'still' WHERE id = 40`)
	})
}

func columnContexts(t *testing.T, a *application) {
	s := a.session(t)
	s.in(t, func(x *txn) {
		w := a.person("columns")
		x.truth(who{Status: "attached", Route: "columns", User: w.User, Correlation: w.Correlation})
		x.exec(`INSERT INTO invoice (id, customer, amount, updated_by, request_id) VALUES (1, 'c', 1.0000, $1, $2)`, w.User, w.Correlation)
	})
	s.in(t, func(x *txn) { // the columns still name the last writer
		x.byNobody()
		x.exec(`UPDATE invoice SET amount = 2 WHERE id = 1`)
	})
	s.in(t, func(x *txn) { // the correlation id finds a record of the topic
		w := a.person("topic")
		x.truth(w)
		x.topicRecord(true, w.Correlation, w.json())
		x.exec(`UPDATE invoice SET amount = 3, updated_by = $1, request_id = $2 WHERE id = 1`, w.User, w.Correlation)
	})
	s.in(t, func(x *txn) { // the same, while updated_by still names the last writer
		w := a.person("topic")
		x.truth(w)
		x.topicRecord(false, w.Correlation, w.json())
		x.exec(`UPDATE invoice SET amount = 4, request_id = $1 WHERE id = 1`, w.Correlation)
	})
	s.in(t, func(x *txn) {
		w := x.byMessage()
		x.exec(`UPDATE invoice SET amount = 5, updated_by = $1, request_id = $2 WHERE id = 1`, w.User, w.Correlation)
	})
	s.in(t, func(x *txn) {
		x.byNobody()
		x.exec(`DELETE FROM invoice WHERE id = 1`)
	})
}

func keyChanges(t *testing.T, a *application) {
	s := a.session(t)
	s.in(t, func(x *txn) {
		x.byMessage()
		x.exec(`INSERT INTO order_line (order_id, line, product, quantity, note) SELECT 1, n, n, n, 'note ' || n FROM generate_series(1, 8) n`)
		x.exec(`INSERT INTO place (shelf, room, held) VALUES ('a/b', '50%', 1), ('', 'ü', 2), ('x', '', 3)`)
	})
	s.in(t, func(x *txn) {
		x.byMessage()
		x.exec(`UPDATE order_line SET line = 9 WHERE order_id = 1 AND line = 1`)
		x.exec(`UPDATE order_line SET order_id = 2, line = 1, quantity = 77, note = NULL WHERE order_id = 1 AND line = 2`)
		x.exec(`UPDATE place SET room = '50%/x' WHERE shelf = 'a/b'`)
	})
	s.in(t, func(x *txn) { // there and back in one transaction, and on
		x.byTable()
		x.exec(`UPDATE order_line SET line = 10 WHERE order_id = 1 AND line = 3`)
		x.exec(`UPDATE order_line SET line = 3, quantity = 33 WHERE order_id = 1 AND line = 10`)
		x.exec(`UPDATE order_line SET quantity = 34 WHERE order_id = 1 AND line = 3`)
	})
	s.in(t, func(x *txn) { // every key of several rows at once
		x.byTopic(false)
		x.exec(`UPDATE order_line SET line = line + 100 WHERE order_id = 1 AND line BETWEEN 4 AND 8`)
	})
	s.in(t, func(x *txn) { // a new row under a key that was given up
		x.byNobody()
		x.exec(`UPDATE order_line SET line = 200 WHERE order_id = 1 AND line = 104`)
		x.exec(`INSERT INTO order_line (order_id, line, quantity) VALUES (1, 104, 5)`)
		x.exec(`DELETE FROM order_line WHERE order_id = 1 AND line = 200`)
	})
}

func copies(t *testing.T, a *application) {
	s := a.session(t)
	s.in(t, func(x *txn) { // the rows of a page share their place in the log
		x.byMessage()
		var rows copyText
		for i := range 600 {
			rows.line(1, i, strings.Repeat("x", i%40))
		}
		x.copyIn(`COPY bulk FROM STDIN`, &rows)
	})
	s.in(t, func(x *txn) {
		x.byTable()
		var one, two copyText
		for i := range 50 {
			one.line(2, i, `\N`)
		}
		for i := range 600 { // equal rows, on more than one page
			two.line("same", "2026-01-01 00:00:00+00", i%2, `\N`)
		}
		x.copyIn(`COPY bulk FROM STDIN`, &one)
		x.copyIn(`COPY measurement FROM STDIN`, &two)
	})
	s.in(t, func(x *txn) {
		x.byNobody()
		x.exec(`UPDATE bulk SET payload = 'all' WHERE batch = 2`)
		x.exec(`DELETE FROM bulk WHERE batch = 1 AND id % 3 = 0`)
	})
}

// text makes a text that does not compress, of n characters.
func text(r *rand.Rand, n int) string {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 äöü漢"
	runes := []rune(letters)
	out := make([]rune, n)
	for i := range out {
		out[i] = runes[r.IntN(len(runes))]
	}
	return string(out)
}

func largeValues(t *testing.T, a *application) {
	s := a.session(t)
	r := rand.New(rand.NewPCG(1, 2))
	one, two := "00000000-0000-0000-0000-00000000000a", "00000000-0000-0000-0000-00000000000b"
	meta := func() string { b, _ := json.Marshal(map[string]string{"text": text(r, 9000)}); return string(b) }
	pages := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return b
	}
	s.in(t, func(x *txn) {
		x.byMessage()
		x.exec(`INSERT INTO document VALUES ($1, 'one', $2, $3, $4, $5)`, one, text(r, 300_000), pages(200_000), meta(), []string{text(r, 5000), text(r, 5000)})
		x.exec(`INSERT INTO document VALUES ($1, 'two', $2, $3, $4, $5)`, two, text(r, 40_000), pages(3000), meta(), []string{"small"})
	})
	s.in(t, func(x *txn) { // large values that stay are not in the log again
		x.byMessage()
		x.exec(`UPDATE document SET title = 'renamed' WHERE id = $1`, one)
		x.exec(`UPDATE document SET body = $2 WHERE id = $1`, one, text(r, 20_000))
		x.exec(`UPDATE document SET pages = NULL WHERE id = $1`, one)
		x.exec(`UPDATE document SET notes = $2 WHERE id = $1`, one, []string{text(r, 7000)})
		x.exec(`UPDATE document SET meta = $2 WHERE id = $1`, two, meta())
	})
	s.in(t, func(x *txn) { // with a new key
		x.byTable()
		x.exec(`UPDATE document SET id = '00000000-0000-0000-0000-00000000000c' WHERE id = $1`, two)
	})
	s.in(t, func(x *txn) {
		x.byNobody()
		x.exec(`DELETE FROM document WHERE id = $1`, one)
	})
}

// longTransactions: the changes of several transactions stand in the log between each other's, and the one that began first is
// committed last.
func longTransactions(t *testing.T, a *application) {
	long, middle, short := a.session(t), a.session(t), a.session(t)
	long.in(t, func(x *txn) {
		x.byMessage()
		x.exec(`INSERT INTO supplier (id, name) VALUES (50, 'long')`)
		middle.in(t, func(y *txn) {
			y.byTable()
			y.exec(`INSERT INTO supplier (id, name) VALUES (51, 'middle')`)
			for i := range 10 {
				short.in(t, func(z *txn) {
					if i%2 == 0 {
						z.byTopic(true)
					} else {
						z.byNobody()
					}
					z.exec(`INSERT INTO supplier (id, name) VALUES ($1, 'short')`, 60+i)
				})
				x.exec(`UPDATE supplier SET name = $1 WHERE id = 50`, fmt.Sprint("long ", i))
				y.exec(`UPDATE supplier SET name = $1 WHERE id = 51`, fmt.Sprint("middle ", i))
			}
		})
		x.exec(`UPDATE supplier SET name = 'after the middle' WHERE id = 51`)
		x.exec(`UPDATE supplier SET name = 'after the short' WHERE id BETWEEN 60 AND 69`)
	})
}

func rolledBack(t *testing.T, a *application) {
	s := a.session(t)
	s.in(t, func(x *txn) {
		x.byMessage()
		x.exec(`INSERT INTO supplier (id, name) VALUES (70, 'never')`)
		x.rollBack()
	})
	s.in(t, func(x *txn) { // its context is on the topic nevertheless
		x.byTopic(true)
		x.exec(`UPDATE supplier SET name = 'never' WHERE id = 10`)
		x.rollBack()
	})
	s.in(t, func(x *txn) {
		x.byMessage()
		x.exec(`INSERT INTO supplier (id, name) VALUES (71, 'stays')`)
		x.savepoint(func() {
			x.exec(`UPDATE supplier SET name = 'never' WHERE id = 71`)
			x.exec(`INSERT INTO supplier (id, name) VALUES (72, 'never')`)
			x.savepoint(func() { x.exec(`DELETE FROM supplier WHERE id = 71`) })
			x.rollBack()
		})
		x.savepoint(func() { x.exec(`UPDATE supplier SET name = 'kept' WHERE id = 71`) })
		x.exec(`UPDATE supplier SET country = 'XX' WHERE id = 71`)
	})
}

func alterTable(t *testing.T, a *application) {
	s := a.session(t)
	s.in(t, func(x *txn) {
		x.byMessage()
		x.exec(`INSERT INTO scratch SELECT n, 'row ' || n FROM generate_series(1, 5) n`)
	})
	s.in(t, func(x *txn) { // no change of a user's, though each row now has one column more
		x.byNobody()
		x.exec(`ALTER TABLE scratch ADD COLUMN added integer`)
		x.exec(`ALTER TABLE scratch ADD COLUMN filled text DEFAULT 'default'`)
	})
	s.in(t, func(x *txn) {
		x.byMessage()
		x.exec(`UPDATE scratch SET content = 'new' WHERE id = 1`)
		x.exec(`UPDATE scratch SET added = 1 WHERE id = 2`)
		x.exec(`INSERT INTO scratch (id, content, added) VALUES (6, 'six', 6)`)
	})
	s.in(t, func(x *txn) { // in one transaction with changes
		x.byTable()
		x.exec(`UPDATE scratch SET content = 'before the drop' WHERE id = 3`)
		x.exec(`ALTER TABLE scratch DROP COLUMN added`)
		x.exec(`UPDATE scratch SET content = 'after the drop' WHERE id = 3`)
		x.exec(`ALTER TABLE scratch RENAME COLUMN filled TO renamed`)
		x.exec(`UPDATE scratch SET renamed = 'r' WHERE id = 4`)
		x.exec(`DELETE FROM scratch WHERE id = 5`)
	})
	s.in(t, func(x *txn) { // a new type for values that stay
		x.byNobody()
		x.exec(`ALTER TABLE scratch ALTER COLUMN renamed TYPE varchar(20)`)
		x.exec(`ALTER TABLE scratch ADD COLUMN price numeric(10,2) NOT NULL DEFAULT 7.50`)
		x.exec(`UPDATE scratch SET price = 8.25 WHERE id = 1`)
	})
}

func truncates(t *testing.T, a *application) {
	s := a.session(t)
	s.in(t, func(x *txn) {
		x.byMessage()
		x.exec(`TRUNCATE scratch, bulk`)
	})
	s.in(t, func(x *txn) {
		x.byTable()
		x.exec(`INSERT INTO scratch (id, content) VALUES (1, 'again')`)
		x.exec(`TRUNCATE scratch`)
		x.exec(`INSERT INTO scratch (id, content) VALUES (1, 'and again')`)
	})
	s.in(t, func(x *txn) {
		x.byNobody()
		x.exec(`TRUNCATE bulk`)
	})
}

func noKey(t *testing.T, a *application) {
	s := a.session(t)
	s.in(t, func(x *txn) {
		x.byMessage()
		x.exec(`INSERT INTO measurement SELECT 's' || n % 3, '2026-01-01T00:00:00Z', n / 4, NULL FROM generate_series(0, 23) n`)
		x.exec(`INSERT INTO measurement VALUES ('twin', NULL, 1, 'x'), ('twin', NULL, 1, 'x'), ('twin', NULL, 1, 'x')`)
	})
	s.in(t, func(x *txn) {
		x.byTable()
		x.exec(`UPDATE measurement SET value = value + 1 WHERE sensor = 'twin'`)
		x.exec(`UPDATE measurement SET comment = 'seen' WHERE sensor = 's1'`)
	})
	s.in(t, func(x *txn) {
		x.byNobody()
		x.exec(`DELETE FROM measurement WHERE sensor IN ('twin', 's2')`)
	})
}

func cascades(t *testing.T, a *application) {
	s := a.session(t)
	s.in(t, func(x *txn) {
		x.byMessage()
		x.exec(`INSERT INTO supplier (id, name) VALUES (80, 'to be deleted')`)
		x.exec(`INSERT INTO product (id, supplier_id, name) VALUES (80, 80, 'p'), (81, 80, 'q')`)
	})
	s.in(t, func(x *txn) {
		x.byMessage()
		x.exec(`DELETE FROM supplier WHERE id = 80`)
	})
	s.in(t, func(x *txn) {
		x.byMessage()
		x.exec(`UPDATE product SET name = name`)
		x.exec(`UPDATE product SET stock = 3 WHERE id = 80`)
	})
}

func hiddenColumns(t *testing.T, a *application) {
	s := a.session(t)
	s.in(t, func(x *txn) {
		x.byNobody()
		x.exec(`ALTER TABLE supplier ADD COLUMN secret text, ADD COLUMN internal text`)
	})
	s.in(t, func(x *txn) {
		x.byMessage()
		x.exec(`INSERT INTO supplier (id, name, secret, internal) VALUES (90, 'n', $1, $2)`, secretText+"1", hiddenText+"1")
		x.exec(`UPDATE supplier SET secret = $1 WHERE id = 90`, secretText+"2")
		x.exec(`UPDATE supplier SET internal = $1 WHERE id = 90`, hiddenText+"2") // shows nothing
		x.exec(`UPDATE supplier SET secret = NULL, internal = NULL, name = 'm' WHERE id = 90`)
		x.exec(`DELETE FROM supplier WHERE id = 90`)
	})
}

// What no consumer of the audit topic and no reader of documents may ever see.
const (
	secretText = "the-masked-secret-"
	hiddenText = "the-hidden-text-"
)

// wideTransaction changes more rows than one batch holds, in several tables.
func wideTransaction(t *testing.T, a *application) {
	s := a.session(t)
	s.in(t, func(x *txn) {
		x.byMessage()
		x.exec(`INSERT INTO bulk SELECT 9, n, 'row ' || n FROM generate_series(1, 1500) n`)
		x.exec(`UPDATE bulk SET payload = payload || '!' WHERE batch = 9 AND id <= 500`)
		x.exec(`INSERT INTO place SELECT 's' || n, 'wide', n FROM generate_series(1, 100) n`)
	})
}

// surveys: rows that name versions of other entities.
func surveys(t *testing.T, a *application) {
	s := a.session(t)
	spring, autumn := a.survey("Spring"), a.survey("Autumn")
	s.in(t, func(x *txn) {
		x.byMessage()
		x.exec(`INSERT INTO person VALUES (1, 'Ada', 'London'), (2, 'Bo', NULL), (3, 'Cy', 'Oslo')`)
	})
	s.in(t, func(x *txn) { // the person is corrected in the transaction of the answer, after it
		x.byTable()
		x.exec(`INSERT INTO survey_response VALUES (10, 1, $1, 'yes')`, spring)
		x.exec(`UPDATE person SET town = 'Paris' WHERE id = 1`)
	})
	s.in(t, func(x *txn) { // nobody's, and yet a version
		x.byNobody()
		x.exec(`INSERT INTO survey_response VALUES (20, 2, $1, 'no'), (21, 2, NULL, 'names nothing'), (22, NULL, $1, 'of nobody')`, spring)
	})
	s.in(t, func(x *txn) {
		x.byTopic(false)
		x.exec(`UPDATE person SET town = 'Rome' WHERE id IN (1, 2)`)
		x.exec(`UPDATE person SET name = 'Ada L.' WHERE id = 1`)
	})
	s.in(t, func(x *txn) { // an answer that is changed renews its version
		x.byMessage()
		x.exec(`UPDATE survey_response SET answer = 'perhaps' WHERE id = 20`)
		x.exec(`INSERT INTO survey_response VALUES (11, 1, $1, 'no')`, autumn)
		x.exec(`INSERT INTO survey_response VALUES (30, 3, $1, 'yes')`, autumn)
	})
	s.in(t, func(x *txn) { // what was named stays so
		x.byCorrelation(true)
		x.exec(`DELETE FROM survey_response WHERE id = 30`)
		x.exec(`DELETE FROM person WHERE id = 3`)
		x.exec(`UPDATE person SET id = 5 WHERE id = 2`)
	})
}

// survey is a survey's name, which no other run has.
func (a *application) survey(season string) string { return season + " 2026 of " + a.source }

// live runs random transactions of several sessions at once until each has ended so many, or until ctx ends, with a pause after each.
func (a *application) live(ctx context.Context, t *testing.T, seed uint64, sessions, transactions int, pause time.Duration) {
	t.Helper()
	errs := make(chan error, sessions)
	for i := range sessions {
		s := a.session(t)
		r := rand.New(rand.NewPCG(seed, uint64(i)))
		go func() {
			for range transactions {
				if err := s.run(t.Context(), func(x *txn) { x.random(r) }); err != nil && !isConflict(err) {
					errs <- err
					return
				}
				select {
				case <-ctx.Done():
					errs <- nil
					return
				case <-time.After(pause):
				}
			}
			errs <- nil
		}()
	}
	for range sessions {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if t.Failed() {
		t.FailNow()
	}
}

// random does one transaction of 1 to 12 statements on rows that other sessions work on too.
func (x *txn) random(r *rand.Rand) {
	switch r.IntN(10) {
	case 0, 1, 2:
		x.byMessage()
	case 3, 4:
		x.byTable()
	case 5:
		x.byTopic(r.IntN(2) == 0)
	case 6:
		x.byCorrelation(r.IntN(2) == 0)
	case 7:
		x.byNobody()
	case 8: // a context for each statement
		for range 1 + r.IntN(5) {
			x.byMessage()
			x.statement(r)
		}
		return
	case 9:
		x.byMessage()
		x.savepoint(func() {
			x.statement(r)
			x.rollBack()
		})
	}
	for range 1 + r.IntN(12) {
		x.statement(r)
		if r.IntN(30) == 0 {
			x.exec(`SELECT pg_sleep(0.02)`)
		}
	}
	if r.IntN(12) == 0 {
		x.rollBack()
	}
}

// statement changes some rows of a few hundred.
func (x *txn) statement(r *rand.Rand) {
	supplier, product, line := 1000+r.IntN(40), 1000+r.IntN(200), r.IntN(30)
	switch r.IntN(12) {
	case 0, 1:
		x.exec(`INSERT INTO supplier (id, name, country) VALUES ($1, $2, 'NL') ON CONFLICT (id) DO UPDATE SET name = excluded.name`, supplier, text(r, 1+r.IntN(30)))
	case 2, 3, 4:
		x.exec(`INSERT INTO product (id, name, price, stock) VALUES ($1, $2, $3::numeric / 100, $4) ON CONFLICT (id) DO UPDATE SET price = excluded.price, stock = product.stock + 1`,
			product, text(r, 1+r.IntN(20)), r.IntN(100_000), r.IntN(1000))
	case 5, 6:
		x.exec(`UPDATE product SET stock = stock + $2, updated = clock_timestamp(), ratio = $3 WHERE id BETWEEN $1 AND $1 + 3`, product, r.IntN(5)-2, r.Float64())
	case 7:
		x.exec(`DELETE FROM product WHERE id = $1`, product)
	case 8:
		x.exec(`INSERT INTO order_line (order_id, line, quantity, price) VALUES ($1, $2, $3, $4::numeric / 1000) ON CONFLICT DO NOTHING`, supplier, line, r.IntN(9), r.IntN(1_000_000))
	case 9:
		x.exec(`UPDATE order_line SET line = line + 1000, quantity = quantity + 1 WHERE order_id = $1 AND line = $2`, supplier, line)
	case 10:
		x.exec(`DELETE FROM order_line WHERE order_id = $1 AND line > 500 AND line % 2 = 0`, supplier)
	case 11:
		x.exec(`INSERT INTO measurement VALUES ($1, clock_timestamp(), $2, NULL)`, text(r, 3), r.NormFloat64())
	}
}
