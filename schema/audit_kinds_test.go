package schema

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// kindEvents are one event of each kind that is no change, and a change whose row names a version of another entity.
func kindEvents() map[Kind]*AuditEvent {
	at := time.Date(2026, 11, 23, 2, 43, 54, 1, time.UTC)
	person := Entity{Type: "person", ID: "17"}
	context := func() *EventContext {
		return &EventContext{Status: StatusAttached, Route: RouteHTTP, Context: Context{User: User{ID: "u1"}, Reason: "audit"}}
	}
	change := fullEvent()
	change.VersionName, change.Context.VersionName = "Baseline", "Baseline"
	change.NamedVersion, change.VersionOf = &NamedVersion{AsOf: change.Time}, &EntityRef{"person", "17"}
	named := &AuditEvent{SchemaVersion: 1, Kind: KindNamedVersion, ID: NamedVersionEventID("r-1", EntityRef{"person", "17"}), Time: at, Entity: person, Scope: "people",
		Context: context(), VersionName: "Baseline", NamedVersion: &NamedVersion{ID: "r-1", AsOf: asOf, EventID: "c-9"}}
	named.Context.VersionName = "Baseline"
	return map[Kind]*AuditEvent{
		KindChange:       change,
		KindNamedVersion: named,
		KindFeedback: {SchemaVersion: 1, Kind: KindFeedback, ID: FeedbackEventID("payments", "p-1"), Time: at, Entity: person, Scope: "people", Context: context(),
			Feedback: &Feedback{Application: "payments", Status: "rejected", Message: "no IBAN", Payload: json.RawMessage(`{"code":9007199254740993}`), EventID: "c-9"}},
		KindAccess: {SchemaVersion: 1, Kind: KindAccess, ID: AccessEventID("ann", "r-1", at), Time: at, Context: context(),
			Access: &Access{Caller: "ann", Method: "GET", Path: "/api/v1/changes", Query: "q=user:u1", Status: 200, Items: 12}},
	}
}

func TestAuditKindsAsJSON(t *testing.T) {
	const context = `"context":{"status":"attached","route":"http","user":{"id":"u1"},"reason":"audit"}`
	want := map[Kind]string{
		KindNamedVersion: `{"schema_version":1,"kind":"named_version","id":"` + NamedVersionEventID("r-1", EntityRef{"person", "17"}) + `","time":"2026-11-23T02:43:54.000000001Z",` +
			`"entity":{"type":"person","id":"17"},"scope":"people",` + context + `,"version_name":"Baseline",` +
			`"version":{"id":"r-1","as_of":"2026-11-01T12:00:00.000000001Z","event_id":"c-9"},"cdc":{"source":"","snapshot":false}}`,
		KindFeedback: `{"schema_version":1,"kind":"feedback","id":"` + FeedbackEventID("payments", "p-1") + `","time":"2026-11-23T02:43:54.000000001Z",` +
			`"entity":{"type":"person","id":"17"},"scope":"people",` + context + `,"feedback":{"application":"payments","status":"rejected","message":"no IBAN",` +
			`"payload":{"code":9007199254740993},"event_id":"c-9"},"cdc":{"source":"","snapshot":false}}`,
		KindAccess: `{"schema_version":1,"kind":"access","id":"` + AccessEventID("ann", "r-1", time.Date(2026, 11, 23, 2, 43, 54, 1, time.UTC)) + `",` +
			`"time":"2026-11-23T02:43:54.000000001Z","entity":{"type":""},` + context + `,` +
			`"access":{"caller":"ann","method":"GET","path":"/api/v1/changes","query":"q=user:u1","status":200,"items":12},"cdc":{"source":"","snapshot":false}}`,
	}
	for kind, text := range want {
		if got := string(kindEvents()[kind].AppendJSON(nil)); got != text {
			t.Errorf("%s:\n got %s\nwant %s", kind, got, text)
		}
	}
	change := kindEvents()[KindChange].AppendJSON(nil)
	if part := `"version_name":"Baseline","version":{"as_of":"2026-11-23T02:43:54.384552Z","entity":{"type":"person","id":"17"}},"changes":[`; !bytes.Contains(change, []byte(part)) {
		t.Errorf("no %s in %s", part, change)
	}
}

