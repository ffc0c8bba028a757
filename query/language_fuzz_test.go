package query

import (
	"errors"
	"math/rand/v2"
	"os"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzLanguage checks that no text brings the parser down, that what it understood means the same when written again, and that each fault is
// one of the question's.
func FuzzLanguage(f *testing.F) {
	golden, err := os.ReadFile("testdata/language.txt")
	if err != nil {
		f.Fatal(err)
	}
	for line := range strings.Lines(string(golden)) {
		if question, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "? "); ok {
			f.Add(question)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		q, err := ParseQuestion(text, languageNow)
		if err != nil {
			var fault *Error
			if !errors.As(err, &fault) || fault.Parameter != "q" || fault.Detail == "" {
				t.Fatalf("%q: not an error of the language: %#v", text, err)
			}
			if n := utf8.RuneCountInString(text); fault.Position > n+1 || fault.Position < 1 && len(text) <= MaxQuestionBytes {
				t.Fatalf("%q: position %d of %d characters", text, fault.Position, n)
			}
			return
		}
		if err := checkFilter(q.Filter()); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		again, err := parseQuestion(q.String(), languageNow)
		if err != nil {
			t.Fatalf("%q is spelt %q: %v", text, q.String(), err)
		}
		if !reflect.DeepEqual(again.Filter(), q.Filter()) || !reflect.DeepEqual(again.FieldChangeFilter(), q.FieldChangeFilter()) {
			t.Fatalf("%q is spelt %q, which means\n%s\nand not\n%s", text, q.String(), filterText(again.Filter()), filterText(q.Filter()))
		}
		if again.String() != q.String() {
			t.Fatalf("%q is spelt %q and then %q", text, q.String(), again.String())
		}
	})
}

// TestQuotedTextIsAValue checks that a text in quotes, whatever stands in it, is a value and nothing else.
func TestQuotedTextIsAValue(t *testing.T) {
	alphabet := []rune(`ab "\:,-*?<>=.()[]{}'; null OR user:a` + "\n\t\x00é\u2028😀")
	random := rand.New(rand.NewPCG(1, 2))
	for range 5000 {
		hostile := []rune{'x'}
		for range random.IntN(24) {
			hostile = append(hostile, alphabet[random.IntN(len(alphabet))])
		}
		random.Shuffle(len(hostile), func(i, j int) { hostile[i], hostile[j] = hostile[j], hostile[i] })
		text := string(hostile)
		for _, key := range []string{"type", "new", "reason", "field"} {
			q, err := ParseQuestion(key+":"+Quote(text)+" version:"+Quote(text), languageNow)
			if err != nil {
				t.Fatalf("%s:%s: %v", key, Quote(text), err)
			}
			parts := q.Filter().(And)
			if got := parts[1].(Equal).Values; len(parts) != 3 || len(got) != 1 || got[0] != text {
				t.Fatalf("%s:%s means %s", key, Quote(text), filterText(q.Filter()))
			}
		}
		q, err := ParseQuestion(Quote(text), languageNow)
		if err != nil {
			t.Fatalf("%s: %v", Quote(text), err)
		}
		if m := q.Filter().(And)[1].(Or)[0].(Match); m.Text != text || m.Prefix {
			t.Fatalf("%s means %s", Quote(text), filterText(q.Filter()))
		}
	}
}

// TestQuestionLimits checks that each limit holds, and that what is just within it is answered.
func TestQuestionLimits(t *testing.T) {
	for _, test := range []struct {
		name     string
		text     func(n int) string
		limit    int
		code     Code
		position bool
	}{
		{"bytes", func(n int) string { return strings.Repeat("é", n/2) + strings.Repeat("e", n%2) }, MaxQuestionBytes, CodeTooBroad, false},
		{"conditions", func(n int) string { return strings.Repeat("a ", n) }, MaxQuestionTerms, CodeTooBroad, true},
		{"values", func(n int) string { return "user:" + strings.Repeat("a,", n-1) + "a" }, MaxQuestionValues, CodeTooBroad, true},
		{"wildcards", func(n int) string { return "user:" + strings.Repeat("a?", n) }, MaxPatternWildcards, CodeTooBroad, true},
		{"leading wildcards", func(n int) string { return "user:" + strings.Repeat("?a,", n-1) + "*a" }, MaxLeadingWildcards, CodeTooBroad, true},
	} {
		if _, err := ParseQuestion(test.text(test.limit), languageNow); err != nil {
			t.Errorf("%d %s: %v", test.limit, test.name, err)
		}
		_, err := ParseQuestion(test.text(test.limit+1), languageNow)
		var fault *Error
		if !errors.As(err, &fault) || fault.Code != test.code || fault.Parameter != "q" || test.position != (fault.Position > 0) {
			t.Errorf("%d %s: %#v", test.limit+1, test.name, err)
		}
	}
}

func TestQuestionOfBrokenText(t *testing.T) {
	_, err := ParseQuestion("user:é\xff", languageNow)
	var fault *Error
	if !errors.As(err, &fault) || fault.Position != 7 {
		t.Errorf("a byte that is no UTF-8: %v", err)
	}
}
