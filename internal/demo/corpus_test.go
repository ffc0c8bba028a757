package demo

import (
	"bytes"
	"reflect"
	"testing"
	"time"
)

func TestCorpusFile(t *testing.T) {
	want := []Record{
		{Topic: "a", Partition: 1, Time: time.UnixMilli(1735797600344).UTC(), Key: []byte(`{"id":1}`), Value: []byte("line\n\"é<>"), Headers: []Header{{"h", []byte("v")}}},
		{Topic: "a", Partition: 1, Time: time.UnixMilli(1735797600345).UTC(), Key: []byte(`{"id":1}`)}, // a tombstone
		{Topic: "b", Time: time.UnixMilli(0).UTC(), Value: []byte{}},
	}
	var file bytes.Buffer
	if err := WriteCorpus(&file, want); err != nil {
		t.Fatal(err)
	}
	got, err := readCorpus(&file)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v\ngot  %v\nwant %v", err, got, want)
	}
	if _, err := readCorpus(bytes.NewReader([]byte("no gzip"))); err == nil {
		t.Error("no error for another file")
	}
}

// TestCorpusIsOneYear: all records lie in 2025 and in their order, and none is alike for want of shifting.
func TestCorpusIsOneYear(t *testing.T) {
	records, err := Corpus()
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range records {
		if r.Time.Year() != 2025 || i > 0 && r.Time.Before(records[i-1].Time) {
			t.Fatalf("record %d of %s is at %s, after %s", i, r.Topic, r.Time, records[max(i-1, 0)].Time)
		}
	}
	if first, last := records[0].Time, records[len(records)-1].Time; last.Sub(first) < 360*24*time.Hour {
		t.Errorf("from %s to %s is no year", first, last)
	}
	if size := len(corpusFile); size > 1_000_000 {
		t.Errorf("the corpus has %d bytes: every binary carries them", size)
	}
}
