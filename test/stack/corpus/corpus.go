// Package corpus reads and writes the recorded corpus: records as Debezium wrote them to Kafka, byte for byte, each under the name of the
// scenario of SQL that caused it.
//
// A file holds one record per line, as JSON, gzipped if its name ends in .gz. The files of the formats hold the same scenarios, run once on one
// database, so that a record in one file has its counterpart in the others. Package dossier/test/stack/record makes them.
package corpus

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"
)

// Placeholder is what the connectors of the recording write for a value that they do not have, in the form of the column's type
// (the connector property unavailable.value.placeholder).
const Placeholder = "__dossier_unavailable_5b8e1c0f__"

// Format names one way in which the same changes were recorded.
type Format string

// The formats that Dossier's own connectors write, or may write.
const (
	// JSON is without schemas, with the settings that Dossier ships: decimals and intervals as strings.
	JSON Format = "json"
	// JSONSchema is with Connect's schema in each record, with Debezium's defaults: decimals as bytes, intervals as microseconds.
	JSONSchema Format = "json-schema"
	// Avro is in Confluent's wire format, with Debezium's defaults for decimals and intervals.
	Avro Format = "avro"
)

// The formats of connectors that others have configured.
const (
	// JSONSchemaISO is with Connect's schema, and times (time.precision.mode=isostring), decimals and intervals as strings, binary in hexadecimal,
	// hstore as a map.
	JSONSchemaISO Format = "json-schema-iso"
	// AvroConnect is Avro with Connect's own logical types for times (time.precision.mode=connect), and decimals as double.
	AvroConnect Format = "avro-connect"
	// Flattened is JSON without schemas and without Debezium's envelope: the rows alone, as its transform ExtractNewRecordState writes them. An
	// audit trail cannot be made of it.
	Flattened Format = "flattened"
)

// Formats lists the formats of Dossier's own connectors.
func Formats() []Format { return []Format{JSON, JSONSchema, Avro} }

// Variants lists the formats of other connectors.
func Variants() []Format { return []Format{JSONSchemaISO, AvroConnect, Flattened} }

// All lists all formats.
func All() []Format { return append(Formats(), Variants()...) }

// Avro tells whether the format is Avro.
func (f Format) Avro() bool { return f == Avro || f == AvroConnect }

// Prefix is the topic prefix of the format's connector, which is source.name in its events.
func (f Format) Prefix() string { return "shop_" + strings.ReplaceAll(string(f), "-", "_") }

// File is the name of the format's file.
func (f Format) File() string { return string(f) + ".jsonl.gz" }

// SchemasFile is the name of the file that maps the ids in Avro records to their schemas.
const SchemasFile = "schemas.json"

// Header is one header of a record.
type Header struct {
	Key   string
	Value []byte
}

// Record is one record of a topic. A nil Value is a tombstone; a nil Key is a record without a key.
type Record struct {
	Scenario  string
	Topic     string
	Partition int32
	Offset    int64
	Timestamp time.Time
	Key       []byte
	Value     []byte
	Headers   []Header
}

// line is a record in the file. Bytes that are text stand as text, so that the file can be read; others as base64.
type line struct {
	Scenario  string       `json:"scenario"`
	Topic     string       `json:"topic"`
	Partition int32        `json:"partition"`
	Offset    int64        `json:"offset"`
	Timestamp int64        `json:"timestamp"` // milliseconds, as Kafka has it
	Key       *string      `json:"key,omitempty"`
	KeyB64    *string      `json:"key_base64,omitempty"`
	Value     *string      `json:"value,omitempty"`
	ValueB64  *string      `json:"value_base64,omitempty"`
	Headers   []headerLine `json:"headers,omitempty"`
}

type headerLine struct {
	Key   string  `json:"key"`
	Text  *string `json:"value,omitempty"`
	Bytes *string `json:"value_base64,omitempty"`
}

