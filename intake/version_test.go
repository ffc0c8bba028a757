package intake

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"dossier/schema"
)

func TestParseVersionRequest(t *testing.T) {
	v, err := ParseVersionRequest([]byte(`{"name":"  Baseline 2026 ","reason":"closing","as_of":"2026-11-23T13:00:00.5+01:00","entities":[{"type":"person","id":"1"},{"type":"person","id":"a/b"}],
		"new_edition":true,"user":{"id":"u1"}}`))
	if err != nil {
		t.Fatal(err)
	}
	want := VersionRequest{Name: "Baseline 2026", Reason: "closing", AsOf: time.Date(2026, 11, 23, 12, 0, 0, 5e8, time.UTC),
		Entities: []schema.EntityRef{{Type: "person", ID: "1"}, {Type: "person", ID: "a/b"}}, NewEdition: true, User: schema.User{ID: "u1"}}
	if !reflect.DeepEqual(v, want) {
		t.Errorf("got  %+v\nwant %+v", v, want)
	}
	if v, err = ParseVersionRequest([]byte(`{"name":"x","query":"type:person","as_of":"2026-11-23"}`)); err != nil || v.Query != "type:person" || !v.AsOf.Equal(time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("%+v, %v", v, err)
	}
}

func TestFaultsOfVersionRequests(t *testing.T) {
	const one = `"entities":[{"type":"person","id":"1"}]`
	many := strings.Repeat(`{"type":"p","id":"1"},`, MaxVersionEntities) + `{"type":"p","id":"1"}`
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"no object":              {`7`, []string{""}},
		"nothing":                {`{}`, []string{"/name", ""}},
		"an empty name":          {`{"name":" ",` + one + `}`, []string{"/name"}},
		"a long name":            {`{"name":"` + strings.Repeat("€", MaxVersionName+1) + `",` + one + `}`, []string{"/name"}},
		"just not too long":      {`{"name":"` + strings.Repeat("€", MaxVersionName) + `",` + one + `}`, nil},
		"a control character":    {`{"name":"a\u0085b",` + one + `}`, []string{"/name"}},
		"a name of another type": {`{"name":1,` + one + `}`, []string{"/name"}},
		"a time that is none":    {`{"name":"n","as_of":"yesterday",` + one + `}`, []string{"/as_of"}},
		"a number for a time":    {`{"name":"n","as_of":1795411141473,` + one + `}`, []string{"/as_of"}},
		"both":                   {`{"name":"n","query":"type:person",` + one + `}`, []string{""}},
		"neither":                {`{"name":"n","entities":null,"query":null}`, []string{""}},
		"no entities":            {`{"name":"n","entities":[]}`, []string{"/entities"}},
		"an empty query":         {`{"name":"n","query":" "}`, []string{"/query"}},
		"too many":               {`{"name":"n","entities":[` + many + `]}`, []string{"/entities"}},
		"several faults":         {`{"name":"n","entities":[{"type":"p","id":"1"},{"type":"p"},7,null,{"id":"1","typ":"p"}],"new_edition":"yes","editon":1}`, []string{"/entities/1/id", "/entities/2", "/entities/3", "/entities/4/type", "/entities/4/typ", "/new_edition", "/editon"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseVersionRequest([]byte(test.text))
			if got := pointers(err); fmt.Sprint(got) != fmt.Sprint(test.want) || (err == nil) != (test.want == nil) {
				t.Errorf("faults at %q, want %q: %v", got, test.want, err)
			}
		})
	}
}

func TestIdempotencyKeys(t *testing.T) {
	for key, good := range map[string]bool{"": true, "0f0c1a5e-77": true, strings.Repeat("k", 200): true, strings.Repeat("k", 201): false, "line\nbreak": false, "schlüssel": false} {
		if err := CheckIdempotencyKey(key); (err == nil) != good {
			t.Errorf("%q: %v", key, err)
		}
	}
}

func TestVersionEvents(t *testing.T) {
	v := VersionRequest{Name: "Baseline 2026", Reason: "closing", User: schema.User{ID: "u1"}}
	states := []NamedState{{Target{schema.EntityRef{Type: "person", ID: "1"}, &schema.EntityRef{Type: "household", ID: "9"}, "people"}, "c-1"},
		{Target{Entity: schema.EntityRef{Type: "person", ID: "2"}}, "c-2"}}
	events := v.Events("v-1", noon, noon.Add(-time.Hour), states, Caller{})
	const want = `{"schema_version":1,"kind":"named_version","id":"%s","time":"2026-11-23T12:00:00.123456789Z","captured":"2026-11-23T12:00:00.123456789Z",` +
		`"entity":{"type":"person","id":"1","parent":{"type":"household","id":"9"}},"scope":"people","context":{"status":"attached","route":"http","user":{"id":"u1"},"reason":"closing"},` +
		`"version_name":"Baseline 2026","version":{"id":"v-1","as_of":"2026-11-23T11:00:00.123456789Z","event_id":"c-1"},"cdc":{"source":"","snapshot":false}}`
	if got := string(events[0].AppendJSON(nil)); got != fmt.Sprintf(want, schema.NamedVersionEventID("v-1", states[0].Entity)) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if events[1].Scope != schema.DefaultScope || events[0].ID == events[1].ID {
		t.Errorf("%+v", events[1])
	}
}
