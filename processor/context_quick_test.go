package processor

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"dossier/schema"
)

// Contexts as they come, with what there can be in them.
var contextTexts = []string{
	`{}`,
	`{"user":{"id":"u-1"},"correlation_id":"4f0c1a5e-9d53-4c8e-b7a2-000000000001","ip":"10.1.2.3","reason":"goods received"}`,
	`{"user":{"id":"u","name":"Ünal \u00dc \"q\" \ud83d\ude00","email":"u@example.org","account_id":"a","roles":["editor","","a\\b"]},"request_id":"r","trace_id":"t","on_behalf_of":"b",
		"initiator":"user","service":"shop","user_agent":"Mozilla/5.0","version_name":"v1","timestamp":"2026-11-23T02:43:54.5+01:00"}`,
	`{"user":{"id":"half a pair: \ud83d","roles":[]},"reason":"","timestamp":"0001-01-01T00:00:00Z"}`,
	`{ "user" : { } , "service" : "x" }`,
}

// Contexts that the quick packer leaves to ParseContext, or that are none.
var unusualContexts = []string{
	``, `null`, `[]`, `{"user":null}`, `{"ip":null}`, `{"ip":7}`, `{"user":7}`, `{"user":{"id":7}}`, `{"user":{"roles":"x"}}`, `{"user":{"roles":[1]}}`, `{"user":{"roles":[null]}}`,
	`{"ip":"1","ip":"2"}`, `{"user":{"id":"1"},"user":{"name":"2"}}`, `{"user":{"id":"1","id":"1"}}`, `{"timestamp":""}`, `{"timestamp":"yesterday"}`,
	`{"timestamp":"2026-11-23T02:43:54Z","timestamp":"2026-11-23T02:43:54Z"}`, `{"extra":{"a":1}}`, `{"own":1}`, `{"user":{"own":1}}`, `{"transaction_id":5}`, `{"\u0069p":"1"}`,
	`{"ip":"1"} x`, `{"ip":"1"`, `{"ip":"1",}`, "{\"ip\":\"\xff\"}", "{\"ip\":\"\n\"}", `{"ip":"\x"}`,
}

// samePacked compares what the quick packer makes of a context with what packContext makes of it, and says whether it took it.
func samePacked(t *testing.T, q *quickPacker, text []byte) bool {
	t.Helper()
	got, ok := q.pack([]byte("before"), text)
	if !ok {
		return false
	}
	c, err := schema.ParseContext(text)
	if err != nil {
		t.Fatalf("%s is packed, and is no context: %v", text, err)
	}
	if want := packContext([]byte("before"), &c); !bytes.Equal(got, want) {
		t.Fatalf("%s is packed as %q, want %q", text, got, want)
	}
	return true
}

func TestQuickPacker(t *testing.T) {
	var q quickPacker
	for _, text := range contextTexts {
		if !samePacked(t, &q, []byte(text)) {
			t.Errorf("%s is left to ParseContext", text)
		}
	}
	for _, text := range unusualContexts {
		if samePacked(t, &q, []byte(text)) {
			t.Errorf("%s is packed quickly", text)
		}
	}
	if samePacked(t, &q, []byte(`{"reason":"`+strings.Repeat("x", schema.MaxContextSize)+`"}`)) {
		t.Error("a context that is too large is packed")
	}
	random := rand.New(rand.NewPCG(1, 2))
	all := append(contextTexts, unusualContexts...)
	const some = "0123\"\\{}[]:, -\n\xc3\x00idipuser"
	for range 100_000 {
		text := []byte(all[random.IntN(len(all))])
		for range 1 + random.IntN(2) {
			if len(text) == 0 {
				break
			}
			at, c := random.IntN(len(text)), some[random.IntN(len(some))]
			switch random.IntN(4) {
			case 0:
				text = append(text[:at], text[at+1:]...)
			case 1:
				text = append(text[:at], append([]byte{c}, text[at:]...)...)
			case 2: // a part of it twice
				end := min(len(text), at+random.IntN(40))
				text = append(text[:end], append(bytes.Clone(text[at:end]), text[end:]...)...)
			default:
				text[at] = c
			}
		}
		samePacked(t, &q, text)
	}
}

func FuzzQuickPacker(f *testing.F) {
	for _, text := range append(contextTexts, unusualContexts...) {
		f.Add([]byte(text))
	}
	var q quickPacker
	f.Fuzz(func(t *testing.T, text []byte) { samePacked(t, &q, text) })
}
