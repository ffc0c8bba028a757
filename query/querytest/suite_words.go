package querytest

import (
	"strings"
	"testing"

	"dossier/query"
	"dossier/schema"
)

// testWords says what Match finds.
func testWords(t *testing.T, open Open) {
	write, store := open(t)
	write(
		fieldChange("a", "", `"Silver spoon, old"`),
		fieldChange("b", "", `"The old silver-spoon"`),
		fieldChange("c", `"silver"`, `"Löffel (2 Stück)"`),
		fieldChange("d", "", `"ΆΛΦΑ Ёлка 日本 STRASSE"`),
		fieldChange("e", "", `"e\u0301te\u0301_99.50_it's"`),
		fieldChange("f", "", `""`),
		fieldChange("g", "", `"-- !?"`),
		fieldChange("h", "", `true`),
		document("i"),
		document("j", func(d *schema.Document) {
			inFeedback(func(f *schema.Feedback, s string) { f.Message = s })(d, "Silver is sold out")
		}),
		fieldChange("k", "", `"`+strings.Repeat("very ", 5000)+`long"`),
	)
	words := func(text string) query.Match { return query.Match{Field: query.FieldCurrText, Text: text} }
	phrase := func(text string) query.Match {
		return query.Match{Field: query.FieldCurrText, Text: text, Phrase: true}
	}
	begin := func(m query.Match) query.Match {
		m.Prefix = true
		return m
	}
	for want, filters := range map[string][]query.Filter{
		"a b": {words("spoon"), words("SPOON"), words("spoon silver"), words("old, spoon!"), phrase("silver spoon"), begin(words("spo")), begin(phrase("silver sp")), begin(words("spoon sil"))},
		"a":   {phrase("silver spoon old"), phrase("spoon old"), begin(phrase("spoon o"))},
		"b":   {phrase("old silver"), words("the"), phrase("the-old")},
		"c":   {words("löffel"), words("LOFFEL"), words("lo\u0308ffel"), words("stuck"), phrase("2 Stück"), begin(words("stü")), query.Match{Field: query.FieldPrevText, Text: "silver"}},
		"d":   {words("日本"), words("strasse"), words("ёлка"), words("άλφα")},
		"e":   {words("été"), words("99"), words("50"), phrase("99.50"), phrase("99 50 it s"), words("ete 99")},
		"h":   {words("true")},
		"j":   {query.Match{Field: query.FieldMessage, Text: "silver"}, query.Match{Field: query.FieldMessage, Text: "sold out", Phrase: true}},
		"k":   {words("very"), phrase("very very very"), words("long")},
		"": {words(""), words("-- !?"), phrase(""), begin(words("")), begin(words("*")), words("spo"), phrase("spoon silver"), words("silver spoon golden"), words("ilver"), phrase("s old"),
			begin(phrase("sil spoon")), words("silver OR golden"), words("NOT golden"), words("spoon*" + " x"), words("tru"), query.Match{Field: query.FieldMessage, Text: "spoon"}},
		"a b c d e f g h i k": {query.Not{Filter: query.Match{Field: query.FieldMessage, Text: "silver"}}},
		"c d e f g h i j k":   {query.Not{Filter: words("spoon")}},
		"a b j":               {query.Or{words("silver"), query.Match{Field: query.FieldMessage, Text: "silver"}}},
		"a b c":               {query.Or{words("silver"), query.Match{Field: query.FieldPrevText, Text: "silver"}}},
	} {
		for _, f := range filters {
			if got := ids(search(t, store, query.Search{Filter: f, Limit: 100})); got != want {
				t.Errorf("%s finds %q, want %q", describe(f), got, want)
			}
		}
	}
}
