package schema

import (
	"strings"
	"unicode/utf8"
)

// properName undoes what Debezium does to names of tables and columns beyond ASCII when it reads them from PostgreSQL's log (seen with
// 3.3): each byte of their UTF-8 becomes a character of its own, a Java char made of the signed byte, so that "ß", C3 9F, arrives as
// U+FFC3 U+FF9F. From a snapshot the same name arrives whole. Left alone, one column would be two, and a column that the
// configuration masks by its name would not be masked.
//
// It changes nothing that does not give valid UTF-8 again: names that really hold such characters, halfwidth Katakana, don't.
func properName(s string) string {
	if strings.IndexByte(s, 0xEF) < 0 { // with which these characters begin
		return s
	}
	b := make([]byte, 0, len(s))
	for _, r := range s {
		if r >= 0xFF80 && r <= 0xFFFF && r != utf8.RuneError {
			b = append(b, byte(r))
		} else {
			b = utf8.AppendRune(b, r)
		}
	}
	if !utf8.Valid(b) {
		return s
	}
	return string(b)
}
