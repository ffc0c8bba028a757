package elastic_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"dossier/query"
	"dossier/schema"
)

// words are what random texts are made of: with case, accents, punctuation, digits, wildcards' signs, and other scripts.
var words = []string{"Löffel", "loffel", "LÖFFEL", "cafe\u0301", "café", "Straße", "ØRSTED", "don't", "a_b", "99.50", "100%", "*", "?", "\\", "user@example.org", "Ёлка", "елка", "ΆΛΦΑ", "Σίσυφος",
	"हिन्दी", "한국어", "日本", "x😀y", "2026-11-23", "silver", "silverware", "spoon", "fork", "true", "null", "-", ""}

func pick[T any](random *rand.Rand, from ...T) T { return from[random.IntN(len(from))] }

func randomText(random *rand.Rand) string {
	text := pick(random, words...)
	for range random.IntN(3) {
		text += pick(random, " ", "-", ", ", "") + pick(random, words...)
	}
	return text
}

var randomStart = time.Date(2026, 10, 29, 22, 0, 0, 0, time.UTC)

// randomTime has few different values, some of them a nanosecond from each other, over two months.
func randomTime(random *rand.Rand) time.Time {
	return randomStart.Add(time.Duration(random.IntN(8)) * 9 * time.Hour).Add(time.Duration(random.IntN(3)))
}

func randomValue(random *rand.Rand) schema.Value {
	switch random.IntN(8) {
	case 0:
		return schema.NullValue
	case 1:
		return schema.Value{State: schema.Unavailable}
	case 2:
		return schema.Value{State: schema.Masked}
	case 3:
		return schema.Value{State: schema.Present, JSON: []byte(pick(random, "1", "-2", "9007199254740993", "1.5e3", "0", "true"))}
	case 4:
		return schema.Value{State: schema.Present, JSON: schema.AppendString(nil, pick(random, "1.50", "99.50", "-0.001", "2026-11-23", "2026-11-23T02:43:54.384Z", "1957-10-04T19:28:34"))}
	}
	return schema.Value{State: schema.Present, JSON: schema.AppendString(nil, randomText(random))}
}

func randomDocuments(random *rand.Rand, n int) []schema.Document {
	docs := make([]schema.Document, n)
	for i := range docs {
		d := &docs[i]
		*d = schema.Document{EventID: fmt.Sprintf("e%d", i), Time: randomTime(random), Scope: "asked", Action: pick(random, schema.ActionCreate, schema.ActionUpdate, schema.ActionDelete),
			Kind:   pick(random, schema.DocumentRowVersion, schema.DocumentFieldChange, schema.DocumentFieldChange, schema.DocumentTruncate, schema.DocumentNamedVersion, schema.DocumentFeedback),
			Entity: schema.DocumentEntity{EntityRef: schema.EntityRef{Type: pick(random, "product", "person", "a/b"), ID: pick(random, "1", "2", "10", "x*y", "é")}},
			CDC: schema.CDC{Source: pick(random, "shop", "crm"), Schema: "public", Table: pick(random, "product", "person"), Op: schema.OpUpdate,
				Position: pick(random, "", "0001", "0002", "0003"), HasTx: random.IntN(5) > 0, TxID: pick(random, 7, 70, 728, 1<<32, 1<<63-1, uint64(1<<63), math.MaxUint64)}}
		if !d.CDC.HasTx {
			d.CDC.TxID = 0
		}
		if random.IntN(3) > 0 {
			d.Entity.Parent = &schema.EntityRef{Type: "supplier", ID: pick(random, "7", "8")}
		}
		if random.IntN(4) > 0 {
			d.Context = &schema.EventContext{Status: schema.StatusAttached, Route: schema.RouteMessage, Context: schema.Context{RequestID: pick(random, "", "r1", "r2"),
				User: schema.User{ID: pick(random, "", "u1", "u2", "U1", "u*"), Name: pick(random, "", "Ann Löffel", "Bob")}, IP: pick(random, "", "10.1.2.3", "192.0.2.7", "2001:db8::7", "::ffff:10.9.9.9", "proxy, 10.0.0.1"),
				Reason: pick(random, "", randomText(random))}}
		}
		d.VersionName = pick(random, "", "", "Baseline 2026", "baseline")
		if d.Context != nil {
			d.Context.VersionName = d.VersionName
		}
		switch d.Kind {
		case schema.DocumentFieldChange:
			d.Change = schema.FieldChange{Field: pick(random, "price", "name", "näme"), Previous: randomValue(random), Current: randomValue(random)}
		case schema.DocumentRowVersion:
			d.Fields = pick(random, nil, []string{"price"}, []string{"price", "name"})
			d.After = schema.Row{{Name: "name", Value: schema.Value{State: schema.Present, JSON: schema.AppendString(nil, randomText(random))}}}
		case schema.DocumentNamedVersion:
			d.NamedVersion = &schema.NamedVersion{ID: pick(random, "", "v1"), AsOf: d.Time}
		case schema.DocumentFeedback:
			d.Feedback = &schema.Feedback{Application: pick(random, "payments", "mail"), Status: pick(random, "accepted", "rejected"), Message: randomText(random)}
		}
	}
	return docs
}

