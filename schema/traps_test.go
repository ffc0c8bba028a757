package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"dossier/test/stack/corpus"
)

// The tests here are named after the traps that recorded events show; each runs on every format. Traps that concern the join, the identity of
// an entity or the operation of a connector are tested where that is done.

// recorded is a scenario of the corpus, decoded.
type recorded struct {
	t        *testing.T
	format   corpus.Format
	decoder  *Decoder
	records  []corpus.Record
	prefix   string
	changes  []*Change // in the order of the file: of a topic's partition
	raws     []*Record // changes' records
	messages []*Message
	ends     []*TransactionBoundary
	begins   []*TransactionBoundary
	stones   int // tombstones
}

// inEveryFormat runs a test on a scenario as each connector wrote it.
func inEveryFormat(t *testing.T, scenario string, test func(r *recorded)) {
	t.Helper()
	for _, f := range corpus.Formats() {
		t.Run(string(f), func(t *testing.T) { test(decodeScenario(t, f, scenario)) })
	}
}

func decodeScenario(t *testing.T, f corpus.Format, scenario string) *recorded {
	t.Helper()
	r := &recorded{t: t, format: f, decoder: corpusDecoder(t), prefix: f.Prefix(), records: corpusRecords(t, f, scenario)}
	for _, c := range r.records {
		rec := recordOf(c)
		var err error
		switch {
		case strings.HasPrefix(rec.Topic, "__debezium"):
		case rec.Topic == r.prefix+".transaction":
			b := new(TransactionBoundary)
			if err = r.decoder.Transaction(t.Context(), rec, b); b.End {
				r.ends = append(r.ends, b)
			} else {
				r.begins = append(r.begins, b)
			}
		case rec.Topic == r.prefix+".message":
			m := new(Message)
			err = r.decoder.Message(t.Context(), rec, m)
			r.messages = append(r.messages, m)
		default:
			change := new(Change)
			err = r.decoder.Change(t.Context(), rec, change)
			if errors.Is(err, ErrTombstone) {
				r.stones++
				err = nil
				break
			}
			r.changes = append(r.changes, change)
			r.raws = append(r.raws, rec)
		}
		if err != nil {
			t.Fatalf("%s offset %d: %v", rec.Topic, rec.Offset, err)
		}
	}
	// Partitions of a topic are read in any order; the position puts their changes into that of the log.
	order := make([]int, len(r.changes))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return strings.Compare(r.changes[a].Position, r.changes[b].Position) })
	changes, raws := r.changes, r.raws
	r.changes, r.raws = nil, nil
	for _, i := range order {
		r.changes, r.raws = append(r.changes, changes[i]), append(r.raws, raws[i])
	}
	return r
}

// of returns the changes of a table, in the order of their positions.
func (r *recorded) of(table string, ops ...Op) []*Change {
	r.t.Helper()
	var out []*Change
	for _, c := range r.changes {
		if c.Table == table && (len(ops) == 0 || slices.Contains(ops, c.Op)) {
			out = append(out, c)
		}
	}
	if len(out) == 0 {
		r.t.Fatalf("no change of %s with op %q", table, ops)
	}
	return out
}

// raw returns the record of a change.
func (r *recorded) raw(c *Change) *Record { return r.raws[slices.Index(r.changes, c)] }

func (r *recorded) equal(what, got, want string) {
	r.t.Helper()
	if got != want {
		r.t.Errorf("%s:\n got %s\nwant %s", what, got, want)
	}
}

func idOf(c *Change) string {
	return EventID(c.Source, c.TxID, c.Coordinates, c.Schema, c.Table, EntityID(c.Key), c.Op, nil, 0)
}

func TestTrap01RowsOfOneCopyShareAnLSN(t *testing.T) {
	inEveryFormat(t, "copy", func(r *recorded) {
		rows := r.of("copied")[:5]
		ids := make(map[string]bool)
		for _, c := range rows {
			if c.LSN != rows[0].LSN || c.Coordinates != rows[0].Coordinates {
				t.Errorf("row %s of the COPY is at %d, the first at %d: the recording does not show the trap", EntityID(c.Key), c.LSN, rows[0].LSN)
			}
			ids[idOf(c)] = true
		}
		if len(ids) != len(rows) {
			t.Errorf("%d rows have %d identities", len(rows), len(ids))
		}
		for i, c := range r.of("copied_keyless") {
			if c.Key != nil || c.CollectionOrder != uint64(i+1) {
				t.Errorf("row %d without a key: key %s, order %d", i, rowText(c.Key), c.CollectionOrder)
			}
		}
	})
}

