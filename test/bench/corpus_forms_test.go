package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/linkedin/goavro/v2"

	recorded "dossier/test/stack/corpus"
)

var recordings = filepath.Join("..", "..", "schema", "testdata", "corpus")

// form returns the names within an Avro value, branches of unions included, without what it holds.
func form(v any) string {
	switch v := v.(type) {
	case map[string]any:
		var names []string
		for _, k := range slices.Sorted(maps.Keys(v)) {
			names = append(names, k+":"+form(v[k]))
		}
		return "{" + strings.Join(names, " ") + "}"
	case []any:
		forms := map[string]bool{}
		for _, e := range v {
			forms[form(e)] = true
		}
		return fmt.Sprint(slices.Sorted(maps.Keys(forms)))
	}
	return fmt.Sprintf("%T", v)
}

// The schemas of the Avro corpus are those that Debezium registered, and by those its records have the form of the recorded ones.
func TestAvroCorpusHasTheRecordedForm(t *testing.T) {
	records, err := recorded.Read(filepath.Join(recordings, recorded.Avro.File()))
	if err != nil {
		t.Fatal(err)
	}
	schemas, err := recorded.ReadSchemas(filepath.Join(recordings, recorded.SchemasFile))
	if err != nil {
		t.Fatal(err)
	}
	c := newCorpus(recorded.Avro.Prefix(), settings{events: 1, perTx: 1, row: rowNarrow, context: shareAll, format: formatAvro}, time.Now())
	idOf := func(b []byte) int { return int(binary.BigEndian.Uint32(b[1:5])) }
	codecs := map[int]*goavro.Codec{}
	decode := func(b []byte) any {
		id := idOf(b)
		if codecs[id] == nil {
			codec, err := goavro.NewCodec(string(schemas[id].Schema))
			if err != nil {
				t.Fatal(err)
			}
			codecs[id] = codec
		}
		v, rest, err := codecs[id].NativeFromBinary(b[5:])
		if err != nil || len(rest) > 0 {
			t.Fatalf("schema %d: %v, %d bytes are left", id, err, len(rest))
		}
		return v
	}
	find := func(topic string, matches func(value map[string]any) bool) recorded.Record {
		for _, r := range records {
			_, rest, _ := strings.Cut(r.Topic, ".")
			if rest == topic && r.Value != nil && matches(decode(r.Value).(map[string]any)) {
				return r
			}
		}
		t.Fatalf("no such record of %s", topic)
		return recorded.Record{}
	}
	want := []recorded.Record{
		find("transaction", func(v map[string]any) bool { return v["status"] == "BEGIN" }),
		find("message", func(v map[string]any) bool { return v["op"] == "m" && v["transaction"] != nil }),
		find("public.product", func(v map[string]any) bool { return v["op"] == "u" && v["before"] != nil }),
		find("transaction", func(v map[string]any) bool {
			return v["status"] == "END" && strings.Contains(fmt.Sprint(v), "public.product") && strings.Contains(fmt.Sprint(v), "LogicalDecodingMessageId")
		}),
	}
	c.ids = schemaIDs{transactionKey: idOf(want[0].Key), transaction: idOf(want[0].Value), messageKey: idOf(want[1].Key), message: idOf(want[1].Value),
		changeKey: idOf(want[2].Key), change: idOf(want[2].Value)}
	for id, text := range map[int]string{c.ids.transactionKey: avroTransactionKey, c.ids.transaction: avroTransaction, c.ids.messageKey: avroMessageKey, c.ids.message: avroMessage(),
		c.ids.changeKey: c.avroChangeKey(), c.ids.change: c.avroChange()} {
		var got, registered bytes.Buffer
		if json.Compact(&got, []byte(text)) != nil || json.Compact(&registered, schemas[id].Schema) != nil || got.String() != registered.String() {
			t.Errorf("the schema\n%s\nregistered:\n%s", text, registered.String())
		}
	}
	for i, got := range c.transaction(0) {
		for _, of := range []struct{ got, recorded []byte }{{got.Key, want[i].Key}, {got.Value, want[i].Value}} {
			if g, w := form(decode(of.got)), form(decode(of.recorded)); g != w {
				t.Errorf("record %d: %s\nrecorded:  %s", i, g, w)
			}
		}
	}
}

