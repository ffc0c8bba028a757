package elastic

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"unicode"

	"dossier/query"
)

var update = flag.Bool("update", false, "write analysis.json anew")

// The letters that lowercase and asciifolding leave as they are, and query.Words does not: each stands in the analyzer with what becomes of it.
func TestAnalysisKnowsTheLetters(t *testing.T) {
	var letters []string
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if !unicode.Is(unicode.Greek, r) && !unicode.Is(unicode.Cyrillic, r) {
			continue
		}
		if words := query.Words(string(r)); len(words) == 1 && words[0] != string(unicode.ToLower(r)) {
			letters = append(letters, fmt.Sprintf("%c => %s", r, words[0]))
		}
	}
	wanted := object{
		"char_filter": object{"dossier_letters": object{"type": "mapping", "mappings": letters}},
		"tokenizer": object{
			"dossier_head":  object{"type": "pattern", "pattern": `(?s)^.{1,2}`, "group": "0"}, // see headOf
			"dossier_words": object{"type": "pattern", "pattern": `[^\p{L}\p{Nd}\p{M}]+`},
		},
		"filter": object{
			"dossier_accents": object{"type": "pattern_replace", "pattern": `[\u0300-\u036F]+`, "replacement": ""},
			// Lucene refuses a document for one word of more than 32,766 bytes.
			"dossier_cut": object{"type": "truncate", "length": "8191"},
		},
		"analyzer": object{"dossier_head": object{"type": "custom", "tokenizer": "dossier_head"}, "dossier_words": object{"type": "custom", "char_filter": []string{"dossier_letters"}, "tokenizer": "dossier_words",
			"filter": []string{"lowercase", "asciifolding", "dossier_accents", "dossier_cut"}}},
	}
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(wanted); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("analysis.json", []byte(text.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if string(analysisJSON) != text.String() {
		t.Error("analysis.json is not what follows from query.Words; where that is meant, run go test ./sink/elastic -run AnalysisKnowsTheLetters -update and read what it changes")
	}
}
