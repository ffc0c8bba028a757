package query

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Words returns the words of a text as Match compares them: what stands between characters that are neither letters nor digits, in lower case and without
// accents. Letters that are written with a stroke or joined are those they are made of: ø is o, ß is ss, ﬁ is fi. A mark that is no accent, such as a vowel sign of
// an Indian script, belongs to its letter's word.
func Words(text string) []string {
	return strings.FieldsFunc(fold(text), func(r rune) bool { return !inWord(r) })
}

func inWord(r rune) bool {
	if r < utf8.RuneSelf {
		return 'a' <= r && r <= 'z' || '0' <= r && r <= '9'
	}
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)
}

// fold brings a text into lower case and takes accents away.
func fold(text string) string {
	if isASCII(text) {
		return strings.ToLower(text)
	}
	var b strings.Builder
	b.Grow(len(text))
	for _, r := range norm.NFKD.String(strings.ToLower(text)) {
		if isAccent(r) {
			continue
		}
		if plain, ok := strokes[r]; ok {
			b.WriteString(plain)
			continue
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return norm.NFC.String(b.String())
}

// isAccent holds for the combining diacritical marks, which stand over and under letters.
func isAccent(r rune) bool { return 0x0300 <= r && r <= 0x036F }

// strokes are the lower-case letters that Unicode does not take apart, and what people write for them.
var strokes = map[rune]string{
	'ß': "ss", 'æ': "ae", 'œ': "oe", 'ø': "o", 'đ': "d", 'ð': "d", 'þ': "th", 'ħ': "h", 'ı': "i", 'ł': "l", 'ŧ': "t", 'ŋ': "n", 'ς': "σ",
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
