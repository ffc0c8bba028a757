package query_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"dossier/query"
	"dossier/query/querytest"
	"dossier/schema"
	"dossier/sink"
)

// chronicle is a table's life at random: what really happened, beside the documents that were made of what the connector told.
type chronicle struct {
	*rand.Rand
	features
	store   *querytest.Memory
	docs    []schema.Document
	service *query.Service
	clock   time.Time // the database's
	read    time.Time // the connector's
	lsn     uint64
	sources []*database
	facts   []*fact // in the order in which the connector read them
	lives   int
	events  int
	who     *schema.EventContext // of the next event; nil: anybody's
}

// features are what may happen in a chronicle.
type features struct {
	full     bool // REPLICA IDENTITY FULL
	rekeys   bool
	truncate bool
	snapshot bool // rows are read again by incremental snapshots
	steps    bool // the database's clock is set back at times
	before   bool // rows were there before the connector came
	baseline bool // and it read them
	updates  bool // field_changes: updates
	sources  int
}

// database is one source's table.
type database struct {
	name string
	rows map[string]*trueRow // by id
}

// trueRow is one row, whichever keys it has had.
type trueRow struct {
	life   int
	fields []string
	values map[string]string // JSON
}

func (r *trueRow) copy() *trueRow {
	c := &trueRow{r.life, r.fields, map[string]string{}}
	for k, v := range r.values {
		c.values[k] = v
	}
	return c
}

// fact is one event as it happened to one row.
type fact struct {
	event  schema.AuditEvent
	life   int
	id     string
	source string
	after  *trueRow // nil where it is gone
	// listed are the fields that the event tells to be changed.
	listed []string
	taken  []int // the lives that a truncate ended
}

func newChronicle(seed uint64, f features, transactions int) *chronicle {
	c := &chronicle{Rand: rand.New(rand.NewPCG(seed, 7)), features: f, store: querytest.NewMemory(), clock: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), lsn: 5000}
	c.read = c.clock
	for i := range max(f.sources, 1) {
		c.sources = append(c.sources, &database{name: []string{"shop", "annex"}[i], rows: map[string]*trueRow{}})
	}
	c.service = &query.Service{Store: c.store, Now: func() time.Time { return c.clock }}
	for _, db := range c.sources {
		if f.before {
			for _, id := range []string{"1", "3"} {
				db.rows[id] = c.newRow(id)
				if f.baseline {
					c.snapshotRow(db, id, true)
				}
			}
		}
	}
	for range transactions {
		c.transaction()
	}
	c.clock = c.clock.Add(48 * time.Hour)
	return c
}

// keep stores documents.
func (c *chronicle) keep(docs ...schema.Document) {
	c.docs = append(c.docs, docs...)
	c.store.Add(docs...)
}

func (c *chronicle) newRow(id string) *trueRow {
	c.lives++
	return &trueRow{c.lives, []string{"id", "name", "price", "doc", "ssn", "supplier"}, map[string]string{
		"id": id, "name": c.text(), "price": c.text(), "doc": c.document(), "ssn": c.text(), "supplier": strconv.Itoa(c.IntN(3)),
	}}
}

func (c *chronicle) text() string {
	if c.IntN(6) == 0 {
		return "null"
	}
	return strconv.Quote(string(rune('a' + c.IntN(5))))
}

func (c *chronicle) document() string {
	if c.IntN(8) == 0 {
		return "null"
	}
	return strconv.Quote(fmt.Sprintf("long %d", c.IntN(1000)))
}

func (c *chronicle) transaction() {
	c.clock = c.clock.Add(time.Duration(1+c.IntN(40)) * time.Minute)
	if c.steps && c.IntN(25) == 0 {
		c.clock = c.clock.Add(-time.Duration(30+c.IntN(120)) * time.Minute)
	}
	db := c.sources[c.IntN(len(c.sources))]
	commit := c.lsn
	for n := 1 + c.IntN(3); n > 0; n-- {
		c.operation(db, commit)
	}
	if c.snapshot && c.IntN(6) == 0 {
		for _, id := range c.ids(db) {
			if c.IntN(3) == 0 {
				c.snapshotRow(db, id, false)
			}
		}
	}
}

