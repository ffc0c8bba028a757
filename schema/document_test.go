package schema

import (
	"crypto/sha256"
	"encoding/base64"
	"regexp"
	"strings"
	"testing"
	"time"
)

func sampleDocument() Document {
	e := fullEvent()
	return Document{
		Kind: DocumentRowVersion, Time: e.Time, Created: e.Captured, Ingested: e.Captured.Add(time.Second), EventID: e.ID, Action: e.Action, Scope: e.Scope,
		PairID:  "p",
		Context: e.Context, VersionName: e.VersionName, Fields: []string{"price", ""}, Before: e.Before, After: e.After, CDC: e.CDC,
		Entity: DocumentEntity{EntityRef: EntityRef{e.Entity.Type, e.Entity.ID}, Parent: e.Entity.Parent, NextID: "n", PreviousID: "v"},
	}
}

// Anybody can check a hash with nothing but the stored text: this test does it as docs/documents.md says, on a row that looks like what
// is to be cut out.
func TestDocumentHashIsOfItsText(t *testing.T) {
	d := sampleDocument()
	look := present(`{"position":"1"},"event":{"id":"x","hash":"y"`)
	look.JSON = AppendString(nil, string(look.JSON))
	d.After = append(d.After[:len(d.After):len(d.After)], Field{"hash", present(`"x"`)}, Field{"position", present(`"1"`)}, Field{"look", look},
		Field{"nested", present(`{"a":{"position":"1"},"event":{"id":"x","hash":"y"}}`)})
	c := *d.Context
	c.Reason = `},"event":{"id":"z","hash":"`
	d.Context = &c

	text, hash := d.AppendJSON([]byte("before"))
	checkHash(t, string(text[len("before"):]), hash)
	if d.Hash() != hash {
		t.Error("Hash differs from AppendJSON")
	}
	for _, d := range kindDocuments() {
		d.Created, d.Ingested = d.Time, d.Time
		if d.Feedback != nil {
			d.Feedback.EventID, d.Feedback.Payload = "", []byte(`{"event":{"id":"x","hash":"y"},"position":"1"}`)
		}
		text, hash := d.AppendJSON(nil)
		checkHash(t, string(text), hash)
	}
}

func checkHash(t *testing.T, stored, hash string) {
	t.Helper()
	at := strings.LastIndex(stored, `},"event":{"id":`)
	content := regexp.MustCompile(`,"position":"[^"\\]*"$`).ReplaceAllString(stored[:at], "") +
		regexp.MustCompile(`,"(created|ingested|hash)":"[^"\\]*"`).ReplaceAllString(stored[at:], "")
	sum := sha256.Sum256([]byte(content))
	if want := base64.RawURLEncoding.EncodeToString(sum[:]); hash != want || !strings.HasSuffix(stored, `,"hash":"`+want+`"}}`) {
		t.Errorf("hash %s, want %s, of %s", hash, want, content)
	}
}

func TestDocumentHashTellsContentFromDelivery(t *testing.T) {
	d := sampleDocument()
	hash := d.Hash()
	redelivered := d
	redelivered.Created = d.Created.Add(time.Hour)
	redelivered.Ingested = time.Time{}
	redelivered.CDC.Position = "9"
	if redelivered.Hash() != hash {
		t.Error("what may differ between two deliveries changes the hash")
	}
	for name, change := range map[string]func(*Document){
		"time":     func(d *Document) { d.Time = d.Time.Add(1) },
		"action":   func(d *Document) { d.Action = ActionDelete },
		"scope":    func(d *Document) { d.Scope = "other" },
		"entity":   func(d *Document) { d.Entity.ID = "2" },
		"fields":   func(d *Document) { d.Fields = nil },
		"image":    func(d *Document) { d.After = nil },
		"no image": func(d *Document) { d.After = Row{} },
		"tx":       func(d *Document) { d.CDC.TxID++ },
		"reason":   func(d *Document) { c := *d.Context; c.Reason = "x"; d.Context = &c },
		"version":  func(d *Document) { d.VersionName = "x" },
		"state": func(d *Document) {
			d.After = append(d.After[:len(d.After):len(d.After)], Field{"zz", Value{State: Masked}})
		},
	} {
		changed := d
		change(&changed)
		if changed.Hash() == hash {
			t.Errorf("%s does not change the hash", name)
		}
	}
}

