package connectors

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"

	"dossier/test/stack"
)

func TestMain(m *testing.M) { os.Exit(stack.Main(m)) }

// shop is a database prepared by the shipped SQL, with a table that has what is hard to capture: a nullable column with a default,
// and one whose type Debezium does not know.
type shop struct {
	*stack.Stack
	t      *testing.T
	name   string // of the source, its slot
	db     stack.Database
	sql    *pgx.Conn
	client *Client
}

func newShop(t *testing.T, parts ...stack.Part) *shop {
	t.Helper()
	s := stack.ForTest(t, parts...)
	db := s.NewDatabase(t)
	conn, err := pgx.Connect(t.Context(), db.DSN)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	client, err := NewClient(s.ConnectURL())
	if err != nil {
		t.Fatal(err)
	}
	shop := &shop{Stack: s, t: t, name: "shop_" + db.Name, db: db, sql: conn, client: client}
	setup, _ := ShippedFile("postgres-setup.sql")
	for range 2 { // it is safe to repeat
		shop.exec(string(setup))
	}
	shop.exec(`CREATE TYPE public.pair AS (a int, b text);
		CREATE TABLE public.product (id int PRIMARY KEY, name text DEFAULT 'unnamed', price numeric(12,4), taken timestamp, size public.pair);
		CREATE TABLE public.quiet (id int)`)
	shop.exec(`SELECT dossier.capture_schema('public')`)
	return shop
}

func (s *shop) exec(sql string) {
	s.t.Helper()
	if _, err := s.sql.PgConn().Exec(s.t.Context(), sql).ReadAll(); err != nil {
		s.t.Fatalf("%v\n%s", err, sql)
	}
}

func (s *shop) query(sql string) string {
	s.t.Helper()
	var text *string
	if err := s.sql.QueryRow(s.t.Context(), sql).Scan(&text); err != nil {
		s.t.Fatalf("%v\n%s", err, sql)
	}
	if text == nil {
		return ""
	}
	return *text
}

// config loads a shipped configuration for this database; more are further variables.
func (s *shop) config(file, more string) *Config {
	s.t.Helper()
	inside := s.DatabaseForConnect(s.db.Name)
	registry := s.AvroConverter("value")["value.converter.apicurio.registry.url"]
	cfg, err := Load(file, environment(strings.Join([]string{
		"DOSSIER_SOURCE=" + s.name, "DOSSIER_SLOT=" + s.name, "DOSSIER_DB_HOST=" + inside["database.hostname"], "DOSSIER_DB_PORT=" + inside["database.port"],
		"DOSSIER_DB_NAME=" + s.db.Name, "DOSSIER_DB_PASSWORD=swordfish", "DOSSIER_UNAVAILABLE_PLACEHOLDER=0c1e6f0b9d6a4d2c",
		"DOSSIER_CONVERTER_REGISTRY_URL=" + registry, "DOSSIER_TABLES=" + s.query("SELECT dossier.include_list()"), more,
	}, "\n")))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { // before its database goes
		if err := s.client.Delete(soonAfterTest(s.t, time.Minute), cfg.Name); err != nil && !errors.Is(err, ErrNotFound) {
			s.t.Error(err)
		}
	})
	return cfg
}

func (s *shop) apply(cfg *Config, want Outcome) {
	s.t.Helper()
	if got, err := s.client.Apply(soonAfterTest(s.t, 3*time.Minute), cfg); err != nil || got != want {
		s.t.Fatalf("apply %s: %s, %v; want %s", cfg.Path, got, err, want)
	}
}

