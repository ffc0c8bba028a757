package web

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"dossier/query"
)

// parameters are a request's query parameters, each of which was given at most once and is one that the route knows.
type parameters map[string]string

// parseParameters refuses whatever the route does not know. A misspelt parameter that is ignored gives a wrong answer that looks right.
func parseParameters(r *http.Request, known []string) (parameters, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, badParameter("", "the query string cannot be read: "+strings.TrimPrefix(err.Error(), "invalid ")+
			`; parameters are percent-encoded and joined by "&"`)
	}
	p := parameters{}
	for _, name := range slices.Sorted(mapsKeys(values)) { // in an order, so that the same request gets the same answer
		given := values[name]
		switch {
		case !slices.Contains(known, name):
			return nil, badParameter(bounded(name), unknownParameter(name, known))
		case len(given) > 1:
			return nil, badParameter(name, "it is given more than once; give it once")
		case !utf8.ValidString(given[0]):
			return nil, badParameter(name, "it is not UTF-8")
		case given[0] == "" && name != "q":
			return nil, badParameter(name, "it is empty; leave it out, or give it a value")
		}
		p[name] = given[0]
	}
	return p, nil
}

func mapsKeys(v url.Values) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for name := range v {
			if !yield(name) {
				return
			}
		}
	}
}

func unknownParameter(name string, known []string) string {
	if len(known) == 0 {
		return "there is no such parameter; this call takes none"
	}
	if likely := nearest(name, known); likely != "" {
		return fmt.Sprintf("there is no such parameter; did you mean %q?", likely)
	}
	return "there is no such parameter; this call takes " + strings.Join(known, ", ")
}

// bounded is a caller's text, short enough to be repeated in an answer.
func bounded(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if utf8.RuneCountInString(s) <= 64 {
		return s
	}
	return string([]rune(s)[:64]) + "…"
}

// nearest returns the name that differs least from what was given; "" where none is near.
func nearest(given string, names []string) string {
	best, at := "", 3 // differences from which on it is another word
	for _, name := range names {
		if d := distance(strings.ToLower(given), name, at); d < at && d < len(name) {
			best, at = name, d
		}
	}
	return best
}

// distance is how many insertions, deletions and replacements of a byte make b of a; at least bound where it is more.
func distance(a, b string, bound int) int {
	if len(a)-len(b) >= bound || len(b)-len(a) >= bound {
		return bound
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}

// integer reads a whole number within bounds; absent where the parameter is not given.
func (p parameters) integer(name string, least, most, absent int) (int, error) {
	text, given := p[name]
	if !given {
		return absent, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most || strconv.Itoa(n) != text {
		return 0, badParameter(name, fmt.Sprintf("expected a whole number from %d to %d", least, most))
	}
	return n, nil
}

// boolean reads true or false; false where the parameter is not given.
func (p parameters) boolean(name string) (bool, error) {
	switch text, given := p[name]; {
	case !given, text == "false":
		return false, nil
	case text == "true":
		return true, nil
	}
	return false, badParameter(name, "expected true or false")
}

// page reads what every list takes.
func (p parameters) page() (query.PageQuery, error) {
	limit, err := p.integer("limit", 1, query.MaxLimit, 0)
	return query.PageQuery{Limit: limit, Cursor: p["cursor"]}, err
}
