package schema

import (
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

// Bounds of the forms in which a value can be searched. The value itself is kept whole beside them, so cutting loses no evidence.
const (
	// ExactLimit is the greatest length of the form for exact search, in UTF-16 code units as the store counts them. At three
	// bytes a unit it stays below Lucene's limit of 32,766 bytes a term. A longer value has no exact form.
	ExactLimit = 8191
	// TextLimit is the greatest size of the form for full-text search, in bytes of UTF-8. A longer value is cut.
	TextLimit = 32 << 10
	// numberLimit is the greatest length of a text that is tried as a number.
	numberLimit = 400
)

// exactForm returns the text for exact search, if it is short enough for one.
func exactForm(text string) (string, bool) {
	if len(text) <= ExactLimit {
		return text, true
	}
	if len(text) > 3*ExactLimit {
		return "", false
	}
	units := 0
	for _, r := range text {
		units++
		if r > 0xFFFF {
			units++
		}
	}
	return text, units <= ExactLimit
}

// textForm returns the text for full-text search, cut between two characters.
func textForm(text string) string {
	if len(text) <= TextLimit {
		return text
	}
	end := TextLimit
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}

// numberForm returns the text as a double, if it is a decimal number that a double can hold at all. Rounding is no harm here: the exact
// digits stand beside it.
func numberForm(text string) (float64, bool) {
	if len(text) > numberLimit || !isDecimal(text) {
		return 0, false
	}
	f, err := strconv.ParseFloat(text, 64)
	return f, err == nil && !math.IsInf(f, 0)
}

// appendDouble appends a finite double as the shortest JSON number, without an exponent where that is short.
func appendDouble(b []byte, f float64) []byte {
	format := byte('f')
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(b, f, format, -1, 64)
}

// isDecimal says whether a text is a decimal number: strconv alone would also take "0x1p-2", "Infinity" and "1_000".
func isDecimal(s string) bool {
	if s != "" && (s[0] == '-' || s[0] == '+') {
		s = s[1:]
	}
	whole := digitsAt(s, 0)
	i := whole
	if i < len(s) && s[i] == '.' {
		fraction := digitsAt(s, i+1)
		i += 1 + fraction
		if fraction == 0 {
			return false
		}
	}
	if whole == 0 {
		return false
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		i++
		if i < len(s) && (s[i] == '-' || s[i] == '+') {
			i++
		}
		exponent := digitsAt(s, i)
		if exponent == 0 {
			return false
		}
		i += exponent
	}
	return i == len(s)
}

func digitsAt(s string, from int) int {
	i := from
	for i < len(s) && '0' <= s[i] && s[i] <= '9' {
		i++
	}
	return i - from
}

// isDate says whether a text is a date or a time as the canonical form writes them: 2026-11-23, 2026-11-23T02:43:54.384552 or the
// same with Z or an offset.
func isDate(s string) bool {
	if len(s) < len("2006-01-02") || len(s) > len("2006-01-02T15:04:05.123456789+00:00") || s[4] != '-' || s[7] != '-' {
		return false
	}
	if len(s) == len("2006-01-02") {
		_, err := time.Parse("2006-01-02", s)
		return err == nil
	}
	if len(s) < len("2006-01-02T15:04:05") {
		return false
	}
	// time.Parse also takes a decimal comma, and any number of digits after it.
	if rest := s[19:]; rest != "" && (rest[0] == ',' || rest[0] == '.' && digitsAt(rest, 1) > 9) {
		return false
	}
	if _, err := time.Parse("2006-01-02T15:04:05.999999999Z07:00", s); err == nil {
		return true
	}
	_, err := time.Parse("2006-01-02T15:04:05.999999999", s)
	return err == nil
}
