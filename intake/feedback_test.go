package intake

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"dossier/schema"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 123456789, time.UTC)

// pointers returns where the faults are, in their order.
func pointers(err error) []string {
	var faults Faults
	if !errors.As(err, &faults) {
		return nil
	}
	list := []string{}
	for _, f := range faults {
		list = append(list, f.Pointer)
	}
	return list
}

func TestParseFeedback(t *testing.T) {
	f, err := ParseFeedback([]byte(`{"application":"payments","status":"rejected","message":"no IBAN\n€","payload":{"code":9007199254740993,"a":[1.50]},
		"entity":{"type":"product","id":"1/2"},"version":"Baseline 2026","event_id":"e-1","id":"p-77","scope":"people","user":{"id":"u1","roles":["clerk"]},"reason":"because"}`))
	if err != nil {
		t.Fatal(err)
	}
	want := Feedback{ID: "p-77", Application: "payments", Status: "rejected", Message: "no IBAN\n€", Payload: json.RawMessage(`{"code":9007199254740993,"a":[1.50]}`),
		Entity: &schema.EntityRef{Type: "product", ID: "1/2"}, Version: "Baseline 2026", EventID: "e-1", Scope: "people", User: schema.User{ID: "u1", Roles: []string{"clerk"}}, Reason: "because"}
	if !reflect.DeepEqual(f, want) {
		t.Errorf("got  %+v\nwant %+v", f, want)
	}
	if _, err := ParseFeedback([]byte(` {"application":"a","status":"s","version":"v","message":null,"payload":null,"entity":null,"user":null,"id":null} `)); err != nil {
		t.Errorf("null is the same as missing: %v", err)
	}
}

// Everything that is wrong is told at once, each with where.
func TestFaultsOfFeedback(t *testing.T) {
	const good = `"application":"a","status":"s","version":"v"`
	deep := strings.Repeat(`{"a":`, 120) + "1" + strings.Repeat("}", 120)
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"empty":               {``, []string{""}},
		"no JSON":             {`{`, []string{""}},
		"cut":                 {`{"application":"a"`, []string{""}},
		"a list":              {`[]`, []string{""}},
		"null":                {`null`, []string{""}},
		"a string":            {`"a"`, []string{""}},
		"two values":          {`{` + good + `}{}`, []string{""}},
		"rubbish behind":      {`{` + good + `} x`, []string{""}},
		"no UTF-8":            {"{" + good + `,"message":"` + "\xff" + `"}`, []string{""}},
		"too large":           {`{` + good + `,"message":"` + strings.Repeat("x", MaxFeedback) + `"}`, []string{""}},
		"a member twice":      {`{` + good + `,"status":"t"}`, []string{""}},
		"twice in payload":    {`{` + good + `,"payload":{"a":[{"b":1,"b":2}]}}`, []string{""}},
		"the same name apart": {`{` + good + `,"payload":{"a":{"a":1},"b":[{"a":1},{"a":2}]}}`, nil},
		"too deep":            {`{` + good + `,"payload":` + deep + `}`, []string{""}},
		"nothing given":       {`{}`, []string{"/application", "/status"}},
		"on nothing":          {`{"application":"a","status":"s"}`, []string{""}},
		"empty texts":         {`{"application":"","status":"","version":"v"}`, []string{"/application", "/status"}},
		"wrong types":         {`{"application":1,"status":["s"],"message":{},"payload":[],"entity":"product/1","version":2,"event_id":true,"id":7,"user":"u1"}`, []string{"/application", "/status", "/message", "/payload", "/entity", "/version", "/event_id", "/id", "/user"}},
		"too long":            {`{"application":"` + strings.Repeat("€", maxName+1) + `","status":"s","version":"v"}`, []string{"/application"}},
		"just not too long":   {`{"application":"` + strings.Repeat("€", maxName) + `","status":"s","version":"v"}`, nil},
		"message too long":    {`{` + good + `,"message":"` + strings.Repeat("x", MaxMessage+1) + `"}`, []string{"/message"}},
		"payload too large":   {`{` + good + `,"payload":{"a":"` + strings.Repeat("x", MaxPayload) + `"}}`, []string{"/payload"}},
		"control characters":  {`{"application":"a\u0000","status":"s\n","version":"v","message":"line\n\tline"}`, []string{"/application", "/status"}},
		"white space around":  {`{"application":" a","status":"s ","version":"v"}`, []string{"/application", "/status"}},
		"half an entity":      {`{` + good + `,"entity":{"type":"t"}}`, []string{"/entity/id"}},
		"more of an entity":   {`{` + good + `,"entity":{"type":"t","id":"1","~/x":1}}`, []string{"/entity/~0~1x"}},
		"misspelt":            {`{` + good + `,"mesage":"m","Status":"s"}`, []string{"/Status", "/mesage"}},
		"a user's fields":     {`{` + good + `,"user":{"id":1,"login":"x","roles":[1]}}`, []string{"/user/id", "/user/roles", "/user/login"}},
		"a role":              {`{` + good + `,"user":{"roles":["a","b\u0007"]}}`, []string{"/user/roles/1"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseFeedback([]byte(test.text))
			if got := pointers(err); fmt.Sprint(got) != fmt.Sprint(test.want) || (err == nil) != (test.want == nil) {
				t.Errorf("faults at %q, want %q: %v", got, test.want, err)
			}
			if err != nil && len(err.Error()) > 2_000 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
		})
	}
}

