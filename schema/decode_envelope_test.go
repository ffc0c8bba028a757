package schema

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// MariaDB's and MySQL's events, by hand after Debezium's documentation: they are not part of the recorded corpus.
func TestMariaDBChange(t *testing.T) {
	event := func(gtid, tx, file string, pos, row int) string {
		return fmt.Sprintf(`{"before":null,"after":{"id":1},"source":{"version":"3.3.1.Final","connector":"mariadb","name":"shop","ts_ms":1795401834000,"snapshot":"false",
			"db":"inventory","sequence":null,"table":"product","server_id":223344,"gtid":%s,"file":%q,"pos":%d,"row":%d,"thread":7,"query":null},"transaction":%s,"op":"c","ts_ms":1795401834700}`,
			gtid, file, pos, row, tx)
	}
	d := NewDecoder(DecoderConfig{})
	decode := func(value string) *Change {
		t.Helper()
		var c Change
		if err := d.Change(t.Context(), &Record{Topic: "shop.inventory.product", Value: []byte(value)}, &c); err != nil {
			t.Fatal(err)
		}
		return &c
	}
	c := decode(event(`"0-1-234"`, `{"id":"0-1-234","total_order":1,"data_collection_order":1}`, "mariadb-bin.000003", 154, 2))
	if c.Coordinates != "mariadb-bin.000003:154:2" || c.TxID != 234 || !c.HasTx || c.Schema != "inventory" || c.LSN != 0 {
		t.Errorf("%+v", c)
	}
	// Without transaction metadata the GTID is what there is.
	if c := decode(event(`"0-1-234"`, `null`, "mariadb-bin.000003", 154, 2)); c.TxID != 234 || !c.HasTx {
		t.Errorf("transaction %d", c.TxID)
	}
	// The log's files come before positions, positions before rows.
	positions := []string{
		decode(event(`null`, `null`, "mariadb-bin.000009", 900, 0)).Position,
		decode(event(`null`, `null`, "mariadb-bin.000009", 900, 11)).Position,
		decode(event(`null`, `null`, "mariadb-bin.000009", 1000, 0)).Position,
		decode(event(`null`, `null`, "mariadb-bin.000010", 4, 0)).Position,
	}
	for i := 1; i < len(positions); i++ {
		if positions[i-1] >= positions[i] {
			t.Errorf("%s does not come before %s", positions[i-1], positions[i])
		}
	}
}

func TestTransactionNumbers(t *testing.T) {
	number := func(id string) uint64 {
		n, err := transactionNumber([]byte(id))
		if err != nil {
			t.Errorf("%s: %v", id, err)
		}
		return n
	}
	if number("728:26375504") != 728 || number("728:26375832") != 728 || number("728") != 728 || number("0-1-234") != 234 {
		t.Error("numbers are not read")
	}
	// What is no number is as different as the text.
	forms := []string{"0-1-234", "1-1-234", "3e11fa47-71ca-11e1-9e33-c80aa9429562:23", "3e11fa47-71ca-11e1-9e33-c80aa9429562:24",
		"4e11fa47-71ca-11e1-9e33-c80aa9429562:23", "file=mysql-bin.000003,pos=154", "file=mysql-bin.000003,pos=155"}
	seen := make(map[uint64]string)
	for _, f := range forms {
		if other := seen[number(f)]; other != "" {
			t.Errorf("%s and %s are the same transaction", f, other)
		}
		seen[number(f)] = f
	}
	if _, err := transactionNumber(nil); err == nil {
		t.Error("no id is a transaction")
	}
}