// soonAfterTest is a limit that the test's own end does not cut, for clean-ups.
func soonAfterTest(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// records reads committed records of the source's topics until done says that there are enough.
func (s *shop) records(done func([]*kgo.Record) bool, topics ...string) []*kgo.Record {
	s.t.Helper()
	names := make([]string, len(topics))
	for i, topic := range topics {
		names[i] = s.name + "." + topic
	}
	consumer, err := kgo.NewClient(kgo.SeedBrokers(s.KafkaBrokers()...), kgo.ConsumeTopics(names...), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.MetadataMinAge(200*time.Millisecond), kgo.UnknownTopicRetries(-1))
	if err != nil {
		s.t.Fatal(err)
	}
	defer consumer.Close()
	ctx := soon(s.t, 2*time.Minute)
	var records []*kgo.Record
	for !done(records) {
		fetches := consumer.PollFetches(ctx)
		if ctx.Err() != nil {
			s.t.Fatalf("after %d records of %v: %v", len(records), names, ctx.Err())
		}
		records = append(records, fetches.Records()...)
	}
	return records
}

func count(n int) func([]*kgo.Record) bool {
	return func(records []*kgo.Record) bool { return len(records) >= n }
}

// The five changes that workload makes are seven records of the change topic, counting tombstones.
const workload = `
	INSERT INTO public.product VALUES (1, NULL, 1.5, '2026-01-02 03:04:05.123456', '(1,x)');
	BEGIN;
	SELECT pg_logical_emit_message(true, 'somebody.else', 'x');
	SELECT pg_logical_emit_message(true, 'dossier.context', '{"user":{"id":"u1"}}');
	UPDATE public.product SET price = 2 WHERE id = 1;
	COMMIT;
	UPDATE public.product SET id = 2 WHERE id = 1;
	DELETE FROM public.product WHERE id = 2;
	TRUNCATE public.product;`

const workloadRecords = 8 // create, update, delete + tombstone + create of the changed key, delete + tombstone, truncate

func TestShippedJSONOnTheRealStack(t *testing.T) {
	s := newShop(t, stack.Postgres, stack.Connect)
	cfg := s.config("postgres-json", "")
	ctx := soonAfterTest(t, 3*time.Minute)

	for name, check := range map[string]func() ([]Finding, error){
		"offline":  func() ([]Finding, error) { return Validate(cfg), nil },
		"online":   func() ([]Finding, error) { return s.client.Validate(ctx, cfg) },
		"database": func() ([]Finding, error) { return CheckDatabase(ctx, s.db.DSN, cfg) },
	} {
		if findings, err := check(); err != nil || len(findings) > 0 {
			t.Errorf("%s: %v, %v", name, findings, err)
		}
	}
	s.apply(cfg, Created)
	s.apply(cfg, Unchanged)
	if status, err := s.client.Status(ctx, cfg.Name); err != nil || !status.Running() {
		t.Errorf("%+v, %v", status, err)
	}

	s.exec(workload)
	ops := map[string]int{}
	for _, record := range s.records(count(workloadRecords), "public.product") {
		if record.Value == nil {
			ops["tombstone"]++
			continue
		}
		var event struct {
			Op     string         `json:"op"`
			After  map[string]any `json:"after"`
			Before map[string]any `json:"before"`
		}
		if err := json.Unmarshal(record.Value, &event); err != nil {
			t.Fatal(err)
		}
		ops[event.Op]++
		if event.Op == "u" {
			want := map[string]any{"id": 1.0, "name": nil, "price": "2.0000", "taken": "2026-01-02T03:04:05.123456Z", "size": "KDEseCk="}
			if fmt.Sprint(event.After) != fmt.Sprint(want) || event.Before["price"] != "1.5000" {
				t.Errorf("after the update: %v, want %v; before: %v", event.After, want, event.Before)
			}
		}
	}
	if want := map[string]int{"c": 2, "u": 1, "d": 2, "t": 1, "tombstone": 2}; fmt.Sprint(ops) != fmt.Sprint(want) {
		t.Errorf("operations %v, want %v", ops, want)
	}
	messages := s.records(count(1), "message")
	if len(messages) != 1 || !strings.Contains(string(messages[0].Value), `"prefix":"dossier.context"`) {
		t.Errorf("%d messages, want one with our prefix", len(messages))
	}
	s.records(func(records []*kgo.Record) bool { // the update's transaction ended with two events
		for _, record := range records {
			if strings.Contains(string(record.Value), `"status":"END"`) && strings.Contains(string(record.Value), `"event_count":2`) {
				return true
			}
		}
		return false
	}, "transaction")

	s.apply(s.config("postgres-json", "DOSSIER_RETENTION_MS=3600000"), Updated)

	// The slot stays, and the SQL that delete prints drops it.
	deployed, err := s.client.Deployed(ctx, cfg.Name)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.client.Delete(ctx, cfg.Name); err != nil {
		t.Fatal(err)
	}
	if _, err := s.client.Status(ctx, cfg.Name); !errors.Is(err, ErrNotFound) {
		t.Errorf("after the deletion: %v", err)
	}
	s.dropSlot(SlotRemoval(deployed))
	remove, _ := ShippedFile("postgres-remove.sql")
	s.exec(string(remove))
	if left := s.query(`SELECT count(*)::text FROM pg_publication`); left != "0" {
		t.Errorf("%s publications are left", left)
	}
}

// dropSlot waits for the connector's session to end.
func (s *shop) dropSlot(sql string) {
	s.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		_, err := s.sql.Exec(s.t.Context(), sql)
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("%s: %v", sql, err)
		}
	}
}

