package schema

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"dossier/test/stack/corpus"
)

// The decoders must bring any bytes to an end without harm, and what they accept must be what Value promises.

// checkRow fails unless the row's values are canonical JSON: valid, and the same when written once more.
func checkRow(t *testing.T, what string, row Row) {
	t.Helper()
	for _, f := range row {
		switch f.Value.State {
		case Null, Unavailable:
			if f.Value.JSON != nil {
				t.Fatalf("%s.%s is %s and has a text", what, f.Name, f.Value.State)
			}
		case Present:
			if !json.Valid(f.Value.JSON) {
				t.Fatalf("%s.%s is no JSON: %q", what, f.Name, f.Value.JSON)
			}
			s := NewScanner(f.Value.JSON)
			again, err := appendJSONValue(nil, &s, &anyType)
			if err != nil || string(again) != string(f.Value.JSON) {
				t.Fatalf("%s.%s is not canonical: %q, written once more %q, %v", what, f.Name, f.Value.JSON, again, err)
			}
		default:
			t.Fatalf("%s.%s is %s", what, f.Name, f.Value.State)
		}
	}
}

func checkError(t *testing.T, err error) {
	t.Helper()
	var e *DecodeError
	if !errors.As(err, &e) && !errors.Is(err, ErrTombstone) {
		t.Fatalf("the error says nothing of dead letters: %T %v", err, err)
	}
	if e != nil && (e.Reason == "" || e.Detail == "") {
		t.Fatalf("an error without a reason or a sentence: %#v", e)
	}
}

// checkChange decodes a record as all that it could be.
func checkChange(t *testing.T, d *Decoder, rec *Record) {
	t.Helper()
	var c, again Change
	err := d.Change(t.Context(), rec, &c)
	if err == nil {
		for what, row := range map[string]Row{"key": c.Key, "new key": c.NewKey, "old key": c.OldKey, "before": c.Before, "after": c.After} {
			checkRow(t, what, row)
		}
		if c.Position == "" || c.CommitTime.IsZero() || c.Table == "" {
			t.Fatalf("an incomplete change: %+v", c)
		}
	} else {
		checkError(t, err)
	}
	// Caches may make it faster, not different.
	if errAgain := d.Change(t.Context(), rec, &again); (errAgain == nil) != (err == nil) || err == nil && changeText(&c) != changeText(&again) {
		t.Fatalf("read again:\n%s %v\n%s %v", changeText(&c), err, changeText(&again), errAgain)
	}
	var b TransactionBoundary
	if err := d.Transaction(t.Context(), rec, &b); err != nil {
		checkError(t, err)
	}
	var m Message
	if err := d.Message(t.Context(), rec, &m); err != nil {
		checkError(t, err)
	}
}

// fuzzTypes gives each column of a name with a type in it that type.
func fuzzTypes(_, _, column string) (ColumnType, bool) {
	c, err := ParseColumnType(column)
	return c, err == nil
}

func FuzzJSONChange(f *testing.F) {
	for _, format := range []corpus.Format{corpus.JSON, corpus.JSONSchema} {
		for i, r := range corpusRecords(f, format) {
			// The long TOASTed rows make the fuzzer slow and teach it nothing.
			if len(r.Value) < 12_000 && i%3 == 0 {
				f.Add(r.Key, r.Value)
			}
		}
	}
	f.Add([]byte(`{"id":1}`), []byte(plainUpdate))
	f.Add([]byte(`{"date":1}`), []byte(strings.NewReplacer("updated_at", "timestamp_micros", "price", "decimal(2)", "weight", "float").Replace(plainUpdate)))
	d := NewDecoder(DecoderConfig{Placeholder: corpus.Placeholder, Types: fuzzTypes})
	f.Fuzz(func(t *testing.T, key, value []byte) {
		rec := &Record{Topic: "t", Key: key, Value: value, Headers: []Header{{Key: headerNewKey, Value: key}}}
		checkChange(t, d, rec)
		checkChange(t, NewDecoder(DecoderConfig{Placeholder: corpus.Placeholder}), rec)
	})
}

