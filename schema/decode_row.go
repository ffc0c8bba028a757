package schema

import (
	"bytes"
	"encoding/base64"
	"slices"
)

// rowPlan is what is known of a row before it is read: its columns, most likely in this order. It is never changed, only replaced.
type rowPlan struct {
	tableName
	columns []column
}

// maxColumns bounds a plan: PostgreSQL has at most 1,600 columns in a table; names beyond are allocated each time.
const maxColumns = 4096

// find returns the index of the column with that name, -1 if there is none. It looks at hint first: rows of a table have their columns in the same order.
func (p *rowPlan) find(name []byte, hint int) int {
	if hint < len(p.columns) && p.columns[hint].wire == string(name) {
		return hint
	}
	for i := range p.columns {
		if p.columns[i].wire == string(name) {
			return i
		}
	}
	return -1
}

// with returns a plan that has one more column.
func (p *rowPlan) with(c column) *rowPlan {
	next := &rowPlan{tableName: p.tableName, columns: make([]column, len(p.columns), len(p.columns)+8)}
	copy(next.columns, p.columns)
	next.columns = append(next.columns, c)
	return next
}

// image is a row image as it was read. An update's other image has most of its members as they are here, byte for byte: those need not be read
// again.
type image struct {
	plan *rowPlan
	row  Row
	// members are where the row's members stand in the record, without the commas between them; an empty range where that is not known.
	members []textRange
}

type textRange struct{ start, end int }

// memberAt returns where the object's next member begins, after the comma; -1 where something else comes, or white space before the comma.
func (s *Scanner) memberAt() int {
	switch {
	case s.first:
		return s.pos
	case s.pos < len(s.data) && s.data[s.pos] == ',':
		return s.pos + 1
	}
	return -1
}

func (m *image) reset() { m.plan, m.row, m.members = nil, nil, m.members[:0] }

// has says whether the scanner is before the member with that number, and reads it if so.
func (m *image) has(i int, s *Scanner) bool {
	if i >= len(m.members) {
		return false
	}
	at, member := s.memberAt(), s.data[m.members[i].start:m.members[i].end]
	if at < 0 || len(member) == 0 {
		return false
	}
	end := at + len(member)
	// What follows shows that the value is over: 12 begins with 1.
	if end >= len(s.data) || s.data[end] != ',' && s.data[end] != '}' || string(s.data[at:end]) != string(member) {
		return false
	}
	s.pos, s.first = end, false
	return true
}

// jsonRow reads an object as a row, appending to dst, and returns the plan to use next time. Values that are not canonical already are
// written to buffer. Of a row's two images the first is noted in other and the second read with its help; nil for a row that stands alone.
func (d *Decoder) jsonRow(s *Scanner, plan *rowPlan, dst Row, buffer *[]byte, other *image) (Row, *rowPlan, error) {
	if plan == nil {
		plan = &rowPlan{}
	}
	if dst == nil {
		dst = make(Row, 0, len(plan.columns))
	}
	if err := s.ObjectStart(); err != nil {
		return nil, plan, err
	}
	first := other != nil && other.plan == nil
	second := other != nil && other.plan == plan
	hint := 0
	for {
		if second && other.has(len(dst), s) {
			dst = append(dst, other.row[len(dst)])
			hint = len(dst)
			continue
		}
		start := s.memberAt()
		text, ok, err := s.Member()
		if err != nil {
			return nil, plan, err
		}
		if !ok {
			if first {
				other.plan, other.row = plan, dst
			}
			return dst, plan, nil
		}
		name := text.Inner()
		if !text.IsPlain() {
			name = text.Append(nil)
		}
		i := plan.find(name, hint)
		var col *column
		if i >= 0 {
			col, hint = &plan.columns[i], i+1
		} else {
			c := column{name: d.names.get(name)}
			if c.wire = c.name; c.wire != string(name) {
				c.wire = string(name)
			}
			if d.cfg.Types != nil && plan.table != "" {
				if t, ok := d.cfg.Types(plan.schema, plan.table, c.name); ok {
					c.typ = t.valueType()
				}
			}
			if len(plan.columns) < maxColumns {
				plan = plan.with(c)
				hint = len(plan.columns)
			}
			col = &c
		}
		v, err := d.jsonValue(s, &col.typ, buffer)
		if err != nil {
			return nil, plan, nameColumn(err, col.name)
		}
		dst = append(dst, Field{Name: col.name, Value: v})
		if first {
			member := textRange{start, s.pos}
			if start < 0 {
				member = textRange{}
			}
			other.members = append(other.members, member)
		}
	}
}

// nameColumn says in a DecodeError which column it is about.
func nameColumn(err error, name string) error {
	if e, ok := err.(*DecodeError); ok {
		return &DecodeError{Reason: e.Reason, Detail: "column " + name + ": " + e.Detail, Err: e.Err}
	}
	return err
}

