package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
)

const whole = `
kafka:
  brokers: [a:1, b:2]
  tls: {ca_file: CA}
  sasl: {username: u, password: "${KAFKA_PASSWORD}"}
schema_registry: {url: http://127.0.0.1:8081, bearer_token_file: TOKEN}
sources:
  - name: shop
    format: json
    include: ["public.*"]
    unavailable_placeholder: "${PLACEHOLDER:-none}"
  - name: &other other
context: {grace: 2s, lookback: 1d, table: public.request_context, topic: request-context}
audit: {partitions: 12, format: avro, compression: lz4}
feedback: {}
scopes: [catalog, people]
roles: [{name: catalog_auditor, scopes: [catalog, default]}]
entities:
  - table: public.product
    type: product
    scope: catalog
    parent: {type: supplier, field: supplier_id}
    key: [id]
    fields:
      exclude: [search_vector]
      mask: [ssn]
      transform:
        email: [{hash: sha256, salt: "${file:SALT}"}, {rename: email_hash}]
        price: [{scale: 2}]
        updated: [{truncate: millis}]
    context: {user: updated_by, request: request_id}
    named_version: {name: survey_name}
    types: {price: decimal(2)}
  - {source: *other, table: public.log, enabled: false}
sink:
  bulk_bytes: 4MiB
  elasticsearch: {addresses: "https://es:9200", username: dossier, password_file: TOKEN, tls: {insecure: true}, setup: {api_key: k}}
`

