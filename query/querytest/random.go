package querytest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"dossier/query"
	"dossier/schema"
)

// generator makes documents and filters at random, out of few values, so that they meet.
type generator struct {
	*rand.Rand
	n int // events so far
}

func newGenerator(seed uint64) *generator { return &generator{Rand: rand.New(rand.NewPCG(seed, 7))} }

func pick[T any](g *generator, from ...T) T { return from[g.IntN(len(from))] }

// maybe is one of the texts, or none.
func (g *generator) maybe(from ...string) string {
	if g.IntN(3) == 0 {
		return ""
	}
	return pick(g, from...)
}

var (
	epoch  = time.Date(2026, 9, 20, 23, 59, 59, 999_999_990, time.UTC)
	users  = []string{"u1", "u2", "U1", "ünï", `a"b\c`, "x' OR '1'='1"}
	types  = []string{"person", "public.product", "household"}
	scopes = []string{schema.DefaultScope, "catalog", "people"}
	// valueTexts are values as JSON.
	valueTexts = []string{`"silver spoon"`, `"Silver Spoon, old"`, `"spoon"`, `"Löffel"`, `""`, `"1.50"`, `2`, `-3`, `10`, `9007199254740993`, `1e3`, `true`, `"2026-11-23"`,
		`"2026-11-23T02:43:54.384Z"`, `"2026-11-23T02:43:54.385"`, `"1999-12-31T23:30:00-01:00"`, `"100% _sure_ *?[x]"`, `"a\\b\"c"`, `{"a":"spoon"}`, `"'; DROP TABLE document; --"`,
		`"field:x AND (y OR *)"`, `"NaN"`, `"9999-12-31"`, `"0001-01-01"`}
)

// events makes the documents of so many events.
func (g *generator) events(n int) []schema.Document {
	var docs []schema.Document
	for range n {
		docs = append(docs, g.event()...)
	}
	return docs
}

func (g *generator) event() []schema.Document {
	g.n++
	d := schema.Document{
		EventID: fmt.Sprintf("e%03d", g.n),
		// Few moments, so that many documents have the same, some a nanosecond apart, over some months.
		Time:    epoch.Add(time.Duration(g.IntN(6))*5*24*time.Hour + time.Duration(g.IntN(20))*time.Nanosecond),
		Scope:   pick(g, scopes...),
		Entity:  schema.DocumentEntity{EntityRef: schema.EntityRef{Type: pick(g, types...), ID: pick(g, "1", "2", "1/2", "é")}},
		Context: g.context(),
		CDC: schema.CDC{Source: pick(g, "shop", "crm"), Schema: "public", Table: pick(g, "product", "person"), Op: schema.OpUpdate,
			Position: schema.FormatPosition(uint64(g.IntN(4)), uint64(g.IntN(4)), uint64(g.IntN(3)))},
	}
	if g.IntN(5) > 0 {
		d.CDC.HasTx, d.CDC.TxID = true, pick[uint64](g, 728, 729, 100, 1<<63+728)
	}
	if g.IntN(3) == 0 {
		d.Entity.Parent = &schema.EntityRef{Type: "supplier", ID: pick(g, "7", "8")}
	}
	d.VersionName = g.maybe("", "", "Baseline 2026", "wave 2", `v"1`)
	switch g.IntN(10) {
	case 0:
		d.Kind, d.Entity.ID, d.Action = schema.DocumentTruncate, "", schema.ActionTruncate
		return []schema.Document{d}
	case 1:
		d.Kind, d.CDC = schema.DocumentFeedback, schema.CDC{}
		d.Feedback = &schema.Feedback{Application: pick(g, "payments", "mail"), Status: pick(g, "accepted", "rejected"),
			Message: g.maybe("Silver is sold out", "no spoon", "spoon, no silver"), EventID: g.maybe("e001", "e002", "e003")}
		return []schema.Document{d}
	case 2:
		d.Kind, d.CDC = schema.DocumentNamedVersion, schema.CDC{}
		if d.VersionName == "" {
			d.VersionName = "wave 3"
		}
		d.NamedVersion = &schema.NamedVersion{ID: g.maybe("q1", "q2"), AsOf: d.Time, EventID: g.maybe("e001")}
		return []schema.Document{d}
	}
	return g.change(d)
}

