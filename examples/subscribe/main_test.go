package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/parser"
	"go/token"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"dossier/schema"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

const topic = "dossier.audit"

func event(id string) *schema.AuditEvent {
	present := func(s string) schema.Value { return schema.Value{State: schema.Present, JSON: []byte(s)} }
	tx := uint64(1<<63 + 1)
	return &schema.AuditEvent{
		SchemaVersion: 1, Kind: schema.KindChange, ID: id, Time: time.Date(2026, 11, 23, 2, 43, 54, 384552001, time.UTC), Action: schema.ActionUpdate,
		Entity: schema.Entity{Type: "product", ID: "1", Key: schema.Row{{Name: "id", Value: present("9007199254740993")}},
			Parent: &schema.EntityRef{Type: "supplier", ID: "7"}},
		Scope: "catalog",
		Context: &schema.EventContext{Status: schema.StatusAmbiguous, Route: schema.RouteMessage,
			Context:    schema.Context{TransactionID: &tx, CorrelationID: "r-1", User: schema.User{ID: "u1", Roles: []string{"<editor>"}}, Extra: json.RawMessage(`{"a":1}`)},
			UserAgent:  schema.UserAgent{Original: "curl/8", Name: "curl"},
			Candidates: []schema.Candidate{{Route: schema.RouteMessage, User: schema.User{ID: "u1"}}}},
		VersionName: "Baseline",
		Changes: []schema.FieldChange{{Field: "price", Previous: schema.NullValue, Current: present(`"99.50"`)},
			{Field: "doc", Previous: schema.Value{State: schema.Unavailable}, Current: schema.Value{State: schema.Masked}}},
		Before:      schema.Row{},
		After:       schema.Row{{Name: "price", Value: present(`"99.50"`)}, {Name: "note", Value: schema.NullValue}, {Name: "doc", Value: schema.Value{State: schema.Masked}}},
		Attribution: &schema.Attribution{EventID: "e", Fields: []string{"price"}},
		CDC:         schema.CDC{Source: "shop", Schema: "public", Table: "product", Op: schema.OpUpdate, TxID: 728, HasTx: true, Position: "1"},
	}
}

// The program prints exactly what the event's JSON form says, whichever form the event came in.
func TestPrintsJSONAndAvroAlike(t *testing.T) {
	registry := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/schemas/ids/7" {
			http.NotFound(w, r)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"schema": schema.AuditAvroSchema})
	}))
	defer registry.Close()
	brokers, client := cluster(t)
	named := event("e4")
	named.NamedVersion, named.VersionOf = &schema.NamedVersion{AsOf: named.Time}, &schema.EntityRef{Type: "person", ID: "17"}
	want := []*schema.AuditEvent{event("e1"), event("e2"), {SchemaVersion: 1, Kind: schema.KindChange, ID: "e3", CDC: schema.CDC{Source: "shop"}}, named,
		{SchemaVersion: 1, Kind: schema.KindNamedVersion, ID: "e5", VersionName: "Audit", NamedVersion: &schema.NamedVersion{ID: "r-1", AsOf: named.Time, EventID: "e1"}},
		{SchemaVersion: 1, Kind: schema.KindFeedback, ID: "e6", Feedback: &schema.Feedback{Application: "payments", Status: "paid", Payload: json.RawMessage(`{"code":9007199254740993}`)}},
		{SchemaVersion: 1, Kind: schema.KindAccess, ID: "e7", Access: &schema.Access{Caller: "ann", Method: "GET", Path: "/api/v1/changes", Query: "q=*", Status: 200}}}
	for _, e := range want {
		headers := []kgo.RecordHeader{{Key: schema.HeaderEventID, Value: []byte(e.ID)}}
		produce(t, client,
			&kgo.Record{Topic: topic, Key: e.AppendKey(nil), Value: e.AppendJSON(nil), Headers: headers},
			&kgo.Record{Topic: topic, Key: e.AppendKey(nil), Value: e.AppendAvro([]byte{0, 0, 0, 0, 7}), Headers: headers})
	}
	var out bytes.Buffer
	err := run(t.Context(), []string{"--brokers", brokers, "--topic", topic, "--registry", registry.URL, "--count", strconv.Itoa(2 * len(want)), "--timeout", "30s"}, &out, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 2*len(want) {
		t.Fatalf("%d lines", len(lines))
	}
	for i, text := range lines {
		e := want[i/2]
		var got struct {
			Offset  int64
			Key     string
			Headers map[string]string
			Event   json.RawMessage
		}
		if err := json.Unmarshal([]byte(text), &got); err != nil {
			t.Fatal(err)
		}
		if got.Offset != int64(i) || got.Key != string(e.AppendKey(nil)) || got.Headers["event_id"] != e.ID {
			t.Errorf("line %s", text)
		}
		if a, b := sorted(t, got.Event), sorted(t, e.AppendJSON(nil)); a != b {
			t.Errorf("line %d prints\n%s\nthe event is\n%s", i, a, b)
		}
	}
}