// split gives bytes as text, or as base64 where they are no text, or neither where they are nil.
func split(b []byte) (text, base *string) {
	if b == nil {
		return nil, nil
	}
	if s := string(b); utf8.ValidString(s) && !strings.ContainsRune(s, 0) {
		return &s, nil
	}
	s := base64.StdEncoding.EncodeToString(b)
	return nil, &s
}

func join(text, base *string) ([]byte, error) {
	if text != nil {
		return []byte(*text), nil
	}
	if base != nil {
		return base64.StdEncoding.DecodeString(*base)
	}
	return nil, nil
}

// Write writes records to a new file, gzipped if its name ends in .gz.
func Write(path string, records []Record) error {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	for _, r := range records {
		l := line{Scenario: r.Scenario, Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Timestamp: r.Timestamp.UnixMilli()}
		l.Key, l.KeyB64 = split(r.Key)
		l.Value, l.ValueB64 = split(r.Value)
		for _, h := range r.Headers {
			hl := headerLine{Key: h.Key}
			hl.Text, hl.Bytes = split(h.Value)
			l.Headers = append(l.Headers, hl)
		}
		if err := enc.Encode(l); err != nil {
			return fmt.Errorf("write %s: %w", path, err)
		}
	}
	if strings.HasSuffix(path, ".gz") {
		var zipped bytes.Buffer
		z, err := gzip.NewWriterLevel(&zipped, gzip.BestCompression)
		if err != nil {
			return err
		}
		if _, err := z.Write(out.Bytes()); err != nil {
			return err
		}
		if err := z.Close(); err != nil {
			return err
		}
		out = zipped
	}
	return os.WriteFile(path, out.Bytes(), 0o644)
}

// Read reads the records of a file in their order, all of them, or only those of the given scenarios. A scenario without a record is an
// error, so that a test cannot pass on nothing.
func Read(path string, scenarios ...string) ([]Record, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var r io.Reader = bufio.NewReader(f)
	if strings.HasSuffix(path, ".gz") {
		if r, err = gzip.NewReader(r); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	missing := map[string]bool{}
	for _, s := range scenarios {
		missing[s] = true
	}
	wanted := map[string]bool{}
	for _, s := range scenarios {
		wanted[s] = true
	}
	var out []Record
	dec := json.NewDecoder(r)
	for n := 1; ; n++ {
		var l line
		if err := dec.Decode(&l); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, n, err)
		}
		if len(wanted) > 0 && !wanted[l.Scenario] {
			continue
		}
		delete(missing, l.Scenario)
		rec := Record{Scenario: l.Scenario, Topic: l.Topic, Partition: l.Partition, Offset: l.Offset, Timestamp: time.UnixMilli(l.Timestamp).UTC()}
		var errs [2]error
		rec.Key, errs[0] = join(l.Key, l.KeyB64)
		rec.Value, errs[1] = join(l.Value, l.ValueB64)
		for _, h := range l.Headers {
			v, err := join(h.Text, h.Bytes)
			if err != nil {
				return nil, fmt.Errorf("%s:%d: header %s: %w", path, n, h.Key, err)
			}
			rec.Headers = append(rec.Headers, Header{Key: h.Key, Value: v})
		}
		if err := errors.Join(errs[:]...); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, n, err)
		}
		out = append(out, rec)
	}
	for s := range missing {
		return nil, fmt.Errorf("%s: no record of scenario %q", path, s)
	}
	return out, nil
}

// Schema is a schema of the registry.
type Schema struct {
	// Schema is the schema's own JSON.
	Schema json.RawMessage `json:"schema"`
	// Subjects are those under which the registry lists it.
	Subjects []string `json:"subjects,omitempty"`
}

// ReadSchemas reads the Avro schemas by their ids in the wire format.
func ReadSchemas(path string) (map[int]Schema, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var out map[int]Schema
	if err := json.Unmarshal(text, &out); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return out, nil
}
