package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// wireType is how a value is written in Avro's binary encoding.
type wireType uint8

const (
	wireNull wireType = iota
	wireBoolean
	wireInt // int and long are written alike
	wireFloat
	wireDouble
	wireBytes
	wireString
	wireFixed
	wireEnum
	wireArray
	wireMap
	wireRecord
	wireUnion
)

// avroNode is a part of a writer's schema, compiled for reading. Nodes may refer to themselves, as Avro's named types may.
type avroNode struct {
	typ      wireType
	meaning  valueType   // kind, unit and scale of a scalar; kindVariableDecimal of a record
	fields   []avroField // of a record
	elem     *avroNode   // of an array or a map
	branches []*avroNode // of a union
	size     int         // of a fixed
	columns  []column    // of a record: its fields as the columns of a row
	symbols  [][]byte    // of an enum, as canonical JSON strings
	name     string      // of a named type, for messages
}

type avroField struct {
	name   string
	quoted []byte // the name as a canonical JSON string
	node   *avroNode
	def    any // the default, as it stands in the schema; nil without
}

// field returns a record's field with that name, nil if there is none.
func (n *avroNode) field(name string) *avroField {
	for i := range n.fields {
		if n.fields[i].name == name {
			return &n.fields[i]
		}
	}
	return nil
}

// parseAvroSchema compiles a writer's schema. Defaults are not looked at: decoding what a writer wrote needs none.
func parseAvroSchema(text string) (*avroNode, error) {
	dec := json.NewDecoder(bytes.NewReader([]byte(text)))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, &DecodeError{Reason: ReasonBadSchema, Detail: "the Avro schema is not JSON", Err: err}
	}
	p := avroParser{named: make(map[string]*avroNode)}
	node, err := p.parse(v, "", 0)
	if err != nil {
		return nil, &DecodeError{Reason: ReasonBadSchema, Detail: "the Avro schema cannot be understood", Err: err}
	}
	// Columns are noted only now that all types are known.
	if node.typ == wireRecord {
		node.noteColumns()
	}
	for _, n := range p.named {
		if n.typ == wireRecord {
			n.noteColumns()
		}
	}
	return node, nil
}

// noteColumns notes what the fields are as columns.
func (n *avroNode) noteColumns() {
	if n.columns != nil {
		return
	}
	n.columns = make([]column, len(n.fields))
	for i := range n.fields {
		f := &n.fields[i]
		n.columns[i] = column{name: f.name, wire: f.name, typ: f.node.jsonType(), required: f.node.typ != wireUnion, def: f.defaultJSON()}
	}
}

// defaultJSON returns a scalar column's default in canonical form, nil without one. Avro writes bytes as text of code points.
func (f *avroField) defaultJSON() []byte {
	t := f.node.jsonType()
	switch v := f.def.(type) {
	case bool:
		return strconv.AppendBool(nil, v)
	case json.Number:
		if out, err := appendNumberOf(nil, []byte(v), &t); err == nil {
			return out
		}
	case string:
		if t.kind == kindBytes || t.kind == kindDecimal {
			var raw []byte
			for _, r := range v {
				raw = append(raw, byte(r))
			}
			if out, err := appendBinary(nil, raw, &t); err == nil {
				return out
			}
			return nil
		}
		s := NewScanner(AppendString(nil, v))
		if out, err := appendJSONValue(nil, &s, &t); err == nil {
			return out
		}
	}
	return nil
}

// jsonType is what a value means when it comes as JSON: that of the type that is not null.
func (n *avroNode) jsonType() valueType {
	if n.typ == wireUnion {
		for _, b := range n.branches {
			if b.typ != wireNull {
				return b.jsonType()
			}
		}
	}
	t := n.meaning
	if n.typ == wireArray && n.elem != nil {
		elem := valueType{kind: kindStruct}
		// A record in an array may hold the array's own record: its fields do not matter here.
		if n.elem.typ != wireArray {
			elem = n.elem.jsonType()
		}
		t.elem = &elem
	}
	return t
}

type avroParser struct {
	named map[string]*avroNode // by full name
}

// maxAvroDepth bounds how deep schemas and values are nested.
const maxAvroDepth = 64

var avroPrimitives = map[string]avroNode{
	"null":    {typ: wireNull},
	"boolean": {typ: wireBoolean, meaning: valueType{kind: kindBool}},
	"int":     {typ: wireInt, meaning: valueType{kind: kindInteger}},
	"long":    {typ: wireInt, meaning: valueType{kind: kindInteger}},
	"float":   {typ: wireFloat, meaning: valueType{kind: kindFloat32}},
	"double":  {typ: wireDouble, meaning: valueType{kind: kindFloat64}},
	"bytes":   {typ: wireBytes, meaning: valueType{kind: kindBytes}},
	"string":  {typ: wireString, meaning: valueType{kind: kindText}},
}

func (p *avroParser) parse(v any, namespace string, depth int) (*avroNode, error) {
	if depth > maxAvroDepth {
		return nil, fmt.Errorf("nested deeper than %d levels", maxAvroDepth)
	}
	switch v := v.(type) {
	case string:
		if n, ok := avroPrimitives[v]; ok {
			return &n, nil
		}
		if n, ok := p.named[fullName(v, namespace)]; ok {
			return n, nil
		}
		if n, ok := p.named[v]; ok {
			return n, nil
		}
		return nil, fmt.Errorf("type %q is not known", v)
	case []any:
		n := &avroNode{typ: wireUnion}
		for _, b := range v {
			branch, err := p.parse(b, namespace, depth+1)
			if err != nil {
				return nil, err
			}
			if branch.typ == wireUnion {
				return nil, fmt.Errorf("a union directly within a union")
			}
			n.branches = append(n.branches, branch)
		}
		return n, nil
	case map[string]any:
		return p.parseObject(v, namespace, depth)
	}
	return nil, fmt.Errorf("a type is %T, expected a string, an object or an array", v)
}

