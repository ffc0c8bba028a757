package elastic

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
)

//go:embed mapping.json
var mappingJSON []byte

// object is a JSON object of Elasticsearch's administration, where trees are small and rare.
type object = map[string]any

// mapping returns the mapping of every index in a store of this make, marked as Dossier's: see guard.
func mapping(p product) object {
	m := decode(mappingJSON)
	p.fitTimes(m)
	m["_meta"] = object{"dossier": object{"mapping": json.Number("1")}}
	return m
}

// decode reads an object that this program holds, or that a good answer brought.
func decode(text []byte) object {
	var o object
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&o); err != nil {
		return nil
	}
	return o
}

// compareMappings returns the fields that a mapping lacks, as a tree of properties (nil for none), and how those differ that it has:
// the former can be added to an index that holds documents, the latter can not be changed there.
func compareMappings(wanted, actual object) (missing object, differences []string) {
	missing, differences = compareProperties("", properties(wanted), properties(actual))
	if d := fmt.Sprint(actual["dynamic"]); d != "strict" {
		differences = append(differences, fmt.Sprintf("dynamic is %s, expected strict", d))
	}
	slices.Sort(differences)
	return missing, differences
}

func properties(m object) object {
	p, _ := m["properties"].(object)
	return p
}

func compareProperties(path string, wanted, actual object) (missing object, differences []string) {
	for name, w := range wanted {
		want := w.(object)
		field := path + name
		have, ok := actual[name].(object)
		switch {
		case !ok:
			if missing == nil {
				missing = object{}
			}
			missing[name] = want
		case properties(want) != nil && properties(have) != nil:
			m, d := compareProperties(field+".", properties(want), properties(have))
			if m != nil {
				if missing == nil {
					missing = object{}
				}
				missing[name] = object{"properties": m}
			}
			differences = append(differences, d...)
		case !reflect.DeepEqual(want, have):
			differences = append(differences, fmt.Sprintf("%s is %s, expected %s", field, encode(have), encode(want)))
		}
	}
	return missing, differences
}

func encode(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // a tree of objects, lists, texts and numbers
	}
	return text
}