func FuzzAvroChange(f *testing.F) {
	d := NewDecoder(DecoderConfig{Placeholder: corpus.Placeholder, Schemas: corpusSchemas(f)})
	for i, r := range corpusRecords(f, corpus.Avro) {
		if len(r.Value) < 12_000 && i%2 == 0 {
			f.Add(r.Key, r.Value)
		}
	}
	f.Fuzz(func(t *testing.T, key, value []byte) {
		checkChange(t, d, &Record{Topic: "t", Key: key, Value: value})
	})
}

// FuzzAvroSchema reads any bytes by any schema.
func FuzzAvroSchema(f *testing.F) {
	for _, s := range corpusSchemas(f).(schemaMap) {
		if len(s) < 4_000 {
			f.Add(s, []byte("\x02u\x00\x01\x02\x03\x04"))
		}
	}
	f.Add(envelopeSchema, updateInAvro(f)[5:])
	f.Add(`{"type":"record","name":"R","fields":[{"name":"op","type":"string"},{"name":"source","type":["null","R"]}]}`, []byte("\x02u\x02\x02u\x00"))
	f.Fuzz(func(t *testing.T, schema string, data []byte) {
		d := NewDecoder(DecoderConfig{Schemas: schemaMap{0: schema}})
		checkChange(t, d, &Record{Topic: "t", Key: append(make([]byte, 5), data...), Value: append(make([]byte, 5), data...)})
	})
}

func FuzzParseContext(f *testing.F) {
	for _, r := range corpusRecords(f, corpus.JSON, "message", "contexts") {
		if strings.HasSuffix(r.Topic, ".message") {
			var m Message
			if err := NewDecoder(DecoderConfig{}).Message(f.Context(), recordOf(r), &m); err != nil {
				f.Fatal(err)
			}
			f.Add(m.Content)
		}
	}
	f.Add([]byte(`{"transaction_id":"18446744073709551615","user":{"id":"u","roles":["a"],"x":1},"timestamp":"2026-11-23T02:43:54.5+01:00","extra":{"a":{}},"z":[1]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := ParseContext(data)
		if err != nil {
			checkError(t, err)
			return
		}
		if !json.Valid(data) {
			t.Fatalf("accepted what is no JSON: %q", data)
		}
		if c.Extra != nil && (!json.Valid(c.Extra) || c.Extra[0] != '{') {
			t.Fatalf("extra is no object: %q", c.Extra)
		}
	})
}

func FuzzContextFromRow(f *testing.F) {
	f.Add("user_roles", []byte(`"a, b"`))
	f.Add("context", []byte(`"{\"user\":{\"id\":\"u\"}}"`))
	f.Add("extra", []byte(`{"a":1}`))
	f.Add("timestamp", []byte(`"2026-11-23T02:43:54.384552"`))
	f.Fuzz(func(t *testing.T, name string, value []byte) {
		if !json.Valid(value) {
			return
		}
		if _, err := ContextFromRow(Row{{Name: name, Value: Value{State: Present, JSON: value}}}); err != nil {
			checkError(t, err)
		}
	})
}

func FuzzTimeText(f *testing.F) {
	for _, s := range []string{"2026-11-23T02:43:54.384552+05:30", "-0043-03-15Z", "24:00:00", "+294247-01-10T04:00:25.2Z", "0000-02-29"} {
		for k := kindDate; k <= kindTimestamptz; k++ {
			f.Add([]byte(s), byte(k))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte, kind byte) {
		k := kindDate + valueKind(kind)%(kindTimestamptz-kindDate+1)
		first, ok := appendTimeText(nil, text, k)
		if !ok {
			return
		}
		// A canonical time is its own canonical form. Infinities are no ISO 8601.
		content := first[1 : len(first)-1]
		again, ok := appendTimeText(nil, content, k)
		if !ok && !strings.HasSuffix(string(content), "infinity") {
			t.Fatalf("%q becomes %s, which is refused", text, first)
		}
		if ok && string(again) != string(first) {
			t.Fatalf("%q becomes %s, and then %s", text, first, again)
		}
	})
}