func TestTrap02LSNOrderIsNotCommitOrder(t *testing.T) {
	inEveryFormat(t, "interleaved", func(r *recorded) {
		changes := r.of("ledger")
		var commits []string
		descends := false
		for i, c := range changes {
			note := c.After.Get("note").Text()
			if len(commits) == 0 || commits[len(commits)-1] != note {
				commits = append(commits, note)
			}
			descends = descends || i > 0 && c.LSN < changes[i-1].LSN
		}
		if !descends {
			t.Error("LSNs only ascend in commit order: the recording does not show the trap")
		}
		// The last change repeats the text of the short transaction, but comes after the long one.
		r.equal("commit order", strings.Join(commits, " "), "start short long short")
		if !slices.IsSortedFunc(changes, func(a, b *Change) int { return strings.Compare(a.Position, b.Position) }) {
			t.Error("positions do not sort in commit order")
		}
	})
}

func TestTrap03TransactionIDHasAnLSNThatDiffersPerEvent(t *testing.T) {
	inEveryFormat(t, "several-tables", func(r *recorded) {
		texts := make(map[string]bool)
		for _, rec := range r.records {
			for _, id := range regexp.MustCompile(`\b(\d{3,}):\d{6,}\b`).FindAllString(string(rec.Value), -1) {
				texts[id] = true
			}
		}
		if len(texts) < 5 {
			t.Errorf("transaction.id has only the forms %v: the recording does not show the trap", slices.Collect(maps.Keys(texts)))
		}
		want := r.changes[0].TxID
		for _, c := range r.changes {
			if c.TxID != want || !c.HasTx {
				t.Errorf("change of %s in transaction %d, want %d", c.Table, c.TxID, want)
			}
		}
		for _, b := range slices.Concat(r.begins, r.ends) {
			if b.TxID != want {
				t.Errorf("boundary of transaction %d, want %d", b.TxID, want)
			}
		}
		if r.messages[0].TxID != want {
			t.Errorf("message in transaction %d, want %d", r.messages[0].TxID, want)
		}
	})
}

func TestTrap04CountsOfATransaction(t *testing.T) {
	inEveryFormat(t, "contexts", func(r *recorded) {
		end := r.ends[slices.IndexFunc(r.ends, func(b *TransactionBoundary) bool { return b.EventCount == 7 })]
		var sum, messages int64
		for _, c := range end.Collections {
			sum += c.Count
			if c.Name != "public.ticket" {
				messages += c.Count // whatever its name is
			}
		}
		if sum != end.EventCount || messages != 2 {
			t.Errorf("collections %v make %d events, %d of them messages; want 7 and 2", end.Collections, sum, messages)
		}
		for _, b := range r.begins {
			if b.End || b.EventCount != -1 || len(b.Collections) != 0 {
				t.Errorf("BEGIN has counts: %+v", b)
			}
		}
	})
	// What is not captured leaves transactions without any event, or with messages alone.
	inEveryFormat(t, "rollback", func(r *recorded) {
		counts := make(map[int64]int)
		for _, b := range r.ends {
			counts[b.EventCount]++
		}
		if counts[1] == 0 && counts[0] == 0 {
			t.Errorf("events per transaction: %v, want one with a message alone", counts)
		}
	})
	// The connector was started again within a transaction: BEGIN comes again, the order starts anew, and END counts what came since.
	inEveryFormat(t, "restart", func(r *recorded) {
		rows := r.of("bulk")
		tx := rows[0].TxID
		begins := 0
		for _, b := range r.begins {
			if b.TxID == tx {
				begins++
			}
		}
		count := r.ends[slices.IndexFunc(r.ends, func(b *TransactionBoundary) bool { return b.TxID == tx })].EventCount
		anew := false
		for i, c := range rows[:120] {
			anew = anew || i > 0 && c.TotalOrder < rows[i-1].TotalOrder
		}
		if begins != 2 || count >= 121 || !anew {
			t.Errorf("%d times BEGIN, %d events, order anew: %v: the recording does not show the trap", begins, count, anew)
		}
		ids := make(map[string]bool)
		for i, c := range rows {
			ids[idOf(c)] = true
			// The last row inserted is the last in the order of positions, whatever its order in the transaction.
			if want := fmt.Sprint(i + 1); i < 120 && EntityID(c.Key) != want {
				t.Errorf("row %s at place %s", EntityID(c.Key), want)
			}
		}
		if len(ids) != len(rows) {
			t.Errorf("%d rows have %d identities", len(rows), len(ids))
		}
	})
}

