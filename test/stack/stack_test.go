package stack_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"dossier/test/stack"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"
)

func TestMain(m *testing.M) { os.Exit(stack.Main(m)) }

// TestChangeReachesKafka shows the parts working with each other: a row that is written in PostgreSQL comes out of Kafka as Debezium's event,
// as JSON and as Avro with its schema in the registry.
func TestChangeReachesKafka(t *testing.T) {
	s := stack.ForTest(t, stack.Postgres, stack.Kafka, stack.Connect, stack.Registry)
	for name, converters := range map[string]map[string]string{
		"json": merged(s.JSONConverter("key", false), s.JSONConverter("value", false)),
		"avro": merged(s.AvroConverter("key"), s.AvroConverter("value")),
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
			defer cancel()
			db := s.NewDatabase(t)
			execute(t, db.DSN, "CREATE TABLE product (id int PRIMARY KEY, name text)")
			prefix := "smoke_" + name
			deploy(t, s, prefix, merged(s.DatabaseForConnect(db.Name), converters, map[string]string{
				"topic.prefix": prefix, "slot.name": prefix, "publication.name": prefix, "exactly.once.support": "required",
			}))
			execute(t, db.DSN, "INSERT INTO product VALUES (1, 'a rather long name')")

			r := firstRecord(t, ctx, s, prefix+".public.product")
			if !bytes.Contains(r.Value, []byte("a rather long name")) {
				t.Errorf("the value does not hold the row: %q", r.Value)
			}
			if name == "json" {
				var event struct{ Op string }
				if err := json.Unmarshal(r.Value, &event); err != nil || event.Op == "" {
					t.Errorf("want Debezium's envelope, got %v: %s", err, r.Value)
				}
				return
			}
			var header sr.ConfluentHeader
			id, _, err := header.DecodeID(r.Value)
			if err != nil {
				t.Fatalf("want Confluent's wire format: %v: %x", err, r.Value[:min(8, len(r.Value))])
			}
			registry, err := sr.NewClient(sr.URLs(s.RegistryURL()))
			if err != nil {
				t.Fatal(err)
			}
			schema, err := registry.SchemaByID(ctx, id)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(schema.Schema, `"Envelope"`) {
				t.Errorf("schema %d is not that of the envelope: %.200s", id, schema.Schema)
			}
		})
	}
}

