package schema

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"math"
	"strconv"
	"sync"
	"unicode/utf8"
)

// avroPlans keeps compiled writer's schemas by id.
type avroPlans struct {
	mu    sync.RWMutex
	plans map[uint32]*avroNode
}

// maxEmptyValues is how many nested values a record may have beyond one per byte.
const maxEmptyValues = 1 << 12

// maxAvroPlans bounds the plans kept; a table has one more with each ALTER TABLE.
const maxAvroPlans = 4096

// plan returns the compiled schema with that id, asking the registry the first time.
func (d *Decoder) plan(ctx context.Context, id uint32) (*avroNode, error) {
	d.avro.mu.RLock()
	n := d.avro.plans[id]
	d.avro.mu.RUnlock()
	if n != nil {
		return n, nil
	}
	if d.cfg.Schemas == nil {
		return nil, decodeErrorf(ReasonNotAvro, "the record is written in Avro, and no schema registry is configured: set schema_registry.url")
	}
	text, err := d.cfg.Schemas.SchemaByID(ctx, int(id))
	if err != nil {
		return nil, err
	}
	if n, err = parseAvroSchema(text); err != nil {
		return nil, err
	}
	d.avro.mu.Lock()
	defer d.avro.mu.Unlock()
	if d.avro.plans == nil || len(d.avro.plans) >= maxAvroPlans {
		d.avro.plans = make(map[uint32]*avroNode)
	}
	d.avro.plans[id] = n
	return n, nil
}

// openAvro reads the head of Confluent's wire format: a zero byte and the schema's id in four bytes.
func (d *Decoder) openAvro(ctx context.Context, data []byte) (*avroNode, avroScanner, error) {
	if len(data) < 5 {
		return nil, avroScanner{}, decodeErrorf(ReasonTruncated, "the record has %d bytes, and Confluent's Avro wire format begins with 5", len(data))
	}
	n, err := d.plan(ctx, binary.BigEndian.Uint32(data[1:5]))
	if err != nil {
		return nil, avroScanner{}, err
	}
	return n, avroScanner{data: data, pos: 5}, nil
}

// avroScanner reads Avro's binary encoding. Every length is checked against what is left before it is believed.
type avroScanner struct {
	data    []byte
	pos     int
	depth   int
	entered int // records, arrays and maps so far
}

func (r *avroScanner) truncated() error {
	return decodeErrorf(ReasonTruncated, "the Avro record ends before it is complete, at byte %d", len(r.data))
}

func (r *avroScanner) invalid(what string) error {
	return decodeErrorf(ReasonNotAvro, "%s at byte %d: the record was not written by the schema whose id it has", what, r.pos)
}

// long reads an int or long.
func (r *avroScanner) long() (int64, error) {
	// Most numbers of a row are lengths and union branches of one byte.
	if r.pos < len(r.data) && r.data[r.pos] < 0x80 {
		c := r.data[r.pos]
		r.pos++
		return int64(c>>1) ^ -int64(c&1), nil
	}
	n, size := binary.Varint(r.data[r.pos:])
	if size == 0 {
		return 0, r.truncated()
	}
	if size < 0 {
		return 0, r.invalid("a number of more than 64 bits")
	}
	r.pos += size
	return n, nil
}

// take returns the next n bytes.
func (r *avroScanner) take(n int64) ([]byte, error) {
	if n < 0 {
		return nil, r.invalid("a negative length")
	}
	if n > int64(len(r.data)-r.pos) {
		return nil, r.truncated()
	}
	b := r.data[r.pos : r.pos+int(n) : r.pos+int(n)]
	r.pos += int(n)
	return b, nil
}

// bytes reads bytes, or a string without checking it.
func (r *avroScanner) bytes() ([]byte, error) {
	n, err := r.long()
	if err != nil {
		return nil, err
	}
	return r.take(n)
}

func (r *avroScanner) text() ([]byte, error) {
	b, err := r.bytes()
	if err == nil && !isASCII(b) && !utf8.Valid(b) {
		return nil, r.invalid("text that is not valid UTF-8")
	}
	return b, err
}

