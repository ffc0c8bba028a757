package schema

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestParseContext(t *testing.T) {
	c, err := ParseContext([]byte(`{"transaction_id":"18446744073709551615","correlation_id":"c","request_id":"r","trace_id":"t",
		"user":{"id":"u1","name":"Ünï \"x\"","email":"e@x","account_id":"a","roles":["admin","editor"],"department":"d"},
		"on_behalf_of":"u2","initiator":"user","service":"s","ip":"192.0.2.1","user_agent":"UA","reason":"why","version_name":"v1",
		"timestamp":"2026-11-23T03:43:54.5+01:00","extra":{"n":9007199254740993,"nested":{"a":[1]}},"tenant":"x","none":null}`))
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(*c.TransactionID, " ", c.CorrelationID, c.RequestID, c.TraceID, " ", c.User, " ", c.OnBehalfOf, c.Initiator, c.Service, c.IP, c.UserAgent,
		c.Reason, c.VersionName, " ", c.Timestamp.Format(time.RFC3339Nano))
	want := `18446744073709551615 crt {u1 Ünï "x" e@x a [admin editor]} u2users192.0.2.1UAwhyv1 2026-11-23T02:43:54.5Z`
	if got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	if want := `{"user.department":"d","n":9007199254740993,"nested":{"a":[1]},"tenant":"x","none":null}`; string(c.Extra) != want {
		t.Errorf("extra:\n got %s\nwant %s", c.Extra, want)
	}
	// Null is the same as missing, and an empty object is a context.
	for _, text := range []string{`{}`, ` {"user":null,"transaction_id":null,"timestamp":null,"extra":null,"ip":null} `, `{"user":{"roles":null,"id":null}}`} {
		c, err := ParseContext([]byte(text))
		if err != nil || c.TransactionID != nil || !c.User.IsZero() || c.Extra != nil || !c.Timestamp.IsZero() {
			t.Errorf("%s: %+v, %v", text, c, err)
		}
	}
}

func TestParseContextRefuses(t *testing.T) {
	for _, x := range []struct{ text, reason, detail string }{
		{``, ReasonContextNotJSON, "expected an object"},
		{`null`, ReasonContextNotJSON, "is null, expected a JSON object"},
		{`"x"`, ReasonContextNotJSON, "is a string, expected a JSON object"},
		{`{"user":`, ReasonContextNotJSON, "not a JSON object"},
		{`{} x`, ReasonContextNotJSON, "end of the text"},
		{"{\"reason\":\"\xff\"}", ReasonContextNotJSON, "UTF-8"},
		{`{"user":"u1"}`, ReasonContextWrongType, "user of the request context: expected an object, found a string"},
		{`{"user":{"id":1}}`, ReasonContextWrongType, "user.id of the request context: expected a string, found a number"},
		{`{"user":{"roles":"admin"}}`, ReasonContextWrongType, "user.roles of the request context: expected an array of strings, found a string"},
		{`{"user":{"roles":[1]}}`, ReasonContextWrongType, "user.roles"},
		{`{"transaction_id":-1}`, ReasonContextWrongType, "transaction_id of the request context: expected a whole number"},
		{`{"transaction_id":1.5}`, ReasonContextWrongType, "transaction_id"},
		{`{"transaction_id":18446744073709551616}`, ReasonContextWrongType, "transaction_id"},
		{`{"transaction_id":true}`, ReasonContextWrongType, "found a boolean"},
		{`{"timestamp":"yesterday"}`, ReasonContextWrongType, "timestamp of the request context: expected a time as in RFC 3339"},
		{`{"timestamp":1795401834}`, ReasonContextWrongType, "timestamp of the request context: expected a string"},
		{`{"extra":[]}`, ReasonContextWrongType, "extra of the request context: expected an object"},
		{`{"user":{"id":"a"},"user":{"id":"b"}}`, ReasonContextWrongType, "has user twice"},
		{`{"user":{"id":"a","id":"b"}}`, ReasonContextWrongType, "has user.id twice"},
		{`{"reason":"` + strings.Repeat("x", MaxContextSize) + `"}`, ReasonTooLarge, "at most 65536"},
	} {
		_, err := ParseContext([]byte(x.text))
		var e *DecodeError
		if !errors.As(err, &e) || e.Reason != x.reason || !strings.Contains(e.Detail, x.detail) {
			t.Errorf("%.50s: %v, want %s with %q", x.text, err, x.reason, x.detail)
		}
	}
	if _, err := ParseContext([]byte(`{"user":{"id":42},"reason":"a secret"}`)); err == nil || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "42") {
		t.Errorf("the error shows values: %v", err)
	}
}

func TestContextFromRow(t *testing.T) {
	text := func(s string) Value { return Value{State: Present, JSON: AppendString(nil, s)} }
	raw := func(s string) Value { return Value{State: Present, JSON: []byte(s)} }
	c, err := ContextFromRow(Row{
		{"id", raw("1")}, {"transaction_id", raw("4294968024")}, {"user_id", raw("42")}, {"user_name", text("Ada")}, {"user_email", NullValue},
		{"user_roles", raw(`["admin","editor"]`)}, {"ip", text("192.0.2.1")}, {"timestamp", text("2026-11-23T02:43:54.384552Z")},
		{"extra", text(`{"a": 1}`)}, {"version_name", text("v1")}, {"created_at", text("2026-11-23T02:43:54Z")},
	})
	if err != nil || *c.TransactionID != 4294968024 || c.User.ID != "42" || c.User.Name != "Ada" || c.User.Email != "" || !slices.Equal(c.User.Roles, []string{"admin", "editor"}) ||
		c.IP != "192.0.2.1" || c.Timestamp.Nanosecond() != 384552000 || string(c.Extra) != `{"a": 1}` || c.VersionName != "v1" {
		t.Errorf("%+v, %v", c, err)
	}
	for roles, want := range map[string]string{`"admin, editor"`: "[admin editor]", `"[\"a,b\"]"`: "[a,b]", `""`: "[]", `[]`: "[]"} {
		c, err := ContextFromRow(Row{{"user_roles", raw(roles)}})
		if err != nil || fmt.Sprint(c.User.Roles) != want {
			t.Errorf("roles %s: %v, %v", roles, c.User.Roles, err)
		}
	}
	// Columns complete the JSON, and never contradict it.
	c, err = ContextFromRow(Row{{"user_id", text("other")}, {"ip", text("192.0.2.1")}, {"context", text(`{"user":{"id":"u"},"service":"billing"}`)}})
	if err != nil || c.User.ID != "u" || c.IP != "192.0.2.1" || c.Service != "billing" {
		t.Errorf("%+v, %v", c, err)
	}
	for name, v := range map[string]Value{"context": text("[]"), "transaction_id": text("x"), "timestamp": text("now"), "user_roles": raw("1"), "extra": text("x")} {
		var e *DecodeError
		if _, err := ContextFromRow(Row{{name, v}}); !errors.As(err, &e) {
			t.Errorf("column %s: %v, want a DecodeError", name, err)
		}
	}
}

func TestContextsOfTheRecordedTable(t *testing.T) {
	inEveryFormat(t, "contexts", func(r *recorded) {
		c, err := ContextFromRow(r.of("request_context")[0].After)
		if err != nil || c.User.ID != "by-table" || c.CorrelationID != "q-3" {
			t.Errorf("%+v, %v", c, err)
		}
	})
}
