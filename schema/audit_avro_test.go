package schema

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/linkedin/goavro/v2"
)

func auditCodec(t testing.TB) *goavro.Codec {
	t.Helper()
	codec, err := goavro.NewCodec(AuditAvroSchema)
	if err != nil {
		t.Fatal(err)
	}
	return codec
}

// Another implementation of Avro reads what AppendAvro writes, and reads the same.
func TestAuditEventAvroAgainstGoavro(t *testing.T) {
	codec := auditCodec(t)
	for seed := range uint64(500) {
		e := randomEvent(rand.New(rand.NewPCG(seed, 2)))
		if seed == 0 {
			e = fullEvent()
		}
		native, rest, err := codec.NativeFromBinary(e.AppendAvro(nil))
		if err != nil || len(rest) > 0 {
			t.Fatalf("seed %d: goavro: %v, %d bytes left", seed, err, len(rest))
		}
		if want := auditNative(e); !reflect.DeepEqual(native, any(want)) {
			t.Fatalf("seed %d: goavro reads\n%v\nwant\n%v", seed, native, want)
		}
		// And ParseAvro reads what the other implementation writes.
		binary, err := codec.BinaryFromNative(nil, native)
		if err != nil {
			t.Fatal(err)
		}
		var got AuditEvent
		if err := ParseAvro(binary, &got); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if a, b := avroNormal(e), avroNormal(&got); !reflect.DeepEqual(a, b) {
			t.Fatalf("seed %d:\ngot  %+v\nwant %+v", seed, b, a)
		}
	}
}

