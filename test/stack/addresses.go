package stack

import (
	"net"
	"net/url"
	"strconv"

	"dossier/test/stack/parts"
)

// PostgresDSN is the address of a database for the server's superuser, as a URL.
func (s *Stack) PostgresDSN(database string) string {
	u := url.URL{Scheme: "postgres", User: url.User(parts.PostgresUser), Host: s.backend.Address(Postgres), Path: "/" + database, RawQuery: "sslmode=disable"}
	return u.String()
}

// KafkaBrokers are the brokers' addresses, host:port.
func (s *Stack) KafkaBrokers() []string { return []string{s.backend.Address(Kafka)} }

// ConnectURL is the root of Kafka Connect's REST API, without a slash at its end.
func (s *Stack) ConnectURL() string { return "http://" + s.backend.Address(Connect) }

// RegistryURL is the root of the registry's Confluent-compatible API, for a client such as franz-go's sr.
func (s *Stack) RegistryURL() string {
	return "http://" + s.backend.Address(Registry) + parts.RegistryCompatPath
}

// ElasticsearchURL is the address of the node, without credentials.
func (s *Stack) ElasticsearchURL() string { return "http://" + s.backend.Address(Elasticsearch) }

// ElasticPassword is the password of the superuser "elastic"; a new one for each stack.
func (s *Stack) ElasticPassword() string { return s.backend.ElasticPassword() }

// OpenSearchURL is the address of the OpenSearch node, which has no security.
func (s *Stack) OpenSearchURL() string { return "http://" + s.backend.Address(OpenSearch) }

// OpenSearchSecureURL is the address of the OpenSearch node with security, without credentials.
func (s *Stack) OpenSearchSecureURL() string { return "http://" + s.backend.Address(OpenSearchSecure) }

// OpenSearchPassword is the password of its superuser "admin"; a new one for each stack.
func (s *Stack) OpenSearchPassword() string { return s.backend.OpenSearchPassword() }

// AvroConverter gives the properties of a connector that make Connect write Avro, with its schemas in this stack's registry, for the converter of
// "key" or "value".
func (s *Stack) AvroConverter(of string) map[string]string {
	out := map[string]string{of + ".converter": parts.AvroConverter}
	for _, p := range parts.AvroSettings("http://" + s.backend.InsideAddress(Registry)) {
		out[of+".converter."+p.Key] = p.Value
	}
	return out
}

// JSONConverter gives the properties of a connector that make Connect write JSON, with or without its own schema in each record, for the
// converter of "key" or "value".
func (s *Stack) JSONConverter(of string, schemas bool) map[string]string {
	return map[string]string{
		of + ".converter":                parts.JSONConverter,
		of + ".converter.schemas.enable": strconv.FormatBool(schemas),
	}
}

// DatabaseForConnect gives the properties by which a Debezium connector reaches a database of this stack, which in containers is not
// the address that a test uses.
func (s *Stack) DatabaseForConnect(database string) map[string]string {
	host, port, err := net.SplitHostPort(s.backend.InsideAddress(Postgres))
	if err != nil {
		panic("the backend's address of " + string(Postgres) + " is no host:port: " + err.Error())
	}
	return map[string]string{
		"connector.class":   "io.debezium.connector.postgresql.PostgresConnector",
		"database.hostname": host,
		"database.port":     port,
		"database.user":     parts.PostgresUser,
		"database.password": "unused",
		"database.dbname":   database,
		"plugin.name":       "pgoutput",
	}
}

// Address names one part's address for people and programs.
type Address struct {
	Part  Part   `json:"part"`
	Title string `json:"title"`
	// Env is the name of the environment variable under which programs of this project look for the address.
	Env   string `json:"env"`
	Value string `json:"value"`
}

// Addresses lists the addresses of all parts of the stack, and the password that goes with them.
func (s *Stack) Addresses() []Address {
	var out []Address
	for _, p := range s.Parts() {
		add := func(env, value string) { out = append(out, Address{Part: p, Title: p.Title(), Env: env, Value: value}) }
		switch p {
		case Postgres:
			add("DOSSIER_POSTGRES_DSN", s.PostgresDSN("postgres"))
		case Kafka:
			add("DOSSIER_KAFKA_BROKERS", s.KafkaBrokers()[0])
		case Registry:
			add("DOSSIER_SCHEMA_REGISTRY_URL", s.RegistryURL())
		case Connect:
			add("DOSSIER_CONNECT_URL", s.ConnectURL())
		case Elasticsearch:
			add("DOSSIER_ELASTICSEARCH_URL", s.ElasticsearchURL())
			add("ELASTIC_PASSWORD", s.ElasticPassword())
		case OpenSearch:
			add("DOSSIER_OPENSEARCH_URL", s.OpenSearchURL())
		case OpenSearchSecure:
			add("DOSSIER_OPENSEARCH_SECURE_URL", s.OpenSearchSecureURL())
			add("OPENSEARCH_PASSWORD", s.OpenSearchPassword())
		}
	}
	return out
}
