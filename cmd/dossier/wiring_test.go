package main

import (
	"encoding/pem"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"dossier/internal/config"
	"dossier/processor"
	"dossier/schema"
)

func parseConfig(t *testing.T, text string) *config.Config {
	t.Helper()
	c, err := config.Parse("test.yaml", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestProcessorConfigCarriesEverything sets every key that the processor has and finds it again.
func TestProcessorConfigCarriesEverything(t *testing.T) {
	c := parseConfig(t, `
kafka: {brokers: ["b:1"]}
schema_registry: {url: http://r}
sources:
  - {name: shop, format: json, include: ["public.*"], exclude: [public.x], unavailable_placeholder: gone, partial_before: [public.y]}
  - {name: people}
context: {grace: 1s, lookback: 2s, message_prefix: p, table: public.ctx, topic: ctx}
audit: {topic: a, format: avro, compression: zstd, max_record_bytes: 1MiB}
dead_letter: {topic: d}
processor: {group: g, commit_interval: 3s, workers: 4}
limits: {buffer_bytes: 2MiB, buffer_records: 101, context_bytes: 3MiB, context_records: 102, pending_records: 103}
scopes: [s]
entities:
  - source: shop
    table: public.t
    enabled: false
    type: t
    scope: s
    key: [k]
    parent: {type: pt, field: pf}
    types: {price: decimal(2)}
    context: {user: u, request: r, witness: w}
    named_version: {name: ax}
    fields:
      include: [a*]
      exclude: [ab]
      mask: [ac]
      transform:
        ad: [{rename: x}, {truncate: millis}, {scale: 0}, {hash: sha256, salt: 0123456789abcdef}, {expand: json}]
`)
	got, err := processorConfig(c)
	if err != nil {
		t.Fatal(err)
	}
	decimal, err := schema.ParseColumnType("decimal(2)")
	if err != nil {
		t.Fatal(err)
	}
	zero := 0
	want := processor.Config{
		Group: "g", CommitInterval: 3 * time.Second, Workers: 4, DeadLetterTopic: "d",
		Sources: []processor.Source{
			{Name: "shop", Format: schema.FormatJSON, Include: []string{"public.*"}, Exclude: []string{"public.x"}, Placeholder: "gone", PartialBefore: []string{"public.y"},
				Types: map[string]map[string]schema.ColumnType{"public.t": {"price": decimal}}},
			{Name: "people", Format: schema.FormatAuto, Placeholder: schema.DefaultPlaceholder, Types: map[string]map[string]schema.ColumnType{}},
		},
		Context: processor.ContextConfig{Grace: time.Second, Lookback: 2 * time.Second, MessagePrefix: "p", Table: "public.ctx", Topic: "ctx"},
		Audit:   processor.AuditConfig{Topic: "a", PendingTopic: "a.pending", Avro: true, Compression: "zstd", MaxRecordBytes: 1 << 20},
		Limits:  processor.Limits{BufferBytes: 2 << 20, BufferRecords: 101, ContextBytes: 3 << 20, ContextRecords: 102, PendingRecords: 103},
		Entities: []processor.Entity{{
			Source: "shop", Table: "public.t", Type: "t", Scope: "s", Disabled: true, Key: []string{"k"}, Parent: &processor.ParentRule{Type: "pt", Field: "pf"},
			Columns: processor.ColumnRoute{User: "u", Request: "r", Witness: "w"}, NamedVersion: "ax",
			Fields: processor.FieldRules{Include: []string{"a*"}, Exclude: []string{"ab"}, Mask: []string{"ac"}, Transform: map[string][]processor.Transform{
				"ad": {{Rename: "x"}, {Truncate: "millis"}, {Scale: &zero}, {HashKey: []byte("0123456789abcdef")}, {Expand: true}},
			}},
		}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if err := got.Validate(); err != nil {
		t.Error(err)
	}
}

func TestElasticSetupKeepsRightsApart(t *testing.T) {
	const es = "kafka: {brokers: [\"b:1\"]}\nscopes: [a]\nroles: [{name: r, scopes: [a]}]\nsink: {elasticsearch: {addresses: [http://h:1], "
	for name, c := range map[string]struct {
		keys, login, sinkUser string
		noSecurity            bool
	}{
		"no login":      {"", "", "", true},
		"one login":     {"username: u, password: p", "u", "", false},
		"setup's own":   {"username: u, password: p, setup: {username: admin, password: q}", "admin", "u", false},
		"the same":      {"username: u, password: p, setup: {username: u, password: p}", "u", "", false},
		"setup's alone": {"setup: {username: admin, password: q}", "admin", "", false},
		"key for sink":  {"api_key: k, setup: {username: admin, password: q}", "admin", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			setup, login := elasticSetup(parseConfig(t, es+c.keys+"}}"), false, time.Now())
			if login.Username != c.login || setup.SinkUser != c.sinkUser || setup.NoSecurity != c.noSecurity || len(setup.Scopes) != 2 || len(setup.Roles) != 1 {
				t.Errorf("got %+v as %q", setup, login.Username)
			}
			if faults := setup.Validate(); len(faults) > 0 {
				t.Error(faults)
			}
		})
	}
}

// TestKafkaOverTLSWithSASL reaches brokers that ask for both, and not with a wrong password or an unknown authority.
func TestKafkaOverTLSWithSASL(t *testing.T) {
	server := httptest.NewTLSServer(nil) // for its certificate
	defer server.Close()
	authority := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(authority, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.TLS(server.TLS), kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-512", "me", "secret"),
		kfake.Superuser("PLAIN", "me", "secret"), kfake.Superuser("SCRAM-SHA-256", "me", "secret"))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	for name, c := range map[string]struct {
		tls, sasl string
		code      int
	}{
		"default":        {"ca_file: " + authority, "username: me, password: secret", 0},
		"sha 256":        {"ca_file: " + authority, "username: me, password: secret, mechanism: scram-sha-256", 0},
		"plain":          {"ca_file: " + authority, "username: me, password: secret, mechanism: plain", 0},
		"insecure":       {"insecure: true", "username: me, password: secret", 0},
		"wrong password": {"ca_file: " + authority, "username: me, password: other-secret", exitFailed},
		"unknown ca":     {"server_name: example.com", "username: me, password: secret", exitFailed},
		"wrong host":     {"server_name: elsewhere, ca_file: " + authority, "username: me, password: secret", exitFailed},
	} {
		t.Run(name, func(t *testing.T) {
			path := writeConfig(t, "kafka:\n  brokers: ["+strings.Join(cluster.ListenAddrs(), ",")+"]\n  tls: {"+c.tls+"}\n  sasl: {"+c.sasl+"}\n")
			code, out, errs := invoke(t, "setup", "--dry-run", "--config", path, "--timeout", "2s")
			if code != c.code {
				t.Errorf("code %d, want %d\n%s%s", code, c.code, out, errs)
			}
			if strings.Contains(errs, "secret") {
				t.Errorf("the password is shown: %s", errs)
			}
		})
	}
}
