package sink

import (
	"testing"
	"time"

	"dossier/schema"
)

var midnight = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)

func TestTracker(t *testing.T) {
	const hour = 60
	type step struct {
		begin, end uint64 // a transaction's number; one of them
		minute     int    // of its commit
		gap        bool
		certain    bool  // with end
		safe       int64 // after it
	}
	for name, steps := range map[string][]step{
		"one after the other": {{begin: 1, safe: 0}, {end: 1, certain: true, safe: 2}, {begin: 2, safe: 2}, {end: 2, certain: true, safe: 4}},
		"END without BEGIN":   {{end: 1, certain: false, safe: 1}, {begin: 2, safe: 1}, {end: 2, certain: true, safe: 3}},
		"BEGIN repeated":      {{begin: 1, safe: 0}, {begin: 1, safe: 0}, {end: 1, certain: false, safe: 3}, {begin: 1, safe: 3}, {end: 1, certain: true, safe: 5}},
		"interleaved":         {{begin: 1, safe: 0}, {begin: 2, safe: 0}, {end: 2, certain: true, safe: 0}, {begin: 3, safe: 0}, {end: 1, certain: true, safe: 3}, {end: 3, certain: true, safe: 6}},
		"a gap":               {{begin: 1, safe: 0}, {gap: true, safe: 0}, {end: 1, certain: false, safe: 2}},
		"never ended, and given up when one comes that was committed much later": {{begin: 1, safe: 0}, {begin: 2, minute: hour, safe: 0}, {end: 2, minute: hour, certain: true, safe: 0},
			{begin: 3, minute: hour + 1, safe: 3}, {end: 1, certain: false, safe: 3}, {end: 3, minute: hour + 1, certain: true, safe: 6}},
		"a clock that is set back": {{begin: 1, minute: 30, safe: 0}, {begin: 2, safe: 0}, {end: 2, certain: true, safe: 0}, {end: 1, minute: 30, certain: true, safe: 4}},
	} {
		t.Run(name, func(t *testing.T) {
			tracker := transactionTracker{alone: true}
			offset := int64(0)
			for i, s := range steps {
				commit := midnight.Add(time.Duration(s.minute) * time.Minute)
				switch {
				case s.gap:
					tracker.gap()
					offset--
				case s.begin != 0:
					tracker.begin(s.begin, offset, commit)
				default:
					if certain := tracker.end(s.end, offset, commit); certain != s.certain {
						t.Errorf("step %d: certain is %v", i, certain)
					}
				}
				offset++
				if safe := tracker.safe(); safe != s.safe {
					t.Errorf("step %d: safe is %d, want %d", i, safe, s.safe)
				}
			}
		})
	}
}

func TestTrackerOfOneOfSeveralPartitionsIsNeverCertain(t *testing.T) {
	var tracker transactionTracker
	tracker.begin(1, 0, midnight)
	if tracker.end(1, 1, midnight) {
		t.Error("certain, though a repeated BEGIN may lie on another partition")
	}
}

func TestTrackerIsBounded(t *testing.T) {
	tracker := transactionTracker{alone: true}
	for i := range maxOpenTransactions + 1 {
		tracker.begin(uint64(i), int64(i), midnight)
	}
	if n := len(tracker.open); n != maxOpenTransactions {
		t.Errorf("%d open", n)
	}
	if tracker.safe() != 1 {
		t.Errorf("safe is %d: the forgotten one still holds offsets back", tracker.safe())
	}
	if tracker.end(0, maxOpenTransactions+1, midnight) {
		t.Error("certain of one that was forgotten")
	}
}

// scopes puts tables into scopes by name; "" leaves a table out.
func scopes(of map[string]string) func(string) (string, bool) {
	return func(table string) (string, bool) { return of[table], of[table] != "" }
}