func TestShippedAvroOnTheRealStack(t *testing.T) {
	s := newShop(t, stack.Postgres, stack.Connect, stack.Registry)
	cfg := s.config("postgres-avro", "")
	ctx := soonAfterTest(t, 3*time.Minute)
	if findings, err := s.client.Validate(ctx, cfg); err != nil || len(findings) > 0 {
		t.Errorf("online: %v, %v", findings, err)
	}
	findings, err := CheckDatabase(ctx, s.db.DSN, cfg)
	if err != nil || len(findings) != 1 || findings[0].Key != "public.product" || !strings.Contains(findings[0].Message, "(name)") {
		t.Errorf("database: want one finding, about the nulls of product.name: %v, %v", findings, err)
	}
	s.apply(cfg, Created)
	s.apply(cfg, Unchanged)
	s.exec(workload)
	for _, record := range s.records(count(workloadRecords), "public.product") {
		if record.Value != nil && (len(record.Value) < 6 || record.Value[0] != 0) {
			t.Errorf("not in Confluent's wire format: %x", record.Value[:min(8, len(record.Value))])
		}
	}
	s.records(count(1), "message")
}

// While the captured tables are quiet and others are not, the heartbeat moves the slot.
func TestHeartbeatMovesTheSlot(t *testing.T) {
	s := newShop(t, stack.Postgres, stack.Connect)
	s.apply(s.config("postgres-json", ""), Created)
	s.exec(`CREATE SCHEMA elsewhere; CREATE TABLE elsewhere.noise AS SELECT generate_series(1, 10000)`)
	behind := s.query(`SELECT pg_current_wal_lsn()::text`)
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(200 * time.Millisecond) {
		if s.query(fmt.Sprintf(`SELECT (confirmed_flush_lsn > '%s')::text FROM pg_replication_slots WHERE slot_name = '%s'`, behind, s.name)) == "true" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the slot did not move")
		}
	}
}

func TestSignalTakesANewBaseline(t *testing.T) {
	s := newShop(t, stack.Postgres, stack.Connect)
	s.exec(`INSERT INTO public.product (id) SELECT generate_series(1, 3)`)
	s.apply(s.config("postgres-json", ""), Created)
	s.exec(`INSERT INTO dossier.debezium_signal VALUES ('again', 'execute-snapshot', '{"type": "incremental", "data-collections": ["public.product"]}')`)
	s.records(func(records []*kgo.Record) bool {
		incremental := 0
		for _, record := range records {
			if strings.Contains(string(record.Value), `"snapshot":"incremental"`) {
				incremental++
			}
		}
		return incremental == 3
	}, "public.product")
}

