package main

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// schemaIDs are the ids of a corpus's schemas in the registry.
type schemaIDs struct {
	transactionKey, transaction, messageKey, message, changeKey, change int
}

// avroEncoder writes Confluent's wire format with the schemas that Debezium registers: decimals as bytes.
type avroEncoder struct{ corpus corpus }

func (a avroEncoder) begin(id int) []byte {
	return binary.BigEndian.AppendUint32([]byte{0}, uint32(id))
}

func (a avroEncoder) transactionKey(id string) []byte {
	return appendAvroText(a.begin(a.corpus.ids.transactionKey), id)
}

func (a avroEncoder) messageKey() []byte {
	return appendAvroText(appendAvroBranch(a.begin(a.corpus.ids.messageKey), 1), "dossier.context")
}

func (a avroEncoder) changeKey(id int) []byte {
	return binary.AppendVarint(a.begin(a.corpus.ids.changeKey), int64(id))
}

// appendAvroBranch chooses a branch of a union. Most are of null and something.
func appendAvroBranch(b []byte, n int64) []byte { return binary.AppendVarint(b, n) }

func appendAvroText(b []byte, s string) []byte {
	return append(binary.AppendVarint(b, int64(len(s))), s...)
}

// appendAvroSome writes an optional long that is there.
func appendAvroSome(b []byte, n int64) []byte {
	return binary.AppendVarint(appendAvroBranch(b, 1), n)
}

func (a avroEncoder) boundary(e boundary) []byte {
	b := a.begin(a.corpus.ids.transaction)
	if !e.end {
		b = appendAvroText(appendAvroText(b, "BEGIN"), e.id)
		b = appendAvroBranch(appendAvroBranch(b, 0), 0)
		return binary.AppendVarint(b, e.at.UnixMilli())
	}
	b = appendAvroText(appendAvroText(b, "END"), e.id)
	b = appendAvroSome(b, int64(e.events()))
	b = appendAvroBranch(b, 1)
	if len(e.collections) > 0 {
		b = binary.AppendVarint(b, int64(len(e.collections)))
		for _, c := range e.collections {
			b = appendAvroText(appendAvroBranch(b, 1), c.name)
			b = binary.AppendVarint(b, int64(c.events))
		}
	}
	b = append(b, 0) // the end of the array
	return binary.AppendVarint(b, e.at.UnixMilli())
}

// origin writes source and transaction, which stand together in Debezium's schemas.
func (a avroEncoder) origin(b []byte, e event, schema, table string) []byte {
	us := e.at.UnixMicro()
	for _, s := range []string{"3.3.1.Final", "postgresql", a.corpus.source} {
		b = appendAvroText(b, s)
	}
	b = binary.AppendVarint(b, e.at.UnixMilli())
	b = appendAvroText(appendAvroBranch(b, 0), "false")
	b = appendAvroText(b, e.database)
	b = appendAvroText(appendAvroBranch(b, 1), fmt.Sprintf(`["%d","%d"]`, e.begin, e.lsn))
	b = appendAvroSome(appendAvroSome(b, us), us*1000)
	b = appendAvroText(appendAvroText(b, schema), table)
	b = appendAvroSome(appendAvroSome(b, int64(e.tx)), int64(e.lsn))
	b = appendAvroBranch(b, 0) // xmin
	b = appendAvroText(appendAvroBranch(b, 1), fmt.Sprintf("%d:%d", e.tx, e.lsn))
	return binary.AppendVarint(binary.AppendVarint(b, int64(e.order)), int64(e.ofTable))
}

func (a avroEncoder) message(e event) []byte {
	b := appendAvroText(a.begin(a.corpus.ids.message), "m")
	b = appendAvroSome(b, e.at.UnixMilli())
	b = a.origin(b, e, "", "")
	b = appendAvroText(appendAvroBranch(b, 1), "dossier.context")
	return appendAvroText(appendAvroBranch(b, 1), string(e.content))
}

func (a avroEncoder) change(e event) []byte {
	b := a.begin(a.corpus.ids.change)
	b = a.row(appendAvroBranch(b, 1), e.id, e.version-1)
	b = a.row(appendAvroBranch(b, 1), e.id, e.version)
	b = appendAvroText(a.origin(b, e, "public", "product"), "u")
	us := e.at.UnixMicro()
	return appendAvroSome(appendAvroSome(appendAvroSome(b, e.at.UnixMilli()), us), us*1000)
}

// row writes a row in one of its versions.
func (a avroEncoder) row(b []byte, id, version int) []byte {
	for _, c := range a.corpus.columns {
		v := c.value(id, version)
		if v.null {
			b = appendAvroBranch(b, 0)
			continue
		}
		if !c.required {
			b = appendAvroBranch(b, 1)
		}
		switch c.kind {
		case kindInteger:
			b = binary.AppendVarint(b, v.number)
		case kindBoolean:
			b = append(b, byte(v.number))
		case kindPrice, kindDecimal:
			b = appendAvroDecimal(b, v.number)
		default:
			b = appendAvroText(b, v.text)
		}
	}
	return b
}

// appendAvroDecimal writes a number that is not negative in two's complement, in as few bytes as hold it and a sign.
func appendAvroDecimal(b []byte, n int64) []byte {
	size := bits.Len64(uint64(n))/8 + 1
	b = binary.AppendVarint(b, int64(size))
	for i := size - 1; i >= 0; i-- {
		b = append(b, byte(n>>(8*i)))
	}
	return b
}
