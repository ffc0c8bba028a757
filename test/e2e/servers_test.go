package e2e

import (
	"cmp"
	"context"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"

	"dossier/test/stack"
	"dossier/test/stack/parts"
)

// servers are the addresses of the real parts: a stack of this process's own, or one that runs already.
type servers struct {
	brokers       []string
	connect       string
	registry      string // the interface of Confluent's clients
	elasticsearch string
	password      string // of the superuser elastic
	postgres      string // DSN of the database postgres
	openSearch    searchStore
	stack         *stack.Stack
}

// searchStore is Elasticsearch or OpenSearch with its superuser.
type searchStore struct{ URL, User, Password string }

// start gives the parts. With the variables that `go run ./test/stack/cmd/stack up --env` prints, that stack is used: it saves a developer
// the start at each run. more are parts beside the pipeline's; those that such a stack lacks have no address.
func start(t *testing.T, more ...stack.Part) *servers {
	t.Helper()
	if brokers := os.Getenv("DOSSIER_KAFKA_BROKERS"); brokers != "" {
		return &servers{
			brokers: strings.Split(brokers, ","), connect: os.Getenv("DOSSIER_CONNECT_URL"), registry: os.Getenv("DOSSIER_SCHEMA_REGISTRY_URL"),
			elasticsearch: os.Getenv("DOSSIER_ELASTICSEARCH_URL"), password: os.Getenv("ELASTIC_PASSWORD"), postgres: os.Getenv("DOSSIER_POSTGRES_DSN"),
			openSearch: searchStore{os.Getenv("DOSSIER_OPENSEARCH_SECURE_URL"), parts.OpenSearchUser, os.Getenv("OPENSEARCH_PASSWORD")},
		}
	}
	s := stack.ForTest(t, append(parts.Pipeline(), more...)...)
	var openSearch searchStore
	if slices.Contains(more, stack.OpenSearchSecure) {
		openSearch = searchStore{s.OpenSearchSecureURL(), parts.OpenSearchUser, s.OpenSearchPassword()}
	}
	return &servers{
		brokers: s.KafkaBrokers(), connect: s.ConnectURL(), registry: s.RegistryURL(), elasticsearch: s.ElasticsearchURL(),
		password: s.ElasticPassword(), postgres: s.PostgresDSN("postgres"), openSearch: openSearch, stack: s,
	}
}

// database makes a fresh database.
func (s *servers) database(t *testing.T, name string) (dsn string) {
	t.Helper()
	if s.stack != nil {
		return s.stack.NewDatabase(t).DSN
	}
	conn := connect(t, s.postgres)
	_, err := conn.Exec(t.Context(), "CREATE DATABASE "+name)
	check(t, err)
	t.Cleanup(func() { s.drop(t, name) })
	u, err := url.Parse(s.postgres)
	check(t, err)
	u.Path = "/" + name
	return u.String()
}

// drop removes a database and its replication slots, whose readers end a moment after they were told to.
func (s *servers) drop(t *testing.T, name string) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.postgres)
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close(ctx)
	for _, sql := range []string{
		"SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE database = '" + name + "' AND active",
		"SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = '" + name + "'",
		"DROP DATABASE " + name + " WITH (FORCE)",
	} {
		for {
			if _, err = conn.Exec(ctx, sql); err == nil {
				break
			}
			select {
			case <-ctx.Done():
				t.Errorf("%.60s: %v", sql, err)
				return
			case <-time.After(200 * time.Millisecond):
			}
		}
	}
}

// nativeRegistry is the address of the interface that Apicurio's own converters speak.
func (s *servers) nativeRegistry() string {
	return strings.TrimSuffix(s.registry, parts.RegistryCompatPath) + parts.RegistryNativePath
}

func (s *servers) kafka(t *testing.T) *kgo.Client {
	t.Helper()
	client, err := s.newKafka()
	check(t, err)
	t.Cleanup(client.Close)
	return client
}

func (s *servers) newKafka() (*kgo.Client, error) {
	// A topic that has just been made is not known everywhere at once.
	return kgo.NewClient(kgo.SeedBrokers(s.brokers...), kgo.MetadataMinAge(50*time.Millisecond), kgo.UnknownTopicRetries(100), kgo.ProducerLinger(0),
		kgo.ProducerBatchMaxBytes(16<<20))
}

// lookup is a connector file's environment.
func (s *servers) lookup(source, dsn string) func(string) (string, bool) {
	u, err := url.Parse(dsn)
	if err != nil {
		panic(err) // made by the stack
	}
	values := map[string]string{
		"DOSSIER_SOURCE": source, "DOSSIER_SLOT": strings.ReplaceAll(source, "-", "_"),
		"DOSSIER_DB_HOST": u.Hostname(), "DOSSIER_DB_PORT": cmp.Or(u.Port(), "5432"), "DOSSIER_DB_NAME": strings.TrimPrefix(u.Path, "/"),
		"DOSSIER_DB_PASSWORD": "unused", "DOSSIER_DB_SSLMODE": "disable",
		"DOSSIER_UNAVAILABLE_PLACEHOLDER": placeholder,
		"DOSSIER_CONVERTER_REGISTRY_URL":  s.nativeRegistry(), "DOSSIER_REPLICATION": "1", "DOSSIER_PARTITIONS": "3",
	}
	return func(name string) (string, bool) {
		v, ok := values[name]
		return v, ok
	}
}

// placeholder is what the connectors write for an unchanged large value.
const placeholder = "unchanged-5ac3f1de-3c61-4c58-9f6f-8b3d0fb8ea04"
