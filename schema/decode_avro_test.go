package schema

import (
	"context"
	"encoding/binary"
	"errors"
	"math/big"
	"testing"

	"github.com/linkedin/goavro/v2"
)

// rowSchema has the types that Debezium's converter writes with notes of Connect's, among them the recursion and the namespaces that
// a reader of schemas has to resolve.
const envelopeSchema = `{"type":"record","name":"Envelope","namespace":"shop.public.product","fields":[
 {"name":"before","type":["null",{"type":"record","name":"Value","fields":[
  {"name":"id","type":"int"},
  {"name":"name","type":["null","string"],"default":null},
  {"name":"price","type":["null",{"type":"bytes","scale":2,"precision":10,"connect.version":1,"connect.parameters":{"scale":"2","connect.decimal.precision":"10"},"connect.name":"org.apache.kafka.connect.data.Decimal"}],"default":null},
  {"name":"any_number","type":["null",{"type":"record","name":"VariableScaleDecimal","namespace":"io.debezium.data","fields":[{"name":"scale","type":"int"},{"name":"value","type":"bytes"}],"connect.name":"io.debezium.data.VariableScaleDecimal"}],"default":null},
  {"name":"made","type":{"type":"long","connect.version":1,"connect.name":"io.debezium.time.MicroTimestamp"}},
  {"name":"born","type":{"type":"int","connect.version":1,"connect.name":"io.debezium.time.Date"}},
  {"name":"at","type":{"type":"string","connect.version":1,"connect.name":"io.debezium.time.ZonedTimestamp"}},
  {"name":"weight","type":"double"},
  {"name":"flag","type":{"type":"boolean","connect.default":true},"default":true},
  {"name":"tags","type":["null",{"type":"array","items":["null","string"]}]},
  {"name":"attributes","type":["null",{"type":"map","values":["null","string"]}]},
  {"name":"data","type":["null","bytes"]},
  {"name":"other","type":["null","io.debezium.data.VariableScaleDecimal"]}
 ],"connect.name":"shop.public.product.Value"}],"default":null},
 {"name":"after","type":["null","Value"],"default":null},
 {"name":"source","type":{"type":"record","name":"Source","namespace":"io.debezium.connector.postgresql","fields":[
  {"name":"connector","type":"string"},{"name":"name","type":"string"},{"name":"ts_ms","type":"long"},
  {"name":"snapshot","type":[{"type":"string","connect.version":1,"connect.parameters":{"allowed":"true,first"},"connect.default":"false","connect.name":"io.debezium.data.Enum"},"null"],"default":"false"},
  {"name":"db","type":"string"},{"name":"sequence","type":["null","string"],"default":null},
  {"name":"ts_us","type":["null","long"],"default":null},{"name":"schema","type":"string"},{"name":"table","type":"string"},
  {"name":"txId","type":["null","long"],"default":null},{"name":"lsn","type":["null","long"],"default":null}]}},
 {"name":"transaction","type":["null",{"type":"record","name":"block","namespace":"event","fields":[
  {"name":"id","type":"string"},{"name":"total_order","type":"long"},{"name":"data_collection_order","type":"long"}]}],"default":null},
 {"name":"op","type":"string"},{"name":"ts_ms","type":["null","long"],"default":null}]}`

// schemaMap is a SchemaSource for tests.
type schemaMap map[int]string

func (m schemaMap) SchemaByID(_ context.Context, id int) (string, error) {
	if s, ok := m[id]; ok {
		return s, nil
	}
	return "", &DecodeError{Reason: ReasonUnknownSchemaID, Detail: "no such schema"}
}

type native = map[string]any

func union(name string, v any) native { return native{name: v} }

func avroRecordOf(t testing.TB, id uint32, schema string, value any) []byte {
	t.Helper()
	codec, err := goavro.NewCodec(schema)
	if err != nil {
		t.Fatal(err)
	}
	b := binary.BigEndian.AppendUint32([]byte{0}, id)
	if b, err = codec.BinaryFromNative(b, value); err != nil {
		t.Fatal(err)
	}
	return b
}