func parseWhole(t *testing.T, environ ...string) *Config {
	t.Helper()
	dir := t.TempDir()
	text := whole
	for name, content := range map[string]string{"CA": "pem", "TOKEN": "from a file\n", "SALT": "sixteen bytes or more"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		text = strings.NewReplacer(": "+name, ": "+path, "file:"+name, "file:"+path).Replace(text)
	}
	c, err := Parse("dossier.yaml", []byte(text), append(environ, "KAFKA_PASSWORD=swordfish"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestWholeConfiguration(t *testing.T) {
	c := parseWhole(t)
	for name, ok := range map[string]bool{
		"brokers":               slices.Equal(c.Kafka.Brokers, []string{"a:1", "b:2"}),
		"tls on by its section": c.Kafka.TLS.Enabled,
		"sasl default":          c.Kafka.SASL.Mechanism == "scram-sha-512",
		"secret from env":       c.Kafka.SASL.Password.Reveal() == "swordfish",
		"secret from file":      c.SchemaRegistry.BearerToken.Reveal() == "from a file",
		"placeholder default":   c.Sources[0].UnavailablePlaceholder == "none",
		"list element default":  c.Sources[1].Format == "auto" && c.Sources[1].UnavailablePlaceholder == "__debezium_unavailable_value",
		"durations":             c.Context.Grace == Duration(2*time.Second) && c.Context.Lookback == Duration(24*time.Hour),
		"default beside":        c.Context.MessagePrefix == "dossier.context",
		"feedback by section":   c.Feedback != nil && c.Feedback.Topic == "dossier.feedback",
		"scope default":         c.Entities[1].Scope == ScopeDefault,
		"enabled default":       c.Entities[0].Enabled && !c.Entities[1].Enabled,
		"alias":                 c.Entities[1].Source == "other",
		"salt":                  c.Entities[0].Fields.Transform["email"][0].Salt.Reveal() == "sixteen bytes or more",
		"scale":                 *c.Entities[0].Fields.Transform["price"][0].Scale == 2,
		"types":                 c.Entities[0].Types["price"] == "decimal(2)",
		"named version":         c.Entities[0].NamedVersion.Name == "survey_name" && c.Entities[1].NamedVersion == nil,
		"template default":      c.Sink.SearchTemplates == "optional",
		"serve defaults":        c.Serve.MaxConnections == 1024 && c.Serve.MaxTails == 100 && !c.Serve.ReadOnly && !c.Serve.AuditReads,
		"size":                  c.Sink.BulkBytes == 4<<20,
		"text as list":          slices.Equal(c.Sink.Elasticsearch.Addresses, []string{"https://es:9200"}),
		"inline credentials":    c.Sink.Elasticsearch.Username == "dossier" && c.Sink.Elasticsearch.Password.Reveal() == "from a file",
		"setup credentials":     c.Sink.Elasticsearch.Setup.APIKey.Reveal() == "k",
		"scopes":                slices.Equal(c.AllScopes(), []string{"default", "catalog", "people"}),
		"pending topic":         c.Audit.PendingTopic() == "dossier.audit.pending",
		"nothing more needed":   c.Require(NeedSources|NeedStore) == nil,
	} {
		if !ok {
			t.Errorf("%s is not as written", name)
		}
	}
	if len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0], "insecure") {
		t.Errorf("got warnings %q, want one, of the insecure flag", c.Warnings)
	}
}

func TestEnvironmentOverrides(t *testing.T) {
	c := parseWhole(t,
		"DOSSIER_KAFKA_BROKERS=x:1, y:2", "DOSSIER_CONTEXT_GRACE=9s", "DOSSIER_CONTEXT_TOPIC=", "DOSSIER_ADMIN_LISTEN=:0", "DOSSIER_ADMIN_PPROF=true",
		`DOSSIER_SOURCES=[{"name": "env", "format": "avro"}]`, "DOSSIER_ENTITIES=- {table: public.t, fields: {mask: [a]}}",
		"DOSSIER_SINK_ELASTICSEARCH_PASSWORD=pa${ss}word", "DOSSIER_AUDIT_PARTITIONS=3", "DOSSIER_CONTXT_GRACE=1s", "DOSSIER_SERVICE_HOST=10.0.0.1",
		"DOSSIER_SOURCE=shop") // of the shipped connectors
	for name, ok := range map[string]bool{
		"list":                    slices.Equal(c.Kafka.Brokers, []string{"x:1", "y:2"}),
		"duration":                c.Context.Grace == Duration(9*time.Second),
		"empty counts as none":    c.Context.Topic == "request-context",
		"bool":                    c.Admin.PProf,
		"number":                  c.Audit.Partitions == 3,
		"sources as JSON":         len(c.Sources) == 1 && c.Sources[0].Name == "env" && c.Sources[0].UnavailablePlaceholder != "",
		"entities as YAML":        len(c.Entities) == 1 && c.Entities[0].Enabled && c.Entities[0].Fields.Mask[0] == "a",
		"secret over file, as is": c.Sink.Elasticsearch.Password.Reveal() == "pa${ss}word",
	} {
		if !ok {
			t.Errorf("%s did not reach the configuration", name)
		}
	}
	stray := slices.DeleteFunc(slices.Clone(c.Warnings), func(w string) bool { return !strings.Contains(w, "belongs to no key") })
	if len(stray) != 1 || !strings.Contains(stray[0], "DOSSIER_CONTEXT_GRACE") {
		t.Errorf("got warnings %q, want one, of DOSSIER_CONTXT_GRACE", stray)
	}
}

func TestEnvironmentAlone(t *testing.T) {
	c, err := Parse("", nil, []string{"DOSSIER_KAFKA_BROKERS=x:1", "DOSSIER_KAFKA_TLS_SERVER_NAME=y", "DOSSIER_FEEDBACK_TOPIC=z"})
	if err != nil {
		t.Fatal(err)
	}
	if c.Kafka.TLS == nil || !c.Kafka.TLS.Enabled || c.Feedback == nil || c.Feedback.Topic != "z" || c.Kafka.SASL != nil || c.Sink.Elasticsearch != nil {
		t.Errorf("sections did not come and stay away as the variables say: %+v", c)
	}
	err = c.Require(NeedSources | NeedStore)
	var faults Faults
	if !errors.As(err, &faults) || len(faults) != 2 {
		t.Errorf("got %v, want two faults", err)
	}
}

func TestLoadTellsWhatIsMissingWithTheRest(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dossier.yaml")
	if err := os.WriteFile(path, []byte("context: {grace: 1x}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Load(path, nil, NeedSources|NeedStore)
	var faults Faults
	if !errors.As(err, &faults) || len(faults) != 4 {
		t.Errorf("got %v, want four faults: the grace, no brokers, no source, no store", err)
	}
	_, err = Load(path, []string{"DOSSIER_SOURCES=no list"}, NeedSources)
	if err == nil || strings.Contains(err.Error(), "sources: missing") {
		t.Errorf("got %v, want nothing to be missing that is there with a fault", err)
	}
}

func TestSecretsStayHidden(t *testing.T) {
	c := parseWhole(t)
	asJSON, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	asYAML, err := yaml.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	s := c.Kafka.SASL
	for _, text := range []string{string(asJSON), string(asYAML), fmt.Sprintf("%v %+v %#v %s %q %x", s, s, s, s, s, s), fmt.Sprintf("%#v %v", *s, s.Password)} {
		if strings.Contains(text, "swordfish") || strings.Contains(text, "73776f7264666973") {
			t.Errorf("a secret is shown in %s", text)
		}
	}
}

func TestLoadSaysWhichFileIsMissing(t *testing.T) {
	_, err := Load(filepath.Join(t.TempDir(), "none.yaml"), nil, 0)
	var faults Faults
	if err == nil || errors.As(err, &faults) || !strings.Contains(err.Error(), "none.yaml") {
		t.Errorf("got %v, want an error that names the file", err)
	}
}

func TestVariablesAreUnique(t *testing.T) {
	seen := map[string]string{}
	for _, key := range Keys() {
		v := Variable(key)
		if other, ok := seen[v]; ok {
			t.Errorf("%s belongs to both %s and %s", v, other, key)
		}
		seen[v] = key
	}
}

// TestEveryKeyIsDocumented finds every key, and the variable of each that has one, in the page that describes them.
func TestEveryKeyIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range Keys() {
		if !strings.Contains(string(page), "`"+key+"`") {
			t.Errorf("docs/configuration.md does not describe %s", key)
		}
	}
}

func TestScalars(t *testing.T) {
	for text, want := range map[string]Duration{"5s": 5e9, "1h30m": 5400e9, "7d": 7 * 24 * 3600e9, "0s": 0, "-1s": -1e9} {
		if got, err := ParseDuration(text); err != nil || got != want {
			t.Errorf("duration %s: got %v, %v", text, got, err)
		}
	}
	for text, want := range map[string]Size{"5": 5, "5B": 5, "5kB": 5000, "5KiB": 5120, "5 MiB": 5 << 20, "2GB": 2e9} {
		if got, err := parseSize(text); err != nil || got != want {
			t.Errorf("size %s: got %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "5", "d", "1.5d", "999999999d", "five"} {
		if got, err := ParseDuration(text); err == nil {
			t.Errorf("duration %q: got %v, want an error", text, got)
		}
	}
	for _, text := range []string{"", "x", "5TiB", "1.5MiB", "9223372036854775807KiB", "MiB"} {
		if got, err := parseSize(text); err == nil {
			t.Errorf("size %q: got %v, want an error", text, got)
		}
	}
}

func TestOverlap(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"public.a", "public.a", true}, {"public.a", "public.b", false}, {"public.*", "public.b", true}, {"*", "x.y", true},
		{"public.a*", "public.*b", true}, {"public.a*", "public.b*", false}, {"*.a", "public.*", true}, {"a*c", "ab", false}, {"", "*", true},
	} {
		if overlap(c.a, c.b) != c.want || overlap(c.b, c.a) != c.want {
			t.Errorf("overlap of %q and %q: want %v", c.a, c.b, c.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(whole, "9s")
	f.Add("kafka: &a {brokers: *a}", "[")
	f.Add("sources: &x [*x]\nlog: &y *y", "*y")
	f.Fuzz(func(t *testing.T, text, value string) {
		// Only to survive: whatever the text, the answer is a configuration or faults.
		_, _ = Parse("f", []byte(text), []string{"DOSSIER_SOURCES=" + value, "DOSSIER_CONTEXT_GRACE=" + value})
	})
}
