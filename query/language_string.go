package query

import (
	"strings"
	"unicode"
)

// String returns the question in the language that ParseQuestion reads: what it was read from, in one spelling. It can be longer than what was read.
func (q *Question) String() string {
	var b strings.Builder
	for i, t := range q.terms {
		if i > 0 {
			b.WriteByte(' ')
		}
		if t.negated {
			b.WriteByte('-')
		}
		if t.key == nil {
			b.WriteString(t.values[0].text.quoted(wordPlain))
			continue
		}
		b.WriteString(t.key.name)
		for j, v := range t.values {
			b.WriteByte(":,"[min(j, 1)])
			b.WriteString(v.String())
		}
	}
	return b.String()
}

// String returns the value as it stands in a question.
func (v operand) String() string {
	switch {
	case v.null:
		return "null"
	case v.op == rangeOf:
		return v.text.quoted(valuePlain) + ".." + quoteUnless(v.to, valuePlain)
	}
	return string(v.op) + v.text.quoted(valuePlain)
}

// quoted returns the pattern as it stands in a question: wildcards as they are, and literal text in quotes where it needs them.
func (p Pattern) quoted(plain string) string {
	if len(p) == 0 {
		return `""`
	}
	var b strings.Builder
	for _, part := range p {
		switch {
		case part.Any:
			b.WriteByte('*')
		case part.One:
			b.WriteByte('?')
		default:
			b.WriteString(quoteUnless(part.Literal, plain))
		}
	}
	return b.String()
}

// Quote returns a text as a value or a phrase of a question, in which nothing has a meaning.
func Quote(text string) string {
	var b strings.Builder
	b.Grow(len(text) + 2)
	b.WriteByte('"')
	for i := range len(text) {
		if text[i] == '"' || text[i] == '\\' {
			b.WriteByte('\\')
		}
		b.WriteByte(text[i])
	}
	b.WriteByte('"')
	return b.String()
}

// The characters, beside letters and digits, that mean themselves in a word and in a value.
const (
	wordPlain  = "_@"
	valuePlain = "_@:+-/."
)

// quoteUnless puts a text in quotes unless it means itself.
func quoteUnless(text, plain string) string {
	if text == "" || strings.Contains(text, "..") || strings.HasPrefix(text, ".") || strings.HasSuffix(text, ".") {
		return Quote(text)
	}
	switch text {
	case "null", "AND", "OR", "NOT":
		return Quote(text)
	}
	for _, r := range text {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(plain, r) {
			return Quote(text)
		}
	}
	return text
}