func randomFilter(random *rand.Rand, depth int) query.Filter {
	if depth > 0 {
		switch random.IntN(5) {
		case 0:
			return query.And{randomFilter(random, depth-1), randomFilter(random, depth-1)}
		case 1:
			return query.Or{randomFilter(random, depth-1), randomFilter(random, depth-1)}
		case 2:
			return query.Not{Filter: randomFilter(random, depth-1)}
		}
	}
	exact := pick(random, query.FieldPrevExact, query.FieldCurrExact, query.FieldReason)
	text := pick(random, query.FieldPrevText, query.FieldCurrText, query.FieldCurrText, query.FieldMessage)
	switch random.IntN(14) {
	case 0:
		return query.Is(query.FieldKind, string(pick(random, schema.DocumentFieldChange, schema.DocumentRowVersion)))
	case 1:
		return query.Equal{Field: query.FieldUserID, Values: pick(random, nil, []string{"u1"}, []string{"u1", "u*"}, []string{""})}
	case 2:
		return query.Is(query.FieldIP, pick(random, "10.0.0.0/8", "10.1.2.3", "10.1.2.3/8", "2001:db8::/32", "::ffff:10.9.9.9", "10.9.9.9", "::/0", "0.0.0.0/0", "192.0.2.7", "::ffff:10.0.0.0/104", "not one"))
	case 3:
		return query.Equal{Field: query.FieldTxID, Values: []string{pick(random, "7", "007", "728", "9223372036854775807", "9223372036854775808", "18446744073709551615", "-1", "x")}}
	case 4:
		return query.Like{Field: exact, Pattern: randomPattern(random)}
	case 5:
		return query.Exists{Field: pick(random, query.FieldUserID, query.FieldIP, query.FieldPosition, query.FieldVersionName, query.FieldPrevExact, query.FieldRowFields, query.FieldParentID)}
	case 6, 7, 8:
		return query.Match{Field: text, Text: randomText(random), Phrase: random.IntN(2) == 0, Prefix: random.IntN(2) == 0}
	case 9:
		return query.Match{Field: text, Text: pick(random, "silv", "loff", "si", "caf", "9", "silver sp", "елк", "αλφ", "हि"), Phrase: random.IntN(2) == 0, Prefix: true}
	case 10:
		bound := func() *query.NumberBound {
			return pick(random, nil, &query.NumberBound{Value: pick(random, 0, 1.5, 99.5, -2, 9007199254740992, math.Inf(1), math.Inf(-1)), Inclusive: random.IntN(2) == 0})
		}
		return query.Compare{Field: pick(random, query.FieldPrevNumber, query.FieldCurrNumber), Above: bound(), Below: bound()}
	case 11:
		return query.Between{Field: query.FieldTime, From: pick(random, time.Time{}, randomTime(random), time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)), To: pick(random, time.Time{}, randomTime(random), time.Date(3000, 1, 1, 0, 0, 0, 0, time.UTC))}
	case 12:
		at := time.Date(2026, 11, 23, 2, 43, 54, 384_000_000, time.UTC)
		return query.Between{Field: pick(random, query.FieldPrevDate, query.FieldCurrDate), From: pick(random, time.Time{}, at, at.AddDate(-80, 0, 0), at.Add(-3*time.Hour)), To: pick(random, time.Time{}, at, at.Add(time.Millisecond), at.AddDate(9000, 0, 0))}
	}
	return pick[query.Filter](random, query.Beyond{Field: query.FieldPosition, Bound: pick(random, "", "0001", "0002", "~")}, query.And{}, query.Or{}, nil,
		query.Is(query.FieldRowFields, "name"), query.Is(query.FieldCurrState, "null"), query.Is(query.FieldCurrExact, ""))
}

func randomPattern(random *rand.Rand) query.Pattern {
	var p query.Pattern
	for range 1 + random.IntN(4) {
		p = append(p, pick(random, query.PatternPart{Any: true}, query.PatternPart{One: true}, query.PatternPart{Literal: pick(random, words[:len(words)-1]...)},
			query.PatternPart{Literal: pick(random, "L", "l", "o", "\\", "*", "é", "ö")}))
	}
	return p
}