func TestRealConnectRefuses(t *testing.T) {
	s := newShop(t, stack.Postgres, stack.Connect)
	ctx := soonAfterTest(t, 2*time.Minute)
	good := s.config("postgres-json", "")
	with := func(key, value string) *Config {
		cfg := *good
		cfg.Settings = append([]Setting(nil), good.Settings...)
		for i := range cfg.Settings {
			if cfg.Settings[i].Key == key {
				cfg.Settings[i].Value = value
			}
		}
		return &cfg
	}
	for _, c := range []struct{ key, value, finding, advice string }{
		{"database.dbname", "nowhere", "", "check database.dbname"},
		{"snapshot.mode", "sometimes", "snapshot.mode", "kafka connect:"},
		{"value.converter", "org.example.Missing", "value.converter", "plugin"},
		{"connector.class", "org.example.Missing", "connector.class", "plugin.path"},
	} {
		findings, err := s.client.Validate(ctx, with(c.key, c.value))
		if err != nil || len(findings) == 0 {
			t.Errorf("%s=%s: %v, %v", c.key, c.value, findings, err)
			continue
		}
		if f := findings[0]; f.Line == 0 || c.finding != "" && f.Key != c.finding || !strings.Contains(f.Message, c.advice) {
			t.Errorf("%s=%s: %s", c.key, c.value, f)
		}
	}
	if _, err := s.client.Apply(ctx, with("topic.prefix", "")); err == nil || !strings.Contains(err.Error(), "refuses the configuration") {
		t.Errorf("without a prefix: %v", err)
	}
	_, err := s.client.Apply(ctx, with("publication.name", "absent"))
	if err == nil || !strings.Contains(err.Error(), "create the publication with sql/postgres-setup.sql") {
		t.Errorf("without a publication: %v", err)
	}
}

// The task is RUNNING, and what it asks of the database is refused again and again.
func TestSilentRefusalIsTold(t *testing.T) {
	s := newShop(t, stack.Postgres, stack.Connect)
	cfg := s.config("postgres-json", "")
	s.exec(`REVOKE SELECT ON public.product FROM dossier_capture`)
	findings, err := CheckDatabase(t.Context(), s.db.DSN, cfg)
	if err != nil || len(findings) != 1 || !strings.Contains(findings[0].Message, "cannot be read by dossier_capture") {
		t.Errorf("%v, %v", findings, err)
	}
	if _, err := s.client.Apply(soon(t, 15*time.Second), cfg); err == nil {
		t.Error("apply promised that it runs")
	} else {
		t.Log(err)
	}
}

// Changes between the loss of a slot and a new one are gone. The connector must say so, not go on.
func TestLostSlotStopsTheConnector(t *testing.T) {
	s := newShop(t, stack.Postgres, stack.Connect)
	ctx := soonAfterTest(t, 5*time.Minute)
	cfg := s.config("postgres-json", "")
	s.apply(cfg, Created)
	s.exec(`INSERT INTO public.product (id) VALUES (1)`)
	s.records(count(1), "public.product")
	for _, c := range []struct{ name, then string }{
		{"made again", `SELECT pg_create_logical_replication_slot('` + s.name + `', 'pgoutput'); INSERT INTO public.product (id) VALUES (3)`},
		{"absent", ``},
	} {
		if err := s.client.Delete(ctx, cfg.Name); err != nil {
			t.Fatal(err)
		}
		s.exec(`SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = '` + s.name + `'`)
		s.exec(`INSERT INTO public.product (id) VALUES (2) ON CONFLICT (id) DO UPDATE SET price = 1`) // the gap
		s.exec(c.then)
		if _, err := s.client.Apply(ctx, cfg); err == nil || !strings.Contains(err.Error(), "changes are missing from the trail") {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	// What the documentation says to do about it.
	for _, call := range []struct{ method, rest string }{{http.MethodPut, "/stop"}, {http.MethodDelete, "/offsets"}, {http.MethodPut, "/resume"}} {
		for { // offsets cannot be deleted before the tasks have ended
			if _, err := s.client.call(ctx, call.method, s.client.path(cfg.Name, call.rest), nil, nil); err == nil {
				break
			} else if ctx.Err() != nil || call.rest != "/offsets" {
				t.Fatal(err)
			}
			time.Sleep(200 * time.Millisecond)
		}
	}
	s.waitUntilResumed(cfg.Name)
	s.apply(cfg, Unchanged)
	s.records(func(records []*kgo.Record) bool {
		baseline := 0
		for _, record := range records {
			if strings.Contains(string(record.Value), `"op":"r"`) {
				baseline++
			}
		}
		return baseline == 3
	}, "public.product")
}

func (s *shop) waitUntilResumed(name string) {
	s.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		status, err := s.client.Status(s.t.Context(), name)
		if err == nil && status.State == "RUNNING" {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("not resumed: %+v, %v", status, err)
		}
	}
}
