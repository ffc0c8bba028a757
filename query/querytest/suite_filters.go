package querytest

import (
	"math"
	"testing"
	"time"

	"dossier/query"
	"dossier/schema"
)

var commit = time.Date(2026, 11, 23, 2, 43, 54, 384_552_123, time.UTC)

// document returns a row version, changed as told.
func document(id string, change ...func(*schema.Document)) schema.Document {
	d := schema.Document{
		Kind: schema.DocumentRowVersion, EventID: id, Time: commit, Action: schema.ActionUpdate, Scope: schema.DefaultScope,
		Entity: schema.DocumentEntity{EntityRef: schema.EntityRef{Type: "public.product", ID: "1"}},
		CDC:    schema.CDC{Source: "shop", Schema: "public", Table: "product", Op: schema.OpUpdate, Position: schema.FormatPosition(1, 1, 1)},
	}
	for _, c := range change {
		c(&d)
	}
	return d
}

// fieldChange returns a field change from one value to another, both as JSON; "" is an absent one.
func fieldChange(id, previous, current string) schema.Document {
	value := func(json string) schema.Value {
		if json == "" {
			return schema.Value{State: schema.Absent}
		}
		return present(json)
	}
	return document(id, func(d *schema.Document) {
		d.Kind, d.Change = schema.DocumentFieldChange, schema.FieldChange{Field: "price", Previous: value(previous), Current: value(current)}
	})
}

func at(t time.Time) func(*schema.Document) { return func(d *schema.Document) { d.Time = t } }

func by(user string) func(*schema.Document) {
	return func(d *schema.Document) {
		d.Context = &schema.EventContext{Status: schema.StatusAttached, Context: schema.Context{User: schema.User{ID: user}}}
	}
}

func from(ip string) func(*schema.Document) {
	return func(d *schema.Document) {
		d.Context = &schema.EventContext{Status: schema.StatusAttached, Context: schema.Context{IP: ip}}
	}
}

func inTx(n uint64) func(*schema.Document) {
	return func(d *schema.Document) { d.CDC.HasTx, d.CDC.TxID = true, n }
}

func placed(position string) func(*schema.Document) {
	return func(d *schema.Document) { d.CDC.Position = position }
}