// What a fault tells holds no value of the input: faults are logged and stand in dead letters' headers.
func TestFaultsHoldNoValues(t *testing.T) {
	_, err := ParseFeedback([]byte(`{"application":"secret\u0000","status":" secret","message":17,"entity":{"type":"","id":"secret\u0001"},"user":{"name":"\u0002secret"}}`))
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v", err)
	}
}

func TestFeedbackEvent(t *testing.T) {
	f := Feedback{Application: "payments", Status: "rejected", Message: "no", Payload: json.RawMessage(`{"a":1.50}`), EventID: "c-1", Version: "Baseline", Reason: "audit",
		User: schema.User{ID: "u1"}}
	target := Target{Entity: schema.EntityRef{Type: "product", ID: "1"}, Parent: &schema.EntityRef{Type: "supplier", ID: "7"}, Scope: "catalog"}
	e := f.Event("id", noon, target, Caller{User: schema.User{ID: "svc"}, RequestID: "r-1"})
	const want = `{"schema_version":1,"kind":"feedback","id":"id","time":"2026-11-23T12:00:00.123456789Z","captured":"2026-11-23T12:00:00.123456789Z",` +
		`"entity":{"type":"product","id":"1","parent":{"type":"supplier","id":"7"}},"scope":"catalog",` +
		`"context":{"status":"attached","route":"http","request_id":"r-1","user":{"id":"u1"},"service":"payments","reason":"audit","extra":{"authenticated_user":"svc"}},` +
		`"version_name":"Baseline","feedback":{"application":"payments","status":"rejected","message":"no","payload":{"a":1.50},"event_id":"c-1"},"cdc":{"source":"","snapshot":false}}`
	if got := string(e.AppendJSON(nil)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	var back schema.AuditEvent
	if err := schema.ParseAuditEvent(e.AppendJSON(nil), &back); err != nil {
		t.Error(err)
	}
	if f.FeedbackID() != "" {
		t.Error("an id without one of its own")
	}
	f.ID = "77"
	other := f
	other.Application = "pay"
	if f.FeedbackID() == other.FeedbackID() || f.FeedbackID() != schema.FeedbackEventID("payments", "77") {
		t.Error("two applications share ids")
	}
}

// Who sent it is told by the input before the program that took it, and never lost.
func TestCallerAndAuthor(t *testing.T) {
	for name, test := range map[string]struct {
		caller, author schema.User
		service        string
		want           string
		extra          string
		status         schema.ContextStatus
	}{
		"nobody":            {status: schema.StatusUnattributed},
		"an application":    {service: "payments", status: schema.StatusAttached},
		"the caller":        {caller: schema.User{ID: "ann"}, want: "ann", status: schema.StatusAttached},
		"another author":    {caller: schema.User{ID: "svc"}, author: schema.User{ID: "ann"}, want: "ann", extra: `{"authenticated_user":"svc"}`, status: schema.StatusAttached},
		"the author itself": {caller: schema.User{ID: "ann"}, author: schema.User{ID: "ann"}, want: "ann", status: schema.StatusAttached},
		"a name alone":      {caller: schema.User{Name: `the "service"`}, author: schema.User{ID: "ann"}, want: "ann", extra: `{"authenticated_user":"the \"service\""}`, status: schema.StatusAttached},
	} {
		t.Run(name, func(t *testing.T) {
			c := Caller{User: test.caller}.context(test.author, "", test.service)
			if c.User.ID != test.want || string(c.Extra) != test.extra || c.Status != test.status {
				t.Errorf("user %q, extra %s, %s", c.User.ID, c.Extra, c.Status)
			}
		})
	}
}

func FuzzParseFeedback(f *testing.F) {
	f.Add([]byte(`{"application":"payments","status":"rejected","payload":{"a":[1,{"b":null}]},"entity":{"type":"product","id":"1"}}`))
	f.Add([]byte(`{"application":"a","status":"s","version":"v","user":{"roles":["x"]}}`))
	f.Add([]byte(`{"a":{"a":{"a":1}},"a":2}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		feedback, err := ParseFeedback(data)
		if err != nil {
			if len(pointers(err)) == 0 {
				t.Fatalf("an error without faults: %v", err)
			}
			return
		}
		e := feedback.Event("id", noon, Target{}, Caller{})
		text := e.AppendJSON(nil)
		var back schema.AuditEvent
		if err := schema.ParseAuditEvent(text, &back); err != nil || !json.Valid(text) {
			t.Fatalf("%v: %s", err, text)
		}
		if back.Feedback.Application != feedback.Application || back.Feedback.Message != feedback.Message || string(back.Feedback.Payload) != string(feedback.Payload) {
			t.Fatalf("became %+v", back.Feedback)
		}
	})
}