func TestTrap05TransactionNumbersHave32Bits(t *testing.T) {
	inEveryFormat(t, "crud", func(r *recorded) {
		for _, c := range r.changes {
			if c.TxID == 0 || c.TxID > 1<<32-1 {
				t.Errorf("transaction %d", c.TxID)
			}
		}
	})
	// An application's own number keeps its 64 bits, to be compared by the lower half.
	c, err := ParseContext([]byte(`{"transaction_id":4294968024}`))
	if err != nil || *c.TransactionID != 1<<32+728 {
		t.Errorf("transaction_id: %v, %v", c.TransactionID, err)
	}
}

func TestTrap06UnchangedTOAST(t *testing.T) {
	large := []string{"body", "raw", "tags", "numbers", "bigs", "ids", "stamps", "attributes", "plain", "pairs", "amounts"}
	inEveryFormat(t, "toast", func(r *recorded) {
		updates := r.of("document", OpUpdate)
		for _, name := range large {
			if s := updates[0].After.Get(name).State; s != Unavailable {
				t.Errorf("%s, unchanged: %s, want unavailable", name, s)
			}
			if v := r.of("document", OpCreate)[0].After.Get(name); v.State != Present {
				t.Errorf("%s, inserted: %s, want present", name, v.State)
			}
		}
		r.equal("title", updates[0].After.Get("title").Text(), "only the title")
		if v := updates[1].After.Get("body"); v.State != Present || !strings.HasPrefix(v.Text(), "new ") {
			t.Errorf("body, changed: %s", v.State)
		}
		for _, name := range []string{"body", "raw", "tags", "numbers", "bigs", "ids", "attributes", "plain", "pairs"} {
			if s := updates[2].After.Get(name).State; s != Null {
				t.Errorf("%s, set to null: %s, want null", name, s)
			}
		}
		// With REPLICA IDENTITY FULL Debezium has the old value, and puts it in.
		full := r.of("document_full", OpUpdate)[0]
		for _, name := range large {
			if b, a := full.Before.Get(name), full.After.Get(name); a.State != Present || !a.Equal(b) {
				t.Errorf("%s with full identity: before %s, after %s, want the same value", name, b.State, a.State)
			}
		}
	})
}

func TestTrap07BeforeWithoutFullIdentity(t *testing.T) {
	inEveryFormat(t, "identity", func(r *recorded) {
		update := r.of("identity_default", OpUpdate)[0]
		if update.Before != nil {
			t.Errorf("update: before %s, want none", rowText(update.Before))
		}
		deletes := r.of("identity_default", OpDelete)
		r.equal("delete", rowText(deletes[len(deletes)-1].Before), "id=1 a=unavailable b=unavailable")
		fulls := r.of("identity_full", OpDelete)
		r.equal("delete with full identity", rowText(fulls[len(fulls)-1].Before), `id=1 a="a" b="bb"`)
		r.equal("update with full identity", rowText(r.of("identity_full", OpUpdate)[0].Before), `id=1 a="a" b="b"`)
	})
}

func TestTrap08DeletesWithoutAKey(t *testing.T) {
	inEveryFormat(t, "keyless", func(r *recorded) {
		deletes := r.of("keyless", OpDelete)
		if len(deletes) != 2 {
			t.Fatalf("%d deletes, want 2", len(deletes))
		}
		for _, c := range deletes {
			if c.Key != nil {
				t.Errorf("key %s, want none", rowText(c.Key))
			}
			r.equal("before", rowText(c.Before), `a=1 b="x"`)
		}
		r.equal("update", rowText(r.of("keyless", OpUpdate)[0].Before), `a=2 b=null`)
	})
	// Neither key nor before: the recorded delete without its row.
	r := decodeScenario(t, corpus.JSON, "keyless")
	rec := r.raw(r.of("keyless", OpDelete)[0])
	rec.Value = regexp.MustCompile(`"before":\{[^}]*\}`).ReplaceAll(rec.Value, []byte(`"before":null`))
	var c Change
	if err := r.decoder.Change(t.Context(), rec, &c); err != nil || c.Key != nil || c.Before != nil || c.Op != OpDelete {
		t.Errorf("%s, %v", changeText(&c), err)
	}
}

