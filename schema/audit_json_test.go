package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"
)

// fullEvent is an event in which every field says something.
func fullEvent() *AuditEvent {
	tx := uint64(18446744073709551615)
	return &AuditEvent{
		SchemaVersion: AuditSchemaVersion, Kind: KindChange, ID: "aB3-_x",
		Time:     time.Date(2026, 11, 23, 2, 43, 54, 384552000, time.UTC),
		Captured: time.Date(2026, 11, 23, 2, 43, 54, 901234567, time.UTC),
		Action:   ActionUpdate,
		Entity: Entity{Type: "product", ID: "1", Key: Row{{"id", present("1")}}, Parent: &EntityRef{"supplier", "7"},
			NextID: "2", PreviousID: "0"},
		Scope: "catalog",
		Context: &EventContext{
			Status: StatusAmbiguous, Route: RouteMessage,
			Context: Context{
				TransactionID: &tx, CorrelationID: "r-1", RequestID: "r-1", TraceID: "4bf9", OnBehalfOf: "u2", Initiator: "user",
				User:    User{ID: "u1", Name: "Zoë \"Z\"", Email: "z@example.org", AccountID: "a1", Roles: []string{"editor", "<admin>"}},
				Service: "shop", IP: "192.0.2.7", UserAgent: "Mozilla/5.0", Reason: "line\nbreak", VersionName: "Baseline 2026",
				Timestamp: time.Date(2026, 11, 23, 2, 43, 54, 0, time.UTC), Extra: json.RawMessage(`{"a":[1,{"b":null}]}`),
			},
			UserAgent:  UserAgent{Original: "Mozilla/5.0", Name: "Firefox", OS: "Linux", Device: "desktop"},
			Candidates: []Candidate{{RouteMessage, User{ID: "u1"}, "r-1"}, {RouteMessage, User{ID: "u9", Roles: []string{"x"}}, ""}},
		},
		VersionName: "Baseline 2026",
		Changes: []FieldChange{
			{"price", present(`"1.50"`), present(`"99.50"`)},
			{"note", NullValue, Value{State: Masked}},
			{"doc", Value{State: Unavailable}, Value{State: Erased}},
			{"new", Value{State: Absent}, present(`[1,null,"x"]`)},
		},
		Before: Row{{"id", present("9007199254740993")}, {"price", present(`"1.50"`)}, {"note", NullValue}, {"doc", Value{State: Unavailable}}},
		After:  Row{{"id", present("9007199254740993")}, {"price", present(`"99.50"`)}, {"note", Value{State: Masked}}, {"doc", Value{State: Erased}}},
		CDC: CDC{Source: "shop", Connector: "postgresql", Schema: "public", Table: "product", Op: OpUpdate, TxID: 728, HasTx: true,
			Position: "00000000000026375504-00000000000026375504-000000000001", Snapshot: true},
		PairID:      "other",
		Attribution: &Attribution{EventID: "aB3", Action: ActionUpdate, Fields: []string{"price", "note"}},
	}
}

func present(json string) Value { return Value{State: Present, JSON: []byte(json)} }

const fullJSON = `{"schema_version":1,"kind":"change","id":"aB3-_x","time":"2026-11-23T02:43:54.384552Z","captured":"2026-11-23T02:43:54.901234567Z",` +
	`"action":"update","entity":{"type":"product","id":"1","key":{"id":1},"parent":{"type":"supplier","id":"7"},"next_id":"2","previous_id":"0"},` +
	`"scope":"catalog","context":{"status":"ambiguous","route":"message","transaction_id":18446744073709551615,"correlation_id":"r-1",` +
	`"request_id":"r-1","trace_id":"4bf9","user":{"id":"u1","name":"Zoë \"Z\"","email":"z@example.org","account_id":"a1","roles":["editor","<admin>"]},` +
	`"on_behalf_of":"u2","initiator":"user","service":"shop","ip":"192.0.2.7",` +
	`"user_agent":{"original":"Mozilla/5.0","name":"Firefox","os":"Linux","device":"desktop"},"reason":"line\nbreak",` +
	`"timestamp":"2026-11-23T02:43:54Z","extra":{"a":[1,{"b":null}]},` +
	`"candidates":[{"route":"message","user":{"id":"u1"},"correlation_id":"r-1"},{"route":"message","user":{"id":"u9","roles":["x"]}}]},` +
	`"version_name":"Baseline 2026","changes":[{"field":"price","previous":"1.50","current":"99.50"},` +
	`{"field":"note","previous":null,"current_state":"masked"},{"field":"doc","previous_state":"unavailable","current_state":"erased"},` +
	`{"field":"new","previous_state":"absent","current":[1,null,"x"]}],` +
	`"before":{"id":9007199254740993,"price":"1.50","note":null},"after":{"id":9007199254740993,"price":"99.50"},` +
	`"states":{"before":{"doc":"unavailable"},"after":{"note":"masked","doc":"erased"}},"pair_id":"other",` +
	`"attribution":{"event_id":"aB3","action":"update","fields":["price","note"]},` +
	`"cdc":{"source":"shop","connector":"postgresql","schema":"public","table":"product","op":"u","tx_id":728,` +
	`"position":"00000000000026375504-00000000000026375504-000000000001","snapshot":true}}`