func twosComplement(n int64) []byte {
	b := big.NewInt(n).Bytes()
	if len(b) == 0 || b[0]&0x80 != 0 {
		b = append([]byte{0}, b...)
	}
	return b
}

func updateInAvro(t testing.TB) []byte {
	row := func(price int64, name string) native {
		return native{
			"id": 1, "name": union("string", name), "price": union("bytes", twosComplement(price)),
			"any_number": union("io.debezium.data.VariableScaleDecimal", native{"scale": 3, "value": twosComplement(1500)}),
			"made":       1795401834384552, "born": 6338, "at": "2026-11-23T03:44:01.100+01:00", "weight": 0.25, "flag": true,
			"tags":       union("array", []any{union("string", "a\nb"), nil}),
			"attributes": union("map", native{"z": union("string", "1"), "a": nil, "m": union("string", "é")}),
			"data":       union("bytes", []byte{0xde, 0xad}), "other": nil,
		}
	}
	return avroRecordOf(t, 7, envelopeSchema, native{
		"before": union("shop.public.product.Value", row(150, "Bolt M8")),
		"after":  union("shop.public.product.Value", row(9950, DefaultPlaceholder)),
		"source": native{"connector": "postgresql", "name": "shop", "ts_ms": 1795401834384, "snapshot": union("string", "false"), "db": "shop",
			"sequence": union("string", `[null,"26375672"]`), "ts_us": union("long", 1795401834384552), "schema": "public", "table": "product",
			"txId": union("long", 728), "lsn": union("long", 26375672)},
		"transaction": union("event.block", native{"id": "728:26375672", "total_order": 2, "data_collection_order": 1}),
		"op":          "u", "ts_ms": union("long", 1795401834700),
	})
}

func TestAvroChange(t *testing.T) {
	d := NewDecoder(DecoderConfig{Schemas: schemaMap{7: envelopeSchema, 8: `{"type":"record","name":"Key","fields":[{"name":"id","type":"int"}]}`}})
	rec := &Record{Topic: "shop.public.product", Value: updateInAvro(t),
		Key:     avroRecordOf(t, 8, `{"type":"record","name":"Key","fields":[{"name":"id","type":"int"}]}`, native{"id": 1}),
		Headers: []Header{{Key: "__debezium.oldkey", Value: []byte(`{"id":2}`)}}}
	var c Change
	for range 2 {
		if err := d.Change(t.Context(), rec, &c); err != nil {
			t.Fatal(err)
		}
		const rest = ` any_number="1.500" made="2026-11-23T02:43:54.384552" born="1987-05-10" at="2026-11-23T02:44:01.1Z" weight=0.25 flag=true ` +
			`tags=["a\nb",null] attributes={"a":null,"m":"é","z":"1"} data="3q0=" other=null`
		for _, x := range []struct{ what, got, want string }{
			{"key", rowText(c.Key), "id=1"},
			{"old key", rowText(c.OldKey), "id=2"},
			{"before", rowText(c.Before), `id=1 name="Bolt M8" price="1.50"` + rest},
			{"after", rowText(c.After), `id=1 name=unavailable price="99.50"` + rest},
			{"source", c.Source + " " + c.Connector + " " + c.Database + " " + c.Schema + " " + c.Table, "shop postgresql shop public product"},
			{"position", c.Position, FormatPosition(0, 26375672, 2)},
			{"commit", c.CommitTime.Format("2006-01-02T15:04:05.999999999Z07:00"), "2026-11-23T02:43:54.384552Z"},
		} {
			if x.got != x.want {
				t.Errorf("%s:\n got %s\nwant %s", x.what, x.got, x.want)
			}
		}
	}
}