func TestTrap09TombstonesFollowDeletes(t *testing.T) {
	inEveryFormat(t, "crud", func(r *recorded) {
		if n := len(r.of("product", OpDelete)); r.stones != n {
			t.Errorf("%d tombstones after %d deletes", r.stones, n)
		}
	})
}

func TestTrap10AChangedKeyIsTwoEvents(t *testing.T) {
	inEveryFormat(t, "rekey", func(r *recorded) {
		gone, come := r.of("person", OpDelete)[0], r.of("person", OpCreate)[2]
		r.equal("delete", rowText(gone.Key)+" -> "+rowText(gone.NewKey)+", old "+rowText(gone.OldKey), "id=1 -> id=100, old nil")
		r.equal("create", rowText(come.OldKey)+" -> "+rowText(come.Key)+", new "+rowText(come.NewKey), "id=1 -> id=100, new nil")
		if gone.TxID != come.TxID || gone.LSN != come.LSN {
			t.Errorf("transactions %d and %d, LSNs %d and %d, want the same", gone.TxID, come.TxID, gone.LSN, come.LSN)
		}
		r.equal("two columns", rowText(r.of("membership", OpDelete)[0].NewKey), "household=2 person=2")
	})
}

func TestTrap11SnapshotRows(t *testing.T) {
	inEveryFormat(t, "snapshot", func(r *recorded) {
		seen := make(map[string]int)
		for _, c := range r.changes {
			if !c.IsSnapshot() {
				continue
			}
			seen[c.Snapshot]++
			if c.Snapshot == "" || c.Before != nil || c.After == nil {
				t.Errorf("snapshot row: %s", changeText(c))
			}
		}
		r.equal("snapshot marks", fmt.Sprint(seen), "map[first_in_data_collection:2 last:1 last_in_data_collection:1 true:1]")
	})
	// A whole snapshot can repeat, between live changes.
	inEveryFormat(t, "snapshot-again", func(r *recorded) {
		marks := make(map[string]int)
		for _, c := range r.changes {
			marks[string(c.Op)+c.Snapshot]++
		}
		r.equal("marks", fmt.Sprint(marks), "map[c:1 rfirst:1 rfirst_in_data_collection:1 rlast:1 rlast_in_data_collection:1 rtrue:3 u:2]")
	})
	inEveryFormat(t, "crud", func(r *recorded) {
		for _, c := range r.changes {
			if c.Snapshot != "" {
				t.Errorf("a live change has the mark %q", c.Snapshot)
			}
		}
	})
}

func TestTrap12IncrementalSnapshots(t *testing.T) {
	inEveryFormat(t, "incremental", func(r *recorded) {
		rows := r.of("stock", OpRead)
		for _, c := range rows {
			if c.Snapshot != "incremental" || c.HasTx {
				t.Errorf("row %s: snapshot %q, transaction %v", EntityID(c.Key), c.Snapshot, c.HasTx)
			}
		}
		for _, c := range r.of("stock", OpUpdate, OpDelete) {
			if c.Snapshot != "" || !c.HasTx {
				t.Errorf("live change of %s: snapshot %q, transaction %v", EntityID(c.Key), c.Snapshot, c.HasTx)
			}
		}
		for _, c := range r.of("debezium_signal") {
			if c.Schema != "dossier" {
				t.Errorf("signal table in schema %q", c.Schema)
			}
		}
	})
}

func TestTrap13Truncate(t *testing.T) {
	inEveryFormat(t, "truncate", func(r *recorded) {
		tables := make(map[string]int)
		for _, c := range r.changes {
			if c.Op == OpTruncate {
				tables[c.Table]++
				if c.Key != nil || c.Before != nil || c.After != nil {
					t.Errorf("truncate: %s", changeText(c))
				}
			}
		}
		r.equal("truncates", fmt.Sprint(tables), "map[bin_a:1 bin_b:2]")
	})
}

