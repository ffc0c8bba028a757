package schema

import (
	"fmt"
	"strconv"
	"strings"
)

// valueKind is what a column's value means, whichever way it is written.
type valueKind uint8

const (
	kindAny             valueKind = iota // not known: the value is kept as it came, in canonical form
	kindBool                             // true or false
	kindInteger                          // a whole number
	kindFloat32                          // a number, or "NaN", "Infinity", "-Infinity"
	kindFloat64                          //
	kindText                             // text of any meaning: varchar, uuid, enum, xml, json …
	kindBytes                            // binary: bytes, or base64 in JSON
	kindDecimal                          // two's complement bytes, big endian, of the unscaled number; scale is the type's
	kindVariableDecimal                  // the same with the scale in the value: {scale, value}
	kindDecimalText                      // a decimal that is text already
	kindDate                             // days since 1970, or ISO 8601
	kindTime                             // units since midnight, or ISO 8601
	kindTimetz                           // ISO 8601 with a zone
	kindTimestamp                        // units since 1970 as if UTC, or ISO 8601; has no zone, even where a Z was added
	kindTimestamptz                      // units since 1970, or ISO 8601 with a zone
	kindDuration                         // units
	kindArray                            // of elem
	kindMap                              // from text to elem
	kindStruct                           // of fields
)

// valueType is a column's type, from a Connect schema, an Avro schema or the configuration.
type valueType struct {
	kind   valueKind
	unit   int64 // nanoseconds per unit of a number that is a time; 0: not known, such a number is kept as it came
	scale  int
	elem   *valueType
	fields []column
	// name is the Connect schema's name, or "int8" or "int16", where it matters beyond kind.
	name string
}

// column is a named type: a column of a row, or a field of a composite value.
type column struct {
	name     string // see properName
	wire     string // the name as it stands in records
	typ      valueType
	required bool   // NOT NULL, says the schema
	def      []byte // the schema's default as canonical JSON; nil without
}

const (
	nanosPerMilli  = 1_000_000
	nanosPerMicro  = 1_000
	nanosPerSecond = 1_000_000_000
	maxScale       = 20_000 // PostgreSQL's numeric has at most 16,383 digits after the point
)

// ColumnType is a column's type as a configuration names it, for JSON without Connect schemas, which cannot tell a
// timestamp from a number.
type ColumnType struct {
	t     valueTypeName
	array bool // of t
}

// valueTypeName is the part of a valueType that has a name.
type valueTypeName struct {
	kind  valueKind
	unit  int64
	scale int
}

// String returns the type's name, as ParseColumnType reads it.
func (c ColumnType) String() string {
	if c.array {
		return ColumnType{t: c.t}.String() + "[]"
	}
	if c.t.kind == kindDecimal {
		return "decimal(" + strconv.Itoa(c.t.scale) + ")"
	}
	for _, n := range columnTypes {
		if n.t == c.t {
			return n.name
		}
	}
	return ""
}

func (c ColumnType) valueType() valueType {
	t := valueType{kind: c.t.kind, unit: c.t.unit, scale: c.t.scale}
	if c.array {
		return valueType{kind: kindArray, elem: &t}
	}
	return t
}

var columnTypes = []struct {
	name string
	t    valueTypeName
}{
	{"text", valueTypeName{kind: kindText}},
	{"json", valueTypeName{kind: kindText}},
	{"bytes", valueTypeName{kind: kindBytes}},
	{"float", valueTypeName{kind: kindFloat64}},
	{"real", valueTypeName{kind: kindFloat32}},
	{"decimal", valueTypeName{kind: kindVariableDecimal}},
	{"date", valueTypeName{kind: kindDate}},
	{"time", valueTypeName{kind: kindTime}},
	{"time_millis", valueTypeName{kind: kindTime, unit: nanosPerMilli}},
	{"time_micros", valueTypeName{kind: kindTime, unit: nanosPerMicro}},
	{"time_nanos", valueTypeName{kind: kindTime, unit: 1}},
	{"timetz", valueTypeName{kind: kindTimetz}},
	{"timestamp", valueTypeName{kind: kindTimestamp}},
	{"timestamp_millis", valueTypeName{kind: kindTimestamp, unit: nanosPerMilli}},
	{"timestamp_micros", valueTypeName{kind: kindTimestamp, unit: nanosPerMicro}},
	{"timestamp_nanos", valueTypeName{kind: kindTimestamp, unit: 1}},
	{"timestamptz", valueTypeName{kind: kindTimestamptz}},
	{"timestamptz_millis", valueTypeName{kind: kindTimestamptz, unit: nanosPerMilli}},
	{"timestamptz_micros", valueTypeName{kind: kindTimestamptz, unit: nanosPerMicro}},
	{"timestamptz_nanos", valueTypeName{kind: kindTimestamptz, unit: 1}},
	{"interval", valueTypeName{kind: kindDuration}},
	{"interval_micros", valueTypeName{kind: kindDuration, unit: nanosPerMicro}},
}