// The types of a wide row's columns and of the document are those that Debezium registered for such columns.
func TestAvroTypesAreRecorded(t *testing.T) {
	schemas, err := recorded.ReadSchemas(filepath.Join(recordings, recorded.SchemasFile))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, s := range schemas {
		var text bytes.Buffer
		if err := json.Compact(&text, s.Schema); err != nil {
			t.Fatal(err)
		}
		all.Write(text.Bytes())
	}
	// A decimal's precision and scale are the column's own.
	same := strings.NewReplacer(`"scale":4,"precision":12`, `"scale":2,"precision":10`, `"scale":"4","connect.decimal.precision":"12"`, `"scale":"2","connect.decimal.precision":"10"`)
	for k := kindInteger; k <= kindJSON; k++ {
		if want := same.Replace(`["null",` + k.avroType() + `],"default":null}`); !strings.Contains(all.String(), want) {
			t.Errorf("no recorded column has the type %s", want)
		}
	}
}

// jsonb writes a JSON text as PostgreSQL does a JSONB value.
func jsonb(t *testing.T, d *json.Decoder) string {
	token, err := d.Token()
	if err != nil {
		t.Fatal(err)
	}
	var members []string
	switch token {
	case json.Delim('{'):
		values := map[string]string{}
		for d.More() {
			key, _ := d.Token()
			values[key.(string)] = jsonb(t, d)
		}
		_, _ = d.Token()
		for _, k := range slices.SortedFunc(maps.Keys(values), func(a, b string) int {
			if len(a) != len(b) {
				return len(a) - len(b)
			}
			return strings.Compare(a, b)
		}) {
			members = append(members, fmt.Sprintf("%q: %s", k, values[k]))
		}
		return "{" + strings.Join(members, ", ") + "}"
	case json.Delim('['):
		for d.More() {
			members = append(members, jsonb(t, d))
		}
		_, _ = d.Token()
		return "[" + strings.Join(members, ", ") + "]"
	}
	if n, ok := token.(json.Number); ok {
		return n.String()
	}
	text, err := json.Marshal(token)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A document stands in its row as a recorded JSONB value does: as a text, in PostgreSQL's own form. It is of 1 to 2 KB, and little of it changes.
func TestDocumentsHaveTheRecordedForm(t *testing.T) {
	records, err := recorded.Read(filepath.Join(recordings, recorded.JSON.File()))
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, r := range records {
		if !strings.HasSuffix(r.Topic, ".public.kinds") || r.Value == nil {
			continue
		}
		var e struct{ After struct{ JB *string } }
		if err := json.Unmarshal(r.Value, &e); err != nil {
			t.Fatal(err)
		}
		if e.After.JB != nil {
			texts = append(texts, *e.After.JB)
		}
	}
	if len(texts) == 0 {
		t.Fatal("no recorded value of a JSONB column")
	}
	c := newCorpus(defaultPrefix, settings{events: 3 * entities, perTx: 5, row: rowDocument, context: shareAll}, time.Now())
	for tx := range c.transactions {
		for _, r := range c.transaction(tx) {
			if tx%500 != 0 || r.Topic != changeTopic(c.source) {
				continue
			}
			var e struct{ Before, After struct{ Attributes string } }
			if err := json.Unmarshal(r.Value, &e); err != nil {
				t.Fatal(err)
			}
			before, after := e.Before.Attributes, e.After.Attributes
			if len(after) < 1000 || len(after) > 2000 {
				t.Errorf("a document of %d bytes", len(after))
			}
			differ := 0
			for i := range min(len(before), len(after)) {
				if before[i] != after[i] {
					differ++
				}
			}
			if before == after || differ > 20 {
				t.Errorf("%d bytes differ:\n%s\n%s", differ, before, after)
			}
			texts = append(texts, after)
		}
	}
	for _, text := range texts {
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		if want := jsonb(t, d); text != want {
			t.Errorf("%s\nPostgreSQL's form:\n%s", text, want)
		}
	}
}

// Decimals are in two's complement, as few bytes as hold them and their sign.
func TestAvroDecimal(t *testing.T) {
	for n, want := range map[int64]string{0: "\x02\x00", 50: "\x02\x32", 127: "\x02\x7f", 128: "\x04\x00\x80", 300: "\x04\x01\x2c", 32768: "\x06\x00\x80\x00"} {
		if got := string(appendAvroDecimal(nil, n)); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}