// auditNative says independently of the encoder how goavro must see an event.
func auditNative(e *AuditEvent) map[string]any {
	optional := func(s string) any {
		if s == "" {
			return nil
		}
		return map[string]any{"string": s}
	}
	list := func(l []string) []any {
		out := []any{}
		for _, s := range l {
			out = append(out, s)
		}
		return out
	}
	instant := func(t time.Time) any {
		if t.IsZero() {
			return nil
		}
		return map[string]any{"string": t.Format(time.RFC3339Nano)}
	}
	value := func(v Value) any {
		m := map[string]any{"state": v.State.String(), "json": nil}
		if v.State == Present {
			m["json"] = map[string]any{"string": string(v.JSON)}
		}
		return m
	}
	row := func(r Row) any {
		if r == nil {
			return nil
		}
		out := []any{}
		for _, f := range r {
			out = append(out, map[string]any{"name": f.Name, "value": value(f.Value)})
		}
		return map[string]any{"array": out}
	}
	user := func(u User) any {
		if u.IsZero() {
			return nil
		}
		return map[string]any{"dossier.audit.User": map[string]any{"id": optional(u.ID), "name": optional(u.Name), "email": optional(u.Email),
			"account_id": optional(u.AccountID), "roles": list(u.Roles)}}
	}
	changes := []any{}
	for _, c := range e.Changes {
		changes = append(changes, map[string]any{"field": c.Field, "previous": value(c.Previous), "current": value(c.Current)})
	}
	var context, attribution, micros, tx, op any
	if e.CDC.Op != 0 {
		op = optional(string(rune(e.CDC.Op)))
	}
	if !e.Time.IsZero() {
		micros = map[string]any{"long.timestamp-micros": e.Time.Truncate(time.Microsecond)}
	}
	if e.CDC.HasTx {
		tx = map[string]any{"long": int64(e.CDC.TxID)}
	}
	if a := e.Attribution; a != nil {
		attribution = map[string]any{"dossier.audit.Attribution": map[string]any{"event_id": a.EventID, "action": optional(string(a.Action)),
			"fields": list(a.Fields)}}
	}
	if c := e.Context; c != nil {
		var agent, number any
		if c.UserAgent != (UserAgent{}) {
			agent = map[string]any{"dossier.audit.UserAgent": map[string]any{"original": optional(c.UserAgent.Original),
				"name": optional(c.UserAgent.Name), "os": optional(c.UserAgent.OS), "device": optional(c.UserAgent.Device)}}
		}
		if c.TransactionID != nil {
			number = map[string]any{"long": int64(*c.TransactionID)}
		}
		candidates := []any{}
		for _, one := range c.Candidates {
			candidates = append(candidates, map[string]any{"route": string(one.Route), "user": user(one.User), "correlation_id": optional(one.CorrelationID)})
		}
		context = map[string]any{"dossier.audit.Context": map[string]any{
			"status": string(c.Status), "route": optional(string(c.Route)), "transaction_id": number, "correlation_id": optional(c.CorrelationID),
			"request_id": optional(c.RequestID), "trace_id": optional(c.TraceID), "user": user(c.User), "on_behalf_of": optional(c.OnBehalfOf),
			"initiator": optional(c.Initiator), "service": optional(c.Service), "ip": optional(c.IP), "user_agent": agent,
			"reason": optional(c.Reason), "timestamp": instant(c.Timestamp), "extra": optional(string(c.Extra)), "candidates": candidates}}
	}
	ref := func(r *EntityRef) any {
		if r == nil {
			return nil
		}
		return map[string]any{"dossier.audit.EntityRef": map[string]any{"type": r.Type, "id": r.ID}}
	}
	var version, feedback, access any
	if v := e.NamedVersion; v != nil {
		version = map[string]any{"dossier.audit.NamedVersion": map[string]any{"id": optional(v.ID), "as_of": instant(v.AsOf), "event_id": optional(v.EventID),
			"entity": ref(e.VersionOf)}}
	}
	if f := e.Feedback; f != nil {
		feedback = map[string]any{"dossier.audit.Feedback": map[string]any{"application": optional(f.Application), "status": optional(f.Status),
			"message": optional(f.Message), "payload": optional(string(f.Payload)), "event_id": optional(f.EventID)}}
	}
	if a := e.Access; a != nil {
		access = map[string]any{"dossier.audit.Access": map[string]any{"caller": optional(a.Caller), "method": optional(a.Method), "path": optional(a.Path),
			"query": optional(a.Query), "status": int32(a.Status), "items": a.Items}}
	}
	return map[string]any{
		"version": version, "feedback": feedback, "access": access,
		"schema_version": int32(e.SchemaVersion), "kind": string(e.Kind), "id": e.ID, "time": instant(e.Time), "time_micros": micros,
		"captured": instant(e.Captured), "action": optional(string(e.Action)),
		"entity": map[string]any{"type": e.Entity.Type, "id": optional(e.Entity.ID), "key": row(e.Entity.Key), "parent": ref(e.Entity.Parent),
			"next_id": optional(e.Entity.NextID), "previous_id": optional(e.Entity.PreviousID)},
		"scope": optional(e.Scope), "context": context, "version_name": optional(e.VersionName), "changes": changes,
		"before": row(e.Before), "after": row(e.After), "pair_id": optional(e.PairID), "attribution": attribution,
		"cdc": map[string]any{"source": e.CDC.Source, "connector": optional(e.CDC.Connector), "schema": optional(e.CDC.Schema),
			"table": optional(e.CDC.Table), "op": op, "tx_id": tx, "position": optional(e.CDC.Position),
			"snapshot": e.CDC.Snapshot},
	}
}

// avroNormal is normal, but with rows as they are: Avro keeps their order.
func avroNormal(e *AuditEvent) *AuditEvent {
	n := normal(e)
	n.Entity.Key, n.Before, n.After = e.Entity.Key, e.Before, e.After
	if a := n.Attribution; a != nil && len(a.Fields) == 0 {
		n.Attribution = &Attribution{EventID: a.EventID, Action: a.Action}
	}
	return n
}

