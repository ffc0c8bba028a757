package images

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"dossier/test/stack/parts"
)

// TestImagesArePinned refuses tags that move, and versions other than those that the native backend runs.
func TestImagesArePinned(t *testing.T) {
	pinned := regexp.MustCompile(`^[a-z.]+/[a-z0-9/-]+:[0-9][A-Za-z0-9.]*$`)
	for _, p := range parts.All() {
		if !pinned.MatchString(parts.Images[p]) {
			t.Errorf("%s: %q is not registry/name:version", p, parts.Images[p])
		}
	}
	for p, version := range map[parts.Part]string{
		parts.Kafka: parts.KafkaVersion, parts.Registry: parts.ApicurioVersion, parts.Connect: parts.DebeziumVersion,
		parts.Elasticsearch: parts.ElasticsearchVersion, parts.OpenSearch: parts.OpenSearchVersion,
	} {
		if !strings.HasSuffix(parts.Images[p], ":"+version) {
			t.Errorf("%s: image %s, native backend %s", p, parts.Images[p], version)
		}
	}
}

// TestKafkaTakesEverySetting turns the variables back into properties, by the rule that the image documents.
func TestKafkaTakesEverySetting(t *testing.T) {
	env := KafkaEnvironment("127.0.0.1:20001", "kafka:19092")
	properties := map[string]string{}
	for name, value := range env {
		if rest, ok := strings.CutPrefix(name, "KAFKA_"); ok && name != "KAFKA_HEAP_OPTS" {
			rest = strings.NewReplacer("___", "-", "__", "_", "_", ".").Replace(rest)
			properties[strings.ToLower(rest)] = value
		}
	}
	want := map[string]string{
		"controller.quorum.voters":       "1@kafka:9093",
		"listeners":                      "CONTROLLER://:9093,INSIDE://:19092,OUTSIDE://:9092",
		"advertised.listeners":           "INSIDE://kafka:19092,OUTSIDE://127.0.0.1:20001",
		"listener.security.protocol.map": "CONTROLLER:PLAINTEXT,INSIDE:PLAINTEXT,OUTSIDE:PLAINTEXT",
		"inter.broker.listener.name":     "INSIDE",
		"log.dirs":                       KafkaDataDir,
	}
	for _, s := range parts.KafkaSettings() {
		want[s.Key] = s.Value
	}
	same(t, properties, want)
	if env["CLUSTER_ID"] == "" {
		t.Error("without CLUSTER_ID the image does not start in KRaft mode")
	}
}

// TestConnectTakesEverySetting follows the image's entry point: it sets the worker's properties from the CONNECT_ variables, after it has set some of
// those itself from variables without that prefix, or from its defaults.
func TestConnectTakesEverySetting(t *testing.T) {
	env := ConnectEnvironment("kafka:19092", "connect")
	effective := map[string]string{}
	for name, value := range env {
		if rest, ok := strings.CutPrefix(name, "CONNECT_"); ok {
			effective[strings.ToLower(strings.ReplaceAll(rest, "_", "."))] = value
		}
	}
	or := func(name, fallback string) string {
		if value := env[name]; value != "" {
			return value
		}
		return fallback
	}
	maps.Copy(effective, map[string]string{
		"bootstrap.servers":         or("BOOTSTRAP_SERVERS", "0.0.0.0:9092"),
		"group.id":                  or("GROUP_ID", "1"),
		"config.storage.topic":      or("CONFIG_STORAGE_TOPIC", ""),
		"offset.storage.topic":      or("OFFSET_STORAGE_TOPIC", ""),
		"status.storage.topic":      or("STATUS_STORAGE_TOPIC", "connect-status"),
		"key.converter":             or("KEY_CONVERTER", parts.JSONConverter),
		"value.converter":           or("VALUE_CONVERTER", parts.JSONConverter),
		"offset.flush.interval.ms":  or("OFFSET_FLUSH_INTERVAL_MS", "60000"),
		"rest.advertised.host.name": or("ADVERTISED_HOST_NAME", "the container's own address"),
	})
	want := map[string]string{"bootstrap.servers": "kafka:19092", "rest.advertised.host.name": "connect"}
	for _, s := range parts.ConnectSettings() {
		want[s.Key] = s.Value
		// The entry point reads variables with read and writes with sed and the delimiter @.
		if strings.ContainsAny(s.Key, "_-") || strings.ContainsAny(s.Value, "@&\\\n") {
			t.Errorf("%s=%s cannot be given to the image by a variable", s.Key, s.Value)
		}
	}
	same(t, effective, want)
	if env["ENABLE_APICURIO_CONVERTERS"] != "true" {
		t.Error("without ENABLE_APICURIO_CONVERTERS the connectors cannot write Avro")
	}
}

func TestElasticsearchTakesEverySetting(t *testing.T) {
	env := ElasticsearchEnvironment("secret")
	want := map[string]string{"ELASTIC_PASSWORD": "secret", "ES_JAVA_OPTS": "-Xms768m -Xmx768m"}
	for _, s := range parts.ElasticsearchSettings() {
		want[s.Key] = s.Value
	}
	same(t, env, want)
}

func TestPostgresTakesEverySetting(t *testing.T) {
	args := PostgresArguments(parts.PostgresSettings())
	want := []string{"postgres"}
	for _, s := range parts.PostgresSettings() {
		want = append(want, "-c", s.Key+"="+s.Value)
	}
	if !slices.Equal(args, want) {
		t.Errorf("got %v, want %v", args, want)
	}
	if !slices.Contains(args, "wal_level=logical") {
		t.Error("the server does not decode its log")
	}
}

func same(t *testing.T, got, want map[string]string) {
	t.Helper()
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if value, ok := got[key]; !ok || value != want[key] {
			t.Errorf("%s: got %q, want %q", key, value, want[key])
		}
	}
	for _, key := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[key]; !ok {
			t.Errorf("%s=%s: not wanted", key, got[key])
		}
	}
}
