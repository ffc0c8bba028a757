package parts

// Versions of the parts. The native backend fetches exactly these from Maven Central; the images below are the same versions.
const (
	KafkaVersion         = "4.1.0"
	DebeziumVersion      = "3.3.1.Final"
	ApicurioVersion      = "2.6.13.Final"
	ElasticsearchVersion = "8.19.21"
	OpenSearchVersion    = "3.4.0"
	// OpenSearchRunnerVersion is the launcher on Maven Central that brings OpenSearch of the version above.
	OpenSearchRunnerVersion = "3.4.0.0"
	// OpenSearchSecurityVersion is the security plugin for that version.
	OpenSearchSecurityVersion = "3.4.0.0"
	// PostgresMinimum is the oldest major version of PostgreSQL that the native backend takes from the machine.
	PostgresMinimum = 15
	// PostgresImageVersion is the version that runs where an image is used.
	PostgresImageVersion = "17"
)

// Images are the official images of the parts, for the Docker backend and the compose file.
var Images = map[Part]string{
	Postgres:      "docker.io/library/postgres:" + PostgresImageVersion,
	Kafka:         "docker.io/apache/kafka:" + KafkaVersion,
	Registry:      "docker.io/apicurio/apicurio-registry-mem:" + ApicurioVersion,
	Connect:       "quay.io/debezium/connect:" + DebeziumVersion,
	Elasticsearch: "docker.elastic.co/elasticsearch/elasticsearch:" + ElasticsearchVersion,
	OpenSearch:    "docker.io/opensearchproject/opensearch:" + OpenSearchVersion,

	OpenSearchSecure: "docker.io/opensearchproject/opensearch:" + OpenSearchVersion,
}

// Ports on which the parts listen where the port can be chosen freely: inside containers, and published by the compose file. The
// native backend takes free ports instead.
var Ports = map[Part]int{
	Postgres:      5432,
	Kafka:         9092,
	Registry:      8080,
	Connect:       8083,
	Elasticsearch: 9200,
	OpenSearch:    9200,

	OpenSearchSecure: 9200,
}

// HeapMiB is the maximal heap of the parts that run on a Java machine, in MiB: enough for the tests, and small enough for all parts
// beside each other on a laptop.
var HeapMiB = map[Part]int{
	Kafka:         512,
	Registry:      256,
	Connect:       640,
	Elasticsearch: 768,
	OpenSearch:    768,

	OpenSearchSecure: 768,
}

// Setting is one key with its value. Settings are lists rather than maps so that files made of them keep a readable order.
type Setting struct{ Key, Value string }

// PostgresUser is the superuser of the database server; it has no password, the server listens on the local machine alone.
const PostgresUser = "postgres"

// PostgresSettings is what Dossier needs of PostgreSQL, beside its defaults.
func PostgresSettings() []Setting {
	return []Setting{
		{"wal_level", "logical"},
		{"max_replication_slots", "20"},
		{"max_wal_senders", "20"},
		{"max_connections", "100"},
		{"timezone", "UTC"},
	}
}

// PostgresTestSettings trade durability over a power cut for speed. A killed server loses nothing by them, a killed machine may: they are
// for tests only. synchronous_commit stays on: without it a commit is acknowledged while it is in the server's own memory.
func PostgresTestSettings() []Setting {
	return []Setting{
		{"fsync", "off"},
		{"full_page_writes", "off"},
	}
}

// KafkaSettings is the configuration of the single broker, beside its listeners and directories.
func KafkaSettings() []Setting {
	return []Setting{
		{"process.roles", "broker,controller"},
		{"node.id", "1"},
		{"controller.listener.names", "CONTROLLER"},
		{"num.partitions", "3"},
		{"auto.create.topics.enable", "true"},
		{"offsets.topic.replication.factor", "1"},
		{"offsets.topic.num.partitions", "3"},
		{"transaction.state.log.replication.factor", "1"},
		{"transaction.state.log.min.isr", "1"},
		{"transaction.state.log.num.partitions", "3"},
		// A group forms at once. The default waits 3 s for more members, which a test would pay at each start of a consumer.
		{"group.initial.rebalance.delay.ms", "0"},
		// Records are kept however old their timestamps are: backlogs with moved times are part of the tests.
		{"log.retention.ms", "-1"},
	}
}