// jsonValue reads a column's value.
func (d *Decoder) jsonValue(s *Scanner, t *valueType, buffer *[]byte) (Value, error) {
	switch s.Peek() {
	case TokenNull:
		return NullValue, s.Null()
	case TokenString:
		text, err := s.String()
		if err != nil {
			return Value{}, err
		}
		if text.IsCanonical() {
			if v := d.placeholders.value(text.Quoted()); v.State == Unavailable || !t.rewritesText() {
				return v, nil
			}
		}
		start := len(*buffer)
		b, err := appendText(*buffer, text, t)
		if err != nil {
			return Value{}, err
		}
		*buffer = b
		return d.placeholders.value(b[start:len(b):len(b)]), nil
	case TokenNumber:
		start := s.Offset()
		text, err := s.Number()
		if err != nil {
			return Value{}, err
		}
		if isInteger(text) && !t.rewritesNumber() {
			return Value{State: Present, JSON: text}, nil
		}
		s.pos = start
	case TokenBool:
		raw, err := s.Raw()
		return Value{State: Present, JSON: raw}, err
	}
	start := len(*buffer)
	b, err := appendJSONValue(*buffer, s, t)
	if err != nil {
		return Value{}, err
	}
	*buffer = b
	return d.placeholders.value(b[start:len(b):len(b)]), nil
}

// isInteger says whether the canonical form of the JSON number is the number itself.
func isInteger(number []byte) bool {
	for _, c := range number {
		if c == '.' || c == 'e' || c == 'E' {
			return false
		}
	}
	return true
}

// rewritesText says whether canonical text of the type may differ from the text that comes.
func (t *valueType) rewritesText() bool {
	switch t.kind {
	case kindDate, kindTime, kindTimetz, kindTimestamp, kindTimestamptz, kindDecimal, kindVariableDecimal, kindDecimalText:
		return true
	}
	return false
}

// rewritesNumber says whether a whole number of the type becomes something else.
func (t *valueType) rewritesNumber() bool {
	switch t.kind {
	case kindAny, kindBool, kindInteger:
		return false
	}
	return true
}

// appendText appends a JSON string of the given type in canonical form.
func appendText(b []byte, text Text, t *valueType) ([]byte, error) {
	switch t.kind {
	case kindDate, kindTime, kindTimetz, kindTimestamp, kindTimestamptz:
		content := text.Inner()
		if !text.IsPlain() {
			content = text.Append(nil)
		}
		if b, ok := appendTimeText(b, content, t.kind); ok {
			return b, nil
		}
	case kindDecimal:
		var stack [64]byte
		unscaled, err := base64.StdEncoding.AppendDecode(stack[:0], text.Inner())
		if err != nil {
			return b, &DecodeError{Reason: ReasonBadValue, Detail: "a decimal is not base64, as its type says", Err: err}
		}
		return appendDecimal(b, unscaled, t.scale), nil
	case kindVariableDecimal, kindDecimalText:
		// Debezium names the special values of numeric so where decimals are sent as text.
		switch string(text.Inner()) {
		case "NAN":
			return append(b, `"NaN"`...), nil
		case "POSITIVE_INFINITY":
			return append(b, `"Infinity"`...), nil
		case "NEGATIVE_INFINITY":
			return append(b, `"-Infinity"`...), nil
		}
	}
	return text.AppendCanonical(b), nil
}

// appendJSONValue reads any value of the given type, which may be nested, and appends it in canonical form.
func appendJSONValue(b []byte, s *Scanner, t *valueType) ([]byte, error) {
	switch token := s.Peek(); token {
	case TokenNull:
		return append(b, "null"...), s.Null()
	case TokenBool:
		raw, err := s.Raw()
		return append(b, raw...), err
	case TokenString:
		text, err := s.String()
		if err != nil {
			return b, err
		}
		return appendText(b, text, t)
	case TokenNumber:
		text, err := s.Number()
		if err != nil {
			return b, err
		}
		return appendNumberOf(b, text, t)
	case TokenArray:
		return appendJSONArray(b, s, t)
	case TokenObject:
		if t.kind == kindVariableDecimal {
			return appendVariableDecimal(b, s)
		}
		return appendJSONObject(b, s, t)
	}
	return b, s.Skip() // says what stands there instead
}

// appendNumberOf appends a JSON number of the given type.
func appendNumberOf(b, text []byte, t *valueType) ([]byte, error) {
	switch t.kind {
	case kindDate, kindTime, kindTimestamp, kindTimestamptz, kindDuration:
		if n, ok := parseInt(text); ok {
			if b, ok := appendTimeNumber(b, n, t); ok {
				return b, nil
			}
		}
	case kindFloat32, kindFloat64:
		bits := 64
		if t.kind == kindFloat32 {
			bits = 32
		}
		if f, err := parseFloat(text, bits); err == nil {
			return appendFloat(b, f, bits), nil
		}
	case kindVariableDecimal, kindDecimalText:
		// decimal.handling.mode double: the digits there are, as decimals are written.
		b = append(b, '"')
		b, _ = appendNumberOrRaw(b, text)
		return append(b, '"'), nil
	}
	b, _ = appendNumberOrRaw(b, text)
	return b, nil
}