func (c *chronicle) ids(db *database) []string {
	var ids []string
	for id := range db.rows {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

func (c *chronicle) operation(db *database, commit uint64) {
	c.lsn += 8
	id := strconv.Itoa(c.IntN(6))
	old := db.rows[id]
	switch kind := c.IntN(40); {
	case kind == 0 && c.truncate:
		c.emptied(db, commit)
	case old == nil:
		db.rows[id] = c.newRow(id)
		c.happened(db, schema.ActionCreate, commit, 1, id, nil, db.rows[id], "", "")
	case kind < 8:
		delete(db.rows, id)
		c.happened(db, schema.ActionDelete, commit, 1, id, old, nil, "", "")
	case kind < 14 && c.rekeys:
		c.rekey(db, commit, id)
	default:
		next := old.copy()
		for same := true; same; {
			for _, f := range old.fields[1:] {
				if c.IntN(4) == 0 {
					next.values[f] = c.text()
					switch f {
					case "doc":
						next.values[f] = c.document()
					case "supplier":
						next.values[f] = strconv.Itoa(c.IntN(3))
					}
				}
				same = same && next.values[f] == old.values[f]
			}
		}
		db.rows[id] = next
		c.happened(db, schema.ActionUpdate, commit, 1, id, old, next, "", "")
	}
}

func (c *chronicle) rekey(db *database, commit uint64, id string) {
	to := strconv.Itoa(c.IntN(6))
	if to == id || db.rows[to] != nil {
		return
	}
	old := db.rows[id]
	next := old.copy()
	next.values["id"] = to
	if c.full && c.IntN(2) == 0 {
		next.values["price"] = c.text()
	}
	delete(db.rows, id)
	db.rows[to] = next
	order := uint64(1)
	left := c.happened(db, schema.ActionRekey, commit, order, id, old, nil, to, "")
	order += uint64(c.IntN(2))
	c.who = left.event.Context
	came := c.happened(db, schema.ActionRekey, commit, order, to, old, next, "", id)
	c.who = nil
	a, b := c.rowVersion(left), c.rowVersion(came)
	docs := sink.RekeyChanges(&a, &b)
	for _, d := range docs {
		came.listed = append(came.listed, d.Change.Field)
	}
	c.keep(docs...)
}

// event makes what all events have in common.
func (c *chronicle) event(db *database, action schema.Action, position, id string) schema.AuditEvent {
	c.events++
	c.read = c.read.Add(time.Second)
	ops := map[schema.Action]schema.Op{schema.ActionCreate: 'c', schema.ActionUpdate: 'u', schema.ActionDelete: 'd', schema.ActionSnapshot: 'r', schema.ActionTruncate: 't', schema.ActionRekey: 'c'}
	who := c.who
	if who == nil {
		who = &schema.EventContext{Status: schema.StatusAttached, Route: schema.RouteMessage, Context: schema.Context{User: schema.User{ID: []string{"ann", "ben", "cid"}[c.IntN(3)]}}}
	}
	return schema.AuditEvent{
		Kind: schema.KindChange, ID: fmt.Sprintf("e%04d", c.events), Time: c.clock, Captured: c.read, Action: action, Scope: "default",
		Entity: schema.Entity{Type: "product", ID: id}, Context: who,
		CDC: schema.CDC{Source: db.name, Schema: "public", Table: "product", Op: ops[action], Position: position},
	}
}

func (c *chronicle) parent(r *trueRow) *schema.EntityRef {
	if v := r.values["supplier"]; v != "null" {
		return &schema.EntityRef{Type: "supplier", ID: v}
	}
	return nil
}

// image is a row as an event carries it. toasted leaves out the large value.
func (c *chronicle) image(r *trueRow, toasted bool) schema.Row {
	if r == nil {
		return nil
	}
	var image schema.Row
	for _, f := range r.fields {
		v := schema.Value{State: schema.Present, JSON: []byte(r.values[f])}
		switch {
		case r.values[f] == "null":
			v = schema.NullValue
		case f == "ssn":
			v = schema.Value{State: schema.Masked}
		case f == "doc" && toasted:
			v = schema.Value{State: schema.Unavailable}
		}
		image = append(image, schema.Field{Name: f, Value: v})
	}
	return image
}

func (c *chronicle) happened(db *database, action schema.Action, commit, order uint64, id string, old, next *trueRow, to, from string) *fact {
	e := c.event(db, action, schema.FormatPosition(commit, c.lsn, order), id)
	e.Entity.NextID, e.Entity.PreviousID = to, from
	if to != "" {
		e.CDC.Op, e.PairID = 'd', fmt.Sprintf("e%04d", c.events+1)
	}
	if from != "" {
		e.PairID = fmt.Sprintf("e%04d", c.events-1)
	}
	toasted := old != nil && next != nil && old.values["doc"] == next.values["doc"] && c.IntN(3) > 0
	if from == "" {
		e.Before = c.image(old, false)
	}
	if e.Before != nil && !c.full {
		e.Before = e.Before[:1]
		if action == schema.ActionUpdate {
			e.Before = nil
		}
	}
	e.After = c.image(next, toasted)
	f := &fact{life: 0, id: id, source: db.name, after: next}
	for _, r := range []*trueRow{old, next} {
		if r != nil {
			f.life = r.life
			e.Entity.Parent = c.parent(r)
		}
	}
	if action == schema.ActionUpdate {
		for i, field := range e.After {
			previous := schema.Value{State: schema.Unavailable}
			if e.Before != nil {
				previous = e.Before[i].Value
			} else if i == 0 {
				continue
			}
			if field.Value.State == schema.Unavailable {
				continue
			}
			same := previous.Equal(field.Value)
			if field.Name == "ssn" { // compared before it is masked
				same = old.values["ssn"] == next.values["ssn"] && c.full
				if !c.full && field.Value.State == schema.Masked {
					previous = schema.Value{State: schema.Unavailable}
				}
			}
			if !same {
				e.Changes = append(e.Changes, schema.FieldChange{Field: field.Name, Previous: previous, Current: field.Value})
			}
		}
	}
	f.event = e
	c.add(f)
	return f
}

// add stores what becomes of an event.
func (c *chronicle) add(f *fact) {
	c.facts = append(c.facts, f)
	o := sink.Options{}
	if c.updates {
		o.FieldChanges = sink.FieldChangesUpdates
	}
	docs, err := sink.Materialize(&f.event, o)
	if err != nil {
		panic(err)
	}
	for _, d := range docs {
		if d.Kind == schema.DocumentRowVersion {
			f.listed = append(f.listed, d.Fields...)
		}
	}
	c.keep(docs...)
}

func (c *chronicle) rowVersion(f *fact) schema.Document {
	docs, err := sink.Materialize(&f.event, sink.Options{})
	if err != nil {
		panic(err)
	}
	return docs[0]
}

// snapshotRow reads a row beside the log: at the beginning, or again. Its clock is the connector's, which is not quite the database's.
func (c *chronicle) snapshotRow(db *database, id string, initial bool) {
	position := schema.FormatPosition(0, 0, 0)
	if initial {
		position = schema.FormatPosition(0, c.lsn, 0)
	}
	e := c.event(db, schema.ActionSnapshot, position, id)
	e.Time, e.Context = e.Time.Add(time.Duration(c.IntN(5)-2)*time.Second), nil
	r := db.rows[id]
	e.After, e.Entity.Parent = c.image(r, false), c.parent(r)
	c.add(&fact{event: e, life: r.life, id: id, source: db.name, after: r})
}

func (c *chronicle) emptied(db *database, commit uint64) {
	e := c.event(db, schema.ActionTruncate, schema.FormatPosition(commit, c.lsn, 1), "")
	f := &fact{event: e, source: db.name}
	for _, id := range c.ids(db) {
		f.taken = append(f.taken, db.rows[id].life)
		delete(db.rows, id)
	}
	c.add(f)
}