func TestAuditEventAvroRoundTrip(t *testing.T) {
	var got AuditEvent
	for seed := range uint64(3000) {
		want := randomEvent(rand.New(rand.NewPCG(seed, 3)))
		binary := want.AppendAvro(nil)
		if err := ParseAvro(binary, &got); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if a, b := avroNormal(want), avroNormal(&got); !reflect.DeepEqual(a, b) {
			t.Fatalf("seed %d:\ngot  %+v\nwant %+v", seed, b, a)
		}
		// The same event, whichever form it came in.
		if a, b := want.AppendJSON(nil), got.AppendJSON(nil); !bytes.Equal(a, b) {
			t.Fatalf("seed %d: JSON of the event\n%s\nand of what Avro kept of it\n%s", seed, a, b)
		}
		var context []byte
		if want.Context != nil {
			context = want.Context.AppendAvro(nil)
		}
		if again := want.AppendAvroWithContext(nil, context); !bytes.Equal(again, binary) {
			t.Fatalf("seed %d: another binary with the context rendered before", seed)
		}
	}
}

func TestParseAvroRefuses(t *testing.T) {
	whole := fullEvent().AppendAvro(nil)
	for n := range whole {
		if n == len(whole)-3 {
			continue // what ends with cdc was written before the fields behind it came
		}
		var e AuditEvent
		var decode *DecodeError
		if err := ParseAvro(whole[:n], &e); !errors.As(err, &decode) || decode.Reason != ReasonNotAuditEvent {
			t.Fatalf("cut off after %d of %d bytes: error %v", n, len(whole), err)
		}
	}
	change := func(f func(e *AuditEvent)) []byte {
		e := fullEvent()
		f(e)
		return e.AppendAvro(nil)
	}
	for name, c := range map[string]struct {
		in             []byte
		reason, detail string
	}{
		"later version":  {change(func(e *AuditEvent) { e.SchemaVersion = 2 }), ReasonSchemaVersion, "upgrade"},
		"version zero":   {change(func(e *AuditEvent) { e.SchemaVersion = 0 }), ReasonNotAuditEvent, "schema_version"},
		"no id":          {change(func(e *AuditEvent) { e.ID = "" }), ReasonNotAuditEvent, "id is missing"},
		"value no JSON":  {change(func(e *AuditEvent) { e.After[0].Value.JSON = []byte("01") }), ReasonNotAuditEvent, "after: "},
		"extra no JSON":  {change(func(e *AuditEvent) { e.Context.Extra = []byte("{") }), ReasonNotAuditEvent, "context.extra: "},
		"extra an array": {change(func(e *AuditEvent) { e.Context.Extra = []byte("[]") }), ReasonNotAuditEvent, "text of an object"},
		"state unknown":  {change(func(e *AuditEvent) { e.Changes[2].Previous.State = 6 }), ReasonNotAuditEvent, "changes.previous"},
		"payload a list": {change(func(e *AuditEvent) { e.Feedback = &Feedback{Payload: []byte("[]")} }), ReasonNotAuditEvent, "feedback.payload: "},
		"status too big": {change(func(e *AuditEvent) { e.Access = &Access{Status: 1 << 31} }), ReasonNotAuditEvent, "access.status: "},
		"items negative": {change(func(e *AuditEvent) { e.Access = &Access{Items: -1} }), ReasonNotAuditEvent, "access.items: "},
		"not UTF-8":      {bytes.Replace(whole, []byte("catalog"), []byte("catal\xff\xff"), 1), ReasonNotAuditEvent, "scope: expected UTF-8"},
		"not a time":     {bytes.Replace(whole, []byte("2026-11-23T"), []byte("2026-11-23 "), 1), ReasonNotAuditEvent, "time: "},
	} {
		t.Run(name, func(t *testing.T) {
			var e AuditEvent
			err := ParseAvro(c.in, &e)
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

// A later release may add fields at the end; this one reads what it knows.
func TestParseAvroLeavesLaterFieldsUnread(t *testing.T) {
	var e AuditEvent
	if err := ParseAvro(append(fullEvent().AppendAvro(nil), 2, 4, 'x', 'y'), &e); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(&e, fullEvent()) {
		t.Errorf("got %+v", e)
	}
}

func TestDecodeAudit(t *testing.T) {
	want := fullEvent()
	wire := append([]byte{0, 0, 0, 0, 7}, want.AppendAvro(nil)...)
	for name, value := range map[string][]byte{"JSON": want.AppendJSON(nil), "Avro": wire} {
		var e AuditEvent
		if err := DecodeAudit(&Record{Value: value}, &e); err != nil {
			t.Errorf("%s: %v", name, err)
		} else if !reflect.DeepEqual(&e, want) {
			t.Errorf("%s: got %+v", name, e)
		}
	}
	for name, value := range map[string][]byte{"null": nil, "empty": {}, "header cut off": wire[:4], "only a header": wire[:5], "text": []byte("hello")} {
		var e AuditEvent
		var decode *DecodeError
		if err := DecodeAudit(&Record{Value: value}, &e); !errors.As(err, &decode) || decode.Reason != ReasonNotAuditEvent {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestAuditEventAvroAllocations(t *testing.T) {
	e := fullEvent()
	b := e.AppendAvro(nil)
	if n := testing.AllocsPerRun(100, func() { b = e.AppendAvro(b[:0]) }); n != 0 {
		t.Errorf("AppendAvro allocates %v times", n)
	}
	binary := changeEvent().AppendAvro(nil)
	var got AuditEvent
	if err := ParseAvro(binary, &got); err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() { _ = ParseAvro(binary, &got) }); n != 0 {
		t.Errorf("ParseAvro allocates %v times into used memory", n)
	}
}

func FuzzParseAvro(f *testing.F) {
	f.Add(fullEvent().AppendAvro(nil))
	f.Add(randomEvent(rand.New(rand.NewPCG(7, 7))).AppendAvro(nil))
	for _, e := range kindEvents() {
		f.Add(e.AppendAvro(nil))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var e AuditEvent
		if err := ParseAvro(data, &e); err != nil {
			var decode *DecodeError
			if !errors.As(err, &decode) || decode.Reason == "" || decode.Detail == "" {
				t.Fatalf("error %v", err)
			}
			return
		}
		binary := e.AppendAvro(nil)
		var again AuditEvent
		if err := ParseAvro(binary, &again); err != nil {
			t.Fatalf("%v in what was written again", err)
		}
		if b := again.AppendAvro(nil); !bytes.Equal(b, binary) {
			t.Fatalf("not stable:\n%x\n%x", binary, b)
		}
		if text := e.AppendJSON(nil); ParseAuditEvent(text, &again) != nil {
			t.Fatalf("its JSON can't be read: %s", text)
		}
	})
}

func BenchmarkAuditEventAppendAvro(b *testing.B) {
	e := changeEvent()
	buf := e.AppendAvro(nil)
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		buf = e.AppendAvro(buf[:0])
	}
}

func BenchmarkParseAvro(b *testing.B) {
	binary := changeEvent().AppendAvro(nil)
	var e AuditEvent
	b.SetBytes(int64(len(binary)))
	b.ReportAllocs()
	for b.Loop() {
		if err := ParseAvro(binary, &e); err != nil {
			b.Fatal(err)
		}
	}
}

func ExampleAuditEvent_AppendJSON() {
	e := AuditEvent{SchemaVersion: AuditSchemaVersion, Kind: KindChange, ID: "e1", Action: ActionUpdate,
		Entity:  Entity{Type: "product", ID: "1"},
		Changes: []FieldChange{{Field: "price", Previous: Value{State: Present, JSON: []byte(`"1.50"`)}, Current: NullValue}},
		CDC:     CDC{Source: "shop", Op: OpUpdate}}
	fmt.Println(string(e.AppendJSON(nil)))
	// Output: {"schema_version":1,"kind":"change","id":"e1","action":"update","entity":{"type":"product","id":"1"},"changes":[{"field":"price","previous":"1.50","current":null}],"cdc":{"source":"shop","op":"u","snapshot":false}}
}
