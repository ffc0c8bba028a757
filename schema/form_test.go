package schema

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"dossier/test/stack/corpus"
)

// sameAsDecoder compares what a FormReader says of a record of a message or transaction topic with what its Decoder says.
func sameAsDecoder(t *testing.T, d *Decoder, r *FormReader, rec *Record) {
	t.Helper()
	text := func(v any, err error) string {
		if err != nil {
			return "error: " + err.Error()
		}
		return fmt.Sprintf("%+v", v)
	}
	var got, want string
	if strings.HasSuffix(rec.Topic, ".message") {
		var g, w Message
		err := r.Message(context.Background(), rec, &g)
		got = text(g, err)
		err = d.Message(context.Background(), rec, &w)
		w.Position, w.CommitTime = "", g.CommitTime
		want = text(w, err)
	} else {
		g := TransactionBoundary{Collections: []CollectionCount{{"public.product", 7}, {"another", 8}}}
		var w TransactionBoundary
		err := r.Transaction(context.Background(), rec, &g)
		got = text(g, err)
		err = d.Transaction(context.Background(), rec, &w)
		want = text(w, err)
	}
	if got != want {
		t.Fatalf("%s: %s\nthe form's reader: %s\nthe decoder:       %s", rec.Topic, rec.Value, got, want)
	}
}

func messagesAndBoundaries(t testing.TB, format corpus.Format) []*Record {
	var records []*Record
	for _, r := range corpusRecords(t, format) {
		if strings.HasSuffix(r.Topic, ".message") || strings.HasSuffix(r.Topic, ".transaction") {
			records = append(records, recordOf(r))
		}
	}
	return records
}

// A FormReader says of every recorded record, and of what becomes of it when some of its bytes are others, what the Decoder says.
func TestFormReader(t *testing.T) {
	for _, format := range []corpus.Format{corpus.JSON, corpus.JSONSchema, corpus.Avro} {
		t.Run(string(format), func(t *testing.T) {
			records := messagesAndBoundaries(t, format)
			d := corpusDecoder(t)
			readers := make(map[string]*FormReader)
			for _, rec := range records {
				if readers[rec.Topic] == nil {
					readers[rec.Topic] = NewFormReader(d)
				}
				sameAsDecoder(t, d, readers[rec.Topic], rec)
			}
			for topic, r := range readers {
				if want := format != corpus.Avro; r.fitted > 0 != want {
					t.Errorf("%s: %d records had a known form", topic, r.fitted)
				}
			}
			random := rand.New(rand.NewPCG(1, 2))
			for i := range 60_000 {
				rec := *records[random.IntN(len(records))]
				rec.Value = mutated(random, rec.Value)
				if i%1000 == 0 { // forms that were learned from what is damaged are to be known at times, and not for good
					readers[rec.Topic] = NewFormReader(d)
				}
				sameAsDecoder(t, d, readers[rec.Topic], &rec)
			}
		})
	}
}

// mutated returns the text with some bytes replaced, inserted or left out; mostly digits and what JSON is made of.
func mutated(random *rand.Rand, text []byte) []byte {
	const bytesOfJSON = "0123456789012345678900\"\\{}[]:, -.eE+nulltruefalse=\n\x00\xef\xbf"
	b := bytes.Clone(text)
	for range 1 + random.IntN(3) {
		if len(b) == 0 {
			break
		}
		at, c := random.IntN(len(b)), bytesOfJSON[random.IntN(len(bytesOfJSON))]
		if digit := bytes.IndexAny(b[at:], "0123456789"); digit >= 0 && random.IntN(2) == 0 {
			at += digit
		}
		switch random.IntN(4) {
		case 0:
			b = append(b[:at], b[at+1:]...)
		case 1:
			b = append(b[:at], append([]byte{c}, b[at:]...)...)
		case 2: // a part of it twice
			end := min(len(b), at+random.IntN(40))
			b = append(b[:end], append(bytes.Clone(b[at:end]), b[end:]...)...)
		default:
			b[at] = c
		}
	}
	return b
}