// sorted brings JSON into one order, keeping numbers' digits.
func sorted(t *testing.T, text []byte) string {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestReadsOnlyWhatIsCommitted(t *testing.T) {
	brokers, _ := cluster(t)
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers), kgo.TransactionalID("processor-1"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for i, end := range []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryAbort, kgo.TryCommit} {
		if err := client.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		produce(t, client, &kgo.Record{Topic: topic, Value: event(fmt.Sprintf("e%d", i)).AppendJSON(nil)})
		if err := client.EndTransaction(t.Context(), end); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	if err := run(t.Context(), []string{"--brokers", brokers, "--topic", topic, "--count", "2", "--timeout", "30s"}, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	if s := out.String(); !strings.Contains(s, `"id":"e0"`) || !strings.Contains(s, `"id":"e2"`) || strings.Contains(s, `"id":"e1"`) {
		t.Errorf("printed %s", s)
	}
}

func TestGroupGoesOnWhereItStopped(t *testing.T) {
	brokers, client := cluster(t)
	for i := range 3 {
		produce(t, client, &kgo.Record{Topic: topic, Value: event(fmt.Sprintf("e%d", i)).AppendJSON(nil)})
	}
	for i := range 3 {
		var out bytes.Buffer
		err := run(t.Context(), []string{"--brokers", brokers, "--topic", topic, "--group", "g", "--count", "1", "--timeout", "30s"}, &out, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf(`"id":"e%d"`, i); !strings.Contains(out.String(), want) {
			t.Errorf("run %d prints %s", i, out.String())
		}
	}
}

func TestSaysWhatIsWrong(t *testing.T) {
	for want, value := range map[string]string{"--registry": "\x00\x00\x00\x00\x07", "schema version 2": `{"schema_version":2}`, "offset 0 of dossier.audit/0": "nonsense"} {
		brokers, client := cluster(t)
		produce(t, client, &kgo.Record{Topic: topic, Value: []byte(value)})
		err := run(t.Context(), []string{"--brokers", brokers, "--topic", topic, "--timeout", "30s"}, io.Discard, io.Discard)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v", value, err)
		}
	}
	brokers, _ := cluster(t)
	err := run(t.Context(), []string{"--brokers", brokers, "--topic", topic, "--count", "3", "--timeout", "200ms"}, io.Discard, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "0 of 3") {
		t.Errorf("too few events: error %v", err)
	}
}

// The example is worth something only if it needs nothing of ours.
func TestUsesNoneOfDossiersPackages(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) < 3 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range parsed.Imports {
			if path := strings.Trim(spec.Path.Value, `"`); path == "dossier" || strings.HasPrefix(path, "dossier/") {
				t.Errorf("%s imports %s", file, path)
			}
		}
	}
}

func cluster(t *testing.T) (brokers string, client *kgo.Client) {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, topic))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	brokers = strings.Join(c.ListenAddrs(), ",")
	client, err = kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return brokers, client
}

func produce(t *testing.T, client *kgo.Client, records ...*kgo.Record) {
	t.Helper()
	if err := client.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}