func (g *generator) change(d schema.Document) []schema.Document {
	d.Action = pick(g, schema.ActionCreate, schema.ActionUpdate, schema.ActionDelete, schema.ActionRekey, schema.ActionSnapshot)
	if d.Action == schema.ActionRekey {
		d.Entity.PreviousID, d.Entity.NextID = g.maybe("1", "2"), g.maybe("1", "2")
	}
	row := d
	row.Kind, row.After = schema.DocumentRowVersion, schema.Row{{Name: "id", Value: present(`1`)}}
	docs := []schema.Document{row}
	for _, field := range []string{"price", "name", "Name", ""} {
		if g.IntN(3) > 0 {
			continue
		}
		change := d
		change.Kind = schema.DocumentFieldChange
		change.Change = schema.FieldChange{Field: field, Previous: g.value(), Current: g.value()}
		docs = append(docs, change)
		docs[0].Fields = append(docs[0].Fields, field)
	}
	return docs
}

func present(json string) schema.Value {
	return schema.Value{State: schema.Present, JSON: []byte(json)}
}

func (g *generator) value() schema.Value {
	if g.IntN(4) == 0 {
		return schema.Value{State: pick(g, schema.Absent, schema.Null, schema.Unavailable, schema.Masked)}
	}
	return present(pick(g, valueTexts...))
}

func (g *generator) context() *schema.EventContext {
	if g.IntN(5) == 0 {
		return nil
	}
	c := &schema.EventContext{Status: schema.StatusUnattributed}
	if g.IntN(4) == 0 {
		return c
	}
	c.Status, c.Route = pick(g, schema.StatusAttached, schema.StatusLate), pick(g, schema.RouteMessage, schema.RouteTopic)
	c.User = schema.User{ID: g.maybe(users...), Name: g.maybe("Ann Other", "ann other"), Email: g.maybe("ann@example.org"), AccountID: g.maybe("acme")}
	c.RequestID, c.CorrelationID, c.TraceID = g.maybe("r1", "r2"), g.maybe("r1", "c2"), g.maybe("t1")
	c.Initiator, c.Service, c.Reason, c.OnBehalfOf = g.maybe("user", "system"), g.maybe("web"), g.maybe("corrected", "a, b"), g.maybe("u2")
	c.IP = g.maybe("192.0.2.7", "192.0.2.130", "2001:db8::7", "::ffff:10.1.2.3", "10.1.2.3", "203.0.113.7, 10.0.0.1", "fe80::1")
	return c
}

