package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// poison is a record that nobody can understand.
type poison struct {
	topic      string
	key, value []byte
	reasons    []string // one of these must be the letter's
}

// poisonTopics writes what cannot be understood between the records of a source that works, and returns for how many dead letters there is
// reason then.
func (d *deployment) poisonTopics(t *testing.T, a *application, format string) (letters int) {
	t.Helper()
	app := a.session(t)
	app.in(t, func(x *txn) { // contexts that are none, in good transactions: the changes are nobody's
		x.byNobody()
		x.message([]byte(`not JSON`))
		x.exec(`INSERT INTO supplier (id, name) VALUES (500, 'x')`)
	})
	app.in(t, func(x *txn) {
		x.byNobody()
		x.exec(`INSERT INTO request_context (user_id, extra) VALUES ('wrong', '[1]')`)
		x.exec(`UPDATE supplier SET name = 'y' WHERE id = 500`)
	})
	app.in(t, func(x *txn) {
		x.byNobody()
		x.message([]byte(`{"user": "a string"}`))
		x.exec(`DELETE FROM supplier WHERE id = 500`)
	})
	letters += 3

	changes := a.source + ".public.product"
	var real *kgo.Record
	until(t, "a change to spoil", func() (bool, int, error) {
		for _, r := range d.readTopic(t, changes) {
			if len(r.Value) > 200 {
				real = r
				return true, 1, nil
			}
		}
		return false, 0, nil
	})
	middle := len(real.Value) / 2
	for format == "json" && !utf8.RuneStart(real.Value[middle]) {
		middle-- // half a character is no JSON, whatever follows
	}
	half := real.Value[:middle]
	poisons := []poison{
		{changes, real.Key, []byte("\xff\xfe\x00garbage"), []string{"not_json", "not_avro"}},
		{changes, real.Key, []byte(`{"hello":"world"}`), []string{"not_an_envelope", "flattened"}},
		{changes, nil, []byte(`"text"`), []string{"not_an_envelope", "not_json"}},
		{changes, real.Key, half, []string{"truncated"}},
		{changes, real.Key, []byte("\x00\x7f\xff\xff\xff\x02"), []string{"unknown_schema_id"}},
		{changes, real.Key, []byte{}, []string{"truncated", "not_json", "not_an_envelope"}},
		{changes, []byte("{"), real.Value, []string{"bad_key", "truncated", "not_json", "not_avro"}},
		{a.source + ".transaction", nil, []byte("garbage"), []string{"not_json"}},
		{a.source + ".message", nil, []byte(`{"op":"m"}`), []string{"not_an_envelope"}},
		{d.Contexts(), []byte("some-id"), []byte("not JSON"), []string{"context_not_json"}},
		{d.Contexts(), []byte("some-id"), []byte(`[{"user":{"id":"wrong"}}]`), []string{"context_not_json"}},
		{d.Contexts(), []byte("some-id"), []byte(`{"user":{"id":5}}`), []string{"context_wrong_type"}},
		{d.Contexts(), nil, []byte(`{"user":{"id":"whose?"}}`), []string{"context_without_key"}},
	}
	d.poisons = poisons
	for _, p := range poisons {
		check(t, a.kafka.ProduceSync(t.Context(), &kgo.Record{Topic: p.topic, Key: p.key, Value: p.value,
			Headers: []kgo.RecordHeader{{Key: "of-the-original", Value: []byte(format)}}}).FirstErr())
	}
	return letters + len(poisons)
}

// checkLetters checks that each poison lies in the dead-letter topic with its bytes, headers, origin and reason, and nothing else does.
func (d *deployment) checkLetters(t *testing.T, want int) {
	t.Helper()
	letters := d.readTopic(t, d.DeadLetters())
	if len(letters) != want {
		t.Errorf("%d dead letters, want %d", len(letters), want)
		for _, l := range letters {
			t.Log(describe(l))
		}
	}
	origins := map[string]*kgo.Record{}
	topics := map[string]bool{}
	for _, letter := range letters {
		topics[header(letter, "dossier.dlq.topic")] = true
	}
	for topic := range topics {
		for _, r := range d.readTopic(t, topic) {
			origins[fmt.Sprintf("%s/%d/%d", topic, r.Partition, r.Offset)] = r
		}
	}
	for _, letter := range letters {
		at := header(letter, "dossier.dlq.topic") + "/" + header(letter, "dossier.dlq.partition") + "/" + header(letter, "dossier.dlq.offset")
		origin := origins[at]
		switch {
		case origin == nil:
			t.Errorf("a dead letter says that it comes from %s, where there is no such record, or that has another letter: %s", at, describe(letter))
			continue
		case !bytes.Equal(origin.Key, letter.Key) || !bytes.Equal(origin.Value, letter.Value) || (origin.Value == nil) != (letter.Value == nil):
			t.Errorf("the dead letter of %s has other bytes than the original", at)
		}
		for _, h := range origin.Headers {
			if got := header(letter, h.Key); got != string(h.Value) {
				t.Errorf("the dead letter of %s has %q in the original's header %s, want %q", at, got, h.Key, h.Value)
			}
		}
		if stamp, err := time.Parse(time.RFC3339Nano, header(letter, "dossier.dlq.timestamp")); err != nil || !stamp.Equal(origin.Timestamp) {
			t.Errorf("the dead letter of %s has the timestamp %q, the original %s", at, header(letter, "dossier.dlq.timestamp"), origin.Timestamp)
		}
		if header(letter, "dossier.dlq.detail") == "" || header(letter, "dossier.dlq.stage") == "" {
			t.Errorf("the dead letter of %s has no stage or no detail: %s", at, describe(letter))
		}
		delete(origins, at)
		for _, p := range d.poisons {
			if p.topic == origin.Topic && bytes.Equal(p.value, origin.Value) && bytes.Equal(p.key, origin.Key) && !slices.Contains(p.reasons, header(letter, "dossier.dlq.reason")) {
				t.Errorf("the reason for %.60q on %s is %q (%s), want %s", p.value, p.topic, header(letter, "dossier.dlq.reason"), header(letter, "dossier.dlq.detail"),
					strings.Join(p.reasons, " or "))
			}
		}
	}
	t.Logf("%d dead letters have the bytes, headers and places of their originals", len(letters))
}

