package schema

import (
	"bytes"
	"encoding/json"
)

// CanonicalJSON returns a JSON value, such as a member of a json column's object, as a Value: null is Null, a string has canonical escapes,
// a number keeps its text, and an array or object is compact.
func CanonicalJSON(raw []byte) (Value, error) {
	var compact bytes.Buffer
	if err := json.Compact(&compact, raw); err != nil {
		return Value{}, &DecodeError{Reason: "not_json", Detail: "a value inside a json column is no JSON", Err: err}
	}
	text := compact.Bytes()
	switch {
	case string(text) == "null":
		return NullValue, nil
	case text[0] == '"':
		var s string
		if err := json.Unmarshal(text, &s); err != nil {
			return Value{}, &DecodeError{Reason: "not_json", Detail: "a string inside a json column is no JSON string", Err: err}
		}
		return Value{State: Present, JSON: AppendString(nil, s)}, nil
	}
	return Value{State: Present, JSON: text}, nil
}