// TestElasticsearchKeepsRolesApart shows that security is on and decides by role.
func TestElasticsearchKeepsRolesApart(t *testing.T) {
	s := stack.ForTest(t, stack.Elasticsearch)
	elastic := func(user, password, method, path, body string) int {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, s.ElasticsearchURL()+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		if user != "" {
			req.SetBasicAuth(user, password)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		answer, _ := io.ReadAll(resp.Body)
		t.Logf("%s %s as %q: %s %.200s", method, path, user, resp.Status, answer)
		return resp.StatusCode
	}
	admin := func(method, path, body string) int {
		return elastic("elastic", s.ElasticPassword(), method, path, body)
	}
	for _, call := range []struct{ path, body string }{
		{"/_security/role/smoke_writer", `{"indices":[{"names":["smoke-own"],"privileges":["create_index","index","read"]}]}`},
		{"/_security/user/smoke", `{"password":"of-no-secrecy","roles":["smoke_writer"]}`},
		{"/smoke-other", `{}`},
	} {
		if code := admin(http.MethodPut, call.path, call.body); code != http.StatusOK {
			t.Fatalf("PUT %s: %d", call.path, code)
		}
	}
	for _, c := range []struct {
		user, password, method, path, body string
		want                               int
	}{
		{"smoke", "of-no-secrecy", http.MethodPut, "/smoke-own/_doc/1?refresh=true", `{"a":1}`, http.StatusCreated},
		{"smoke", "of-no-secrecy", http.MethodGet, "/smoke-own/_search", "", http.StatusOK},
		{"smoke", "of-no-secrecy", http.MethodPut, "/smoke-other/_doc/1", `{"a":1}`, http.StatusForbidden},
		{"smoke", "of-no-secrecy", http.MethodGet, "/smoke-other/_search", "", http.StatusForbidden},
		{"smoke", "wrong", http.MethodGet, "/smoke-own/_search", "", http.StatusUnauthorized},
		{"", "", http.MethodGet, "/smoke-own/_search", "", http.StatusUnauthorized},
	} {
		if got := elastic(c.user, c.password, c.method, c.path, c.body); got != c.want {
			t.Errorf("%s %s as %q: got %d, want %d", c.method, c.path, c.user, got, c.want)
		}
	}
}

// TestKilledPartComesBack shows what fault tests rely on: after a SIGKILL a part is gone, and after Restart it is at its old address with its old
// data.
func TestKilledPartComesBack(t *testing.T) {
	s := stack.ForTest(t, stack.Postgres, stack.Kafka, stack.Connect)
	ctx, cancel := context.WithTimeout(t.Context(), 6*time.Minute)
	defer cancel()

	db := s.NewDatabase(t)
	execute(t, db.DSN, "CREATE TABLE kept (id int); INSERT INTO kept VALUES (42)")
	if err := s.Kill(stack.Postgres); err != nil {
		t.Fatal(err)
	}
	if conn, err := pgx.Connect(ctx, db.DSN); err == nil {
		conn.Close(ctx)
		t.Error("PostgreSQL answers after it was killed")
	}
	if err := s.Restart(ctx, stack.Postgres); err != nil {
		t.Fatal(err)
	}
	execute(t, db.DSN, "DO $$ BEGIN IF (SELECT id FROM kept) <> 42 THEN RAISE 'lost'; END IF; END $$")

	producer, err := kgo.NewClient(kgo.SeedBrokers(s.KafkaBrokers()...), kgo.AllowAutoTopicCreation())
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	if err := producer.ProduceSync(ctx, &kgo.Record{Topic: "kept", Value: []byte("42")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	for _, p := range []stack.Part{stack.Connect, stack.Kafka} {
		if err := s.Kill(p); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range []stack.Part{stack.Kafka, stack.Connect} {
		if err := s.Restart(ctx, p); err != nil {
			t.Fatal(err)
		}
	}
	if r := firstRecord(t, ctx, s, "kept"); string(r.Value) != "42" {
		t.Errorf("got %q after the restart, want what was acknowledged before", r.Value)
	}
}

func merged(ms ...map[string]string) map[string]string {
	out := map[string]string{}
	for _, m := range ms {
		maps.Copy(out, m)
	}
	return out
}

func execute(t *testing.T, dsn, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// deploy creates a connector and deletes it when the test ends.
func deploy(t *testing.T, s *stack.Stack, name string, config map[string]string) {
	t.Helper()
	call := func(ctx context.Context, method, path string, body []byte) error {
		req, err := http.NewRequestWithContext(ctx, method, s.ConnectURL()+path, bytes.NewReader(body))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if answer, _ := io.ReadAll(resp.Body); resp.StatusCode >= 300 {
			return fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, answer)
		}
		return nil
	}
	body, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := call(t.Context(), http.MethodPut, "/connectors/"+name+"/config", body); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := call(context.Background(), http.MethodDelete, "/connectors/"+name, nil); err != nil {
			t.Error(err)
		}
	})
}

// firstRecord waits for the first committed record of a topic.
func firstRecord(t *testing.T, ctx context.Context, s *stack.Stack, topic string) *kgo.Record {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(s.KafkaBrokers()...), kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.UnknownTopicRetries(-1), kgo.MetadataMinAge(100*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			t.Fatalf("no record on %s: %v", topic, context.Cause(ctx))
		}
		if records := fetches.Records(); len(records) > 0 {
			return records[0]
		}
	}
}
