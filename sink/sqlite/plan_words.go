package sqlite

import (
	"strings"

	"dossier/query"
	"dossier/schema"
)

// byLeaf finds ways in for a condition that is no equality with an indexed text.
func (p *planner) byLeaf(f query.Filter) (access, error) {
	switch f := f.(type) {
	case query.Equal:
		if f.Field == query.FieldIP {
			return p.measured(access{ok: true, ways: []way{{index: "document_by_ip", cond: allOf(condition{sql: "ip IS NOT NULL"}, networks(f.Values))}}})
		}
	case query.Like:
		for _, x := range indexes {
			prefix := literalPrefix(f.Pattern)
			if len(x.fields) == 1 && x.fields[0] == f.Field && x.where == "" && prefix != "" {
				return p.measured(access{ok: true, ways: []way{{index: x.name, cond: beginning(columnOf[f.Field], prefix)}}})
			}
		}
	}
	return p.byWords(f)
}

// byWords finds values by their words: a document whose value is "silver spoon" has that phrase in the full-text index, so the index narrows the search down before
// values are compared.
func (p *planner) byWords(f query.Filter) (access, error) {
	var match string
	switch f := f.(type) {
	case query.Equal:
		column := textColumn[f.Field]
		if column == "" || len(f.Values) == 0 || len(f.Values) > maxWays {
			return access{}, nil
		}
		var matches []string
		for _, s := range f.Values {
			m := matchOf(query.Match{Field: column, Text: beginningOf(s), Phrase: true})
			if m == "" {
				return access{}, nil
			}
			matches = append(matches, m)
		}
		match = balance(matches, " OR ")
	case query.Like:
		if column := textColumn[f.Field]; column != "" {
			match = likeWords(column, f.Pattern)
		}
	}
	if match == "" {
		return access{}, nil
	}
	return p.text(&textQuery{match: match})
}

// beginningOf returns the first words of a long text: enough to find it by.
func beginningOf(text string) string {
	const enough = 200
	if len(text) <= enough {
		return text
	}
	words := query.Words(text[:min(len(text), schema.TextLimit)])
	return strings.Join(words[:max(0, min(len(words)-1, 32))], " ")
}

// textColumn are the words of exact values.
var textColumn = map[query.Field]query.Field{query.FieldPrevExact: query.FieldPrevText, query.FieldCurrExact: query.FieldCurrText}

// likeWords returns what a text that fits a pattern certainly has among its words; "" if nothing. Only ASCII text is looked at: beside a wildcard, other
// characters may be part of ones that are written in several.
func likeWords(column query.Field, pattern query.Pattern) string {
	var matches []string
	for i, part := range pattern {
		if part.Any || part.One {
			continue
		}
		text := part.Literal
		if strings.IndexFunc(text, func(r rune) bool { return r >= 0x80 }) >= 0 {
			return ""
		}
		if i > 0 { // the first word may be the end of one
			at := strings.IndexFunc(text, func(r rune) bool { return len(query.Words(string(r))) == 0 })
			if at < 0 {
				continue
			}
			text = text[at:]
		}
		if m := matchOf(query.Match{Field: column, Text: text, Phrase: true, Prefix: i < len(pattern)-1}); m != "" {
			matches = append(matches, m)
		}
	}
	if len(matches) == 0 {
		return ""
	}
	return balance(matches, " AND ")
}
