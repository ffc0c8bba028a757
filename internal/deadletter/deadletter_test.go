package deadletter

import (
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"dossier/schema"

	"github.com/twmb/franz-go/pkg/kgo"
)

var at = time.Date(2026, 11, 23, 4, 0, 0, 123456789, time.UTC)

func original() schema.Record {
	return schema.Record{
		Topic: "shop.public.product", Partition: 3, Offset: 9007199254740993, Time: time.UnixMilli(1795401834384).UTC(),
		Key: []byte(`{"id":1}`), Value: []byte("\x00\xff not JSON"),
		Headers: []schema.Header{{Key: "trace", Value: []byte("t1")}, {Key: "trace", Value: []byte("t2")}, {Key: "empty", Value: []byte{}},
			{Key: "null", Value: nil}, {Key: "", Value: []byte("no name")}},
	}
}

func TestRoundTrip(t *testing.T) {
	plain := original()
	nullKey := original()
	nullKey.Key = nil
	emptyKey := original()
	emptyKey.Key = []byte{}
	tombstone := original()
	tombstone.Value = nil
	emptyValue := original()
	emptyValue.Value = []byte{}
	bare := original()
	bare.Headers = nil
	nowhere := schema.Record{Time: time.UnixMilli(0).UTC()}
	lyingClock := original()
	lyingClock.Time = time.UnixMilli(1 << 60).UTC()
	before1970 := original()
	before1970.Time = time.UnixMilli(-1).UTC()
	for name, orig := range map[string]schema.Record{"plain": plain, "null key": nullKey, "empty key": emptyKey, "null value": tombstone,
		"empty value": emptyValue, "no headers": bare, "zero record": nowhere, "lying clock": lyingClock, "before 1970": before1970} {
		t.Run(name, func(t *testing.T) {
			r := New("dossier.dlq", &orig, StageProcessor, "not_an_envelope", "expected an object", at)
			if r.Topic != "dossier.dlq" || !r.Timestamp.Equal(at) {
				t.Errorf("topic %s, timestamp %v", r.Topic, r.Timestamp)
			}
			got, err := Parse(r)
			if err != nil {
				t.Fatal(err)
			}
			want := Letter{Stage: StageProcessor, Reason: "not_an_envelope", Detail: "expected an object", Original: orig, At: at}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
			replayed := got.Replay()
			if replayed.Topic != orig.Topic || replayed.Partition != orig.Partition || !replayed.Timestamp.Equal(orig.Time) ||
				!reflect.DeepEqual(replayed.Key, orig.Key) || !reflect.DeepEqual(replayed.Value, orig.Value) ||
				len(replayed.Headers) != len(orig.Headers) {
				t.Errorf("replayed as %+v", replayed)
			}
			for i, h := range replayed.Headers {
				if h.Key != orig.Headers[i].Key || !reflect.DeepEqual(h.Value, orig.Headers[i].Value) {
					t.Errorf("header %d replayed as %+v", i, h)
				}
			}
		})
	}
}

// The headers' names are a contract with whoever reads the topic without this package.
func TestHeadersOfALetter(t *testing.T) {
	orig := original()
	orig.Headers = orig.Headers[:1]
	r := New("dossier.dlq", &orig, StageSink, "too_large", "a sentence", at)
	want := []kgo.RecordHeader{
		{Key: "trace", Value: []byte("t1")},
		{Key: "dossier.dlq.stage", Value: []byte("sink")},
		{Key: "dossier.dlq.reason", Value: []byte("too_large")},
		{Key: "dossier.dlq.detail", Value: []byte("a sentence")},
		{Key: "dossier.dlq.topic", Value: []byte("shop.public.product")},
		{Key: "dossier.dlq.partition", Value: []byte("3")},
		{Key: "dossier.dlq.offset", Value: []byte("9007199254740993")},
		{Key: "dossier.dlq.timestamp", Value: []byte("2026-11-23T02:43:54.384Z")},
		{Key: "dossier.dlq.at", Value: []byte("2026-11-23T04:00:00.123456789Z")},
	}
	if !reflect.DeepEqual(r.Headers, want) {
		t.Errorf("got  %s\nwant %s", r.Headers, want)
	}
}

// A dead letter that becomes a dead letter itself keeps its own headers, which have the same names.
func TestALetterOfALetter(t *testing.T) {
	orig := original()
	first := New("dossier.dlq", &orig, StageContext, "not_json", "first", at)
	again := schema.Record{Topic: "dossier.dlq", Partition: 1, Offset: 5, Time: at, Key: first.Key, Value: first.Value}
	for _, h := range first.Headers {
		again.Headers = append(again.Headers, schema.Header{Key: h.Key, Value: h.Value})
	}
	outer, err := Parse(New("dossier.dlq", &again, StageProcessor, "not_an_envelope", "second", at.Add(time.Hour)))
	if err != nil {
		t.Fatal(err)
	}
	if outer.Detail != "second" || !reflect.DeepEqual(outer.Original, again) {
		t.Fatalf("outer letter %+v", outer)
	}
	inner, err := Parse(outer.Replay())
	if err != nil {
		t.Fatal(err)
	}
	if inner.Detail != "first" || !reflect.DeepEqual(inner.Original, orig) {
		t.Errorf("inner letter %+v", inner)
	}
}

func TestDetailIsBounded(t *testing.T) {
	orig := original()
	for name, detail := range map[string]string{"long": strings.Repeat("é", 100_000), "one over": strings.Repeat("x", maxDetail+1),
		"not UTF-8": "a\xffb" + strings.Repeat("\xff", 5000)} {
		l, err := Parse(New("dlq", &orig, StageSink, "r", detail, at))
		if err != nil {
			t.Fatal(err)
		}
		if len(l.Detail) > maxDetail || !utf8.ValidString(l.Detail) || l.Detail == "" {
			t.Errorf("%s: %d bytes, valid %v", name, len(l.Detail), utf8.ValidString(l.Detail))
		}
	}
	whole := strings.Repeat("x", maxDetail)
	if l, _ := Parse(New("dlq", &orig, StageSink, "r", whole, at)); l.Detail != whole {
		t.Error("a detail of exactly the limit is cut")
	}
}

func TestParseRefuses(t *testing.T) {
	orig := original()
	for _, name := range ourHeaders {
		r := New("dossier.dlq", &orig, StageSink, "r", "d", at)
		r.Offset = 42
		r.Headers = r.Headers[:0:0]
		for _, h := range New("dossier.dlq", &orig, StageSink, "r", "d", at).Headers {
			if h.Key != name {
				r.Headers = append(r.Headers, h)
			}
		}
		if _, err := Parse(r); err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "offset 42") {
			t.Errorf("without %s: error %v", name, err)
		}
	}
	for name, value := range map[string]string{HeaderPartition: "x", HeaderOffset: "", HeaderTimestamp: "yesterday", HeaderAt: "@x"} {
		r := New("dossier.dlq", &orig, StageSink, "r", "d", at)
		r.Headers[lastHeader(r.Headers, name)].Value = []byte(value)
		if _, err := Parse(r); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s %q: error %v", name, value, err)
		}
	}
}