// ColumnTypeNames lists the names that ParseColumnType knows, for messages and documentation.
func ColumnTypeNames() []string {
	names := make([]string, 0, len(columnTypes)+1)
	for _, n := range columnTypes {
		names = append(names, n.name)
	}
	return append(names, "decimal(SCALE)")
}

// ParseColumnType returns the type with the given name: date, time, timetz, timestamp (without a zone), timestamptz, interval, decimal,
// bytes, json, text, float, real. A time type with _millis, _micros or _nanos says what a number counts; without it
// only text is understood and numbers are kept as they came. decimal(SCALE) is for decimals sent as base64 bytes
// (decimal.handling.mode precise); plain decimal for {scale, value}, text and numbers. A type with [] is an array's.
func ParseColumnType(name string) (ColumnType, error) {
	if elem, ok := strings.CutSuffix(name, "[]"); ok {
		c, err := ParseColumnType(elem)
		if err != nil || c.array {
			return ColumnType{}, unknownColumnType(name)
		}
		c.array = true
		return c, nil
	}
	for _, n := range columnTypes {
		if n.name == name {
			return ColumnType{t: n.t}, nil
		}
	}
	if arg, ok := strings.CutPrefix(name, "decimal("); ok {
		if arg, ok = strings.CutSuffix(arg, ")"); ok {
			if scale, err := strconv.Atoi(arg); err == nil && scale >= -maxScale && scale <= maxScale {
				return ColumnType{t: valueTypeName{kind: kindDecimal, scale: scale}}, nil
			}
		}
	}
	return ColumnType{}, unknownColumnType(name)
}

func unknownColumnType(name string) error {
	return fmt.Errorf("column type %q is not known: expected one of %s, or one of them with [] for an array", name, strings.Join(ColumnTypeNames(), ", "))
}

// namedType returns the type of a value whose Connect schema has a name; base is what the schema says without its name.
func namedType(name string, parameters map[string]string, base valueType) (valueType, error) {
	t := base
	if name != "" {
		t.name = name
	}
	switch name {
	case "org.apache.kafka.connect.data.Decimal":
		scale, err := strconv.Atoi(parameters["scale"])
		if err != nil || scale < -maxScale || scale > maxScale {
			return t, decodeErrorf(ReasonBadSchema, "a decimal's scale is %q, expected a number between -%d and %d", parameters["scale"], maxScale, maxScale)
		}
		return valueType{kind: kindDecimal, scale: scale, name: name}, nil
	case "io.debezium.data.VariableScaleDecimal":
		t.kind = kindVariableDecimal
	case "io.debezium.time.Date", "org.apache.kafka.connect.data.Date", "io.debezium.time.IsoDate":
		t.kind = kindDate
	case "io.debezium.time.Time", "org.apache.kafka.connect.data.Time":
		t.kind, t.unit = kindTime, nanosPerMilli
	case "io.debezium.time.MicroTime":
		t.kind, t.unit = kindTime, nanosPerMicro
	case "io.debezium.time.NanoTime":
		t.kind, t.unit = kindTime, 1
	case "io.debezium.time.IsoTime":
		t.kind = kindTime
	case "io.debezium.time.ZonedTime":
		t.kind = kindTimetz
	case "io.debezium.time.Timestamp", "org.apache.kafka.connect.data.Timestamp":
		t.kind, t.unit = kindTimestamp, nanosPerMilli
	case "io.debezium.time.MicroTimestamp":
		t.kind, t.unit = kindTimestamp, nanosPerMicro
	case "io.debezium.time.NanoTimestamp":
		t.kind, t.unit = kindTimestamp, 1
	case "io.debezium.time.IsoTimestamp":
		t.kind = kindTimestamp
	case "io.debezium.time.ZonedTimestamp":
		t.kind = kindTimestamptz
	case "io.debezium.time.MicroDuration":
		t.kind, t.unit = kindDuration, nanosPerMicro
	case "io.debezium.time.NanoDuration":
		t.kind, t.unit = kindDuration, 1
	}
	// Everything else (Json, Uuid, Enum, EnumSet, Xml, Ltree, TsVector, Interval, Year, Bits, geometries, vectors …) is what its base
	// type says: the name adds meaning, not form.
	return t, nil
}