// ConnectSettings is the configuration of the Kafka Connect worker, beside its addresses and plugin path.
func ConnectSettings() []Setting {
	return []Setting{
		{"group.id", "dossier-connect"},
		{"config.storage.topic", "dossier-connect-configs"},
		{"offset.storage.topic", "dossier-connect-offsets"},
		{"status.storage.topic", "dossier-connect-status"},
		{"config.storage.replication.factor", "1"},
		{"offset.storage.replication.factor", "1"},
		{"status.storage.replication.factor", "1"},
		{"offset.storage.partitions", "3"},
		{"status.storage.partitions", "1"},
		{"exactly.once.source.support", "enabled"},
		{"offset.flush.interval.ms", "1000"},
		// A worker that comes back takes its tasks at once; there is no second worker to wait for.
		{"scheduled.rebalance.max.delay.ms", "0"},
		// A killed worker is given up after 6 s, the least that the broker allows, rather than 10 s.
		{"session.timeout.ms", "6000"},
		{"heartbeat.interval.ms", "2000"},
		{"key.converter", JSONConverter},
		{"value.converter", JSONConverter},
		{"key.converter.schemas.enable", "false"},
		{"value.converter.schemas.enable", "false"},
	}
}

// Converters of Kafka Connect. Confluent's own Avro converter is not on Maven Central; Apicurio's writes the same wire format with
// the settings of AvroSettings.
const (
	JSONConverter = "org.apache.kafka.connect.json.JsonConverter"
	AvroConverter = "io.apicurio.registry.utils.converter.AvroConverter"
)

// AvroSettings configures AvroConverter to write Confluent's wire format (a zero byte, a schema id of four bytes, the datum) and to
// register schemas under registry, which is the root address of the Apicurio registry.
func AvroSettings(registry string) []Setting {
	return []Setting{
		{"apicurio.registry.url", registry + RegistryNativePath},
		{"apicurio.registry.as-confluent", "true"},
		{"apicurio.registry.use-id", "contentId"},
		{"apicurio.registry.headers.enabled", "false"},
		{"apicurio.registry.auto-register", "true"},
		{"apicurio.registry.find-latest", "true"},
	}
}

// Paths of the registry's two interfaces, under its root address.
const (
	// RegistryCompatPath is the interface that Confluent's clients speak.
	RegistryCompatPath = "/apis/ccompat/v7"
	// RegistryNativePath is the interface that Apicurio's own converters speak.
	RegistryNativePath = "/apis/registry/v2"
)

// ElasticsearchSettings is the configuration of the single node, beside its addresses and directories.
func ElasticsearchSettings() []Setting {
	return []Setting{
		{"discovery.type", "single-node"},
		{"cluster.routing.allocation.disk.threshold_enabled", "false"},
		{"xpack.security.enabled", "true"},
		{"xpack.security.http.ssl.enabled", "false"},
		{"xpack.security.transport.ssl.enabled", "false"},
		{"xpack.license.self_generated.type", "basic"},
	}
}

// ElasticUser is the superuser of Elasticsearch.
const ElasticUser = "elastic"

// OpenSearchUser is the superuser of OpenSearch with security.
const OpenSearchUser = "admin"

// OpenSearchPassword makes the superuser's password of a secret of at least eight characters. OpenSearch's image asks for one with all sorts of characters.
func OpenSearchPassword(secret string) string { return "Aa1!" + secret }

// OpenSearchSecuritySettings is what OpenSearch with security has beside OpenSearchSettings, and beside the certificate that it wants for its nodes' own traffic.
func OpenSearchSecuritySettings() []Setting {
	return []Setting{
		{"plugins.security.ssl.http.enabled", "false"},
		{"plugins.security.allow_default_init_securityindex", "true"},
		{"plugins.security.restapi.roles_enabled", "all_access"},
	}
}

// OpenSearchSettings is the configuration of a single OpenSearch node, with or without its security plugin.
func OpenSearchSettings() []Setting {
	return []Setting{
		{"cluster.routing.allocation.disk.threshold_enabled", "false"},
	}
}