// filter makes a filter that has a chance to hold for some of the documents and not for all.
func (g *generator) filter(docs []schema.Document, depth int) query.Filter {
	if depth > 0 {
		switch g.IntN(6) {
		case 0, 1:
			return query.And(g.filters(docs, depth))
		case 2, 3:
			return query.Or(g.filters(docs, depth))
		case 4:
			return query.Not{Filter: g.filter(docs, depth-1)}
		}
	}
	fields := allFields()
	field := pick(g, fields...)
	d := &docs[g.IntN(len(docs))]
	switch query.Fields[field] {
	case query.FormWords:
		return query.Match{Field: field, Text: pick(g, "spoon", "silver", "SILVER spoon", "spoon silver", "loffel", "sp", "no", "2", "drop table", "--", "old, spoon"),
			Phrase: g.IntN(2) == 0, Prefix: g.IntN(3) == 0}
	case query.FormNumber:
		return query.Compare{Field: field, Above: g.bound(), Below: g.bound()}
	case query.FormTime:
		return query.Between{Field: field, From: g.moment(field, d), To: g.moment(field, d)}
	case query.FormAddress:
		if g.IntN(4) == 0 {
			return query.Exists{Field: field}
		}
		return query.Equal{Field: field, Values: []string{pick(g, "192.0.2.7", "192.0.2.0/25", "10.0.0.0/8", "2001:db8::/32", "::ffff:10.1.2.3", "fe80::1", "0.0.0.0/0", "nonsense")}}
	case query.FormInteger:
		return query.Equal{Field: field, Values: []string{pick(g, "728", "9223372036854776536", "0", "18446744073709551616", "x"), "729"}}
	case query.FormPosition:
		switch g.IntN(3) {
		case 0:
			return query.Exists{Field: field}
		case 1:
			return query.Beyond{Field: field, Bound: pick(g, d.CDC.Position, "", "000", "~")}
		}
		return query.Is(field, pick(g, d.CDC.Position, "", "x"))
	}
	return g.keyword(field, docs)
}

func (g *generator) keyword(field query.Field, docs []schema.Document) query.Filter {
	var values []string
	for range 1 + g.IntN(3) {
		values = append(values, append(query.Texts(field, &docs[g.IntN(len(docs))]), "x")[0])
	}
	switch g.IntN(5) {
	case 0:
		return query.Exists{Field: field}
	case 1:
		return query.Like{Field: field, Pattern: g.pattern(values[0])}
	case 2:
		return query.Is(field, values[0])
	}
	return query.Equal{Field: field, Values: values}
}

// pattern puts wildcards into a text.
func (g *generator) pattern(text string) query.Pattern {
	var p query.Pattern
	for _, r := range text {
		switch g.IntN(5) {
		case 0:
			if len(p) == 0 || !p[len(p)-1].Any {
				p = append(p, query.PatternPart{Any: true})
			}
		case 1:
			p = append(p, query.PatternPart{One: true})
		default:
			if n := len(p); n > 0 && !p[n-1].Any && !p[n-1].One {
				p[n-1].Literal += string(r)
			} else {
				p = append(p, query.PatternPart{Literal: string(r)})
			}
		}
	}
	return p
}

func (g *generator) filters(docs []schema.Document, depth int) []query.Filter {
	var filters []query.Filter
	for range 1 + g.IntN(3) {
		filters = append(filters, g.filter(docs, depth-1))
	}
	return filters
}

func (g *generator) bound() *query.NumberBound {
	if g.IntN(3) == 0 {
		return nil
	}
	return &query.NumberBound{Value: pick(g, -3, 1.5, 2, 10, 1000), Inclusive: g.IntN(2) == 0}
}

// moment is a bound in time. Stores keep the times of values to the millisecond only, so there the bounds are whole milliseconds.
func (g *generator) moment(field query.Field, d *schema.Document) time.Time {
	if g.IntN(3) == 0 {
		return time.Time{}
	}
	if field != query.FieldTime {
		return pick(g, time.Date(2026, 11, 23, 2, 43, 54, 384_000_000, time.UTC), time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC), time.Date(2000, 1, 1, 1, 0, 0, 0, time.FixedZone("", 3600)))
	}
	return d.Time.Add(time.Duration(g.IntN(3)-1) * time.Nanosecond)
}

// allFields are the fields in a fixed order, so that a seed gives the same filters again.
func allFields() []query.Field {
	var fields []query.Field
	for f := range query.Fields {
		fields = append(fields, f)
	}
	slices.Sort(fields)
	return fields
}

func (g *generator) key(docs []schema.Document) *query.Key {
	if g.IntN(2) == 0 {
		return nil
	}
	k := query.KeyOf(&docs[g.IntN(len(docs))])
	if g.IntN(4) == 0 {
		k.EventID += strconv.Itoa(g.IntN(10)) // of no document
	}
	return &k
}