func TestTrap14Messages(t *testing.T) {
	inEveryFormat(t, "message", func(r *recorded) {
		byContent := make(map[string]*Message)
		for _, m := range r.messages {
			byContent[string(m.Content)] = m
		}
		for content, want := range map[string]string{
			`{"user":{"id":"u2"},"request_id":"r-2"}`:                   "dossier.context true",
			`{"user":{"id":"u4"},"request_id":"r-4-not-transactional"}`: "dossier.context false",
			`{"user":{"id":"u5"},"request_id":"r-5"}`:                   "dossier.context false", // not transactional within one that was rolled back
			"not for us":       "other.prefix true",
			"":                 "dossier.context true",
			"\x00\xff\x00\xfe": "dossier.context true",
		} {
			m := byContent[content]
			if m == nil {
				t.Errorf("no message %q", content)
				continue
			}
			r.equal(content, fmt.Sprint(m.Prefix, " ", m.HasTx), want)
		}
		c, err := ParseContext(r.messages[0].Content)
		if err != nil || c.User.Name != `Ünïcode "quoted"` || string(c.Extra) != `{"n":9007199254740993}` {
			t.Errorf("the first context: %+v, %v", c, err)
		}
		var reasons []string
		for _, m := range r.messages {
			if _, err := ParseContext(m.Content); err != nil && m.Prefix == "dossier.context" {
				reasons = append(reasons, err.(*DecodeError).Reason)
			}
		}
		slices.Sort(reasons)
		r.equal("refused contexts", strings.Join(reasons, " "), "context_not_json context_not_json context_not_json context_wrong_type")
	})
}

func TestTrap15ColumnsComeAndGo(t *testing.T) {
	inEveryFormat(t, "alter", func(r *recorded) {
		names := func(row Row) string {
			var s []string
			for _, f := range row {
				s = append(s, f.Name)
			}
			return strings.Join(s, " ")
		}
		var shapes []string
		for _, c := range r.of("evolving") {
			row := c.After
			if row == nil {
				row = c.Before
			}
			if n := names(row); !slices.Contains(shapes, n) {
				shapes = append(shapes, n)
			}
			if row.Get("twice").State != Absent {
				t.Error("the generated column is there")
			}
		}
		r.equal("shapes", strings.Join(shapes, ", "), "id a b, id a b c, id a b c d, id a b d, id a b e, id a b e f")
		for _, c := range r.of("evolving") {
			if v := c.After.Get("e"); v.Text() == "9007199254740993" {
				return
			}
		}
		t.Error("the bigint lost digits")
	})
}

func TestTrap16Decimals(t *testing.T) {
	inEveryFormat(t, "numbers", func(r *recorded) {
		rows := r.of("numbers", OpCreate)
		for i, want := range []string{
			`"-99999999.99" "-12345678901234567890.123456789012345678" "-123456789012345678901234567890.0000000001" "-99999999999999999999" "4.5000"`,
			`"99999999.99" "0.000000000000000001" "0.000000000000000000000000000001" "99999999999999999999" "4.5000"`,
			`"0.00" "0.000000000000000000" "0" "0" "4.5000"`,
			`"3.00" "1.500000000000000000" "100" "1" "4.5000"`,
			`null null null null "4.5000"`,
		} {
			var got []string
			for _, name := range []string{"money", "rate", "free", "integral", "with_default"} {
				v := rows[i].After.Get(name)
				if v.State == Present {
					got = append(got, string(v.JSON))
				} else {
					got = append(got, v.State.String())
				}
			}
			r.equal(fmt.Sprint("row ", i+1), strings.Join(got, " "), want)
		}
		r.equal("a decimal as key", string(r.of("decimal_key")[0].Key[0].Value.JSON), `"1.500"`)
		r.equal("bigint", string(rows[2].After.Get("big").JSON), "9007199254740993")
	})
	// decimal.handling.mode=precise without a schema: the recorded payload without its schema.
	r := decodeScenario(t, corpus.JSONSchema, "numbers")
	create := r.of("numbers", OpCreate)[3]
	rec := *r.raw(create)
	var wrapped struct{ Payload json.RawMessage }
	if err := json.Unmarshal(rec.Value, &wrapped); err != nil {
		t.Fatal(err)
	}
	rec.Value, rec.Key = wrapped.Payload, []byte(`{"id":4}`)
	var c Change
	if err := NewDecoder(DecoderConfig{}).Change(t.Context(), &rec, &c); err != nil {
		t.Fatal(err)
	}
	r.equal("as it came", string(c.After.Get("money").JSON)+" "+string(c.After.Get("free").JSON), `"ASw=" {"scale":0,"value":"ZA=="}`)
	types := func(_, _, column string) (ColumnType, bool) {
		name, ok := map[string]string{"money": "decimal(2)", "free": "decimal"}[column]
		typ, _ := ParseColumnType(name)
		return typ, ok
	}
	if err := NewDecoder(DecoderConfig{Types: types}).Change(t.Context(), &rec, &c); err != nil {
		t.Fatal(err)
	}
	r.equal("with configured types", string(c.After.Get("money").JSON)+" "+string(c.After.Get("free").JSON), `"3.00" "100"`)
}