// Each kind comes back whole from both forms, one after the other into the same memory, and nothing of one stays in the next.
func TestAuditKindsRoundTrip(t *testing.T) {
	schema := compileAuditSchema(t, closed(t, AuditJSONSchema))
	codec := auditCodec(t)
	var fromJSON, fromAvro AuditEvent
	for range 2 {
		for kind, want := range kindEvents() {
			text, binary := want.AppendJSON(nil), want.AppendAvro(nil)
			if err := ParseAuditEvent(text, &fromJSON); err != nil {
				t.Fatal(kind, err)
			}
			if !reflect.DeepEqual(normal(&fromJSON), want) {
				t.Errorf("%s from JSON:\n got %+v\nwant %+v", kind, fromJSON, want)
			}
			if err := ParseAvro(binary, &fromAvro); err != nil {
				t.Fatal(kind, err)
			}
			if !reflect.DeepEqual(avroNormal(&fromAvro), want) {
				t.Errorf("%s from Avro:\n got %+v\nwant %+v", kind, fromAvro, want)
			}
			native, rest, err := codec.NativeFromBinary(binary)
			if err != nil || len(rest) > 0 || !reflect.DeepEqual(native, any(auditNative(want))) {
				t.Errorf("%s: goavro reads %v, %v", kind, native, err)
			}
			instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			if err := schema.Validate(instance); err != nil {
				t.Errorf("%s does not follow the JSON schema: %v", kind, err)
			}
		}
	}
}

func TestParseAuditEventRefusesDamagedKinds(t *testing.T) {
	for _, member := range []string{`"version":1`, `"version":{"as_of":"soon"}`, `"version":{"entity":"person"}`, `"feedback":[]`, `"feedback":{"payload":1}`,
		`"feedback":{"status":7}`, `"access":{"status":"200"}`, `"access":{"items":-1}`, `"access":{"status":2147483648}`, `"access":{"path":null}`} {
		var e AuditEvent
		if err := ParseAuditEvent([]byte(`{"schema_version":1,"kind":"x","id":"x",`+member+`}`), &e); err == nil {
			t.Errorf("took %s", member)
		}
	}
}

func TestAuditKey(t *testing.T) {
	for _, test := range []struct {
		e    AuditEvent
		want string
	}{
		{AuditEvent{ID: "x", Entity: Entity{Type: "product", ID: "1"}}, "product/1"},
		{AuditEvent{ID: "x", Entity: Entity{Type: "public.log"}}, "public.log/"},
		{AuditEvent{ID: "x"}, "x"}, // spread over the partitions
	} {
		if got := string(test.e.AppendKey(nil)); got != test.want {
			t.Errorf("key %q, want %q", got, test.want)
		}
	}
}

func TestDerivedEventIDs(t *testing.T) {
	at := time.Date(2026, 11, 23, 2, 43, 54, 1, time.FixedZone("", 3600))
	ids := []string{NamedVersionEventID("a", EntityRef{"p", "1"}), NamedVersionEventID("a", EntityRef{"p", "2"}), NamedVersionEventID("b", EntityRef{"p", "1"}),
		FeedbackEventID("a", "1"), FeedbackEventID("a1", ""), AccessEventID("a", "1", at), AccessEventID("a", "1", at.Add(1)), AccessEventID("b", "1", at)}
	n := len(ids)
	slices.Sort(ids)
	if len(slices.Compact(ids)) != n {
		t.Error("two things have one id")
	}
	if AccessEventID("a", "1", at) != AccessEventID("a", "1", at.UTC()) {
		t.Error("the id follows the zone")
	}
}
