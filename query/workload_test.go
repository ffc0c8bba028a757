package query_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"dossier/query"
	"dossier/query/querytest"
	"dossier/schema"
	"dossier/sink"
	"dossier/sink/sqlite"
)

// world is a database's life at random: what really happened, beside the documents that a sink made of it.
type world struct {
	*rand.Rand
	store   *querytest.Memory
	docs    []schema.Document // all that the store was given
	service *query.Service
	clock   time.Time
	lsn     uint64
	rows    map[query.Ref]schema.Row // as they are now
	changes []change                 // in commit order
	tx      []*worldTx
	namings []naming
}

// change is what really happened to one row.
type change struct {
	event         schema.AuditEvent
	tx            *worldTx
	ref           query.Ref
	before, after schema.Row
	lost          bool // never reached the store
}

// worldTx is one transaction.
type worldTx struct {
	number   uint64
	time     time.Time
	context  *schema.EventContext
	changes  int
	reported map[string]map[string]int64 // by scope and table; without a scope whose report never came
	certain  bool
}

// naming is one name that an entity was given by a request.
type naming struct {
	name, id string
	at, asOf time.Time
	refs     []query.Ref
	user     string
}

// wrap is how many numbers transactions have.
const wrap = 12

func newWorld(seed uint64, transactions int) *world {
	w := &world{Rand: rand.New(rand.NewPCG(seed, 4)), store: querytest.NewMemory(), clock: time.Date(2026, 1, 1, 22, 0, 0, 0, time.UTC), lsn: 1000, rows: map[query.Ref]schema.Row{}}
	for range transactions {
		w.transaction()
		if w.IntN(8) == 0 {
			w.name()
		}
	}
	w.service = &query.Service{Store: w.store, Now: func() time.Time { return w.clock }}
	return w
}

func (w *world) add(docs ...schema.Document) {
	w.docs = append(w.docs, docs...)
	w.store.Add(docs...)
}

func oneOf[T any](w *world, from ...T) T { return from[w.IntN(len(from))] }

func (w *world) transaction() {
	w.clock = w.clock.Add(time.Duration(1+w.IntN(16*60))*time.Minute + time.Duration(w.IntN(1_000_000))*time.Microsecond)
	tx := &worldTx{number: uint64(len(w.tx) % wrap), time: w.clock, context: w.context(), reported: map[string]map[string]int64{}, certain: w.IntN(6) > 0}
	w.tx = append(w.tx, tx)
	commit := w.lsn
	for n := 1 + w.IntN(4); n > 0; n-- {
		w.change(tx, commit)
	}
	for _, scope := range []string{"catalog", "people"} {
		if len(tx.reported[scope]) == 0 || w.IntN(8) == 0 {
			delete(tx.reported, scope)
			continue
		}
		d := schema.Document{Kind: schema.DocumentTransaction, Time: tx.time, Scope: scope, EventID: fmt.Sprintf("end-%d-%s", len(w.tx), scope),
			CDC: schema.CDC{Source: "shop", TxID: tx.number, HasTx: true}, Transaction: &schema.TransactionCounts{Certain: tx.certain}}
		for table, n := range tx.reported[scope] {
			d.Transaction.Tables = append(d.Transaction.Tables, schema.CollectionCount{Name: table, Count: n})
		}
		w.add(d)
	}
}

func (w *world) context() *schema.EventContext {
	if w.IntN(5) == 0 {
		return &schema.EventContext{Status: schema.StatusUnattributed}
	}
	c := &schema.EventContext{Status: schema.StatusAttached, Route: schema.RouteMessage, Context: schema.Context{
		RequestID: "r-" + strconv.Itoa(w.IntN(12)), User: schema.User{ID: oneOf(w, "u1", "u2", "u3")}, IP: oneOf(w, "10.0.0.1", "192.0.2.9", "")}}
	if w.IntN(3) == 0 {
		c.CorrelationID = "r-" + strconv.Itoa(w.IntN(12))
	}
	if w.IntN(4) == 0 {
		c.VersionName = oneOf(w, "Spring", "Summer")
	}
	return c
}