func TestDocumentRoundTrip(t *testing.T) {
	change := sampleDocument()
	change.Kind, change.Fields, change.Before, change.After = DocumentFieldChange, nil, nil, nil
	bare := Document{Kind: DocumentTruncate, EventID: "e", Time: time.Unix(0, 1).UTC()}
	docs := []Document{sampleDocument(), bare}
	for _, v := range []Value{NullValue, {}, {State: Unavailable}, {State: Masked}, {State: Erased}, present(`"a\"\u0001ü\\"`), present("-1.50"), present(`[1,{"a":null}]`), present("true")} {
		change.Change = FieldChange{Field: `od"d.`, Previous: v, Current: present(`""`)}
		docs = append(docs, change)
	}
	for _, d := range kindDocuments() {
		docs = append(docs, d)
	}
	for _, d := range docs {
		text, hash := d.AppendJSON(nil)
		parsed, stored, err := ParseDocument(text)
		if err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		again, _ := parsed.AppendJSON(nil)
		if string(again) != string(text) || stored != hash {
			t.Errorf("read and written again:\n%s\n%s", again, text)
		}
		if parsed.Ref() != d.Ref() {
			t.Errorf("stands in %v, was %v", parsed.Ref(), d.Ref())
		}
	}
}

func TestParseDocumentRefuses(t *testing.T) {
	for _, text := range []string{"", "[]", "{}", `{"event":{"id":"e"}}`, `{"audit":{"kind":"row_version"}}`, `{"event":{"id":1}}`,
		`{"event":{"id":"e"},"audit":{"kind":"field_change"},"change":{"previous":{"state":"rumoured"}}}`, `{"event":{"id":"e"},"audit":{"kind":"x"}} x`} {
		if _, _, err := ParseDocument([]byte(text)); err == nil {
			t.Errorf("took %s", text)
		}
	}
	if _, _, err := ParseDocument([]byte(`{"event":{"id":"e","new":{}},"later":[1],"audit":{"kind":"x","more":null}}`)); err != nil {
		t.Errorf("unknown members: %v", err)
	}
}

func TestDocumentIndex(t *testing.T) {
	zone := time.FixedZone("", -3600)
	for _, test := range []struct {
		scope string
		at    time.Time
		want  string
	}{
		{"people", time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC), "dossier-people-v1-2026.11"},
		{"", time.Date(2026, 12, 31, 23, 30, 0, 0, zone), "dossier-default-v1-2027.01"},
	} {
		if got := DocumentIndex(test.scope, test.at); got != test.want {
			t.Errorf("%s, want %s", got, test.want)
		}
	}
}

func TestValidScope(t *testing.T) {
	for scope, want := range map[string]bool{"default": true, "a": true, "human-resources_2": true, "2024": true, "a-v": true, "a-vx1": true, "v1": true,
		"": false, "-a": false, "_a": false, "A": false, "a.b": false, "a*": false, "a,b": false, "a/b": false, "a-v1": false, "a-v1-b": false, "a b": false,
		"ü": false, strings.Repeat("a", 61): false} {
		if ValidScope(scope) != want {
			t.Errorf("ValidScope(%q) is %v", scope, !want)
		}
	}
}

