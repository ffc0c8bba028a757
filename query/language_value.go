package query

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"dossier/schema"
)

// side is a document's fields in which a value is looked for: a change's value before, its value after, or the commit time.
type side struct {
	state, exact, number, date Field // "" where there is none
}

var (
	previousSide = side{state: FieldPrevState, exact: FieldPrevExact, number: FieldPrevNumber, date: FieldPrevDate}
	currentSide  = side{state: FieldCurrState, exact: FieldCurrExact, number: FieldCurrNumber, date: FieldCurrDate}
	commitSide   = side{date: FieldTime}
)

func sideFor(key *searchKey) side {
	switch key.sort {
	case oldKey:
		return previousSide
	case newKey:
		return currentSide
	}
	return commitSide
}

// valueFilter holds where a value is one of those given, or fits all comparisons that stand by themselves.
func (q *Question) valueFilter(s side, key *searchKey, terms []term) (Filter, error) {
	var values []operand
	var any, all []Filter
	for _, t := range terms {
		single := len(t.values) == 1 && t.values[0].op != equalTo && t.values[0].op != rangeOf
		for _, v := range t.values {
			if v.op == equalTo && !v.null && s.exact != "" {
				values = append(values, v)
				continue
			}
			f, err := q.compareFilter(s, key, v)
			if err != nil {
				return nil, err
			}
			if single {
				all = append(all, f)
			} else {
				any = append(any, f)
			}
		}
	}
	if values != nil {
		any = append([]Filter{s.exactFilter(values)}, any...)
	}
	if all != nil {
		any = append(any, and(all...))
	}
	return or(any...), nil
}

// exactFilter holds where the value is one of the texts.
func (s side) exactFilter(values []operand) Filter {
	var texts []operand
	var any []Filter
	for _, v := range values {
		if v.text.anything() { // also one that is too long for the form for exact search
			any = append(any, Is(s.state, schema.Present.String()))
			continue
		}
		texts = append(texts, v)
	}
	if texts != nil {
		any = append([]Filter{textFilter(s.exact, texts)}, any...)
	}
	return or(any...)
}

// compareFilter holds where the value is null, or on the right side of a number or a time.
func (q *Question) compareFilter(s side, key *searchKey, v operand) (Filter, error) {
	text, literal := v.text.literal()
	switch {
	case v.null:
		return Is(s.state, schema.Null.String()), nil
	case !literal:
		return nil, faultAt(v.at, "expected %s for %s:, without wildcards", key.expects(), key.name)
	case s.number != "":
		low, isNumber := parseNumber(text)
		if !isNumber {
			break
		}
		if v.op != rangeOf {
			return numbers(s.number, v.op, low), nil
		}
		high, isNumber := parseNumber(v.to)
		if !isNumber {
			return nil, faultAt(v.at, "expected a number at the range's end too, not %q", quoteShort(v.to))
		}
		if high < low {
			return nil, faultAt(v.at, "expected the smaller number first: nothing is in this range")
		}
		return Compare{Field: s.number, Above: &NumberBound{low, true}, Below: &NumberBound{high, true}}, nil
	}
	from, why := s.span(key, text, q.now)
	if why != "" {
		return nil, faultAt(v.at, "%s", why)
	}
	return q.times(s, key, v, from)
}

// times compares with a span of time.
func (q *Question) times(s side, key *searchKey, v operand, at span) (Filter, error) {
	f := Between{Field: s.date}
	switch v.op {
	case equalTo:
		if at.relative {
			text, _ := v.text.literal()
			return nil, faultAt(v.at, "a change is hardly ever made at just this moment: did you mean %s:>=%s?", key.name, text)
		}
		f.From, f.To = at.from, at.to
	case above:
		f.From = at.to
	case atLeast:
		f.From = at.from
	case below:
		f.To = at.from
	case atMost:
		f.To = at.to
	case rangeOf:
		to, why := s.span(key, v.to, q.now)
		if why != "" {
			return nil, faultAt(v.at, "at the range's end: %s", why)
		}
		if to.to.Before(at.from) {
			return nil, faultAt(v.at, "expected the earlier time first: nothing is in this range")
		}
		f.From, f.To = at.from, to.to
	}
	if s == commitSide {
		f.From, f.To = withinCommits(f.From), withinCommits(f.To)
	}
	return f, nil
}

func numbers(f Field, op comparison, n float64) Filter {
	bound := &NumberBound{Value: n, Inclusive: op == atLeast || op == atMost}
	if op == above || op == atLeast {
		return Compare{Field: f, Above: bound}
	}
	return Compare{Field: f, Below: bound}
}

// parseNumber reads a decimal number. What strconv takes beside is none here.
func parseNumber(text string) (float64, bool) {
	if strings.Trim(text, "0123456789+-.eE") != "" || !strings.ContainsAny(text, "0123456789") {
		return 0, false
	}
	n, err := strconv.ParseFloat(text, 64)
	return n, err == nil && !math.IsInf(n, 0)
}

// span reads a time, and otherwise says why it is none.
func (s side) span(key *searchKey, text string, now time.Time) (_ span, why string) {
	at, why := parseSpan(text, now)
	switch {
	case strings.HasPrefix(text, "-") && why != "":
		return span{}, why
	case why != "":
		return span{}, fmt.Sprintf("expected %s, not %q", key.expects(), quoteShort(text))
	case s == commitSide && !at.zoned:
		return span{}, fmt.Sprintf("%q has no time zone: add Z for UTC, or an offset such as +02:00", text)
	}
	return at, ""
}

// withinCommits brings a bound within what stores can compare; the zero time stays none.
func withinCommits(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return storable(t)
}