// What Debezium fills in for what it does not know, in columns that cannot be null. The schema's default counts as filled in too.
func TestDeletedRowsThatDebeziumFilled(t *testing.T) {
	const schema = `{"schema":{"type":"struct","fields":[{"field":"before","type":"struct","optional":true,"fields":[
		{"field":"id","type":"int32","optional":false},{"field":"name","type":"string","optional":false},{"field":"note","type":"string","optional":true},
		{"field":"price","type":"bytes","optional":false,"name":"org.apache.kafka.connect.data.Decimal","version":1,"parameters":{"scale":"4"},"default":"AK/I"}]}]},"payload":%s}`
	const event = `{"before":{"id":1,"name":%s,"note":%s,"price":%s},"after":null,"source":{"connector":"postgresql","name":"shop","ts_ms":1,"schema":"public","table":"p","txId":1,"lsn":2},"op":"d"}`
	for _, x := range []struct{ name, note, price, want string }{
		{`""`, `null`, `"AK/I"`, "id=1 name=unavailable note=unavailable price=unavailable"},
		{`"x"`, `null`, `"AK/I"`, `id=1 name="x" note=null price="4.5000"`},
		{`""`, `""`, `"AK/I"`, `id=1 name="" note="" price="4.5000"`}, // note could have been null: the row is whole
		{`""`, `null`, `"ASw="`, `id=1 name="" note=null price="0.0300"`},
	} {
		payload := fmt.Sprintf(event, x.name, x.note, x.price)
		var c Change
		d := NewDecoder(DecoderConfig{})
		err := d.Change(t.Context(), &Record{Key: []byte(`{"id":1}`), Value: fmt.Appendf(nil, schema, payload)}, &c)
		if err != nil || rowText(c.Before) != x.want {
			t.Errorf("%s: %s, %v\nwant %s", payload, rowText(c.Before), err, x.want)
		}
	}
}

