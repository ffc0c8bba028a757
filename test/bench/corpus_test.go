package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	recorded "dossier/test/stack/corpus"
)

// keys returns the names of an object's fields, and those within, each once, in their order.
func keys(t *testing.T, object []byte) string {
	t.Helper()
	var names []string
	d := json.NewDecoder(bytes.NewReader(object))
	var walk func(path string)
	walk = func(path string) {
		token, err := d.Token()
		if err != nil {
			t.Fatalf("%s: %v in %s", path, err, object)
		}
		switch token {
		case json.Delim('{'):
			for d.More() {
				name, _ := d.Token()
				at := path + "." + name.(string)
				if !slices.Contains(names, at) {
					names = append(names, at)
				}
				walk(at)
			}
			_, _ = d.Token()
		case json.Delim('['):
			for d.More() {
				walk(path + "[]")
			}
			_, _ = d.Token()
		}
	}
	walk("")
	return strings.Join(names, " ")
}

// The generated records have the form of those that Debezium's connector wrote: the same fields in the same order, the same headers.
func TestCorpusHasTheRecordedForm(t *testing.T) {
	records, err := recorded.Read(filepath.Join(recordings, recorded.JSON.File()))
	if err != nil {
		t.Fatal(err)
	}
	// One of each kind: an update of the table, a message, BEGIN, and END.
	find := func(topic string, has ...string) recorded.Record {
		for _, r := range records {
			_, rest, _ := strings.Cut(r.Topic, ".")
			if rest == topic && !slices.ContainsFunc(has, func(s string) bool { return !bytes.Contains(r.Value, []byte(s)) }) {
				return r
			}
		}
		t.Fatalf("no record of %s with %q", topic, has)
		return recorded.Record{}
	}
	want := []recorded.Record{
		find("transaction", `"BEGIN"`), find("message", `"op":"m"`, `"dossier.context"`), find("public.product", `"op":"u"`, `"before":{`),
		find("transaction", `"END"`, `"public.product"`, `LogicalDecodingMessageId`),
	}
	c := newCorpus(defaultPrefix, settings{events: 1, perTx: 1, row: rowNarrow, context: shareAll}, time.Now())
	got := c.transaction(0)
	if len(got) != len(want) {
		t.Fatalf("%d records, want %d", len(got), len(want))
	}
	for i, w := range want {
		g := got[i]
		if keys(t, g.Value) != keys(t, w.Value) {
			t.Errorf("record %d:\n%s\nrecorded:\n%s", i, g.Value, w.Value)
		}
		if keys(t, g.Key) != keys(t, w.Key) {
			t.Errorf("record %d has the key %s, recorded %s", i, g.Key, w.Key)
		}
		var names, recordedNames []string
		for _, h := range g.Headers {
			names = append(names, h.Key)
		}
		for _, h := range w.Headers {
			recordedNames = append(recordedNames, h.Key)
		}
		if !slices.Equal(names, recordedNames) {
			t.Errorf("record %d has the headers %q, recorded %q", i, names, recordedNames)
		}
	}
}

// Each row's changes follow each other, and the share of transactions with a message is as asked.
func TestCorpusCounts(t *testing.T) {
	for share, want := range map[share]int{shareAll: 4, shareHalf: 2, shareNone: 0} {
		c := newCorpus(defaultPrefix, settings{events: entities/3 + 4, perTx: (entities + 3) / 3, row: rowNarrow, context: share}, time.Now())
		c.transactions = 4
		messages, changes := 0, 0
		versions := map[string]string{}
		for tx := range c.transactions {
			for _, r := range c.transaction(tx) {
				switch r.Topic {
				case messageTopic(c.source):
					messages++
				case changeTopic(c.source):
					changes++
					var e struct{ Before, After json.RawMessage }
					if err := json.Unmarshal(r.Value, &e); err != nil {
						t.Fatal(err)
					}
					if last, ok := versions[string(r.Key)]; ok && last != string(e.Before) {
						t.Fatalf("%s: %s follows %s", r.Key, e.Before, last)
					}
					versions[string(r.Key)] = string(e.After)
				}
			}
		}
		if messages != want || changes != c.changes() || changes <= entities {
			t.Errorf("%s: %d messages, %d changes", share, messages, changes)
		}
	}
}

func TestSpread(t *testing.T) {
	for _, test := range []struct {
		values []float64
		want   spread
	}{{nil, spread{}}, {[]float64{3}, spread{3, 3, 3}}, {[]float64{9, 1, 2}, spread{1, 2, 9}}, {[]float64{4, 1, 2, 9}, spread{1, 3, 9}}} {
		if got := spreadOf(test.values); got != test.want {
			t.Errorf("%v: %+v, want %+v", test.values, got, test.want)
		}
	}
}
