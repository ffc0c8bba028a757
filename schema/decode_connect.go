package schema

import (
	"encoding/json"
	"reflect"
)

// jsonSchema is a Connect schema as JsonConverter writes it before each payload (schemas.enable=true).
type jsonSchema struct {
	raw           []byte   // as it stood, to recognise it
	root          *rowPlan // the payload's own fields: the columns of a key
	before, after *rowPlan // of an envelope
}

// connectSchema is a Connect schema's JSON.
type connectSchema struct {
	Type       string            `json:"type"`
	Name       string            `json:"name"`
	Field      string            `json:"field"`
	Fields     []connectSchema   `json:"fields"`
	Items      *connectSchema    `json:"items"`
	Values     *connectSchema    `json:"values"`
	Parameters map[string]string `json:"parameters"`
	Optional   bool              `json:"optional"`
	Default    json.RawMessage   `json:"default"`
}

func parseJSONSchema(raw []byte) (*jsonSchema, error) {
	// The record's memory is not ours to keep.
	own := append([]byte(nil), raw...)
	var c connectSchema
	if err := json.Unmarshal(own, &c); err != nil {
		return nil, &DecodeError{Reason: ReasonBadSchema, Detail: "the record's Connect schema cannot be read", Err: err}
	}
	root, err := c.valueType()
	if err != nil {
		return nil, err
	}
	schema := &jsonSchema{raw: own, root: &rowPlan{columns: root.fields}}
	for _, f := range root.fields {
		switch f.wire {
		case "before":
			schema.before = &rowPlan{columns: f.typ.fields}
		case "after":
			schema.after = &rowPlan{columns: f.typ.fields}
		}
	}
	if schema.before != nil && schema.after != nil && reflect.DeepEqual(schema.before.columns, schema.after.columns) {
		schema.after = schema.before // one plan: what both rows have alike is read once
	}
	return schema, nil
}

func (c *connectSchema) valueType() (valueType, error) {
	var t valueType
	switch c.Type {
	case "boolean":
		t.kind = kindBool
	case "int8", "int16":
		t.kind, t.name = kindInteger, c.Type
	case "int32", "int64":
		t.kind = kindInteger
	case "float", "float32":
		t.kind = kindFloat32
	case "double", "float64":
		t.kind = kindFloat64
	case "string":
		t.kind = kindText
	case "bytes":
		t.kind = kindBytes
	case "array":
		t.kind = kindArray
		if c.Items != nil {
			elem, err := c.Items.valueType()
			if err != nil {
				return t, err
			}
			t.elem = &elem
		}
	case "map":
		t.kind = kindMap
		if c.Values != nil {
			elem, err := c.Values.valueType()
			if err != nil {
				return t, err
			}
			t.elem = &elem
		}
	case "struct":
		t.kind = kindStruct
		t.fields = make([]column, 0, len(c.Fields))
		for i := range c.Fields {
			f := &c.Fields[i]
			typ, err := f.valueType()
			if err != nil {
				return t, nameColumn(err, f.Field)
			}
			col := column{name: properName(f.Field), wire: f.Field, typ: typ, required: !f.Optional}
			if len(f.Default) > 0 {
				d := NewScanner(f.Default)
				if def, err := appendJSONValue(nil, &d, &col.typ); err == nil && string(def) != "null" {
					col.def = def
				}
			}
			t.fields = append(t.fields, col)
		}
	default:
		return t, decodeErrorf(ReasonBadSchema, "the Connect schema has a type that is not known")
	}
	return namedType(c.Name, c.Parameters, t)
}
