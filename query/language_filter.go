package query

import (
	"net/netip"
	"strconv"
	"strings"

	"dossier/schema"
)

// conditions gives the terms their meaning: all of the conditions have to hold. Terms with the same key become one, in the place of the first; negated
// ones and words stand for themselves.
func (q *Question) conditions() ([]Filter, error) {
	var filters []Filter
	done := map[*searchKey]bool{}
	for i, t := range q.terms {
		var f Filter
		var err error
		switch {
		case t.key == nil:
			f = q.wordFilter(t.values[0])
		case t.key.sort == kindKey || !t.negated && done[t.key]:
			continue
		case t.negated:
			f, err = q.keyFilter(t.key, []term{t})
		default:
			done[t.key] = true
			var same []term
			for _, other := range q.terms[i:] {
				if other.key == t.key && !other.negated {
					same = append(same, other)
				}
			}
			f, err = q.keyFilter(t.key, same)
		}
		if err != nil {
			return nil, err
		}
		if t.negated {
			f = Not{f}
		}
		filters = append(filters, f)
	}
	return filters, nil
}

// keyFilter returns what a key's terms ask for together: one of the values, or all of the comparisons that stand by themselves, so that
// "created:>=a created:<b" is a range.
func (q *Question) keyFilter(key *searchKey, terms []term) (Filter, error) {
	if key.sort == eitherKey {
		previous, err := q.valueFilter(previousSide, key, terms)
		if err != nil {
			return nil, err
		}
		current, err := q.valueFilter(currentSide, key, terms)
		return or(previous, current), err
	}
	if key.compares() {
		return q.valueFilter(sideFor(key), key, terms)
	}
	var values []operand
	for _, t := range terms {
		values = append(values, t.values...)
	}
	switch key.sort {
	case referenceKey:
		return pairFilter(key.fields[0], key.fields[1], "/", values), nil
	case tableKey:
		return pairFilter(key.fields[0], key.fields[1], ".", values), nil
	case networkKey:
		return literalFilter(key, values, network)
	case numberKey:
		return literalFilter(key, values, wholeNumber)
	}
	if key.choices != nil {
		return literalFilter(key, values, choice)
	}
	fields := key.fields
	if key.name == "event" && q.finds(schema.DocumentFeedback) {
		fields = []Field{FieldEventID, FieldFeedbackEvent}
	}
	var any []Filter
	for _, f := range fields {
		any = append(any, textFilter(f, values))
	}
	return or(any...), nil
}

// textFilter holds where a field fits one of the values.
func textFilter(f Field, values []operand) Filter {
	var any []Filter
	equal := Equal{Field: f}
	for _, v := range values {
		if text, ok := v.text.literal(); ok {
			equal.Values = append(equal.Values, text)
		} else {
			any = append(any, patternFilter(f, v.text))
		}
	}
	if equal.Values != nil {
		any = append([]Filter{equal}, any...)
	}
	return or(any...)
}

func patternFilter(f Field, p Pattern) Filter {
	if p.anything() {
		return Exists{f}
	}
	if text, ok := p.literal(); ok {
		return Is(f, text)
	}
	return Like{f, p}
}

// pairFilter holds where the second field fits a value, or both fields the two halves of a value that the separator divides.
func pairFilter(first, second Field, separator string, values []operand) Filter {
	any := []Filter{textFilter(second, values)}
	for _, v := range values {
		before, after, found := v.text.cut(separator)
		if found && len(before) > 0 && len(after) > 0 {
			any = append(any, and(patternFilter(first, before), patternFilter(second, after)))
		}
	}
	return or(any...)
}

// literalFilter holds where the key's field has one of the values, which read checks and brings into their form; a "*" alone stands for any.
func literalFilter(key *searchKey, values []operand, read func(*searchKey, operand) (string, error)) (Filter, error) {
	f := key.fields[0]
	equal := Equal{Field: f}
	var any []Filter
	for _, v := range values {
		if v.text.anything() && Fields[f] != FormInteger {
			any = append(any, Exists{f})
			continue
		}
		text, err := read(key, v)
		if err != nil {
			return nil, err
		}
		equal.Values = append(equal.Values, text)
	}
	if equal.Values != nil {
		any = append([]Filter{equal}, any...)
	}
	return or(any...), nil
}

// choice reads one of a key's few values.
func choice(key *searchKey, v operand) (string, error) {
	text, ok := v.text.literal()
	for _, c := range key.choices {
		if ok && c == text {
			return c, nil
		}
	}
	hint := ""
	if near := suggest(v.text.text(), key.choices); near != "" && ok {
		hint = "; did you mean " + near + "?"
	}
	return "", faultAt(v.at, "expected %s%s", alternatives(key.choices), hint)
}

// alternatives lists texts as "a, b or c".
func alternatives(texts []string) string {
	last := len(texts) - 1
	if last < 1 {
		return strings.Join(texts, "")
	}
	return strings.Join(texts[:last], ", ") + " or " + texts[last]
}

// network reads an address or a network.
func network(_ *searchKey, v operand) (string, error) {
	text, ok := v.text.literal()
	if ok {
		if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
			return a.String(), nil
		}
		if n, err := netip.ParsePrefix(text); err == nil {
			return n.Masked().String(), nil
		}
	}
	return "", faultAt(v.at, "expected an address such as 192.0.2.7 or a network such as 192.0.2.0/24")
}

// wholeNumber reads a number of 64 bits.
func wholeNumber(_ *searchKey, v operand) (string, error) {
	if text, ok := v.text.literal(); ok {
		if n, err := strconv.ParseUint(text, 10, 64); err == nil {
			return strconv.FormatUint(n, 10), nil
		}
	}
	return "", faultAt(v.at, "expected a transaction's number, such as 728")
}

// wordFilter holds where the words are in a value, before or after; in feedback, where that is asked for, in its message.
func (q *Question) wordFilter(v operand) Filter {
	text := v.text.text()
	m := Match{Text: text, Phrase: len(Words(text)) > 1, Prefix: v.text.wildcards() > 0}
	var fields []Field
	if q.kinds == nil || q.finds(schema.DocumentRowVersion) {
		fields = append(fields, FieldPrevText, FieldCurrText)
	}
	if q.finds(schema.DocumentFeedback) {
		fields = append(fields, FieldMessage)
	}
	var any []Filter
	for _, f := range fields {
		m.Field = f
		any = append(any, m)
	}
	return or(any...)
}

// and joins conditions; a single one stands for itself.
func and(filters ...Filter) Filter {
	if len(filters) == 1 {
		return filters[0]
	}
	return And(filters)
}

// or joins conditions; a single one stands for itself.
func or(filters ...Filter) Filter {
	if len(filters) == 1 {
		return filters[0]
	}
	return Or(filters)
}
