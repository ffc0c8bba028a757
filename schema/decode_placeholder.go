package schema

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"strconv"
)

// placeholders are the forms in which the connector's placeholder for an unchanged TOASTed value can stand in a row, as
// canonical JSON. The form depends on the column's type and on the connector's handling modes, so all are looked for: the
// connector's placeholder is meant to be unguessable, so none of them can be a value.
type placeholders struct {
	scalars    [][]byte // JSON strings
	composites [][]byte // arrays and objects
}

func newPlaceholders(text string) placeholders {
	quote := func(s string) []byte { return appendJSONString(nil, s) }
	b64 := base64.StdEncoding.EncodeToString([]byte(text))
	var p placeholders
	p.scalars = [][]byte{
		quote(text), // text, json, xml, and numbers that are sent as text
		quote(b64),  // bytea
		quote(base64.URLEncoding.EncodeToString([]byte(text))), // bytea with binary.handling.mode base64-url-safe
		quote(hex.EncodeToString([]byte(text))),                // bytea with hex
	}
	object := append([]byte{'{'}, quote(text)...) // hstore as a map
	object = append(append(append(object, ':'), quote(text)...), '}')
	p.scalars = append(p.scalars, quote(string(object))) // hstore as json

	array := func(element []byte) []byte { return append(append([]byte{'['}, element...), ']') }
	var numbers, days []byte
	for i, c := range []byte(text) {
		if i > 0 {
			numbers = append(numbers, ',')
			days = append(days, ',')
		}
		// Java's bytes are signed.
		numbers = strconv.AppendInt(numbers, int64(int8(c)), 10)
		days = append(appendDate(append(days, '"'), int64(int8(c))), '"')
	}
	p.composites = [][]byte{
		object,
		array(quote(text)),           // text[], varchar[], json[] …
		array(quote(b64)),            // bytea[]
		array(numbers),               // integer[], bigint[]: a number per byte
		array(days),                  // date[]: the same, understood as days
		array(quote(nameUUID(text))), // uuid[]
	}
	return p
}

// nameUUID is the name-based UUID (version 3) without a namespace, which Java derives from bytes.
func nameUUID(text string) string {
	sum := md5.Sum([]byte(text))
	sum[6] = sum[6]&0x0F | 0x30
	sum[8] = sum[8]&0x3F | 0x80
	h := hex.EncodeToString(sum[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// value returns canonical JSON as a value: Unavailable if it is a placeholder.
func (p *placeholders) value(json []byte) Value {
	var forms [][]byte
	switch json[0] {
	case '"':
		forms = p.scalars
	case '[', '{':
		forms = p.composites
	}
	for _, f := range forms {
		if bytes.Equal(f, json) {
			return Value{State: Unavailable}
		}
	}
	return Value{State: Present, JSON: json}
}