func (w *world) change(tx *worldTx, commit uint64) {
	w.lsn += 10
	ref := query.Ref{Type: oneOf(w, "product", "person"), ID: strconv.Itoa(w.IntN(6))}
	scope := map[string]string{"product": "catalog", "person": "people"}[ref.Type]
	c := change{tx: tx, ref: ref, before: w.rows[ref], lost: w.IntN(40) == 0}
	action, op := schema.ActionUpdate, schema.OpUpdate
	switch {
	case c.before == nil:
		action, op = schema.ActionCreate, schema.OpCreate
		c.after = schema.Row{w.field("id", strconv.Quote(ref.ID)), w.field("price", w.value()), w.field("note", w.value())}
	case w.IntN(5) == 0:
		action, op = schema.ActionDelete, schema.OpDelete
	default:
		c.after = slices.Clone(c.before)
		for c.after[1].Value.Equal(c.before[1].Value) && c.after[2].Value.Equal(c.before[2].Value) {
			i := 1 + w.IntN(2)
			c.after[i] = w.field(c.after[i].Name, w.value())
		}
	}
	tx.changes++
	c.event = schema.AuditEvent{Kind: schema.KindChange, ID: fmt.Sprintf("e%05d", len(w.changes)), Time: tx.time, Action: action, Scope: scope, Context: tx.context,
		Entity: schema.Entity{Type: ref.Type, ID: ref.ID}, Before: c.before, After: c.after,
		CDC: schema.CDC{Source: "shop", Schema: "public", Table: ref.Type, Op: op, TxID: tx.number, HasTx: true, Position: schema.FormatPosition(commit, w.lsn, uint64(tx.changes))}}
	if action == schema.ActionUpdate {
		for i := range c.after {
			if !c.after[i].Value.Equal(c.before[i].Value) {
				c.event.Changes = append(c.event.Changes, schema.FieldChange{Field: c.after[i].Name, Previous: c.before[i].Value, Current: c.after[i].Value})
			}
		}
	}
	if c.after == nil {
		delete(w.rows, ref)
	} else {
		w.rows[ref] = c.after
	}
	if tx.reported[scope] == nil {
		tx.reported[scope] = map[string]int64{}
	}
	tx.reported[scope]["public."+ref.Type]++
	w.changes = append(w.changes, c)
	if c.lost {
		return
	}
	docs, err := sink.Materialize(&c.event, sink.Options{})
	if err != nil {
		panic(err)
	}
	w.add(docs...)
}

func (w *world) field(name, json string) schema.Field {
	if json == "null" {
		return schema.Field{Name: name, Value: schema.NullValue}
	}
	return schema.Field{Name: name, Value: schema.Value{State: schema.Present, JSON: []byte(json)}}
}

func (w *world) value() string {
	return oneOf(w, "null", `"red spoon"`, `"blue spoon"`, `""`, "1", "2", "10", "20", `"1.50"`)
}

// name gives some entities a name, as they were some time ago.
func (w *world) name() {
	n := naming{name: oneOf(w, "Spring", "Autumn"), id: fmt.Sprintf("q%d", len(w.namings)), at: w.clock, asOf: w.clock.Add(-time.Duration(w.IntN(5*24)) * time.Hour), user: oneOf(w, "u1", "u9")}
	known := map[query.Ref]bool{}
	for _, c := range w.changes {
		if !known[c.ref] && w.IntN(2) == 0 {
			n.refs = append(n.refs, c.ref)
		}
		known[c.ref] = true
	}
	for i, ref := range n.refs {
		w.add(schema.Document{Kind: schema.DocumentNamedVersion, Time: n.at, Scope: "catalog", EventID: fmt.Sprintf("n%03d-%03d", len(w.namings), i), VersionName: n.name,
			Entity:       schema.DocumentEntity{EntityRef: schema.EntityRef{Type: ref.Type, ID: ref.ID}},
			Context:      &schema.EventContext{Status: schema.StatusAttached, Context: schema.Context{User: schema.User{ID: n.user}, Reason: "because of " + n.id}},
			NamedVersion: &schema.NamedVersion{ID: n.id, AsOf: n.asOf}})
	}
	if len(n.refs) > 0 {
		w.namings = append(w.namings, n)
	}
}

// stored returns the changes that the store has, in commit order.
func (w *world) stored() []change {
	return slices.DeleteFunc(slices.Clone(w.changes), func(c change) bool { return c.lost })
}

// worlds runs a test in a few worlds.
func worlds(t *testing.T, test func(t *testing.T, w *world)) {
	for seed := range uint64(3) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) { test(t, newWorld(seed, 70)) })
	}
	t.Run("sqlite", func(t *testing.T) {
		w := newWorld(9, 70)
		w.service.Store = sqliteStore(t, w.docs)
		test(t, w)
	})
}

// pages reads all pages of a list, with a limit of its own for each.
func pages[A any, T any](t *testing.T, w *world, ask func(query.PageQuery) (A, error), of func(A) ([]T, string)) []T {
	t.Helper()
	var all []T
	limit := query.PageQuery{Limit: 1 + w.IntN(30)}
	for range 1000 {
		answer, err := ask(limit)
		if err != nil {
			t.Fatal(err)
		}
		items, next := of(answer)
		if len(items) == 0 && next != "" {
			t.Fatal("a page without items names a next one")
		}
		all = append(all, items...)
		if next == "" {
			return all
		}
		limit.Cursor = next
		limit.Limit = 1 + w.IntN(30)
	}
	t.Fatal("the pages do not end")
	return nil
}

// sqliteStore returns a SQLite store that holds the documents.
func sqliteStore(t *testing.T, docs []schema.Document) query.Store {
	t.Helper()
	path := filepath.Join(t.TempDir(), "dossier.db")
	if _, err := sqlite.Setup(t.Context(), path, false); err != nil {
		t.Fatal(err)
	}
	store, err := sqlite.Open(t.Context(), sqlite.Config{Path: path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	outcomes, err := store.Create(t.Context(), docs)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range outcomes {
		if o.Err != nil {
			t.Fatal(o.Err)
		}
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	reader, err := sqlite.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = reader.Close() })
	return reader.For(nil)
}
