package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestScannerWalksAnObjectWithoutAllocating(t *testing.T) {
	text := []byte(` { "a" : 1 , "b":[true,false,null,[],{}], "c\n":"x\u00e9\/", "d":{"e":-1.50e+3} } `)
	var got string
	walk := func() {
		s := NewScanner(text)
		if err := s.ObjectStart(); err != nil {
			t.Fatal(err)
		}
		for {
			name, ok, err := s.Member()
			if err != nil {
				t.Fatal(err)
			}
			if !ok {
				break
			}
			raw, err := s.Raw()
			if err != nil {
				t.Fatal(err)
			}
			if got != "" {
				continue
			}
			_ = name
			_ = raw
		}
		if err := s.End(); err != nil {
			t.Fatal(err)
		}
	}
	if n := testing.AllocsPerRun(100, walk); n != 0 {
		t.Errorf("walking allocates %v times, want 0", n)
	}
}

func TestScannerRefuses(t *testing.T) {
	for _, c := range []struct {
		text   string
		offset int
		detail string
	}{
		{``, 0, "expected a value, found the end"},
		{`{"a":1,}`, 7, "expected a string, found '}'"},
		{`{"a":1 "b":2}`, 7, "expected ',' or '}' after a member, found a string"},
		{`{"a"}`, 4, "expected ':'"},
		{`{"a":}`, 5, "expected a value, found '}'"},
		{`{,}`, 1, "expected a string, found ','"},
		{`[1,]`, 3, "expected a value, found ']'"},
		{`[1 2]`, 3, "expected ',' or ']'"},
		{`[`, 1, "found the end"},
		{`01`, 1, "expected the end of the text, found a number"},
		{`1.`, 2, "digit after the decimal point"},
		{`1e`, 2, "digit in the exponent"},
		{`-`, 0, "expected a number"},
		{`+1`, 0, "expected a value"},
		{`nul`, 0, "expected null"},
		{`NaN`, 0, "begins no value"},
		{`"abc`, 0, "closing quote"},
		{`"\x"`, 1, "invalid escape"},
		{`"\u12g4"`, 1, "invalid escape"},
		{"\"\x01\"", 1, "unescaped control character"},
		{"\"12345678\x01\"", 9, "unescaped control character"},
		{"\"\xff\"", 0, "not valid UTF-8"},
		{`{} {}`, 3, "expected the end of the text, found an object"},
		{strings.Repeat("[", MaxJSONDepth+1), MaxJSONDepth, "nested deeper than 128"},
	} {
		s := NewScanner([]byte(c.text))
		err := s.Skip()
		if err == nil {
			err = s.End()
		}
		var at *ScanError
		if !errors.As(err, &at) {
			t.Errorf("%q: error %v, want a ScanError", c.text, err)
			continue
		}
		if at.Offset != c.offset || !strings.Contains(at.Detail, c.detail) {
			t.Errorf("%q: %v, want %q at offset %d", c.text, err, c.detail, c.offset)
		}
	}
}

func TestTextForms(t *testing.T) {
	for _, c := range []struct {
		quoted, content, canonical string
		is                         bool // canonical already
	}{
		{`""`, "", `""`, true},
		{`"plain"`, "plain", `"plain"`, true},
		{`"é😀"`, "é😀", `"é😀"`, true},
		{`"\u00e9\ud83d\ude00"`, "é😀", `"é😀"`, false},
		{`"a\/b"`, "a/b", `"a/b"`, false},
		{`"\"\\\b\f\n\r\t"`, "\"\\\b\f\n\r\t", `"\"\\\b\f\n\r\t"`, true},
		{`"\u000a"`, "\n", `"\n"`, false},
		{`"\u001F"`, "\x1f", `"\u001F"`, true},
		{`"\u001f"`, "\x1f", `"\u001F"`, false},
		{`"\u0000"`, "\x00", `"\u0000"`, true},
		{`"\ud800x"`, "\uFFFDx", "\"\uFFFDx\"", false},
		{`"\ud800\u0041"`, "\uFFFDA", "\"\uFFFDA\"", false},
	} {
		s := NewScanner([]byte(c.quoted))
		text, err := s.String()
		if err != nil {
			t.Errorf("%s: %v", c.quoted, err)
			continue
		}
		if text.String() != c.content || !text.Is(c.content) {
			t.Errorf("%s: content %q, want %q", c.quoted, text.String(), c.content)
		}
		if got := string(text.AppendCanonical(nil)); got != c.canonical || text.IsCanonical() != c.is {
			t.Errorf("%s: canonical %s (already %v), want %s (%v)", c.quoted, got, text.IsCanonical(), c.canonical, c.is)
		}
	}
}

func FuzzScanner(f *testing.F) {
	for _, seed := range []string{`{"a":[1,2.5e3,"x\u00e9\n",null,true]}`, `"\ud83d\ude00"`, `[[[]]]`, "\"\xff\"", `-0.0`, `{"":{}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s := NewScanner(data)
		err := s.Skip()
		if err == nil {
			err = s.End()
		}
		var deep *ScanError
		if errors.As(err, &deep) && strings.Contains(deep.Detail, "nested deeper") {
			return
		}
		// encoding/json accepts invalid UTF-8, this scanner does not; else they agree on what is JSON.
		if want := json.Valid(data) && utf8.Valid(data); (err == nil) != want {
			t.Fatalf("scanner says %v, encoding/json valid=%v", err, want)
		}
		if err != nil {
			return
		}
		s = NewScanner(data)
		if s.Peek() != TokenString {
			return
		}
		text, err := s.String()
		if err != nil {
			t.Fatal(err)
		}
		var want string
		if err := json.Unmarshal(data, &want); err != nil {
			t.Fatal(err)
		}
		if text.String() != want {
			t.Fatalf("content %q, encoding/json says %q", text.String(), want)
		}
		canonical := text.AppendCanonical(nil)
		if !bytes.Equal(canonical, AppendString(nil, want)) {
			t.Fatalf("canonical %s, want %s", canonical, AppendString(nil, want))
		}
		if text.IsCanonical() != bytes.Equal(canonical, text.Quoted()) {
			t.Fatalf("IsCanonical %v of %s, canonical %s", text.IsCanonical(), text.Quoted(), canonical)
		}
	})
}

func BenchmarkScannerSkip(b *testing.B) {
	text := []byte(`{"before":{"id":1,"name":"a product with a name","price":"1.50","note":"some text that is longer than the others, with words"},"op":"u","ts_ms":1700000000000}`)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		s := NewScanner(text)
		if err := s.Skip(); err != nil {
			b.Fatal(err)
		}
	}
}