func header(r *kgo.Record, name string) string {
	for _, h := range r.Headers {
		if h.Key == name {
			return string(h.Value)
		}
	}
	return ""
}

// TestReplay: a change that does not fit becomes a dead letter, those behind it go on, and it comes in after the limit was raised.
func TestReplay(t *testing.T) {
	s := start(t)
	source := unique("e2ereplay")
	d := s.deploy(t, deployment{Name: source, Sources: []string{source}, MaxRecordBytes: "64KiB"})
	client := s.kafka(t)
	topic := source + ".public.note"
	_, err := kadm.NewClient(client).CreateTopic(t.Context(), 1, 1, nil, topic)
	check(t, err)
	produce := func(id int, body string) {
		t.Helper()
		check(t, client.ProduceSync(t.Context(), noteCreated(source, topic, id, body)).FirstErr())
	}
	large := strings.Repeat("0123456789", 20_000)
	produce(1, "small")
	produce(2, large)
	produce(3, "small again")
	p := d.start(t, "processor,sink")
	const perRow = 3 // the row version, and a document for each column
	d.stored(t, source, 2*perRow)
	letters := d.readTopic(t, d.DeadLetters())
	if len(letters) != 1 || header(letters[0], "dossier.dlq.reason") != "audit_event_too_large" {
		t.Fatalf("%d dead letters, want one that is too large", len(letters))
	}
	p.stop(t)

	d.MaxRecordBytes = "8MiB"
	d.configure(t)
	d.run(t, "setup", "--alter")
	p = d.start(t, "processor,sink")
	d.run(t, "dlq", "replay", "--reason", "audit_event_too_large", "--yes")
	d.stored(t, source, 3*perRow)
	found := false
	for _, doc := range d.documents(t, source) {
		found = found || slices.Contains(doc.Lines, "current = "+quote(large))
	}
	if !found {
		t.Error("no document has the large value after the replay")
	}
	d.run(t, "dlq", "replay", "--all", "--yes") // which has nothing left to do
	d.drained(t)
	n, err := d.count(t.Context(), source)
	check(t, err)
	if n != 3*perRow {
		t.Errorf("%d documents after a second replay, want %d", n, 3*perRow)
	}
	records := d.readTopic(t, d.Audit())
	if len(records) != 3 {
		t.Errorf("%d events on the audit topic, want 3", len(records))
	}
	p.stop(t)
}

// noteCreated is a change event of Debezium's, in JSON without its schema.
func noteCreated(source, topic string, id int, body string) *kgo.Record {
	now := time.Now()
	value, err := json.Marshal(map[string]any{
		"before": nil, "after": map[string]any{"id": id, "body": body}, "op": "c", "ts_ms": now.UnixMilli(),
		"source": map[string]any{
			"version": "3.3.1.Final", "connector": "postgresql", "name": source, "ts_ms": now.UnixMilli(), "ts_us": now.UnixMicro(), "snapshot": "false",
			"db": "shop", "sequence": fmt.Sprintf(`["%d","%d"]`, 1000+id, 2000+id), "schema": "public", "table": "note", "txId": 700 + id, "lsn": 2000 + id,
		},
		"transaction": map[string]any{"id": fmt.Sprintf("%d:%d", 700+id, 2000+id), "total_order": 1, "data_collection_order": 1},
	})
	if err != nil {
		panic(err) // plain values
	}
	return &kgo.Record{Topic: topic, Key: fmt.Appendf(nil, `{"id":%d}`, id), Value: value}
}