// Every beginning of a record is truncated, and every record with one byte changed is decoded or refused, but does no harm.
func TestAvroDamaged(t *testing.T) {
	d := NewDecoder(DecoderConfig{Schemas: schemaMap{7: envelopeSchema}})
	whole := updateInAvro(t)
	var c Change
	for n := range whole {
		err := d.Change(t.Context(), &Record{Value: whole[:n:n]}, &c)
		var e *DecodeError
		if !errors.As(err, &e) || e.Reason != ReasonTruncated {
			t.Fatalf("the first %d of %d bytes: %v, want %s", n, len(whole), err, ReasonTruncated)
		}
	}
	for i := 5; i < len(whole); i++ {
		for _, x := range []byte{0x00, 0x01, 0x7f, 0x80, 0xff} {
			damaged := append([]byte(nil), whole...)
			damaged[i] = x
			_ = d.Change(t.Context(), &Record{Value: damaged}, &c)
		}
	}
	err := d.Change(t.Context(), &Record{Value: append(whole, 0)}, &c)
	var e *DecodeError
	if !errors.As(err, &e) || e.Reason != ReasonNotAvro {
		t.Errorf("a byte too many: %v, want %s", err, ReasonNotAvro)
	}
	if err := d.Change(t.Context(), &Record{Value: []byte{0, 0, 0, 0, 9, 1}}, &c); !errors.As(err, &e) || e.Reason != ReasonUnknownSchemaID {
		t.Errorf("another id: %v, want %s", err, ReasonUnknownSchemaID)
	}
}

// Counts and nesting that a few bytes can claim must not be believed.
func TestAvroHostile(t *testing.T) {
	const list = `{"type":"record","name":"Envelope","fields":[{"name":"op","type":"string"},{"name":"source","type":{"type":"record","name":"S","fields":[]}},
	 {"name":"before","type":["null",{"type":"record","name":"R","fields":[{"name":"x","type":{"type":"array","items":"null"}},{"name":"next","type":["null","R"]}]}]}]}`
	d := NewDecoder(DecoderConfig{Schemas: schemaMap{1: list}})
	head := []byte{0, 0, 0, 0, 1, 2, 'u', 2}
	var c Change
	for name, tail := range map[string][]byte{
		"2^60 nulls":          binary.AppendVarint(nil, 1<<60),
		"-2^63 nulls":         binary.AppendVarint(nil, -1<<63),
		"endless number":      {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		"a list in itself":    bytesRepeat([]byte{0, 2}, 100_000),
		"bytes after the end": {0, 0, 0},
	} {
		err := d.Change(t.Context(), &Record{Value: append(head[:len(head):len(head)], tail...)}, &c)
		var e *DecodeError
		if !errors.As(err, &e) {
			t.Errorf("%s: %v, want a DecodeError", name, err)
		}
	}
}

func bytesRepeat(b []byte, n int) []byte {
	var out []byte
	for range n {
		out = append(out, b...)
	}
	return out
}

func BenchmarkAvroChange(b *testing.B) {
	const key = `{"type":"record","name":"Key","fields":[{"name":"id","type":"int"}]}`
	d := NewDecoder(DecoderConfig{Schemas: schemaMap{7: envelopeSchema, 8: key}})
	rec := &Record{Topic: "shop.public.product", Value: updateInAvro(b), Key: avroRecordOf(b, 8, key, native{"id": 1})}
	var c Change
	b.SetBytes(int64(len(rec.Value)))
	b.ReportAllocs()
	for b.Loop() {
		if err := d.Change(b.Context(), rec, &c); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAvroLibrary is what BenchmarkAvroChange's record takes with goavro, to Go values that are not yet a Change.
func BenchmarkAvroLibrary(b *testing.B) {
	codec, err := goavro.NewCodec(envelopeSchema)
	if err != nil {
		b.Fatal(err)
	}
	value := updateInAvro(b)[5:]
	b.SetBytes(int64(len(value)))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := codec.NativeFromBinary(value); err != nil {
			b.Fatal(err)
		}
	}
}
