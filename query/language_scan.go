package query

import (
	"slices"
	"strings"
	"unicode"
)

// scanner takes a question apart. Positions are counted in characters.
type scanner struct {
	text []rune
	at   int
}

// piece is a run of characters of one value, in quotes or not.
type piece struct {
	text   string
	quoted bool
	at     int // from 1
}

// scanTerms takes a question apart into its conditions.
func scanTerms(text string) ([]term, error) {
	s := scanner{text: []rune(text)}
	var terms []term
	for {
		for s.more() && unicode.IsSpace(s.text[s.at]) {
			s.at++
		}
		if !s.more() {
			return terms, nil
		}
		t, err := s.term()
		if err != nil {
			return nil, err
		}
		terms = append(terms, t)
	}
}

func (s *scanner) more() bool    { return s.at < len(s.text) }
func (s *scanner) position() int { return s.at + 1 }

// ends says whether a condition ends here.
func (s *scanner) ends() bool { return !s.more() || unicode.IsSpace(s.text[s.at]) }

func (s *scanner) term() (term, error) {
	t := term{at: s.position()}
	if s.text[s.at] == '-' {
		t.negated = true
		s.at++
		if s.ends() || s.text[s.at] == '-' {
			return t, faultAt(t.at, `expected a condition right after "-", which negates; to find the sign itself, put it in quotes with what follows it`)
		}
	}
	name, found := s.key()
	if !found {
		return s.words(t)
	}
	at := s.position()
	s.at += len([]rune(name)) + 1
	var err error
	if t.key, err = keyNamed(name, at); err != nil {
		return t, err
	}
	for {
		v, err := s.operand(t.key)
		if err != nil {
			return t, err
		}
		t.values = append(t.values, v)
		if s.ends() {
			return t, nil
		}
		s.at++ // the comma
	}
}

// key returns the text before a colon, and whether there is one: before the next space, and not in quotes.
func (s *scanner) key() (string, bool) {
	for i := s.at; i < len(s.text); i++ {
		switch r := s.text[i]; {
		case r == ':':
			return string(s.text[s.at:i]), true
		case r == '"' || unicode.IsSpace(r):
			return "", false
		}
	}
	return "", false
}

// operand reads one value, up to a comma, a space or the end.
func (s *scanner) operand(key *searchKey) (operand, error) {
	at := s.position()
	pieces, err := s.pieces(true)
	if err != nil {
		return operand{}, err
	}
	v := operand{at: at}
	if len(pieces) == 0 {
		return v, faultAt(at, "expected a value for %s:", key.name)
	}
	if key.compares() {
		if pieces, err = v.compare(pieces, key); err != nil {
			return v, err
		}
	}
	v.text = patternOf(pieces)
	if v.op != equalTo && (v.text.wildcards() > 0 || len(v.text) == 0) {
		return v, faultAt(at, "expected %s after %q", key.expects(), string(v.op))
	}
	if text, ok := v.text.literal(); ok && text == "" && !key.values() {
		return v, faultAt(at, "expected a text for %s:, and not an empty one; -%s:* finds what has none", key.name, key.name)
	}
	return v, nil
}

// compare takes a comparison off a value's pieces.
func (v *operand) compare(pieces []piece, key *searchKey) ([]piece, error) {
	if first := &pieces[0]; !first.quoted {
		if key.values() && len(pieces) == 1 && first.text == "null" {
			v.null = true
			return pieces, nil
		}
		for _, op := range []comparison{atLeast, atMost, above, below} {
			rest, ok := strings.CutPrefix(first.text, string(op))
			if !ok {
				continue
			}
			v.op = op
			if first.text = rest; rest == "" {
				pieces = pieces[1:]
			}
			if i := slices.IndexFunc(pieces, isRange); i >= 0 {
				return nil, faultAt(pieces[i].at, `expected one end after %q: %s or a range with "..", not both`, string(op), key.expects())
			}
			return pieces, nil
		}
	}
	i := slices.IndexFunc(pieces, isRange)
	if i < 0 {
		return pieces, nil
	}
	v.op = rangeOf
	from, to, _ := strings.Cut(pieces[i].text, "..")
	upper := slices.Clone(pieces[i:])
	upper[0].text = to
	for _, p := range upper {
		if isRange(p) || !p.quoted && strings.ContainsAny(p.text, "*?") {
			return nil, faultAt(v.at, `expected two ends of a range, as in 1..2, without wildcards; a text with ".." stands in quotes`)
		}
		v.to += p.text
	}
	lower := slices.Clone(pieces[:i+1])
	lower[i].text = from
	if v.to == "" || len(patternOf(lower)) == 0 {
		return nil, faultAt(v.at, `expected both ends of the range, as in 1..2; with one end alone use >= or <=, and put a text with ".." in quotes`)
	}
	return lower, nil
}

func isRange(p piece) bool { return !p.quoted && strings.Contains(p.text, "..") }

// words reads a word or a phrase.
func (s *scanner) words(t term) (term, error) {
	at := s.position()
	pieces, err := s.pieces(false)
	if err != nil {
		return t, err
	}
	if len(pieces) == 1 && !pieces[0].quoted {
		switch w := pieces[0].text; w {
		case "AND", "OR", "NOT", "&&", "||":
			return t, faultAt(at, `%s means nothing here: conditions are joined by "and" anyway, values with commas by "or" (user:a,b), and "-" negates; to find the word, put it in quotes`, w)
		}
	}
	text := patternOf(pieces)
	if n := text.wildcards(); n > 1 || n == 1 && !text[len(text)-1].Any {
		return t, faultAt(at, `a word can have one wildcard, a "*" at its end; to compare whole values with a pattern, use value:`)
	}
	if len(Words(text.text())) == 0 {
		return t, faultAt(at, "expected a letter or a digit: values are searched for words")
	}
	t.values = []operand{{text: text, at: at}}
	return t, nil
}

// pieces reads what belongs together: up to a space, the end, or a comma if it separates values.
func (s *scanner) pieces(commas bool) ([]piece, error) {
	var pieces []piece
	for !s.ends() && !(commas && s.text[s.at] == ',') {
		if s.text[s.at] == '"' {
			p, err := s.quoted()
			if err != nil {
				return nil, err
			}
			pieces = append(pieces, p)
			continue
		}
		start := s.at
		for !s.ends() && s.text[s.at] != '"' && !(commas && s.text[s.at] == ',') {
			s.at++
		}
		pieces = append(pieces, piece{text: string(s.text[start:s.at]), at: start + 1})
	}
	return pieces, nil
}

// quoted reads a text in quotes.
func (s *scanner) quoted() (piece, error) {
	p := piece{quoted: true, at: s.position()}
	var b strings.Builder
	for s.at++; s.more(); s.at++ {
		switch r := s.text[s.at]; r {
		case '"':
			s.at++
			p.text = b.String()
			return p, nil
		case '\\':
			s.at++
			if !s.more() || s.text[s.at] != '"' && s.text[s.at] != '\\' {
				return p, faultAt(s.at, `expected \" or \\ after a backslash in quotes`)
			}
			b.WriteRune(s.text[s.at])
		default:
			b.WriteRune(r)
		}
	}
	return p, faultAt(p.at, "this quotation mark is never closed")
}