func TestTrap17Times(t *testing.T) {
	inEveryFormat(t, "times", func(r *recorded) {
		want := map[string]string{
			"ts":   "2026-11-23T02:43:54.384552 infinity -infinity 1969-12-31T23:59:59.999999 -0043-03-15T12:00:00 +12345-06-07T08:09:10.5",
			"ts0":  "2026-11-23T02:43:54 infinity -infinity 1969-12-31T23:59:59 -0043-03-15T12:00:00 +12345-06-07T08:09:10",
			"ts3":  "2026-11-23T02:43:54.384 infinity -infinity 1969-12-31T23:59:59.999 -0043-03-15T12:00:00 +12345-06-07T08:09:10.5",
			"tstz": "2026-11-23T00:43:54.384552Z infinity -infinity 1969-12-31T23:59:59.999999Z -0043-03-15T12:00:00Z +12345-06-07T08:09:10.5Z",
			"d":    "2026-11-23 infinity -infinity 1969-12-31 -0043-03-15 +12345-06-07",
			"t":    "02:43:54.384552 24:00:00 00:00:00 23:59:59.999999 12:00:00 08:09:10.5",
			"t3":   "02:43:54.384 24:00:00 00:00:00 23:59:59.999 12:00:00 08:09:10.5",
			// 24:00:00-12 comes as 12:00:00Z: the day is lost in Debezium.
			"ttz": "21:13:54.384552Z 12:00:00Z 00:00:00Z 23:59:59.999999Z 11:00:00Z 18:09:10.5Z",
		}
		for column, values := range want {
			var got []string
			for _, c := range r.of("times", OpCreate)[:6] {
				got = append(got, c.After.Get(column).Text())
			}
			r.equal(column, strings.Join(got, " "), values)
		}
		span := "P1Y2M3DT4H5M6.789S"
		if r.format != corpus.JSON {
			span = "PT10303H5M6.789S" // interval.handling.mode=numeric: months have an average length
		}
		r.equal("interval", r.of("times", OpCreate)[0].After.Get("span").Text(), span)
	})
}

func TestTrap18Heartbeats(t *testing.T) {
	inEveryFormat(t, "heartbeat", func(r *recorded) {
		beats := 0
		for _, c := range r.records {
			if !strings.HasPrefix(c.Topic, "__debezium-heartbeat.") {
				continue
			}
			beats++
			var change Change
			var e *DecodeError
			if err := r.decoder.Change(t.Context(), recordOf(c), &change); !errors.As(err, &e) || e.Reason != ReasonNotAnEnvelope {
				t.Errorf("a heartbeat: %v, want %s", err, ReasonNotAnEnvelope)
			}
		}
		if beats == 0 {
			t.Error("no heartbeat was recorded")
		}
		for _, c := range r.of("debezium_heartbeat") {
			if c.Schema != "dossier" {
				t.Errorf("heartbeat table in schema %q", c.Schema)
			}
		}
	})
}

