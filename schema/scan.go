package schema

import (
	"fmt"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

// MaxJSONDepth is how deep objects and arrays may be nested in any JSON that a Scanner reads.
const MaxJSONDepth = 128

// ScanError says where JSON text is not what was expected.
type ScanError struct {
	Offset int    // in bytes from the start of the text
	Detail string // what was expected, and what stands there
	// Truncated is true where the text is over too early: what is there may be right.
	Truncated bool
}

func (e *ScanError) Error() string { return fmt.Sprintf("json: %s at offset %d", e.Detail, e.Offset) }

// Token is the kind of a JSON value, told by its first byte.
type Token byte

const (
	TokenInvalid Token = iota // a byte that begins no value
	TokenEnd                  // the text is over
	TokenNull
	TokenBool
	TokenNumber
	TokenString
	TokenObject
	TokenArray
)

var tokenNames = [...]string{"no JSON value", "the end of the text", "null", "a boolean", "a number", "a string", "an object", "an array"}

// String returns the token as words, such as "a number".
func (t Token) String() string {
	if int(t) < len(tokenNames) {
		return tokenNames[t]
	}
	return tokenNames[TokenInvalid]
}

// Scanner reads JSON text strictly (RFC 8259, valid UTF-8) from left to right, without building anything: it hands out slices of
// the text. Nothing is read twice and nothing is allocated but errors. After an error the scanner is of no further use.
//
//	s := NewScanner(data)
//	if err := s.ObjectStart(); err != nil { … }
//	for {
//		name, ok, err := s.Member()
//		if err != nil { … }
//		if !ok { break }
//		switch { case name.Is("id"): … s.Number() …; default: … s.Skip() … } // exactly one value per member
//	}
//	err := s.End()
type Scanner struct {
	data  []byte
	pos   int
	depth int
	// first is true between the start of an object or array and its first member: the only state that commas need, because
	// whatever was closed last was itself a member.
	first bool
}

// NewScanner returns a scanner at the start of data.
func NewScanner(data []byte) Scanner { return Scanner{data: data} }

// Offset returns how many bytes have been read.
func (s *Scanner) Offset() int { return s.pos }

func (s *Scanner) fail(offset int, detail string) error {
	return &ScanError{Offset: offset, Detail: detail, Truncated: offset >= len(s.data)}
}

func (s *Scanner) expected(what string) error {
	return s.fail(s.pos, "expected "+what+", found "+s.describe())
}

// describe names what stands at the current offset. It shows punctuation but never content: errors end up in logs.
func (s *Scanner) describe() string {
	t := s.Peek()
	if t != TokenInvalid {
		return t.String()
	}
	if c := s.data[s.pos]; c == ',' || c == ':' || c == '}' || c == ']' {
		return "'" + string(rune(c)) + "'"
	}
	return "what begins no value"
}

func (s *Scanner) space() {
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

var tokenOf = [256]Token{
	'n': TokenNull, 't': TokenBool, 'f': TokenBool, '"': TokenString, '{': TokenObject, '[': TokenArray, '-': TokenNumber,
	'0': TokenNumber, '1': TokenNumber, '2': TokenNumber, '3': TokenNumber, '4': TokenNumber, '5': TokenNumber, '6': TokenNumber,
	'7': TokenNumber, '8': TokenNumber, '9': TokenNumber,
}

// Peek returns the kind of the value that comes next, without reading it.
func (s *Scanner) Peek() Token {
	s.space()
	if s.pos >= len(s.data) {
		return TokenEnd
	}
	return tokenOf[s.data[s.pos]]
}

// End checks that nothing but white space is left.
func (s *Scanner) End() error {
	s.space()
	if s.pos < len(s.data) {
		return s.expected("the end of the text")
	}
	return nil
}

// Null reads null.
func (s *Scanner) Null() error {
	s.space()
	return s.literal("null")
}

// Bool reads true or false.
func (s *Scanner) Bool() (bool, error) {
	s.space()
	if s.pos < len(s.data) && s.data[s.pos] == 't' {
		return true, s.literal("true")
	}
	return false, s.literal("false")
}

func (s *Scanner) literal(word string) error {
	if len(s.data)-s.pos < len(word) || string(s.data[s.pos:s.pos+len(word)]) != word {
		return s.expected(word)
	}
	s.pos += len(word)
	return nil
}

// Number reads a number and returns its text as it stands.
func (s *Scanner) Number() ([]byte, error) {
	s.space()
	start, i, data := s.pos, s.pos, s.data
	if i < len(data) && data[i] == '-' {
		i++
	}
	switch {
	case i < len(data) && data[i] == '0':
		i++
	case i < len(data) && data[i] >= '1' && data[i] <= '9':
		i = digits(data, i)
	default:
		return nil, s.expected("a number")
	}
	if i < len(data) && data[i] == '.' {
		from := i + 1
		if i = digits(data, from); i == from {
			return nil, s.fail(i, "expected a digit after the decimal point")
		}
	}
	if i < len(data) && (data[i] == 'e' || data[i] == 'E') {
		i++
		if i < len(data) && (data[i] == '+' || data[i] == '-') {
			i++
		}
		from := i
		if i = digits(data, from); i == from {
			return nil, s.fail(i, "expected a digit in the exponent")
		}
	}
	s.pos = i
	return data[start:i], nil
}

func digits(data []byte, i int) int {
	for i < len(data) && data[i] >= '0' && data[i] <= '9' {
		i++
	}
	return i
}

// String reads a string.
func (s *Scanner) String() (Text, error) {
	s.space()
	if s.pos >= len(s.data) || s.data[s.pos] != '"' {
		return Text{}, s.expected("a string")
	}
	start := s.pos
	end := start + 1 + plainPrefix(s.data[start+1:])
	if end < len(s.data) && s.data[end] == '"' {
		s.pos = end + 1
		return Text{quoted: s.data[start:s.pos], canonical: true}, nil
	}
	return s.unplainString(start, end)
}

// unplainString reads the string that begins at start; what stands before i is plain.
func (s *Scanner) unplainString(start, i int) (Text, error) {
	t := Text{canonical: true}
	ascii := true
	data := s.data
	for {
		i += plainPrefix(data[i:])
		if i >= len(data) {
			return Text{}, &ScanError{Offset: start, Detail: "string without its closing quote", Truncated: true}
		}
		switch c := data[i]; {
		case c == '"':
			t.quoted = data[start : i+1]
			if !ascii && !utf8.Valid(t.quoted) {
				return Text{}, s.fail(start, "string that is not valid UTF-8")
			}
			s.pos = i + 1
			return t, nil
		case c == '\\':
			n, canonical := escape(data[i:])
			if n == 0 {
				return Text{}, s.fail(i, "invalid escape in a string")
			}
			t.escaped = true
			t.canonical = t.canonical && canonical
			i += n
		case c >= utf8.RuneSelf:
			ascii = false
			for i < len(data) && data[i] >= utf8.RuneSelf {
				i++
			}
		default:
			return Text{}, s.fail(i, "unescaped control character in a string")
		}
	}
}

// plainPrefix returns how many bytes of b, from its start, are ASCII that a string may hold as it stands.
func plainPrefix[T ~string | ~[]byte](b T) int {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	i := 0
	// Eight bytes at a time: a byte's high bit is set in mask where it is a control character, '"', '\\' or not ASCII. Borrows
	// run only from a hit to the bytes after it, so the first hit is exact.
	for ; len(b)-i >= 8; i += 8 {
		x := uint64(b[i]) | uint64(b[i+1])<<8 | uint64(b[i+2])<<16 | uint64(b[i+3])<<24 |
			uint64(b[i+4])<<32 | uint64(b[i+5])<<40 | uint64(b[i+6])<<48 | uint64(b[i+7])<<56
		mask := ((x - ones*0x20) | ((x ^ ones*'"') - ones) | ((x ^ ones*'\\') - ones) | x) & highs
		if mask != 0 {
			return i + bits.TrailingZeros64(mask)/8
		}
	}
	for ; i < len(b); i++ {
		if c := b[i]; c < 0x20 || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			break
		}
	}
	return i
}

// escape returns the length of the escape at the start of b, 0 if it is none, and whether it is the canonical one.
func escape(b []byte) (n int, canonical bool) {
	if len(b) < 2 {
		return 0, false
	}
	switch b[1] {
	case '"', '\\', 'b', 'f', 'n', 'r', 't':
		return 2, true
	case '/':
		return 2, false
	case 'u':
		r, ok := hex4(b)
		if !ok {
			return 0, false
		}
		canonical = r < 0x20 && r != '\b' && r != '\f' && r != '\n' && r != '\r' && r != '\t' && (b[5] < 'a')
		return 6, canonical
	}
	return 0, false
}

// hex4 reads the \uXXXX at the start of b.
func hex4(b []byte) (rune, bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range b[2:6] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// ObjectStart reads the "{" of an object; Member reads its members.
func (s *Scanner) ObjectStart() error { return s.open('{', TokenObject) }

// ArrayStart reads the "[" of an array; Element leads to its elements.
func (s *Scanner) ArrayStart() error { return s.open('[', TokenArray) }

func (s *Scanner) open(bracket byte, t Token) error {
	s.space()
	if s.pos >= len(s.data) || s.data[s.pos] != bracket {
		return s.expected(t.String())
	}
	if s.depth >= MaxJSONDepth {
		return s.fail(s.pos, fmt.Sprintf("nested deeper than %d levels", MaxJSONDepth))
	}
	s.depth++
	s.pos++
	s.first = true
	return nil
}

// Member reads the next member's name and colon; the caller then reads its value. ok is false when the object has ended.
func (s *Scanner) Member() (name Text, ok bool, err error) {
	more, err := s.next('}', "',' or '}' after a member")
	if err != nil || !more {
		return Text{}, false, err
	}
	if name, err = s.String(); err != nil {
		return Text{}, false, err
	}
	if s.pos < len(s.data) && s.data[s.pos] == ':' {
		s.pos++
		return name, true, nil
	}
	s.space()
	if s.pos >= len(s.data) || s.data[s.pos] != ':' {
		return Text{}, false, s.expected("':' after a member's name")
	}
	s.pos++
	return name, true, nil
}

// Element leads to the array's next element, which the caller then reads; false when the array has ended.
func (s *Scanner) Element() (bool, error) {
	more, err := s.next(']', "',' or ']' after an element")
	if err != nil || !more {
		return false, err
	}
	if t := s.Peek(); t == TokenInvalid || t == TokenEnd {
		return false, s.expected("a value")
	}
	return true, nil
}

func (s *Scanner) next(closing byte, otherwise string) (bool, error) {
	s.space()
	if s.pos >= len(s.data) {
		return false, s.expected(otherwise)
	}
	c := s.data[s.pos]
	switch {
	case c == closing:
		s.pos++
		s.depth--
		s.first = false
		return false, nil
	case s.first:
		s.first = false
	case c == ',':
		s.pos++
	default:
		return false, s.expected(otherwise)
	}
	return true, nil
}

// Raw reads any value and returns its text as it stands, checked.
func (s *Scanner) Raw() ([]byte, error) {
	s.space()
	start := s.pos
	if err := s.Skip(); err != nil {
		return nil, err
	}
	return s.data[start:s.pos], nil
}

// Skip reads any value and checks it.
func (s *Scanner) Skip() error {
	switch s.Peek() {
	case TokenNull:
		return s.Null()
	case TokenBool:
		_, err := s.Bool()
		return err
	case TokenNumber:
		_, err := s.Number()
		return err
	case TokenString:
		_, err := s.String()
		return err
	case TokenObject:
		if err := s.ObjectStart(); err != nil {
			return err
		}
		for {
			_, ok, err := s.Member()
			if err != nil || !ok {
				return err
			}
			if err := s.Skip(); err != nil {
				return err
			}
		}
	case TokenArray:
		if err := s.ArrayStart(); err != nil {
			return err
		}
		for {
			ok, err := s.Element()
			if err != nil || !ok {
				return err
			}
			if err := s.Skip(); err != nil {
				return err
			}
		}
	}
	return s.expected("a value")
}

// Text is a JSON string as a Scanner found it. It shares memory with the scanned text.
type Text struct {
	quoted             []byte
	escaped, canonical bool
}

// Quoted returns the string as it stands in the text, with its quotes and escapes.
func (t Text) Quoted() []byte { return t.quoted }

// IsCanonical says whether Quoted already is the canonical form (see Value).
func (t Text) IsCanonical() bool { return t.canonical }

// IsPlain says whether the string has no escapes, so that its content is Quoted without the quotes.
func (t Text) IsPlain() bool { return !t.escaped }

// Inner returns what stands between the quotes, escapes and all.
func (t Text) Inner() []byte {
	if len(t.quoted) < 2 {
		return nil
	}
	return t.quoted[1 : len(t.quoted)-1]
}

// Is says whether the string's content is s.
func (t Text) Is(s string) bool {
	if !t.escaped {
		return string(t.Inner()) == s
	}
	return t.String() == s
}

// String returns the string's content.
func (t Text) String() string {
	if !t.escaped {
		return string(t.Inner())
	}
	return string(t.Append(nil))
}

// Append appends the string's content to b. Half a surrogate pair, which no UTF-8 can hold, becomes U+FFFD.
func (t Text) Append(b []byte) []byte {
	in := t.Inner()
	if !t.escaped {
		return append(b, in...)
	}
	start := 0
	for i := 0; i < len(in); {
		if in[i] != '\\' {
			i++
			continue
		}
		b = append(b, in[start:i]...)
		switch in[i+1] {
		case 'b':
			b = append(b, '\b')
		case 'f':
			b = append(b, '\f')
		case 'n':
			b = append(b, '\n')
		case 'r':
			b = append(b, '\r')
		case 't':
			b = append(b, '\t')
		case 'u':
			r, _ := hex4(in[i:])
			i += 4
			if utf16.IsSurrogate(r) {
				low, ok := hex4(in[i+2:])
				if pair := utf16.DecodeRune(r, low); ok && pair != utf8.RuneError {
					r = pair
					i += 6
				} else {
					r = utf8.RuneError
				}
			}
			b = utf8.AppendRune(b, r)
		default: // '"', '\\', '/'
			b = append(b, in[i+1])
		}
		i += 2
		start = i
	}
	return append(b, in[start:]...)
}

// AppendCanonical appends the string in canonical form, with its quotes, to b.
func (t Text) AppendCanonical(b []byte) []byte {
	if t.canonical {
		return append(b, t.quoted...)
	}
	var stack [256]byte
	return appendJSONString(b, t.Append(stack[:0]))
}