func TestAuditEventAsJSON(t *testing.T) {
	if got := string(fullEvent().AppendJSON(nil)); got != fullJSON {
		t.Errorf("got  %s\nwant %s", got, fullJSON)
	}
}

func TestAuditEventLeavesOutWhatIsEmpty(t *testing.T) {
	e := AuditEvent{SchemaVersion: 1, Kind: KindChange, ID: "x", Action: ActionTruncate, Entity: Entity{Type: "public.t"}, Before: Row{},
		CDC: CDC{Source: "s", Op: OpTruncate}}
	want := `{"schema_version":1,"kind":"change","id":"x","action":"truncate","entity":{"type":"public.t"},"before":{},"cdc":{"source":"s","op":"t","snapshot":false}}`
	if got := string(e.AppendJSON(nil)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestAuditEventWithRenderedContext(t *testing.T) {
	e := fullEvent()
	rendered := e.Context.AppendJSON(nil)
	if got := string(e.AppendJSONWithContext(nil, rendered)); got != fullJSON {
		t.Errorf("got  %s\nwant %s", got, fullJSON)
	}
	e.Context = nil
	if a, b := e.AppendJSON(nil), e.AppendJSONWithContext(nil, nil); !bytes.Equal(a, b) || bytes.Contains(a, []byte("context")) {
		t.Errorf("without context: %s and %s", a, b)
	}
}

func TestAuditEventOriginalUserAgentWithoutParsing(t *testing.T) {
	c := EventContext{Status: StatusAttached, Context: Context{UserAgent: "curl/8"}}
	if got, want := string(c.AppendJSON(nil)), `{"status":"attached","user_agent":{"original":"curl/8"}}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAuditEventTimesThatRFC3339CannotSay(t *testing.T) {
	for year, want := range map[int]string{12000: "9999-12-31T23:59:59.999999999Z", -5: "0000-01-01T00:00:00Z"} {
		e := fullEvent()
		e.Time = time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)
		var got AuditEvent
		if err := ParseAuditEvent(e.AppendJSON(nil), &got); err != nil {
			t.Fatal(err)
		}
		if s := got.Time.Format(time.RFC3339Nano); s != want {
			t.Errorf("year %d is read back as %s, want %s", year, s, want)
		}
	}
}

func TestParseAuditEvent(t *testing.T) {
	var got AuditEvent
	for range 2 { // the second time into used memory
		if err := ParseAuditEvent([]byte(fullJSON), &got); err != nil {
			t.Fatal(err)
		}
		if want := fullEvent(); !reflect.DeepEqual(&got, want) {
			t.Fatalf("got  %+v\nwant %+v", got, want)
		}
	}
	// A smaller event leaves nothing of the larger one behind.
	small := `{"schema_version":1,"kind":"change","id":"x","entity":{"type":"t"},"cdc":{"source":"s","snapshot":false}}`
	if err := ParseAuditEvent([]byte(small), &got); err != nil {
		t.Fatal(err)
	}
	want := AuditEvent{SchemaVersion: 1, Kind: KindChange, ID: "x", Entity: Entity{Type: "t"}, CDC: CDC{Source: "s"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

func TestParseAuditEventIsTolerant(t *testing.T) {
	in := ` {"cdc":{"op":"u","later":1},"states":{"after":{"ssn":"masked"},"later":{}},"after":{"a":"\u0041\/"},"later":{"x":[1]},` +
		`"\u0069d":"x","entity":{"later":true},"kind":"later_kind","time":"2026-11-23T04:43:54+02:00","schema_version":1,` +
		`"context":{"status":"attached","later":[]} } `
	var got AuditEvent
	if err := ParseAuditEvent([]byte(in), &got); err != nil {
		t.Fatal(err)
	}
	want := AuditEvent{SchemaVersion: 1, Kind: "later_kind", ID: "x", Time: time.Date(2026, 11, 23, 2, 43, 54, 0, time.UTC),
		Context: &EventContext{Status: StatusAttached}, CDC: CDC{Op: OpUpdate},
		After: Row{{"a", present(`"A/"`)}, {"ssn", Value{State: Masked}}}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestParseAuditEventRefuses(t *testing.T) {
	replace := func(old, new string) string {
		if !strings.Contains(fullJSON, old) {
			t.Fatalf("the full event lacks %s", old)
		}
		return strings.Replace(fullJSON, old, new, 1)
	}
	for name, c := range map[string]struct{ in, reason, detail string }{
		"nothing":            {"", ReasonNotAuditEvent, "an object"},
		"no object":          {`[1]`, ReasonNotAuditEvent, "an object"},
		"cut off":            {fullJSON[:len(fullJSON)/2], ReasonNotAuditEvent, "offset"},
		"more after it":      {fullJSON + "x", ReasonNotAuditEvent, "end of the text"},
		"no version":         {`{"kind":"change","id":"x"}`, ReasonNotAuditEvent, "schema_version"},
		"no kind":            {`{"schema_version":1,"id":"x"}`, ReasonNotAuditEvent, "kind"},
		"no id":              {`{"schema_version":1,"kind":"change"}`, ReasonNotAuditEvent, "id"},
		"later version":      {replace(`"schema_version":1`, `"schema_version":2`), ReasonSchemaVersion, "upgrade"},
		"later, other shape": {`{"entity":7,"schema_version":2}`, ReasonSchemaVersion, "version 2"},
		"version as text":    {replace(`"schema_version":1`, `"schema_version":"1"`), ReasonNotAuditEvent, "schema_version: "},
		"version zero":       {replace(`"schema_version":1`, `"schema_version":0`), ReasonNotAuditEvent, "schema_version is 0"},
		"id a number":        {replace(`"id":"aB3-_x"`, `"id":1`), ReasonNotAuditEvent, "id: json: expected a string, found a number"},
		"bad time":           {replace(`"time":"2026-11-23T02`, `"time":"2026-11-23 02`), ReasonNotAuditEvent, "time: "},
		"key no object":      {replace(`"key":{"id":1}`, `"key":1`), ReasonNotAuditEvent, "entity: key: "},
		"tx_id negative":     {replace(`"tx_id":728`, `"tx_id":-1`), ReasonNotAuditEvent, "cdc: tx_id: "},
		"tx_id a fraction":   {replace(`"tx_id":728`, `"tx_id":7.5`), ReasonNotAuditEvent, "cdc: tx_id: "},
		"op too long":        {replace(`"op":"u"`, `"op":"up"`), ReasonNotAuditEvent, "cdc: op: "},
		"snapshot as text":   {replace(`"snapshot":true`, `"snapshot":"true"`), ReasonNotAuditEvent, "cdc: snapshot: "},
		"extra no object":    {replace(`"extra":{"a":[1,{"b":null}]}`, `"extra":[]`), ReasonNotAuditEvent, "context: extra: "},
		"roles no array":     {replace(`"roles":["x"]`, `"roles":{}`), ReasonNotAuditEvent, "roles"},
		"null for a string":  {replace(`"scope":"catalog"`, `"scope":null`), ReasonNotAuditEvent, "scope: "},
		"unknown state":      {replace(`"doc":"unavailable"`, `"doc":"gone"`), ReasonNotAuditEvent, "states: before: doc: "},
		"state of a value":   {replace(`"before":{"doc":"unav`, `"before":{"price":"unav`), ReasonNotAuditEvent, "holds a value"},
		"state present":      {replace(`"previous_state":"absent"`, `"previous_state":"present"`), ReasonNotAuditEvent, "changes: element 3: "},
		"no previous":        {replace(`"previous":"1.50",`, ``), ReasonNotAuditEvent, "neither previous"},
		"no current":         {replace(`,"current":"99.50"`, ``), ReasonNotAuditEvent, "neither current"},
		"no field":           {replace(`"field":"price",`, ``), ReasonNotAuditEvent, "field is missing"},
		"value and state":    {replace(`"previous":"1.50"`, `"previous":"1.50","previous_state":"masked"`), ReasonNotAuditEvent, "together"},
	} {
		t.Run(name, func(t *testing.T) {
			var e AuditEvent
			err := ParseAuditEvent([]byte(c.in), &e)
			var decode *DecodeError
			if !errors.As(err, &decode) {
				t.Fatalf("error %v, want a DecodeError", err)
			}
			if decode.Reason != c.reason || !strings.Contains(decode.Detail, c.detail) {
				t.Errorf("reason %s, detail %q; want %s and %q", decode.Reason, decode.Detail, c.reason, c.detail)
			}
		})
	}
}

func TestAuditEventJSONRoundTrip(t *testing.T) {
	var got AuditEvent // one for all, as a consumer has it
	for seed := range uint64(3000) {
		want := randomEvent(rand.New(rand.NewPCG(seed, 1)))
		text := want.AppendJSON(nil)
		if !json.Valid(text) {
			t.Fatalf("seed %d: invalid JSON %s", seed, text)
		}
		if err := ParseAuditEvent(text, &got); err != nil {
			t.Fatalf("seed %d: %v in %s", seed, err, text)
		}
		if a, b := normal(want), normal(&got); !reflect.DeepEqual(a, b) {
			t.Fatalf("seed %d: %s\ngot  %+v\nwant %+v", seed, text, b, a)
		}
		if again := got.AppendJSON(nil); !bytes.Equal(again, text) {
			t.Fatalf("seed %d: written again\n%s\nfirst\n%s", seed, again, text)
		}
	}
}

// normal brings an event into the form in which equal events are deeply equal: what JSON has no order or no two words for.
func normal(e *AuditEvent) *AuditEvent {
	n := *e
	n.Entity.Key, n.Before, n.After = normalRow(e.Entity.Key), normalRow(e.Before), normalRow(e.After)
	if len(n.Changes) == 0 {
		n.Changes = nil
	}
	if e.Context != nil {
		c := *e.Context
		c.Context.UserAgent = c.UserAgent.Original
		if len(c.User.Roles) == 0 {
			c.User.Roles = nil
		}
		if len(c.Candidates) == 0 {
			c.Candidates = nil
		}
		n.Context = &c
	}
	return &n
}

// normalRow puts the fields without a value last, as a parsed row has them.
func normalRow(row Row) Row {
	if row == nil {
		return nil
	}
	out := Row{}
	for _, f := range row {
		if f.Value.State == Present || f.Value.State == Null {
			out = append(out, f)
		}
	}
	for _, f := range row {
		if f.Value.State > Present {
			out = append(out, f)
		}
	}
	return out
}

func randomEvent(r *rand.Rand) *AuditEvent {
	some := func() bool { return r.IntN(2) == 0 }
	str := func() string {
		return []string{"", "a", "Zoë", "\"\\/\n\t\x01\u007f", "日本\u2028😀", strings.Repeat("long ", 40)}[r.IntN(6)]
	}
	instant := func() time.Time {
		if r.IntN(8) == 0 {
			return time.Time{}
		}
		return time.Unix(r.Int64N(4e9)-1e9, r.Int64N(1e9)).UTC()
	}
	value := func(absent bool) Value {
		switch r.IntN(8) {
		case 0:
			return NullValue
		case 1:
			return Value{State: Unavailable}
		case 2:
			return Value{State: Masked}
		case 3:
			return Value{State: Erased}
		case 4:
			if absent {
				return Value{}
			}
			return present("-0")
		case 5:
			return present([]string{"12345678901234567890.10", "1e400", "true", "false", `{"a":[]}`, `[[],{}]`}[r.IntN(6)])
		}
		return Value{State: Present, JSON: AppendString(nil, str())}
	}
	row := func() Row {
		if some() {
			return nil
		}
		out := Row{}
		for i := range r.IntN(6) {
			out = append(out, Field{str() + strconv.Itoa(i), value(false)})
		}
		return out
	}
	list := func() (out []string) {
		for range r.IntN(3) {
			out = append(out, str())
		}
		return out
	}
	user := func() User { return User{ID: str(), Name: str(), Email: str(), AccountID: str(), Roles: list()} }
	e := &AuditEvent{
		SchemaVersion: 1, Kind: KindChange, ID: "id" + str(), Time: instant(), Captured: instant(), Action: Action(str()),
		Entity: Entity{Type: str(), ID: str(), Key: row(), NextID: str(), PreviousID: str()},
		Scope:  str(), VersionName: str(), Before: row(), After: row(), PairID: str(),
		CDC: CDC{Source: str(), Connector: str(), Schema: str(), Table: str(), Op: Op("curt"[r.IntN(4)]), Position: str(), Snapshot: some()},
	}
	if some() {
		e.Entity.Parent = &EntityRef{str(), str()}
	}
	if some() {
		e.CDC.HasTx, e.CDC.TxID = true, r.Uint64()
	}
	for range r.IntN(4) {
		e.Changes = append(e.Changes, FieldChange{str(), value(true), value(true)})
	}
	if some() {
		e.Attribution = &Attribution{EventID: str(), Action: Action(str()), Fields: list()}
	}
	if some() {
		e.NamedVersion = &NamedVersion{ID: str(), AsOf: instant(), EventID: str()}
		if some() {
			e.VersionOf = &EntityRef{str(), str()}
		}
	}
	if some() {
		e.Feedback = &Feedback{Application: str(), Status: str(), Message: str(), EventID: str()}
		if some() {
			e.Feedback.Payload = json.RawMessage(`{"k":[1.50,null],"":"\u0000"}`)
		}
	}
	if some() {
		e.Access = &Access{Caller: str(), Method: str(), Path: str(), Query: str(), Status: r.IntN(600), Items: r.Int64()}
	}
	if some() {
		c := &EventContext{Status: ContextStatus(str()), Route: Route(str()), Context: Context{
			CorrelationID: str(), RequestID: str(), TraceID: str(), User: user(), OnBehalfOf: str(), Initiator: str(), Service: str(),
			IP: str(), Reason: str(), VersionName: e.VersionName, Timestamp: instant(),
		}, UserAgent: UserAgent{str(), str(), str(), str()}}
		if some() {
			n := r.Uint64()
			c.TransactionID = &n
		}
		if some() {
			c.Extra = json.RawMessage(`{"k":1}`)
		}
		for range r.IntN(3) {
			c.Candidates = append(c.Candidates, Candidate{Route(str()), user(), str()})
		}
		e.Context = c
	}
	return e
}

func TestAuditEventAllocations(t *testing.T) {
	e := fullEvent()
	b := e.AppendJSON(nil)
	if n := testing.AllocsPerRun(100, func() { b = e.AppendJSON(b[:0]) }); n != 0 {
		t.Errorf("AppendJSON allocates %v times", n)
	}
	plain := changeEvent()
	text := plain.AppendJSON(nil)
	var got AuditEvent
	if err := ParseAuditEvent(text, &got); err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() { _ = ParseAuditEvent(text, &got) }); n != 0 {
		t.Errorf("ParseAuditEvent allocates %v times into used memory", n)
	}
}

// changeEvent is an update as it is mostly: 15 columns, one of them changed.
func changeEvent() *AuditEvent {
	e := fullEvent()
	e.Attribution, e.PairID, e.Entity.NextID, e.Entity.PreviousID = nil, "", "", ""
	e.Context.User.Name, e.Context.Reason, e.Context.Candidates = "Zoë", "correction", nil
	e.Changes = e.Changes[:1]
	e.Before, e.After = nil, nil
	for i := range 15 {
		v := []Value{present("9007199254740993"), present(`"a text of some length, as names are"`), present(`"2026-11-23T02:43:54.384552Z"`),
			NullValue, present("true")}[i%5]
		e.Before = append(e.Before, Field{"column_" + strconv.Itoa(i), v})
		e.After = append(e.After, Field{"column_" + strconv.Itoa(i), v})
	}
	return e
}

func FuzzParseAuditEvent(f *testing.F) {
	f.Add([]byte(fullJSON))
	f.Add([]byte(`{"schema_version":1,"kind":"change","id":"x"}`))
	f.Add([]byte(`{"schema_version":2}`))
	f.Add(randomEvent(rand.New(rand.NewPCG(7, 7))).AppendJSON(nil))
	for _, e := range kindEvents() {
		f.Add(e.AppendJSON(nil))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var e AuditEvent
		if err := ParseAuditEvent(data, &e); err != nil {
			var decode *DecodeError
			if !errors.As(err, &decode) || decode.Reason == "" || decode.Detail == "" {
				t.Fatalf("error %v", err)
			}
			return
		}
		text := e.AppendJSON(nil)
		if !json.Valid(text) {
			t.Fatalf("written again as invalid JSON: %s", text)
		}
		var again AuditEvent
		if err := ParseAuditEvent(text, &again); err != nil {
			t.Fatalf("%v in what was written again: %s", err, text)
		}
		if b := again.AppendJSON(nil); !bytes.Equal(b, text) {
			t.Fatalf("not stable:\n%s\n%s", text, b)
		}
	})
}

func BenchmarkAuditEventAppendJSON(b *testing.B) {
	e := changeEvent()
	buf := e.AppendJSON(nil)
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		buf = e.AppendJSON(buf[:0])
	}
}

func BenchmarkAuditEventAppendJSONWithContext(b *testing.B) {
	e := changeEvent()
	context := e.Context.AppendJSON(nil)
	buf := e.AppendJSON(nil)
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		buf = e.AppendJSONWithContext(buf[:0], context)
	}
}

func BenchmarkParseAuditEvent(b *testing.B) {
	text := changeEvent().AppendJSON(nil)
	var e AuditEvent
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if err := ParseAuditEvent(text, &e); err != nil {
			b.Fatal(err)
		}
	}
}
