package schema

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"dossier/test/stack/corpus"
)

// decodedAs decodes a record into c and says what came of it.
func decodedAs(d *Decoder, rec *Record, c *Change) string {
	err := d.Change(context.Background(), rec, c)
	if err != nil {
		return "error: " + err.Error()
	}
	shown := *c
	shown.scratch = changeScratch{}
	return fmt.Sprintf("%+v", shown)
}

// sameAsFirst compares a record that is decoded after others with the same record decoded as the first there ever was.
func sameAsFirst(t *testing.T, d *Decoder, c *Change, rec *Record) {
	t.Helper()
	got, want := decodedAs(d, rec, c), decodedAs(d, rec, new(Change))
	if got != want {
		t.Fatalf("%s: %s\nafter others: %s\nas the first: %s", rec.Topic, rec.Value, got, want)
	}
}

// What was learnt from the records before never changes what a record says, also of one that looks like them and is damaged.
func TestSourcesByTheirForm(t *testing.T) {
	for _, format := range []corpus.Format{corpus.JSON, corpus.JSONSchema} {
		t.Run(string(format), func(t *testing.T) {
			t.Parallel()
			d := corpusDecoder(t)
			var records []*Record
			for _, r := range corpusRecords(t, format) {
				records = append(records, recordOf(r))
			}
			c := new(Change)
			known, transactions := 0, 0
			for _, rec := range records {
				sameAsFirst(t, d, c, rec)
				if w := c.scratch.work; w != nil && w.rest.form != nil && w.rest.misses == 0 {
					known++
					if w.rest.hasTransaction {
						transactions++
					}
				}
			}
			if known < len(records)/4 || transactions < len(records)/8 {
				t.Errorf("of %d records, %d had a known form, %d of them a transaction", len(records), known, transactions)
			}
			random := rand.New(rand.NewPCG(3, 4))
			for range 40_000 {
				rec := *records[random.IntN(len(records))]
				rec.Value = mutated(random, rec.Value)
				sameAsFirst(t, d, c, &rec)
			}
		})
	}
}

func TestSourceThatLooksLikeTheOneBefore(t *testing.T) {
	const change = `{"before":null,"after":{"id":1},"source":{"version":"3","connector":"postgresql","name":"shop","ts_ms":17,"snapshot":"false","db":"shop","sequence":"[\"26\",\"27\"]","ts_us":17001,"ts_ns":17001001,` +
		`"schema":"public","table":"product","txId":728,"lsn":27,"xmin":null,"pos":5,"row":1,"file":"a.000001","gtid":"0-1-2"},"transaction":{"id":"728:27","total_order":1,"data_collection_order":1},"op":"c","ts_ms":18}`
	for _, replaced := range [][2]string{
		{`"lsn":27`, `"lsn":28`}, {`"lsn":27`, `"lsn":027`}, {`"lsn":27`, `"lsn":-27`}, {`"lsn":27`, `"lsn":2.7`}, {`"lsn":27`, `"lsn":null`}, {`"lsn":27`, `"lsn":27 `},
		{`"lsn":27`, `"lsn":18446744073709551615`}, {`"lsn":27`, `"lsn":"27"`}, {`,"lsn":27`, ``}, {`"lsn":27`, `"lsn":27,"lsn":30`},
		{`"txId":728`, `"txId":null`}, {`"txId":728`, `"txId":729`}, {`,"txId":728`, ``},
		{`[\"26\",\"27\"]`, `[\"28\",\"29\"]`}, {`[\"26\",\"27\"]`, `[null,\"29\"]`}, {`[\"26\",\"27\"]`, `[\"26\"]`}, {`[\"26\",\"27\"]`, `[\"026\",\"27\"]`}, {`"[\"26\",\"27\"]"`, `null`},
		{`"ts_ns":17001001`, `"ts_ns":null`}, {`"ts_ms":17`, `"ts_ms":-17`}, {`,"ts_us":17001,"ts_ns":17001001`, ``},
		{`"pos":5,"row":1`, `"pos":6,"row":2`}, {`a.000001`, `a.000002`}, {`0-1-2`, `0-1-3`}, {`"0-1-2"`, `null`}, {`0-1-2`, `0-1\u002d2`},
		{`"table":"product"`, `"table":"order"`}, {`"snapshot":"false"`, `"snapshot":"last"`}, {`"snapshot":"false"`, `"snapshot":true`},
		{`728:27`, `729:28`}, {`728:27`, `728\u003a27`}, {`"total_order":1`, `"total_order":2`}, {`"total_order":1`, `"total_order":null`}, {`{"id":"728:27","total_order":1,"data_collection_order":1}`, `null`},
		{`"op":"c"`, `"source":{"ts_ms":19,"table":"other"},"op":"c"`}, {`"op":"c"`, `"transaction":{"id":"9:9"},"op":"c"`}, {`"0-1-2"}`, `"0-1-2"`}, {`"0-1-2"}`, `"0-1-2"}}`},
		// What stands before the source, or twice, is no part of the form.
		{`"source":{`, `"source":{"lsn":99,"query":"x","db":"other"},"source":{`}, {`"source":{`, `"source":{"txId":99},"source":{`}, {`"source":{`, `"ts_ms":5,"source":{`}, {`"source":{`, `"ts_ns":5,"op":"u","source":{`},
		{`"source":{`, `"transaction":{"id":"9:9","total_order":7},"source":{`}, {`"source":{`, `"source":null,"source":{`}, {`"source":{`, `"transaction":null,"op":null,"source":{`},
	} {
		other := strings.Replace(change, replaced[0], replaced[1], 1)
		if other == change {
			t.Fatalf("%s is not there", replaced[0])
		}
		d, c := NewDecoder(DecoderConfig{}), new(Change)
		for i := range 3 * formPatience { // long enough for the other to be learnt
			text := []byte(change)
			if i%2 == 1 || i > formPatience {
				text = []byte(other)
			}
			sameAsFirst(t, d, c, &Record{Topic: "shop.public.product", Key: []byte(`{"id":1}`), Value: text})
			clear(text) // memory of a record that is over must not be looked at any more
		}
		sameAsFirst(t, d, c, &Record{Topic: "shop.public.product", Key: []byte(`{"id":1}`), Value: []byte(change)})
	}
}