func TestTransactionDocuments(t *testing.T) {
	scopeOf := scopes(map[string]string{"public.product": "default", "public.supplier": "default", "public.person": "people"})
	at := time.Date(2026, 11, 23, 2, 43, 54, 384e6, time.UTC)
	end := schema.TransactionBoundary{TxID: 728, End: true, EventCount: 9, Time: at, Collections: []schema.CollectionCount{
		{Name: "public.supplier", Count: 1}, {Name: "public.person", Count: 2}, {Name: "public.product", Count: 3}, {Name: "public.product", Count: 1},
		{Name: "public.session", Count: 7}, {Name: "io.debezium.connector.postgresql.LogicalDecodingMessageId@4f6ec54f", Count: 1}}}
	docs := transactionDocuments("shop", &end, true, at.Add(time.Second), scopeOf)
	if len(docs) != 2 {
		t.Fatalf("%d documents", len(docs))
	}
	want := []string{
		`{"@timestamp":"2026-11-23T02:43:54.384Z","audit":{"kind":"transaction","scope":"default"},"entity":{},"transaction":{"tables":{"public.product":4,"public.supplier":1},"certain":true},"cdc":{"source":"shop","tx_id":728}`,
		`{"@timestamp":"2026-11-23T02:43:54.384Z","audit":{"kind":"transaction","scope":"people"},"entity":{},"transaction":{"tables":{"public.person":2},"certain":true},"cdc":{"source":"shop","tx_id":728}`,
	}
	for i, d := range docs {
		text, _ := d.AppendJSON(nil)
		if got := string(text); len(got) < len(want[i]) || got[:len(want[i])] != want[i] {
			t.Errorf("got  %s\nwant %s…", got, want[i])
		}
	}

	again := transactionDocuments("shop", &end, true, at.Add(time.Hour), scopeOf)
	if again[0].Ref() != docs[0].Ref() || again[0].Hash() != docs[0].Hash() {
		t.Error("a second delivery is another document")
	}
	if docs[0].ID() == docs[1].ID() {
		t.Error("two scopes share an identity")
	}
	end.Time = at.Add(400 * 24 * time.Hour)
	if round := transactionDocuments("shop", &end, true, at, scopeOf); round[0].ID() == docs[0].ID() {
		t.Error("the same number, come round again, is the same document")
	}
	end.Collections = end.Collections[4:]
	if none := transactionDocuments("shop", &end, true, at, scopeOf); len(none) != 0 {
		t.Errorf("%d documents of a transaction of which nothing is kept", len(none))
	}
}

func TestMergeCounts(t *testing.T) {
	counts := func(certain bool, product, supplier int64) *schema.TransactionCounts {
		c := &schema.TransactionCounts{Certain: certain}
		if product > 0 {
			c.Tables = append(c.Tables, schema.CollectionCount{Name: "public.product", Count: product})
		}
		if supplier > 0 {
			c.Tables = append(c.Tables, schema.CollectionCount{Name: "public.supplier", Count: supplier})
		}
		return c
	}
	for name, test := range map[string]struct {
		stored, arriving, want *schema.TransactionCounts
		changed                bool
	}{
		"the same":                       {counts(true, 3, 1), counts(true, 3, 1), counts(true, 3, 1), false},
		"the rest, after a restart":      {counts(true, 3, 1), counts(true, 1, 0), counts(true, 3, 1), false},
		"the rest, known to be such":     {counts(true, 3, 1), counts(false, 3, 1), counts(true, 3, 1), false},
		"more than what was certain":     {counts(true, 3, 0), counts(true, 4, 0), counts(false, 4, 0), true},
		"another table":                  {counts(true, 0, 1), counts(false, 2, 0), counts(false, 2, 1), true},
		"the rest stays the rest":        {counts(false, 3, 0), counts(true, 3, 0), counts(false, 3, 0), false},
		"the rest first, the whole next": {counts(false, 3, 0), counts(true, 5, 1), counts(false, 5, 1), true},
	} {
		t.Run(name, func(t *testing.T) {
			before := *test.stored
			got, changed := mergeCounts(test.stored, test.arriving)
			if changed != test.changed || got.Certain != test.want.Certain || len(got.Tables) != len(test.want.Tables) {
				t.Fatalf("got %+v, %v; want %+v, %v", got, changed, test.want, test.changed)
			}
			for i := range got.Tables {
				if got.Tables[i] != test.want.Tables[i] {
					t.Errorf("got %v, want %v", got.Tables, test.want.Tables)
				}
			}
			if before.Certain != test.stored.Certain || len(before.Tables) != len(test.stored.Tables) {
				t.Error("the stored counts were changed in place")
			}
		})
	}
}