// testFilters says what each kind of filter finds.
func testFilters(t *testing.T, open Open) {
	is := query.Is
	above := func(n float64) *query.NumberBound { return &query.NumberBound{Value: n} }
	atLeast := func(n float64) *query.NumberBound { return &query.NumberBound{Value: n, Inclusive: true} }
	fields := func(names ...string) func(*schema.Document) { return func(d *schema.Document) { d.Fields = names } }
	day := func(text string) time.Time {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	for _, part := range []struct {
		name  string
		docs  []schema.Document
		tests map[string][]query.Filter // the ids found, and the filters that find them
	}{
		{"combinations", []schema.Document{document("a", by("u1")), document("b", by("u2"), inTx(7)), document("c"), document("d", by("u1"), inTx(7))}, map[string][]query.Filter{
			"a b c d": {nil, query.And{}, query.And{nil, query.And{}}, query.Not{Filter: query.Or{}}, query.Or{is(query.FieldUserID, "u1"), query.Not{Filter: is(query.FieldUserID, "u1")}}},
			"": {query.Or{}, query.Not{}, query.Not{Filter: query.And{}}, query.Equal{Field: query.FieldUserID}, query.And{is(query.FieldUserID, "u1"), is(query.FieldUserID, "u2")},
				is(query.FieldUserID, "")},
			"a d":   {is(query.FieldUserID, "u1"), query.And{is(query.FieldUserID, "u1")}, query.Not{Filter: query.Not{Filter: is(query.FieldUserID, "u1")}}},
			"b c":   {query.Not{Filter: is(query.FieldUserID, "u1")}}, // also where the field is missing
			"a b d": {query.Equal{Field: query.FieldUserID, Values: []string{"u2", "u1", "u1", "u9"}}, query.Or{is(query.FieldUserID, "u1"), is(query.FieldUserID, "u2")}, query.Exists{Field: query.FieldUserID}},
			"c":     {query.Not{Filter: query.Exists{Field: query.FieldUserID}}, query.Not{Filter: query.Like{Field: query.FieldUserID, Pattern: query.Pattern{{Any: true}}}}},
			"d": {query.And{is(query.FieldUserID, "u1"), is(query.FieldTxID, "7")},
				query.Not{Filter: query.Or{query.Not{Filter: is(query.FieldUserID, "u1")}, query.Not{Filter: is(query.FieldTxID, "7")}}}},
			"a b c": {query.Not{Filter: query.And{is(query.FieldUserID, "u1"), is(query.FieldTxID, "7")}}},
		}},
		{"patterns", []schema.Document{document("a", by("abc")), document("b", by("ABC")), document("c", by("ab")), document("d", by("a*c")), document("e", by("é😀c")), document("f")}, map[string][]query.Filter{
			"a d":       {query.Like{Field: query.FieldUserID, Pattern: query.Pattern{{Literal: "a"}, {Any: true}, {Literal: "c"}}}},
			"a c":       {query.Like{Field: query.FieldUserID, Pattern: query.Pattern{{Literal: "ab"}, {Any: true}}}},
			"d":         {query.Like{Field: query.FieldUserID, Pattern: query.Pattern{{Literal: "a*"}, {One: true}}}, query.Like{Field: query.FieldUserID, Pattern: query.Pattern{{Any: true}, {Literal: "*"}, {Any: true}}}},
			"a b d e":   {query.Like{Field: query.FieldUserID, Pattern: query.Pattern{{One: true}, {One: true}, {One: true}}}},
			"e":         {query.Like{Field: query.FieldUserID, Pattern: query.Pattern{{Literal: "é"}, {One: true}, {Literal: "c"}}}},
			"a b c d e": {query.Like{Field: query.FieldUserID, Pattern: query.Pattern{{Any: true}}}},
			"c":         {query.Like{Field: query.FieldUserID, Pattern: query.Pattern{{Literal: "ab"}}}},
			"":          {query.Like{Field: query.FieldUserID, Pattern: query.Pattern{{Literal: "%"}}}, query.Like{Field: query.FieldUserID, Pattern: query.Pattern{{Literal: "a_c"}}}, query.Like{Field: query.FieldUserID, Pattern: nil}},
		}},
		{"changed fields", []schema.Document{document("a", fields("price", "name")), document("b", fields("name")), document("c")}, map[string][]query.Filter{
			"a b": {is(query.FieldRowFields, "name"), query.Exists{Field: query.FieldRowFields}},
			"a": {is(query.FieldRowFields, "price"), query.And{is(query.FieldRowFields, "price"), is(query.FieldRowFields, "name")},
				query.Like{Field: query.FieldRowFields, Pattern: query.Pattern{{Literal: "p"}, {Any: true}}}},
			"b c": {query.Not{Filter: is(query.FieldRowFields, "price")}},
			"":    {is(query.FieldRowFields, "price name"), is(query.FieldRowFields, `["name"]`)},
		}},
		{"states", []schema.Document{fieldChange("a", "", `"x"`), document("b")}, map[string][]query.Filter{
			"a": {is(query.FieldPrevState, "absent"), is(query.FieldCurrState, "present"), query.Not{Filter: query.Or{query.Not{Filter: query.Exists{Field: query.FieldCurrExact}}, query.Exists{Field: query.FieldPrevExact}}}},
			"b": {query.Not{Filter: query.Exists{Field: query.FieldPrevState}}},
		}},
		{"empty texts are values", []schema.Document{fieldChange("a", `""`, `"x"`), fieldChange("b", "", `"x"`), document("c")}, map[string][]query.Filter{
			"a":   {is(query.FieldPrevExact, ""), query.Exists{Field: query.FieldPrevExact}},
			"b c": {query.Not{Filter: query.Exists{Field: query.FieldPrevExact}}},
			"":    {is(query.FieldCurrExact, ""), is(query.FieldReason, "")},
		}},
		{"numbers", []schema.Document{fieldChange("a", "", `1.5`), fieldChange("b", "", `"1.50"`), fieldChange("c", "", `-2`), fieldChange("d", "", `"x"`), fieldChange("e", "", `"1e3"`), fieldChange("f", "1", `"NaN"`), document("g")}, map[string][]query.Filter{
			"a b e": {query.Compare{Field: query.FieldCurrNumber, Above: atLeast(1.5)}, query.Compare{Field: query.FieldCurrNumber, Above: above(-2)}},
			"e":     {query.Compare{Field: query.FieldCurrNumber, Above: above(1.5)}, query.Compare{Field: query.FieldCurrNumber, Above: atLeast(1000), Below: atLeast(1000)}},
			"c":     {query.Compare{Field: query.FieldCurrNumber, Below: above(1.5)}},
			"a b c": {query.Compare{Field: query.FieldCurrNumber, Below: atLeast(1.5)}},
			"d f g": {query.Not{Filter: query.Compare{Field: query.FieldCurrNumber, Above: atLeast(-math.MaxFloat64)}}},
			"a b":   {query.Compare{Field: query.FieldCurrNumber, Above: atLeast(1.5), Below: above(1000)}},
			"":      {query.Compare{Field: query.FieldCurrNumber, Above: above(1000)}},
			"f":     {query.Compare{Field: query.FieldPrevNumber, Above: atLeast(1), Below: atLeast(1)}},
		}},
		{"dates", []schema.Document{fieldChange("a", "", `"2026-11-23"`), fieldChange("b", "", `"2026-11-23T02:43:54.384"`), fieldChange("c", "", `"2026-11-23T01:00:00+02:00"`),
			fieldChange("d", "", `"0001-01-01"`), fieldChange("e", "", `"9999-12-31T23:59:59.999Z"`), fieldChange("f", "", `"2026-11-23 02:43"`), document("g")}, map[string][]query.Filter{
			"a b":   {query.Between{Field: query.FieldCurrDate, From: day("2026-11-23T00:00:00Z"), To: day("2026-11-24T00:00:00Z")}},
			"c d":   {query.Between{Field: query.FieldCurrDate, To: day("2026-11-23T00:00:00Z")}}, // c is 23:00 of the day before
			"b e":   {query.Between{Field: query.FieldCurrDate, From: day("2026-11-23T02:43:54.384Z")}},
			"e":     {query.Between{Field: query.FieldCurrDate, From: day("2026-11-23T02:43:54.385Z")}},
			"a c":   {query.Between{Field: query.FieldCurrDate, From: day("2026-11-23T00:00:00+01:00"), To: day("2026-11-23T02:43:54.384Z")}},
			"e f g": {query.Not{Filter: query.Between{Field: query.FieldCurrDate, To: day("9999-12-31T23:59:59.999Z")}}},
		}},
		{"times", []schema.Document{document("a", at(commit)), document("b", at(commit.Add(1))), document("c", at(commit.Add(time.Hour))), document("d", at(commit.AddDate(0, -13, 0)))}, map[string][]query.Filter{
			"a":   {query.Between{Field: query.FieldTime, From: commit, To: commit.Add(1)}},
			"b c": {query.Between{Field: query.FieldTime, From: commit.Add(1)}},
			"a d": {query.Between{Field: query.FieldTime, To: commit.Add(1)}, query.Not{Filter: query.Between{Field: query.FieldTime, From: commit.Add(1)}}},
			"":    {query.Between{Field: query.FieldTime, From: commit.Add(2), To: commit.Add(2)}, query.Between{Field: query.FieldTime, From: commit.Add(2), To: commit}},
			"b":   {query.Between{Field: query.FieldTime, From: commit.Add(1).In(time.FixedZone("", 3600)), To: commit.Add(2)}},
		}},
		{"addresses", []schema.Document{document("a", from("10.1.2.3")), document("b", from("::ffff:10.1.2.4")), document("c", from("2001:DB8::7")), document("d", from("10.1.2.3, 10.0.0.1")), document("e", from("192.0.2.7")),
			document("f")}, map[string][]query.Filter{
			"a":       {is(query.FieldIP, "10.1.2.3"), is(query.FieldIP, "::ffff:10.1.2.3"), is(query.FieldIP, "10.1.2.3/32")},
			"a b":     {is(query.FieldIP, "10.0.0.0/8"), is(query.FieldIP, "10.1.2.200/24"), query.Equal{Field: query.FieldIP, Values: []string{"10.1.2.3", "10.1.2.4"}}},
			"c":       {is(query.FieldIP, "2001:db8::7"), is(query.FieldIP, "2001:0db8:0:0::7"), is(query.FieldIP, "2001:db8::/32")},
			"a b e":   {is(query.FieldIP, "0.0.0.0/0"), query.Equal{Field: query.FieldIP, Values: []string{"192.0.2.0/25", "10.0.0.0/9"}}},
			"a b c e": {query.Exists{Field: query.FieldIP}},
			"d f":     {query.Not{Filter: query.Exists{Field: query.FieldIP}}},
			"c d e f": {query.Not{Filter: is(query.FieldIP, "10.0.0.0/8")}},
			"":        {is(query.FieldIP, "2001:db8::/128"), is(query.FieldIP, "10.9.0.0/16")},
		}},
		{"transactions", []schema.Document{document("a", inTx(7)), document("b", inTx(1<<63+7)), document("c", inTx(math.MaxUint64)), document("d", inTx(0)), document("e"), document("f", inTx(1<<53+1))}, map[string][]query.Filter{
			"a":         {is(query.FieldTxID, "7")},
			"b":         {is(query.FieldTxID, "9223372036854775815")},
			"c":         {is(query.FieldTxID, "18446744073709551615")},
			"d":         {is(query.FieldTxID, "0")},
			"f":         {is(query.FieldTxID, "9007199254740993")},
			"":          {is(query.FieldTxID, "9007199254740992"), is(query.FieldTxID, "8"), is(query.FieldTxID, "18446744073709551622")},
			"b c d e f": {query.Not{Filter: is(query.FieldTxID, "7")}},
			"a b":       {query.Equal{Field: query.FieldTxID, Values: []string{"7", "9223372036854775815"}}},
		}},
		{"positions", []schema.Document{document("a", placed("")), document("b", placed("0001")), document("c", placed("00010")), document("d", placed("0002-1")), document("e", placed("mysql-bin.000003:1543:0")), document("f", placed("A"))}, map[string][]query.Filter{
			"b":         {is(query.FieldPosition, "0001")},
			"":          {is(query.FieldPosition, ""), query.Beyond{Field: query.FieldPosition, Bound: "~"}},
			"c d e f":   {query.Beyond{Field: query.FieldPosition, Bound: "0001"}},
			"d e f":     {query.Beyond{Field: query.FieldPosition, Bound: "0001999"}},
			"b c d e f": {query.Beyond{Field: query.FieldPosition}, query.Exists{Field: query.FieldPosition}},
			"e f":       {query.Beyond{Field: query.FieldPosition, Bound: "0002-10"}},
			"a b":       {query.Not{Filter: query.Beyond{Field: query.FieldPosition, Bound: "0001"}}},
			"e":         {query.Beyond{Field: query.FieldPosition, Bound: "a"}, is(query.FieldPosition, "mysql-bin.000003:1543:0")},
		}},
	} {
		t.Run(part.name, func(t *testing.T) {
			write, store := open(t)
			write(part.docs...)
			for want, filters := range part.tests {
				for _, f := range filters {
					if got := ids(search(t, store, query.Search{Filter: f, Limit: 100})); got != want {
						t.Errorf("%s finds %q, want %q", describe(f), got, want)
					}
				}
			}
		})
	}
}
