package requestcontext

import (
	"encoding/json"
	"errors"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func full() Context {
	return Context{
		TransactionID: 1<<32 + 7,
		CorrelationID: "c-1", RequestID: "r-1", TraceID: "4bf92f3577b34da6a3ce929d0e0e4736",
		User:       User{ID: "u1", Name: "Zoë O'Neil", Email: "zoe@example.org", AccountID: "a1", Roles: []string{"admin", `two "words"`}},
		OnBehalfOf: "u2", Initiator: InitiatorUser, Service: "shop", IP: "2001:db8::1",
		UserAgent: "Mozilla/5.0", Reason: `because \ 'why' 😀`, VersionName: "Baseline 2026",
		Timestamp: time.Date(2026, 11, 23, 2, 43, 54, 384552000, time.UTC),
		Extra:     map[string]any{"order": json.Number("9007199254740993"), "tags": []any{"a", nil}},
	}
}

// The vocabulary is a contract: other programs, and SQL written by hand, use these names.
func TestEncodeVocabulary(t *testing.T) {
	b, err := full().Encode()
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"transaction_id":4294967303,"correlation_id":"c-1","request_id":"r-1","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736",` +
		`"user":{"id":"u1","name":"Zo\u00eb O'Neil","email":"zoe@example.org","account_id":"a1","roles":["admin","two \"words\""]},` +
		`"on_behalf_of":"u2","initiator":"user","service":"shop","ip":"2001:db8::1","user_agent":"Mozilla/5.0",` +
		`"reason":"because \\ 'why' \ud83d\ude00","version_name":"Baseline 2026","timestamp":"2026-11-23T02:43:54.384552Z",` +
		`"extra":{"order":9007199254740993,"tags":["a",null]}}`
	if string(b) != want {
		t.Errorf("encoded\n%s\nwant\n%s", b, want)
	}
	if b, err := (Context{}).Encode(); err != nil || string(b) != "{}" {
		t.Errorf("the empty context is %s, %v; want {}", b, err)
	}
}

func TestEncodeKeepsTextsExactly(t *testing.T) {
	for _, s := range []string{"plain", `\u0000 spelt out`, `\\u0000`, `"'\/<>&`, "tab\tline\n\u2028", "é 漢 😀 \U0010ffff", "\x7f"} {
		b, err := Context{Reason: s, Extra: map[string]any{s: s}}.Encode()
		if err != nil {
			t.Fatal(err)
		}
		var c Context
		if err := json.Unmarshal(b, &c); err != nil {
			t.Fatalf("%q: %v in %s", s, err, b)
		}
		if c.Reason != s || c.Extra[s] != s {
			t.Errorf("%q came back as %q and %v", s, c.Reason, c.Extra)
		}
	}
	b, _ := Context{Reason: "a\x00b\xffc", Extra: map[string]any{"k\x00": "\\\x00"}}.Encode()
	if want := `{"reason":"a\ufffdb\ufffdc","extra":{"k\ufffd":"\\\ufffd"}}`; string(b) != want {
		t.Errorf("NUL and invalid UTF-8 became %s, want %s", b, want)
	}
}

func TestEncodeBounds(t *testing.T) {
	long := strings.Repeat("漢", MaxMessage)
	roles := slices.Repeat([]string{"a role with a long name"}, 4000)
	tests := map[string]struct {
		in      Context
		leftOut []any
		roles   int
	}{
		"user agent and reason cut": {in: Context{UserAgent: long, Reason: long}},
		"extra":                     {in: Context{User: User{Roles: []string{"r"}}, Extra: map[string]any{"x": long}}, leftOut: []any{"extra"}, roles: 1},
		"roles":                     {in: Context{User: User{ID: "u", Roles: roles}}, leftOut: []any{"user.roles"}},
		"extra and roles":           {in: Context{User: User{ID: "u", Roles: roles}, Extra: map[string]any{"x": "y"}}, leftOut: []any{"extra", "user.roles"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			before := maps.Clone(tt.in.Extra)
			b, err := tt.in.Encode()
			if err != nil {
				t.Fatal(err)
			}
			if len(b) > MaxMessage {
				t.Errorf("%d bytes", len(b))
			}
			var c Context
			if err := json.Unmarshal(b, &c); err != nil {
				t.Fatal(err)
			}
			if got, _ := c.Extra["left_out"].([]any); !slices.Equal(got, tt.leftOut) {
				t.Errorf("left_out is %v, want %v", got, tt.leftOut)
			}
			if len(c.User.Roles) != tt.roles || c.User.ID != tt.in.User.ID {
				t.Errorf("user is %+v", c.User)
			}
			if len(c.UserAgent) > MaxUserAgent || len(c.Reason) > MaxReason {
				t.Errorf("user agent of %d bytes, reason of %d", len(c.UserAgent), len(c.Reason))
			}
			if len(before) != len(tt.in.Extra) {
				t.Error("the caller's context was changed")
			}
		})
	}
	if _, err := (Context{User: User{ID: long}}).Encode(); !errors.Is(err, ErrTooLarge) {
		t.Errorf("an id that fits nowhere: %v, want ErrTooLarge", err)
	}
	if _, err := (Context{Extra: map[string]any{"x": math.Inf(1)}}).Encode(); err == nil {
		t.Error("infinity was encoded")
	}
}

func TestCut(t *testing.T) {
	for _, tt := range []struct {
		in   string
		max  int
		want string
	}{
		{"short", 5, "short"},
		{"longer", 5, "lo…"},
		{"éééé", 6, "é…"}, // not half an é
		{strings.Repeat("\x80", 9), 5, "…"},
	} {
		if got := cut(tt.in, tt.max); got != tt.want || len(got) > tt.max {
			t.Errorf("cut(%q, %d) = %q, want %q", tt.in, tt.max, got, tt.want)
		}
	}
}

func FuzzEncode(f *testing.F) {
	f.Add("u", "reason", "\\\x00\"", "é😀\xff")
	f.Fuzz(func(t *testing.T, id, reason, key, value string) {
		b, err := Context{User: User{ID: id}, Reason: reason, Extra: map[string]any{key: value}}.Encode()
		if errors.Is(err, ErrTooLarge) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		var c Context
		if err := json.Unmarshal(b, &c); err != nil {
			t.Fatalf("%v in %s", err, b)
		}
		if utf8.ValidString(id) && !strings.Contains(id, "\x00") && c.User.ID != id {
			t.Errorf("id %q came back as %q", id, c.User.ID)
		}
		for _, char := range b {
			if char < ' ' || char > '~' && char != 0x7f {
				t.Fatalf("byte %#x in %s", char, b)
			}
		}
	})
}