func fullName(name, namespace string) string {
	if namespace == "" || strings.Contains(name, ".") {
		return name
	}
	return namespace + "." + name
}

func (p *avroParser) parseObject(v map[string]any, namespace string, depth int) (*avroNode, error) {
	kind, isName := v["type"].(string)
	if !isName {
		return p.parse(v["type"], namespace, depth+1)
	}
	var n *avroNode
	switch kind {
	case "record", "error", "enum", "fixed":
		name, _ := v["name"].(string)
		if name == "" {
			return nil, fmt.Errorf("a %s without a name", kind)
		}
		if own, ok := v["namespace"].(string); ok && !strings.Contains(name, ".") {
			namespace = own
		}
		name = fullName(name, namespace)
		if i := strings.LastIndexByte(name, '.'); i >= 0 {
			namespace = name[:i]
		}
		n = &avroNode{name: name}
		// Known before its fields are read: they may refer to it.
		p.named[name] = n
		if err := p.parseNamed(n, kind, v, namespace, depth); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	case "array", "map":
		part := map[string]string{"array": "items", "map": "values"}[kind]
		elem, err := p.parse(v[part], namespace, depth+1)
		if err != nil {
			return nil, err
		}
		n = &avroNode{typ: wireArray, meaning: valueType{kind: kindArray}, elem: elem}
		if kind == "map" {
			n.typ, n.meaning.kind = wireMap, kindMap
		}
	default:
		known, err := p.parse(kind, namespace, depth+1)
		if err != nil {
			return nil, err
		}
		copied := *known
		n = &copied
	}
	meaning, err := avroMeaning(v, n.meaning)
	n.meaning = meaning
	return n, err
}

func (p *avroParser) parseNamed(n *avroNode, kind string, v map[string]any, namespace string, depth int) error {
	switch kind {
	case "enum":
		n.typ, n.meaning.kind = wireEnum, kindText
		symbols, _ := v["symbols"].([]any)
		for _, s := range symbols {
			text, ok := s.(string)
			if !ok {
				return fmt.Errorf("a symbol is no string")
			}
			n.symbols = append(n.symbols, AppendString(nil, text))
		}
	case "fixed":
		n.typ, n.meaning.kind = wireFixed, kindBytes
		size, _ := v["size"].(json.Number)
		bytes, err := size.Int64()
		if err != nil || bytes < 0 || bytes > 1<<30 {
			return fmt.Errorf("size is %q, expected a number of bytes", size)
		}
		n.size = int(bytes)
	default:
		n.typ, n.meaning.kind = wireRecord, kindStruct
		fields, ok := v["fields"].([]any)
		if !ok {
			return fmt.Errorf("fields are no array")
		}
		for _, f := range fields {
			f, ok := f.(map[string]any)
			if !ok {
				return fmt.Errorf("a field is no object")
			}
			name, ok := f["name"].(string)
			if !ok {
				return fmt.Errorf("a field has no name")
			}
			node, err := p.parse(f["type"], namespace, depth+1)
			if err != nil {
				return fmt.Errorf("field %s: %w", name, err)
			}
			n.fields = append(n.fields, avroField{name: name, quoted: AppendString(nil, name), node: node, def: f["default"]})
		}
	}
	return nil
}

// avroMeaning reads what Connect's converter noted about a type, and, where it noted nothing, Avro's own logical type.
func avroMeaning(v map[string]any, base valueType) (valueType, error) {
	parameters := make(map[string]string)
	if given, ok := v["connect.parameters"].(map[string]any); ok {
		for k, p := range given {
			if s, ok := p.(string); ok {
				parameters[k] = s
			}
		}
	}
	logical, _ := v["logicalType"].(string)
	if logical == "decimal" {
		// Connect's parameters may be missing; the scale of Avro's own type is the same one.
		if scale, ok := v["scale"].(json.Number); ok {
			parameters["scale"] = scale.String()
		} else if parameters["scale"] == "" {
			parameters["scale"] = "0"
		}
	}
	if small, ok := v["connect.type"].(string); ok && (small == "int8" || small == "int16") {
		base.name = small
	}
	if name, ok := v["connect.name"].(string); ok {
		return namedType(name, parameters, base)
	}
	t := base
	switch logical {
	case "decimal":
		return namedType("org.apache.kafka.connect.data.Decimal", parameters, base)
	case "date":
		t.kind = kindDate
	case "time-millis":
		t.kind, t.unit = kindTime, nanosPerMilli
	case "time-micros":
		t.kind, t.unit = kindTime, nanosPerMicro
	case "timestamp-millis":
		t.kind, t.unit = kindTimestamptz, nanosPerMilli
	case "timestamp-micros":
		t.kind, t.unit = kindTimestamptz, nanosPerMicro
	case "timestamp-nanos":
		t.kind, t.unit = kindTimestamptz, 1
	case "local-timestamp-millis":
		t.kind, t.unit = kindTimestamp, nanosPerMilli
	case "local-timestamp-micros":
		t.kind, t.unit = kindTimestamp, nanosPerMicro
	case "local-timestamp-nanos":
		t.kind, t.unit = kindTimestamp, 1
	}
	return t, nil
}
