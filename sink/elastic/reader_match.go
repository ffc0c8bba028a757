package elastic

import (
	"strings"

	"dossier/query"
)

// matchClause asks for words. They are taken out of the text here, by the rule that the analyzer of the mapping follows, see analysis.
func matchClause(f query.Match) object {
	words := query.Words(f.Text)
	if len(words) == 0 {
		return nothing
	}
	field, all := string(f.Field), strings.Join(words, " ")
	last := len(words) - 1
	switch {
	case !f.Prefix && f.Phrase && last > 0:
		return object{"match_phrase": object{field: object{"query": all}}}
	case !f.Prefix:
		return object{"match": object{field: object{"query": all, "operator": "and"}}}
	case f.Phrase && last > 0:
		// Not match_phrase_prefix, which silently looks at the first few words alone that begin so.
		return object{"intervals": object{field: object{"all_of": object{"ordered": true, "max_gaps": 0, "intervals": []any{
			object{"match": object{"query": strings.Join(words[:last], " "), "ordered": true, "max_gaps": 0}},
			object{"prefix": object{"prefix": words[last]}},
		}}}}}
	}
	must := []any{object{"prefix": object{field: object{"value": words[last]}}}}
	if last > 0 {
		must = append(must, object{"match": object{field: object{"query": strings.Join(words[:last], " "), "operator": "and"}}})
	}
	return object{"bool": object{"filter": must}}
}