func isASCII(b []byte) bool {
	for len(b) >= 8 {
		if binary.LittleEndian.Uint64(b)&0x8080808080808080 != 0 {
			return false
		}
		b = b[8:]
	}
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// branch reads which of a union's types follows; another node is its own.
func (r *avroScanner) branch(n *avroNode) (*avroNode, error) {
	if n.typ != wireUnion {
		return n, nil
	}
	i, err := r.long()
	if err != nil {
		return nil, err
	}
	if i < 0 || i >= int64(len(n.branches)) {
		return nil, r.invalid("a union's branch that does not exist")
	}
	return n.branches[i], nil
}

// block reads the count of an array's or map's next block, 0 at the end.
func (r *avroScanner) block() (int64, error) {
	n, err := r.long()
	if err != nil {
		return 0, err
	}
	if n < 0 {
		if n == math.MinInt64 {
			return 0, r.invalid("an impossible count of elements")
		}
		n = -n
		if _, err := r.long(); err != nil { // the block's size in bytes, for skipping
			return 0, err
		}
	}
	// Every element that Connect writes takes at least a byte, so a count beyond what is left is a lie, and would cost time and memory.
	if n > int64(len(r.data)-r.pos) {
		return 0, r.truncated()
	}
	return n, nil
}

// enter and leave bound the nesting, and the number of nested values: records of records can stand for any number of them in no bytes at all.
func (r *avroScanner) enter() error {
	if r.entered++; r.entered > len(r.data)+maxEmptyValues {
		return decodeErrorf(ReasonTooLarge, "the Avro record has more nested values than bytes")
	}
	if r.depth++; r.depth > maxAvroDepth {
		return decodeErrorf(ReasonTooLarge, "the Avro record is nested deeper than %d levels", maxAvroDepth)
	}
	return nil
}

func (r *avroScanner) leave() { r.depth-- }

// skip reads over a value.
func (r *avroScanner) skip(n *avroNode) error {
	n, err := r.branch(n)
	if err != nil {
		return err
	}
	switch n.typ {
	case wireNull:
	case wireBoolean:
		_, err = r.take(1)
	case wireInt, wireEnum:
		_, err = r.long()
	case wireFloat:
		_, err = r.take(4)
	case wireDouble:
		_, err = r.take(8)
	case wireBytes, wireString:
		_, err = r.bytes()
	case wireFixed:
		_, err = r.take(int64(n.size))
	case wireRecord:
		if err := r.enter(); err != nil {
			return err
		}
		defer r.leave()
		for i := range n.fields {
			if err := r.skip(n.fields[i].node); err != nil {
				return err
			}
		}
	case wireArray, wireMap:
		if err := r.enter(); err != nil {
			return err
		}
		defer r.leave()
		for {
			count, err := r.block()
			if err != nil || count == 0 {
				return err
			}
			for range count {
				if n.typ == wireMap {
					if _, err := r.bytes(); err != nil {
						return err
					}
				}
				if err := r.skip(n.elem); err != nil {
					return err
				}
			}
		}
	}
	return err
}

// avroRow reads a record as a row, appending to dst.
func (d *Decoder) avroRow(r *avroScanner, n *avroNode, dst Row, buffer *[]byte) (Row, error) {
	if dst == nil {
		dst = make(Row, 0, len(n.fields))
	}
	for i := range n.fields {
		f := &n.fields[i]
		v, err := d.avroValue(r, f.node, buffer)
		if err != nil {
			return nil, nameColumn(err, f.name)
		}
		dst = append(dst, Field{Name: f.name, Value: v})
	}
	return dst, nil
}

var (
	jsonTrue  = []byte("true")
	jsonFalse = []byte("false")
)

// avroValue reads a column's value.
func (d *Decoder) avroValue(r *avroScanner, n *avroNode, buffer *[]byte) (Value, error) {
	n, err := r.branch(n)
	if err != nil {
		return Value{}, err
	}
	switch n.typ {
	case wireNull:
		return NullValue, nil
	case wireBoolean:
		b, err := r.take(1)
		if err != nil {
			return Value{}, err
		}
		if b[0] != 0 {
			return Value{State: Present, JSON: jsonTrue}, nil
		}
		return Value{State: Present, JSON: jsonFalse}, nil
	case wireEnum:
		symbol, err := r.symbol(n)
		return Value{State: Present, JSON: symbol}, err
	}
	start := len(*buffer)
	b, err := r.appendBranch(*buffer, n)
	if err != nil {
		return Value{}, err
	}
	*buffer = b
	return d.placeholders.value(b[start:len(b):len(b)]), nil
}

func (r *avroScanner) symbol(n *avroNode) ([]byte, error) {
	i, err := r.long()
	if err != nil {
		return nil, err
	}
	if i < 0 || i >= int64(len(n.symbols)) {
		return nil, r.invalid("an enum's symbol that does not exist")
	}
	return n.symbols[i], nil
}

// append reads a value and appends its canonical JSON.
func (r *avroScanner) append(b []byte, n *avroNode) ([]byte, error) {
	n, err := r.branch(n)
	if err != nil {
		return b, err
	}
	return r.appendBranch(b, n)
}

// appendBranch is append for a node that is no union.
func (r *avroScanner) appendBranch(b []byte, n *avroNode) ([]byte, error) {
	switch n.typ {
	case wireNull:
		return append(b, "null"...), nil
	case wireBoolean:
		c, err := r.take(1)
		if err != nil {
			return b, err
		}
		return strconv.AppendBool(b, c[0] != 0), nil
	case wireInt:
		i, err := r.long()
		if err != nil {
			return b, err
		}
		if n.meaning.rewritesNumber() {
			if b, ok := appendTimeNumber(b, i, &n.meaning); ok {
				return b, nil
			}
		}
		return strconv.AppendInt(b, i, 10), nil
	case wireFloat:
		c, err := r.take(4)
		if err != nil {
			return b, err
		}
		return appendFloat(b, float64(math.Float32frombits(binary.LittleEndian.Uint32(c))), 32), nil
	case wireDouble:
		c, err := r.take(8)
		if err != nil {
			return b, err
		}
		return appendFloat(b, math.Float64frombits(binary.LittleEndian.Uint64(c)), 64), nil
	case wireString:
		c, err := r.text()
		if err != nil {
			return b, err
		}
		if n.meaning.rewritesText() {
			if b, ok := appendTimeText(b, c, n.meaning.kind); ok {
				return b, nil
			}
		}
		return appendQuoted(b, c), nil
	case wireBytes:
		c, err := r.bytes()
		if err != nil {
			return b, err
		}
		return appendBinary(b, c, &n.meaning)
	case wireFixed:
		c, err := r.take(int64(n.size))
		if err != nil {
			return b, err
		}
		return appendBinary(b, c, &n.meaning)
	case wireEnum:
		symbol, err := r.symbol(n)
		return append(b, symbol...), err
	}
	if err := r.enter(); err != nil {
		return b, err
	}
	defer r.leave()
	switch n.typ {
	case wireArray:
		return r.appendArray(b, n)
	case wireMap:
		return r.appendMap(b, n)
	}
	if n.meaning.kind == kindVariableDecimal {
		return r.appendVariableDecimal(b, n)
	}
	return r.appendRecord(b, n)
}

func appendBinary(b, c []byte, t *valueType) ([]byte, error) {
	if t.kind == kindDecimal {
		return appendDecimal(b, c, t.scale), checkSize(b)
	}
	b = append(b, '"')
	b = base64.StdEncoding.AppendEncode(b, c)
	return append(b, '"'), nil
}

// appendQuoted appends valid UTF-8 as a canonical JSON string.
func appendQuoted(b, text []byte) []byte {
	n := plainPrefix(text)
	if n < len(text) {
		return appendJSONString(b, text)
	}
	b = append(b, '"')
	b = append(b, text...)
	return append(b, '"')
}

func (r *avroScanner) appendArray(b []byte, n *avroNode) ([]byte, error) {
	b = append(b, '[')
	first := true
	for {
		count, err := r.block()
		if err != nil {
			return b, err
		}
		if count == 0 {
			return append(b, ']'), nil
		}
		for range count {
			if !first {
				b = append(b, ',')
			}
			first = false
			if b, err = r.append(b, n.elem); err != nil {
				return b, err
			}
		}
	}
}

func (r *avroScanner) appendMap(b []byte, n *avroNode) ([]byte, error) {
	var stack [8]span
	o := memberSort{start: len(b), members: stack[:0]}
	for {
		count, err := r.block()
		if err != nil {
			return b, err
		}
		if count == 0 {
			return o.finish(b), nil
		}
		for range count {
			key, err := r.text()
			if err != nil {
				return b, err
			}
			b = o.separate(b)
			from := len(b)
			b = appendQuoted(b, key)
			nameEnd := len(b)
			b = append(b, ':')
			if b, err = r.append(b, n.elem); err != nil {
				return b, err
			}
			o.members = append(o.members, span{from, nameEnd, len(b)})
		}
	}
}

func (r *avroScanner) appendRecord(b []byte, n *avroNode) ([]byte, error) {
	var stack [8]span
	o := memberSort{start: len(b), members: stack[:0]}
	for i := range n.fields {
		f := &n.fields[i]
		b = o.separate(b)
		from := len(b)
		b = append(b, f.quoted...)
		nameEnd := len(b)
		b = append(b, ':')
		var err error
		if b, err = r.append(b, f.node); err != nil {
			return b, err
		}
		o.members = append(o.members, span{from, nameEnd, len(b)})
	}
	return o.finish(b), nil
}

func (r *avroScanner) appendVariableDecimal(b []byte, n *avroNode) ([]byte, error) {
	var unscaled []byte
	scale, hasScale := int64(0), false
	for i := range n.fields {
		f := &n.fields[i]
		node, err := r.branch(f.node)
		if err != nil {
			return b, err
		}
		switch {
		case f.name == "scale" && node.typ == wireInt:
			scale, err = r.long()
			hasScale = true
		case f.name == "value" && node.typ == wireBytes:
			unscaled, err = r.bytes()
		default:
			err = r.skip(node)
		}
		if err != nil {
			return b, err
		}
	}
	if !hasScale || unscaled == nil || scale < -maxScale || scale > maxScale {
		return b, decodeErrorf(ReasonBadValue, "a decimal is not {scale, value} with a scale between -%d and %d", maxScale, maxScale)
	}
	return appendDecimal(b, unscaled, int(scale)), checkSize(b)
}

// maxDecodedSize bounds the values of one record, in bytes, where few bytes of it can stand for many: a decimal's scale.
const maxDecodedSize = 256 << 20

func checkSize(b []byte) error {
	if len(b) > maxDecodedSize {
		return decodeErrorf(ReasonTooLarge, "the record's values take more than %d bytes", maxDecodedSize)
	}
	return nil
}