func TestTrap19ARepeatHasTheSameIdentity(t *testing.T) {
	r := decodeScenario(t, corpus.JSON, "crud")
	for _, c := range r.of("product", OpUpdate) {
		// After a restart the order in the transaction starts anew, and the last commit before it may be another.
		rec := *r.raw(c)
		rec.Value = regexp.MustCompile(`"sequence":"\[[^]]*,`).ReplaceAll(rec.Value, []byte(`"sequence":"[null,`))
		rec.Value = regexp.MustCompile(`"total_order":\d+`).ReplaceAll(rec.Value, []byte(`"total_order":77`))
		if bytes.Equal(rec.Value, r.raw(c).Value) {
			t.Fatal("the repeat is no different")
		}
		var again Change
		if err := r.decoder.Change(t.Context(), &rec, &again); err != nil {
			t.Fatal(err)
		}
		if again.Position == c.Position || idOf(&again) != idOf(c) {
			t.Errorf("position %s, was %s; identity %s, was %s", again.Position, c.Position, idOf(&again), idOf(c))
		}
	}
}

func TestTrap21ContextsLieBetweenChanges(t *testing.T) {
	inEveryFormat(t, "contexts", func(r *recorded) {
		var lines []string
		tx := r.of("ticket")[0].TxID
		for _, c := range r.changes {
			if c.TxID == tx {
				lines = append(lines, fmt.Sprintf("%s %c%s", c.Position, c.Op, EntityID(c.Key)))
			}
		}
		for _, m := range r.messages {
			if m.TxID == tx {
				c, err := ParseContext(m.Content)
				if err != nil {
					t.Fatal(err)
				}
				lines = append(lines, m.Position+" "+c.User.ID)
			}
		}
		slices.Sort(lines)
		for i, l := range lines {
			lines[i] = l[strings.LastIndexByte(l, ' ')+1:]
		}
		r.equal("in the order of positions", strings.Join(lines, " "), "c1 first c2 u1 second c3 u1")
	})
}

func TestTrap22FlattenedRows(t *testing.T) {
	d := corpusDecoder(t)
	reasons := make(map[string]int)
	for _, r := range corpusRecords(t, corpus.Flattened) {
		var c Change
		var e *DecodeError
		err := d.Change(t.Context(), recordOf(r), &c)
		switch {
		case errors.As(err, &e):
			reasons[e.Reason]++
		case !errors.Is(err, ErrTombstone):
			t.Errorf("%s offset %d is taken for a change: %v", r.Topic, r.Offset, err)
		}
	}
	// Rows without a key show nothing of what they are.
	if reasons[ReasonFlattened] < 300 || reasons[ReasonFlattened] < 2*reasons[ReasonNotAnEnvelope] {
		t.Errorf("reasons %v", reasons)
	}
}

func TestTrap22NotAnEnvelope(t *testing.T) {
	// Wrapped and not, the same: TestSameValuesInEveryFormat. What transforms make of the recorded row:
	r := decodeScenario(t, corpus.JSON, "crud")
	rec := *r.raw(r.of("product", OpCreate)[0])
	var envelope struct{ After json.RawMessage }
	if err := json.Unmarshal(rec.Value, &envelope); err != nil {
		t.Fatal(err)
	}
	row := string(envelope.After)
	for value, reason := range map[string]string{
		row: ReasonFlattened,
		strings.TrimSuffix(row, "}") + `,"__op":"c","__deleted":"false"}`:                                                  ReasonFlattened,
		`{"schema":null,"payload":` + strings.TrimSuffix(row, "}") + `,"__deleted":"false"}}`:                              ReasonFlattened,
		`{"id":"name:shop;lsn:1","source":"/debezium/postgresql/shop","specversion":"1.0","data":` + row + `}`:             ReasonCloudEvent,
		`{"schema":{"type":"struct","fields":[]},"payload":` + row + `}`:                                                   ReasonFlattened,
		`{"schema":{"type":"struct","fields":[{"type":"nonsense","field":"before"}]},"payload":` + string(rec.Value) + `}`: ReasonBadSchema,
	} {
		rec.Value = []byte(value)
		var c Change
		var e *DecodeError
		if err := r.decoder.Change(t.Context(), &rec, &c); !errors.As(err, &e) || e.Reason != reason {
			t.Errorf("%.60s: %v, want %s", value, err, reason)
		}
	}
}