func appendNumberOrRaw(b, text []byte) ([]byte, bool) {
	if out, ok := appendNumber(b, text); ok {
		return out, true
	}
	return append(b, text...), false
}

// appendVariableDecimal reads {"scale":2,"value":"ASw="}.
func appendVariableDecimal(b []byte, s *Scanner) ([]byte, error) {
	if err := s.ObjectStart(); err != nil {
		return b, err
	}
	var stack [64]byte
	var unscaled []byte
	scale, hasScale := int64(0), false
	for {
		name, ok, err := s.Member()
		if err != nil {
			return b, err
		}
		if !ok {
			break
		}
		switch {
		case name.Is("scale") && s.Peek() == TokenNumber:
			text, err := s.Number()
			if err != nil {
				return b, err
			}
			scale, hasScale = parseInt(text)
		case name.Is("value") && s.Peek() == TokenString:
			text, err := s.String()
			if err != nil {
				return b, err
			}
			if unscaled, err = base64.StdEncoding.AppendDecode(stack[:0], text.Inner()); err != nil {
				return b, &DecodeError{Reason: ReasonBadValue, Detail: "a decimal's value is not base64", Err: err}
			}
		default:
			if err := s.Skip(); err != nil {
				return b, err
			}
		}
	}
	if !hasScale || unscaled == nil || scale < -maxScale || scale > maxScale {
		return b, decodeErrorf(ReasonBadValue, "a decimal is not {scale, value} with a scale between -%d and %d", maxScale, maxScale)
	}
	return appendDecimal(b, unscaled, int(scale)), nil
}

func appendJSONArray(b []byte, s *Scanner, t *valueType) ([]byte, error) {
	elem := &anyType
	if t.elem != nil {
		elem = t.elem
	}
	if err := s.ArrayStart(); err != nil {
		return b, err
	}
	b = append(b, '[')
	for first := true; ; first = false {
		ok, err := s.Element()
		if err != nil {
			return b, err
		}
		if !ok {
			return append(b, ']'), nil
		}
		if !first {
			b = append(b, ',')
		}
		if b, err = appendJSONValue(b, s, elem); err != nil {
			return b, err
		}
	}
}

var anyType = valueType{}

// appendJSONObject appends an object with its members sorted by name: neither maps nor records have an order, and formats differ in the
// one they write.
func appendJSONObject(b []byte, s *Scanner, t *valueType) ([]byte, error) {
	if err := s.ObjectStart(); err != nil {
		return b, err
	}
	var stack [8]span
	o := memberSort{start: len(b), members: stack[:0]}
	for {
		name, ok, err := s.Member()
		if err != nil {
			return b, err
		}
		if !ok {
			return o.finish(b), nil
		}
		b = o.separate(b)
		from := len(b)
		b = name.AppendCanonical(b)
		nameEnd := len(b)
		b = append(b, ':')
		typ := t.elem
		if typ == nil {
			typ = t.field(name)
		}
		if b, err = appendJSONValue(b, s, typ); err != nil {
			return b, err
		}
		o.members = append(o.members, span{from, nameEnd, len(b)})
	}
}

func (t *valueType) field(name Text) *valueType {
	for i := range t.fields {
		if name.Is(t.fields[i].wire) {
			return &t.fields[i].typ
		}
	}
	return &anyType
}

// span is where an object's member stands in a buffer.
type span struct{ from, nameEnd, to int }

// memberSort puts an object's members, which are appended one after another from start, into the order of their names.
type memberSort struct {
	start   int
	members []span
}

// separate appends what stands before the next member.
func (o *memberSort) separate(b []byte) []byte {
	if len(o.members) == 0 {
		return append(b, '{')
	}
	return append(b, ',')
}

func (o *memberSort) finish(b []byte) []byte {
	if len(o.members) == 0 {
		return append(b, '{', '}')
	}
	compare := func(x, y span) int { return bytes.Compare(b[x.from:x.nameEnd], b[y.from:y.nameEnd]) }
	if slices.IsSortedFunc(o.members, compare) {
		return append(b, '}')
	}
	slices.SortStableFunc(o.members, compare)
	// The ordered text is written behind the other, and then moved over it.
	end := len(b)
	for i, m := range o.members {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, b[m.from:m.to]...)
	}
	copy(b[o.start+1:], b[end:])
	return append(b[:end], '}')
}