// What looks like a record that was seen before, and is none, is refused, or read as the Decoder reads it.
func TestFormReaderIsStrict(t *testing.T) {
	const (
		message = `{"op":"m","ts_ms":5,"source":{"connector":"postgresql","name":"shop","ts_ms":17,"sequence":"[\"26\",\"27\"]","ts_ns":17000001,"txId":728,"lsn":27,"xmin":null},"transaction":{"id":"728:27","total_order":1,"data_collection_order":1},"message":{"prefix":"p","content":"e30="}}`
		end     = `{"status":"END","id":"728:27","event_count":3,"data_collections":[{"data_collection":"public.product","event_count":2},{"data_collection":"m@4f","event_count":1}],"ts_ms":17}`
	)
	for _, test := range []struct{ topic, like, old, new string }{
		{"s.message", message, `"lsn":27`, `"lsn":027`},
		{"s.message", message, `"lsn":27`, `"lsn":0`},
		{"s.message", message, `"lsn":27`, `"lsn":-27`},
		{"s.message", message, `"lsn":27`, `"lsn":27.5`},
		{"s.message", message, `"lsn":27`, `"lsn":9223372036854775808`},
		{"s.message", message, `"lsn":27`, `"lsn":18446744073709551616`},
		{"s.message", message, `"lsn":27`, `"lsn":null`},
		{"s.message", message, `"lsn":27`, `"lsn": 27`},
		{"s.message", message, `"txId":728`, `"txId":null`},
		{"s.message", message, `"txId":728`, `"txId":729`},
		{"s.message", message, `"ts_ns":17000001`, `"ts_ns":99999999999999999999`},
		{"s.message", message, `"op":"m"`, `"op":"c"`},
		{"s.message", message, `"total_order":1`, `"total_order":4294967297`},
		{"s.message", message, `"e30="`, `"e30"`},
		{"s.message", message, `"e30="`, `"e3\u0030="`},
		{"s.message", message, `"e30="`, "\"e3\n0=\""},
		{"s.message", message, `"e30="`, "\"e30=\n\""},
		{"s.message", message, `"e30="`, `""`},
		{"s.message", message, `"e30="`, `null`},
		{"s.message", message, `"e30="`, `"e30=`},
		{"s.message", message, `"p"`, `"another"`},
		{"s.message", message, `"728:27"`, "\"728\x01\""},
		{"s.message", message, `[\"26\",\"27\"]`, `[\"26\",\"27\`},
		{"s.message", message, `}}`, `}} `},
		{"s.message", message, `}}`, `}}}`},
		{"s.transaction", end, `"728:27"`, `"0-1-234"`},
		{"s.transaction", end, `"728:27"`, `""`},
		{"s.transaction", end, `"728:27"`, `"728\u003a27"`},
		{"s.transaction", end, `END`, `BEGIN`},
		{"s.transaction", end, `END`, `OTHER`},
		{"s.transaction", end, `"event_count":2`, `"event_count":-2`},
		{"s.transaction", end, `"event_count":2`, `"event_count":null`},
		{"s.transaction", end, `},{`, `}{`},
		{"s.transaction", end, `},{`, `},,{`},
		{"s.transaction", end, `}],`, `},],`},
		{"s.transaction", end, `"m@4f"`, `"m@50"`},
		{"s.transaction", end, `"m@4f"`, "\"\uffc3\uff9f\""},
		{"s.transaction", end, `"m@4f"`, "\"\xff\""},
		{"s.transaction", end, `"ts_ms":17`, `"ts_ms":"17"`},
	} {
		d := NewDecoder(DecoderConfig{})
		r := NewFormReader(d)
		sameAsDecoder(t, d, r, &Record{Topic: test.topic, Value: []byte(test.like)})
		sameAsDecoder(t, d, r, &Record{Topic: test.topic, Value: []byte(test.like)})
		if r.fitted != 1 {
			t.Fatalf("%s: the second of two equal records has no known form", test.topic)
		}
		changed := strings.Replace(test.like, test.old, test.new, 1)
		if changed == test.like {
			t.Fatalf("%q is not there", test.old)
		}
		for range 2 {
			sameAsDecoder(t, d, r, &Record{Topic: test.topic, Value: []byte(changed)})
			sameAsDecoder(t, d, r, &Record{Topic: test.topic, Value: []byte(test.like)})
		}
	}
}

// A member that stands twice has no slot: the decoder takes the last of them, whatever it is.
func TestFormsOfMembersThatStandTwice(t *testing.T) {
	for _, value := range []string{
		`{"op":"m","source":{"name":"shop","ts_ms":17,"txId":728,"lsn":27},"source":{"ts_ms":17,"txId":null,"lsn":27},"transaction":{"id":"728:27"},"message":{"prefix":"p","content":"e30="}}`,
		`{"op":"m","source":{"name":"shop","ts_ms":17,"txId":728,"lsn":27},"message":{"prefix":"p","content":"e31","content":"e30="}}`,
	} {
		d := NewDecoder(DecoderConfig{})
		r := NewFormReader(d)
		for _, number := range []string{"728", "729"} {
			sameAsDecoder(t, d, r, &Record{Topic: "s.message", Value: []byte(strings.Replace(value, `"txId":728`, `"txId":`+number, 1))})
		}
		if r.fitted > 0 {
			t.Errorf("%s has a form", value)
		}
	}
}

// Where each record is another, their forms are not learned for ever.
func TestFormReaderGivesUp(t *testing.T) {
	d := NewDecoder(DecoderConfig{})
	r := NewFormReader(d)
	for i := range 10 * learnedFreely {
		sameAsDecoder(t, d, r, &Record{Topic: "s.transaction", Value: fmt.Appendf(nil, `{"status":"BEGIN","id":"1:2","x":%d}`, i)})
	}
	if r.learned != learnedFreely || r.fitted != 0 {
		t.Errorf("%d forms were learned, %d fitted", r.learned, r.fitted)
	}
}

func FuzzFormReader(f *testing.F) {
	d := NewDecoder(DecoderConfig{})
	var like [2]*Record
	for _, rec := range messagesAndBoundaries(f, corpus.JSON) {
		i := 0
		if strings.HasSuffix(rec.Topic, ".message") {
			i = 1
		}
		like[i] = rec
		f.Add(i == 1, rec.Value)
	}
	f.Fuzz(func(t *testing.T, message bool, value []byte) {
		i := 0
		if message {
			i = 1
		}
		r := NewFormReader(d)
		for _, v := range [][]byte{like[i].Value, value, value} {
			sameAsDecoder(t, d, r, &Record{Topic: like[i].Topic, Value: v})
		}
	})
}

// Numbers of every length, and what is none, are read as strconv reads them.
func TestSlotNumber(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(7, 8))
	for range 200_000 {
		text := strconv.AppendUint(nil, random.Uint64()>>random.IntN(64), 10)
		if random.IntN(4) == 0 {
			text[random.IntN(len(text))] = byte(random.UintN(256))
		}
		number := text[:digits(text, 0)]
		want, err := strconv.ParseUint(string(number), 10, 63)
		valid := err == nil && (len(number) == 1 || number[0] != '0')
		s := NewScanner(append(append([]byte("x"), text...), ",1234567890"...)) // digits after it are not its own
		s.pos = 1
		if valid && len(number) == len(text) || !valid {
			got, ok := s.slotNumber()
			if ok != valid || ok && (got != want || s.pos != 1+len(number)) || !ok && s.pos != 1 {
				t.Fatalf("%q: %d, %v at %d, expected %d, %v", text, got, ok, s.pos, want, valid)
			}
		}
	}
}
