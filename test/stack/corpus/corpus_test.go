package corpus

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestWrittenRecordsAreReadByteForByte(t *testing.T) {
	at := time.UnixMilli(1795401834384).UTC()
	records := []Record{
		{Scenario: "a", Topic: "t", Partition: 2, Offset: 9007199254740993, Timestamp: at, Key: []byte(`{"id":1}`), Value: []byte("{ \"html\":\"<&>\\u003c\",\n \"n\":1.50 }"),
			Headers: []Header{{Key: "text", Value: []byte("x")}, {Key: "none"}, {Key: "empty", Value: []byte{}}, {Key: "binary", Value: []byte{0, 255}}}},
		{Scenario: "b", Topic: "t", Timestamp: at, Key: []byte{0, 0, 0, 0, 1, 2}, Value: []byte{0, 0, 0, 0, 2, 0xff}},
		{Scenario: "b", Topic: "tombstone", Timestamp: at, Key: []byte("k")},
		{Scenario: "b", Topic: "empty", Timestamp: at, Key: []byte{}, Value: []byte{}},
	}
	for _, name := range []string{"plain.jsonl", "zipped.jsonl.gz"} {
		path := filepath.Join(t.TempDir(), name)
		if err := Write(path, records); err != nil {
			t.Fatal(err)
		}
		got, err := Read(path)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, records) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", name, got, records)
		}
		if got, err = Read(path, "b"); err != nil || len(got) != 3 {
			t.Errorf("%s: scenario b: %d records, %v", name, len(got), err)
		}
		if _, err = Read(path, "b", "c"); err == nil || !strings.Contains(err.Error(), `"c"`) {
			t.Errorf("%s: a scenario without records: %v", name, err)
		}
	}
}
