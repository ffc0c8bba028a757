package query

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files anew")

var languageNow = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// TestLanguage compares what questions mean with the golden file.
func TestLanguage(t *testing.T) {
	const file = "testdata/language.txt"
	golden, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var actual strings.Builder
	for line := range strings.Lines(string(golden)) {
		question, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "? ")
		switch {
		case ok:
			actual.WriteString(line)
			actual.WriteString(meaning(question))
		case !strings.HasPrefix(line, " "):
			actual.WriteString(line)
		}
	}
	if actual.String() == string(golden) {
		return
	}
	if *update {
		if err := os.WriteFile(file, []byte(actual.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	was, is := strings.Split(string(golden), "\n"), strings.Split(actual.String(), "\n")
	question := ""
	for i := range is {
		if strings.HasPrefix(is[i], "? ") {
			question = is[i]
		}
		if i >= len(was) || was[i] != is[i] {
			t.Fatalf("%s, line %d, for %s\nis:       %s\nexpected: %s", file, i+1, question, is[i], strings.Join(was[min(i, len(was)):min(i+1, len(was))], ""))
		}
	}
	t.Fatalf("%s has more lines than expected", file)
}

func meaning(question string) string {
	q, err := ParseQuestion(question, languageNow)
	if err != nil {
		var fault *Error
		if !errors.As(err, &fault) || fault.Parameter != "q" || fault.Position < 1 {
			return fmt.Sprintf("    not an error of the language: %#v\n", err)
		}
		return fmt.Sprintf("    error %s %d: %s\n", fault.Code, fault.Position, fault.Detail)
	}
	if err := checkFilter(q.Filter()); err != nil {
		return fmt.Sprintf("    a filter that no store can answer: %v\n", err)
	}
	unit := "rows"
	if q.FieldChanges() {
		unit = "fields"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "    %s", unit)
	if s := q.String(); s != question {
		fmt.Fprintf(&b, ", spelt %s", s)
	}
	b.WriteByte('\n')
	all, ok := q.Filter().(And)
	if !ok {
		all = And{q.Filter()}
	}
	for _, f := range all {
		fmt.Fprintf(&b, "    %s\n", filterText(f))
	}
	return b.String()
}

// filterText writes a filter for people.
func filterText(f Filter) string {
	list := func(word string, filters []Filter) string {
		texts := make([]string, len(filters))
		for i := range filters {
			texts[i] = filterText(filters[i])
		}
		return word + "(" + strings.Join(texts, ", ") + ")"
	}
	switch f := f.(type) {
	case And:
		return list("and", f)
	case Or:
		return list("or", f)
	case Not:
		return "not(" + filterText(f.Filter) + ")"
	case Equal:
		texts := make([]string, len(f.Values))
		for i, v := range f.Values {
			texts[i] = strconv.QuoteToGraphic(v)
		}
		return string(f.Field) + " = " + strings.Join(texts, " | ")
	case Like:
		var b strings.Builder
		for _, part := range f.Pattern {
			switch {
			case part.Any:
				b.WriteString(" any")
			case part.One:
				b.WriteString(" one")
			default:
				b.WriteString(" " + strconv.QuoteToGraphic(part.Literal))
			}
		}
		return string(f.Field) + " like" + b.String()
	case Exists:
		return string(f.Field) + " exists"
	case Match:
		how := "has the words "
		if f.Phrase {
			how = "has the phrase "
		}
		if f.Prefix {
			how = strings.Replace(how, "has", "has at the beginning of", 1)
		}
		return string(f.Field) + " " + how + strconv.QuoteToGraphic(f.Text)
	case Compare:
		text := string(f.Field)
		for i, bound := range []*NumberBound{f.Above, f.Below} {
			if bound != nil {
				op := "><"[i : i+1]
				if bound.Inclusive {
					op += "="
				}
				text += fmt.Sprintf(" %s %s", op, strconv.FormatFloat(bound.Value, 'g', -1, 64))
			}
		}
		return text
	case Between:
		text := string(f.Field)
		if !f.From.IsZero() {
			text += " from " + f.From.Format(time.RFC3339Nano)
		}
		if !f.To.IsZero() {
			text += " to before " + f.To.Format(time.RFC3339Nano)
		}
		return text
	}
	return fmt.Sprintf("%#v", f)
}