func TestSearchForms(t *testing.T) {
	forms := func(json string) string { return string(appendSearchable(nil, present(json))) }
	for _, test := range []struct{ json, want string }{
		{`"99.50"`, `{"state":"present","json":"\"99.50\"","exact":"99.50","text":"99.50","number":99.5}`},
		{`9007199254740993`, `{"state":"present","json":"9007199254740993","exact":"9007199254740993","text":"9007199254740993","number":9007199254740992}`},
		{`"2026-02-28"`, `{"state":"present","json":"\"2026-02-28\"","exact":"2026-02-28","text":"2026-02-28","date":"2026-02-28"}`},
		{`true`, `{"state":"present","json":"true","exact":"true","text":"true"}`},
		{`""`, `{"state":"present","json":"\"\"","exact":"","text":""}`},
	} {
		if got := forms(test.json); got != test.want {
			t.Errorf("%s:\n got %s\nwant %s", test.json, got, test.want)
		}
	}
	for _, text := range []string{"1e309", "Infinity", "NaN", "0x1p-2", "1_000", ".5", "5.", "", "-", "1e", "1e+", "١", " 1", strings.Repeat("1", 401)} {
		if f, ok := numberForm(text); ok {
			t.Errorf("%q is the number %v", text, f)
		}
	}
	for _, text := range []string{"0", "-0", "+1", "1.50", "1e308", "1E-3", strings.Repeat("0", 400)} {
		if _, ok := numberForm(text); !ok {
			t.Errorf("%q is no number", text)
		}
	}
	for _, text := range []string{"2026-02-30", "2026-2-3", "2026-11-23T02:43", "2026-11-23 02:43:54", "2026-11-23T02:43:54,5", "2026-11-23T24:00:00", "12:00:00", "20261123", "294276-12-31",
		"2026-11-23Z", "-4713-11-24", "2026-11-23T02:43:54.1234567891"} {
		if isDate(text) {
			t.Errorf("%q is a date", text)
		}
	}
	for _, text := range []string{"0001-01-01", "9999-12-31", "2026-11-23T02:43:54", "2026-11-23T02:43:54.384552123", "2026-11-23T02:43:54Z", "2026-11-23T02:43:54.5+05:30"} {
		if !isDate(text) {
			t.Errorf("%q is no date", text)
		}
	}
	// The limits: 8191 UTF-16 units, and no character cut in two.
	for _, test := range []struct {
		text string
		want bool
	}{{strings.Repeat("€", ExactLimit), true}, {strings.Repeat("€", ExactLimit+1), false}, {strings.Repeat("😀", ExactLimit/2), true},
		{strings.Repeat("😀", ExactLimit/2+1), false}, {strings.Repeat("x", 40_000), false}} {
		if _, ok := exactForm(test.text); ok != test.want {
			t.Errorf("%d bytes: exact form %v", len(test.text), ok)
		}
	}
	if got := textForm(strings.Repeat("€", TextLimit)); len(got) > TextLimit || len(got) < TextLimit-2 || strings.ToValidUTF8(got, "") != got {
		t.Errorf("cut to %d bytes", len(got))
	}
}

func FuzzParseDocument(f *testing.F) {
	d := sampleDocument()
	text, _ := d.AppendJSON(nil)
	f.Add(text)
	d.Kind, d.Change = DocumentFieldChange, FieldChange{Field: "price", Previous: NullValue, Current: present(`"1.5"`)}
	text, _ = d.AppendJSON(nil)
	f.Add(text)
	for _, d := range kindDocuments() {
		text, _ := d.AppendJSON(nil)
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d, _, err := ParseDocument(data)
		if err != nil {
			return
		}
		once, hash := d.AppendJSON(nil)
		again, _, err := ParseDocument(once)
		if err != nil {
			return // a value that is no JSON in change.*.json: written as it came, which only a foreign writer does
		}
		if again.Hash() != hash {
			t.Errorf("another hash after a second reading of %s", once)
		}
	})
}

func BenchmarkDocumentAppendJSON(b *testing.B) {
	d := sampleDocument()
	var buffer []byte
	b.ReportAllocs()
	for b.Loop() {
		buffer, _ = d.AppendJSON(buffer[:0])
	}
}

// Every document of an event has an identity of its own, whatever the names in it.
func TestDocumentIDsDiffer(t *testing.T) {
	if got := DocumentID("LLqdYZIC5afCmD-mnnSnJg", DocumentFieldChange, "price"); got != "LLqdYZIC5afCmD-mnnSnJg.f.price" {
		t.Errorf("a field change is %s", got)
	}
	parts := []string{"e", "r", "f", "e.f", "e.f.r", "e.r", "f.r", ".r", ".f.r", "", "transaction", "e.transaction", "Grün", "a/b", strings.Repeat("x", 101), strings.Repeat("x", 102)}
	seen := map[string]string{}
	see := func(what, id string) {
		if other, twice := seen[id]; twice {
			t.Errorf("%s and %s are both %s", what, other, id)
		}
		seen[id] = what
		if len(id) > 512 || strings.ContainsAny(id, "/ü") {
			t.Errorf("%s is %s", what, id)
		}
	}
	for _, event := range parts {
		for _, kind := range []DocumentKind{DocumentRowVersion, DocumentTruncate, DocumentAttribution, DocumentFeedback, DocumentTransaction} {
			see(event+" "+string(kind), DocumentID(event, kind, ""))
		}
		for _, field := range parts {
			see(event+" field "+field, DocumentID(event, DocumentFieldChange, field))
			see(event+" version of "+field, NamedVersionDocumentID(event, EntityRef{field, ""}))
		}
	}
}
