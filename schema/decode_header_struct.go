package schema

import (
	"bytes"
	"unicode/utf8"
)

// structKey reads a key that Connect's default header.converter has written as text, Struct{id=1,name=x}. The form quotes nothing, so
// the record's own key tells the columns and whether they are text. Nil where more than one reading is possible: then the events of a
// changed key stay without the link between them, as a delete and a create.
func structKey(text []byte, key Row, plan *rowPlan) Row {
	rest, ok := bytes.CutPrefix(text, []byte("Struct{"))
	if !ok || !utf8.Valid(rest) {
		return nil
	}
	if rest, ok = bytes.CutSuffix(rest, []byte("}")); !ok {
		return nil
	}
	var row Row
	for i := range key {
		if rest, ok = bytes.CutPrefix(rest, []byte(key[i].Name+"=")); !ok {
			return nil
		}
		value := rest
		if i+1 < len(key) {
			separator := []byte("," + key[i+1].Name + "=")
			if bytes.Count(rest, separator) != 1 {
				return nil
			}
			value = rest[:bytes.Index(rest, separator)]
			rest = rest[len(value)+1:]
		}
		v, ok := structValue(value, key[i], plan)
		if !ok {
			return nil
		}
		row = append(row, Field{Name: key[i].Name, Value: v})
	}
	return row
}

// structValue reads a value as the column of the record's own key has it.
func structValue(text []byte, own Field, plan *rowPlan) (Value, bool) {
	var t valueType
	if plan != nil {
		if i := plan.find([]byte(own.Name), 0); i >= 0 {
			t = plan.columns[i].typ
		}
	}
	s := NewScanner(text)
	isNumber := s.Peek() == TokenNumber && s.Skip() == nil && s.End() == nil
	switch {
	case own.Value.State != Present || t.kind == kindBytes || t.kind == kindVariableDecimal:
		return Value{}, false // Java writes bytes as an address
	case t.kind == kindText, t.kind == kindAny && own.Value.JSON[0] == '"', t.kind == kindDecimal && isNumber:
		return Value{State: Present, JSON: AppendString(nil, string(text))}, true
	case isNumber:
		b, err := appendNumberOf(nil, text, &t)
		return Value{State: Present, JSON: b}, err == nil
	case t.rewritesText():
		b, ok := appendTimeText(nil, text, t.kind)
		return Value{State: Present, JSON: b}, ok
	case string(text) == "true" || string(text) == "false":
		return Value{State: Present, JSON: bytes.Clone(text)}, true
	}
	return Value{}, false
}