// A topic that several tables share, and a table whose types differ from another's, must not mix them up.
func TestTablesThatShareATopic(t *testing.T) {
	types := func(_, table, column string) (ColumnType, bool) {
		if table == "a" && column == "v" {
			c, err := ParseColumnType("date")
			return c, err == nil
		}
		return ColumnType{}, false
	}
	d := NewDecoder(DecoderConfig{Types: types})
	event := func(table string) *Record {
		return &Record{Topic: "all", Key: []byte(`{"v":1}`), Value: fmt.Appendf(nil, `{"before":{"v":1},"after":{"v":2,"w":"x\/y"},"source":{"connector":"postgresql","name":"s","ts_ms":1,"schema":"public","table":%q,"lsn":1},"op":"u"}`, table)}
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			var c Change
			for i := range 200 {
				table, want := "a", `v="1970-01-02" v="1970-01-02" v="1970-01-03" w="x/y"`
				if i%3 == 0 {
					table, want = "b", `v=1 v=1 v=2 w="x/y"`
				}
				if err := d.Change(t.Context(), event(table), &c); err != nil {
					t.Error(err)
					return
				}
				if got := rowText(c.Key) + " " + rowText(c.Before) + " " + rowText(c.After); got != want {
					t.Errorf("table %s: %s, want %s", table, got, want)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestKeysThatAreNoRows(t *testing.T) {
	for key, want := range map[string]string{
		`1`: ReasonBadKey, `"x"`: ReasonBadKey, `{"id":`: ReasonBadKey, ``: ReasonBadKey, `{"schema":{"type":"int32","optional":false},"payload":1}`: ReasonBadKey,
		`{"schema":null,"payload":null}`: "",
	} {
		var c Change
		err := NewDecoder(DecoderConfig{}).Change(t.Context(), &Record{Key: []byte(key), Value: []byte(plainUpdate)}, &c)
		var e *DecodeError
		if want == "" && (err != nil || c.Key != nil) || want != "" && (!errors.As(err, &e) || e.Reason != want) {
			t.Errorf("key %s: %v, want %q", key, err, want)
		}
	}
}

func TestConfiguredFormats(t *testing.T) {
	for _, x := range []struct {
		format Format
		value  string
		reason string
	}{
		{FormatJSON, "\x00\x00\x00\x00\x07", ReasonNotJSON},
		{FormatAvro, plainUpdate, ReasonNotAvro},
		{FormatAuto, "\x00\x00\x00\x00\x07\x02", ReasonNotAvro}, // without a registry
		{FormatAuto, "\x00\x00", ReasonTruncated},
		{FormatAuto, "<xml/>", ReasonNotJSON},
	} {
		var c Change
		err := NewDecoder(DecoderConfig{Format: x.format}).Change(t.Context(), &Record{Value: []byte(x.value)}, &c)
		var e *DecodeError
		if !errors.As(err, &e) || e.Reason != x.reason || strings.Contains(e.Error(), "Bolt") {
			t.Errorf("%s %.10q: %v, want %s", x.format, x.value, err, x.reason)
		}
	}
}

// Names beyond ASCII are as the database has them, in the rows as well as in what the transaction counts.
func TestNamesBeyondASCII(t *testing.T) {
	inEveryFormat(t, "names", func(r *recorded) {
		column := "straße"
		if r.format.Avro() {
			column = "stra__e" // field.name.adjustment.mode=avro
		}
		street := r.of("street")[0]
		r.equal("column", street.After.Get(column).Text(), "Hauptstraße")
		if street != nil && !bytes.Contains(r.raw(street).Value, []byte("stra\uFFC3\uFF9Fe")) && !r.format.Avro() {
			t.Error("the name is whole in the record: the recording does not show the trap")
		}
		r.equal("table", r.of("Größe")[0].After.Get("note").Text(), "table beyond ASCII")
		counted := false
		for _, b := range r.ends {
			for _, c := range b.Collections {
				counted = counted || c.Name == "public.Größe"
			}
		}
		if !counted {
			t.Error("no transaction counts public.Größe")
		}
		// The decoder must recognise the name the next time.
		r.equal("dotted", r.of("dotted.name")[1].After.Get("select").Text(), "1")
	})
	for in, want := range map[string]string{
		"plain": "plain", "straße": "straße", "stra\uFFC3\uFF9Fe": "straße", "\uFFEF\uFFBE\uFF80": "\uFF80", "\uFF80\uFF81": "\uFF80\uFF81", "a\uFFFDb": "a\uFFFDb",
	} {
		if got := properName(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	// Rows are read by the plan of the row before: it must hold the name as it stands in the record, or it would grow with each.
	d := NewDecoder(DecoderConfig{})
	rec := &Record{Topic: "t", Value: []byte(strings.ReplaceAll(plainUpdate, "weight", "stra\uFFC3\uFF9Fe"))}
	var c Change
	for range 3 {
		if err := d.Change(t.Context(), rec, &c); err != nil || c.After.Get("straße").State != Present {
			t.Fatal(err, rowText(c.After))
		}
	}
	if n := len(d.topic("t").rows.Load().columns); n != len(c.After) {
		t.Errorf("the plan has %d columns, the row %d", n, len(c.After))
	}
}

// The recorded changes of keys, with their headers as Connect's default converter for headers writes them.
func TestKeysInHeadersAsText(t *testing.T) {
	inEveryFormat(t, "rekey", func(r *recorded) {
		for _, c := range r.of("membership", OpDelete) {
			rec := *r.raw(c)
			rec.Headers = []Header{{Key: headerNewKey, Value: []byte("Struct{household=2,person=2}")}}
			var again Change
			if err := r.decoder.Change(t.Context(), &rec, &again); err != nil || rowText(again.NewKey) != rowText(c.NewKey) {
				t.Errorf("new key %s, want %s, %v", rowText(again.NewKey), rowText(c.NewKey), err)
			}
		}
	})
	text := func(s string) Value { return Value{State: Present, JSON: AppendString(nil, s)} }
	number := Value{State: Present, JSON: []byte("1")}
	date, decimal := valueType{kind: kindDate}, valueType{kind: kindDecimal, scale: 3}
	for _, x := range []struct {
		text string
		key  Row
		plan *rowPlan
		want string
	}{
		{"Struct{id=42}", Row{{"id", number}}, nil, "id=42"},
		{"Struct{name=a,b={c}}", Row{{"name", text("x")}}, nil, `name="a,b={c}"`},
		{"Struct{name=7}", Row{{"name", text("x")}}, nil, `name="7"`},
		{"Struct{a=x,b=1}", Row{{"a", text("x")}, {"b", number}}, nil, `a="x" b=1`},
		{"Struct{a=x,b=1,b=2}", Row{{"a", text("x")}, {"b", number}}, nil, "nil"}, // two readings
		{"Struct{day=20780}", Row{{"day", text("2026-11-22")}}, &rowPlan{columns: []column{{name: "day", wire: "day", typ: date}}}, `day="2026-11-23"`},
		{"Struct{n=1.500}", Row{{"n", text("2.500")}}, &rowPlan{columns: []column{{name: "n", wire: "n", typ: decimal}}}, `n="1.500"`},
		{"Struct{n=7}", Row{{"n", text("x")}}, &rowPlan{columns: []column{{name: "n", wire: "n", typ: valueType{kind: kindText}}}}, `n="7"`},
		{"Struct{id=x}", Row{{"id", number}}, nil, "nil"},
		{"Struct{other=1}", Row{{"id", number}}, nil, "nil"},
		{"Struct{id=1", Row{{"id", number}}, nil, "nil"},
	} {
		if got := rowText(structKey([]byte(x.text), x.key, x.plan)); got != x.want {
			t.Errorf("%s: %s, want %s", x.text, got, x.want)
		}
	}
	var c Change
	rec := &Record{Key: []byte(`{"id":1}`), Value: []byte(plainUpdate), Headers: []Header{{Key: headerOldKey, Value: []byte("1")}}}
	var e *DecodeError
	if err := NewDecoder(DecoderConfig{}).Change(t.Context(), rec, &c); !errors.As(err, &e) || e.Reason != ReasonBadKey || !strings.Contains(e.Detail, "header.converter") {
		t.Errorf("%v, want %s", err, ReasonBadKey)
	}
}

// Each reading of a row by an incremental snapshot, which stands nowhere in the log, is an event of its own, however often its record is delivered; and it stands in commit order where it
// was published.
func TestRowsOfIncrementalSnapshots(t *testing.T) {
	decode := func(ns, sequence string) Change {
		t.Helper()
		value := `{"before":null,"after":{"id":1},"source":{"connector":"postgresql","name":"shop","ts_ms":1795411249100,"snapshot":"incremental","sequence":` + strconv.Quote(sequence) +
			`,"ts_ns":` + ns + `,"schema":"public","table":"stock","txId":null,"lsn":null},"transaction":null,"op":"r","ts_ns":1795411249200000000}`
		var c Change
		if err := NewDecoder(DecoderConfig{}).Change(t.Context(), &Record{Topic: "shop.public.stock", Key: []byte(`{"id":1}`), Value: []byte(value)}, &c); err != nil {
			t.Fatal(err)
		}
		return c
	}
	first := decode("1795411249100227759", `["28290312","28290400"]`)
	again := decode("1795411249100227759", `["28290312","28290400"]`)
	later := decode("1795411249100227760", `["28290312","28290400"]`)
	if first.Coordinates != again.Coordinates || first.Coordinates == later.Coordinates || first.Coordinates == "" {
		t.Errorf("coordinates %q, delivered again %q, read again %q", first.Coordinates, again.Coordinates, later.Coordinates)
	}
	before, after := FormatPosition(28290000, 28290312, 3), FormatPosition(28290312, 28290401, 1)
	if !(before < first.Position && first.Position < after) {
		t.Errorf("position %s is not between %s and %s", first.Position, before, after)
	}
	if none := decode("1795411249100227759", ""); none.Position != FormatPosition(0, 0, 0) {
		t.Errorf("without a sequence the position is %s", none.Position)
	}
}