// In a topic of several tables, a form serves the records that have it, and is not learnt again from every other.
func TestFormsOfSeveralTables(t *testing.T) {
	d, c := NewDecoder(DecoderConfig{}), new(Change)
	known := 0
	for i := range 100 {
		value := fmt.Appendf(nil, `{"before":null,"after":{"id":1},"source":{"connector":"postgresql","name":"shop","ts_ms":%d,"schema":"public","table":"t%d","txId":7,"lsn":%d},"op":"c","ts_ms":18}`, i, i%2, i)
		sameAsFirst(t, d, c, &Record{Topic: "shop", Value: value})
		if c.scratch.work.rest.misses == 0 {
			known++
		}
	}
	if known != 49 {
		t.Errorf("%d of 100 sources had the form, expected those of the first table but its first", known)
	}
	large := bytes.Repeat([]byte("x"), maxChangeForm)
	for range 2 {
		sameAsFirst(t, d, c, &Record{Topic: "large", Value: fmt.Appendf(nil, `{"before":null,"after":{"id":1},"source":{"name":"shop","ts_ms":1,"schema":"s","table":"t","txId":7,"lsn":8,"x":"%s"},"op":"c"}`, large)})
	}
	if c.scratch.work.rest.misses == 0 {
		t.Error("a large source is remembered")
	}
}

// What stands before the source, or twice, is no part of the form of what follows the rows.
func TestFormOfASourceThatStandsTwice(t *testing.T) {
	const rest = `"source":{"name":"shop","ts_ms":17,"schema":"public","table":"product","txId":7},"op":"c","ts_us":18000}`
	for _, before := range []string{
		`"source":{"lsn":99,"db":"other","ts_us":5},`, `"source":{"connector":"postgresql"},`, `"ts_ms":5,`, `"ts_ns":5,`, `"op":"u",`, `"transaction":{"id":"9:9","total_order":7},`, `"source":null,`, `"op":null,`,
	} {
		d, c := NewDecoder(DecoderConfig{}), new(Change)
		twice, once := `{"after":{"id":1},`+before+rest, `{"after":{"id":1},`+rest
		for _, text := range []string{twice, twice, once, twice, once} {
			sameAsFirst(t, d, c, &Record{Topic: "shop.public.product", Key: []byte(`{"id":1}`), Value: []byte(text)})
		}
		c = new(Change)
		for _, text := range []string{once, once, twice, once} {
			sameAsFirst(t, d, c, &Record{Topic: "shop.public.product", Key: []byte(`{"id":1}`), Value: []byte(text)})
		}
	}
}
