package query

import "strings"

// patternOf joins pieces, in which wildcards stand for something outside quotes alone. Neighbouring literals become one, as do neighbouring "*"; an
// empty text has no parts.
func patternOf(pieces []piece) Pattern {
	var p Pattern
	for _, piece := range pieces {
		if piece.quoted {
			p = p.literally(piece.text)
			continue
		}
		for rest := piece.text; rest != ""; {
			i := strings.IndexAny(rest, "*?")
			if i < 0 {
				p = p.literally(rest)
				break
			}
			p = p.literally(rest[:i])
			if rest[i] == '?' {
				p = append(p, PatternPart{One: true})
			} else if len(p) == 0 || !p[len(p)-1].Any {
				p = append(p, PatternPart{Any: true})
			}
			rest = rest[i+1:]
		}
	}
	return p
}

// literally appends literal text.
func (p Pattern) literally(text string) Pattern {
	if text == "" {
		return p
	}
	if n := len(p); n > 0 && !p[n-1].Any && !p[n-1].One {
		p[n-1].Literal += text
		return p
	}
	return append(p, PatternPart{Literal: text})
}

// wildcards returns how many wildcards there are.
func (p Pattern) wildcards() int {
	n := 0
	for _, part := range p {
		if part.Any || part.One {
			n++
		}
	}
	return n
}

// leads says whether the pattern begins with a wildcard and asks for more than that there is a text.
func (p Pattern) leads() bool { return len(p) > 0 && (p[0].Any || p[0].One) && !p.anything() }

// anything says whether every text fits.
func (p Pattern) anything() bool { return len(p) == 1 && p[0].Any }

// literal returns the text, if there are no wildcards.
func (p Pattern) literal() (string, bool) { return p.text(), p.wildcards() == 0 }

// text returns the text without the wildcards.
func (p Pattern) text() string {
	var b strings.Builder
	for _, part := range p {
		b.WriteString(part.Literal)
	}
	return b.String()
}

// cut divides a pattern at the first separator in its literal text.
func (p Pattern) cut(separator string) (before, after Pattern, found bool) {
	for i, part := range p {
		left, right, ok := strings.Cut(part.Literal, separator)
		if !ok {
			continue
		}
		before = append(before, p[:i]...).literally(left)
		after = append(Pattern(nil).literally(right), p[i+1:]...)
		return before, after, true
	}
	return nil, nil, false
}
