package native

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"dossier/test/stack/parts"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"
)

// server is what the backend knows of one part.
type server struct {
	// initialise makes the data directory, once; nil if the part does it itself.
	initialise func(context.Context) error
	command    command
	// ready gives nil when the part serves its clients.
	ready func(context.Context) error
	// notYet tells, of an error at the start, that trying again helps; nil for never.
	notYet func(error) bool
}

// server describes a part. The caller holds b.mu; nothing of what it gives needs it.

func (b *Backend) server(p parts.Part) (server, error) {
	if _, ok := b.ports[p]; !ok {
		return server{}, fmt.Errorf("%s is not part of this stack", p)
	}
	switch p {
	case parts.Postgres:
		return b.postgres(), nil
	case parts.Kafka:
		return b.kafka(), nil
	case parts.Connect:
		return b.connect(), nil
	case parts.Registry:
		return b.registry(), nil
	case parts.Elasticsearch:
		return b.elasticsearch(), nil
	case parts.OpenSearch:
		return b.openSearch(), nil
	case parts.OpenSearchSecure:
		return b.openSearchSecure(), nil
	}
	return server{}, fmt.Errorf("no way to start %s natively", p)
}

func (b *Backend) postgres() server {
	home := b.home(parts.Postgres)
	data, port, programs := filepath.Join(home, "data"), b.ports[parts.Postgres].client, b.progs.postgres
	dsn := fmt.Sprintf("postgres://%s@%s/postgres?sslmode=disable", parts.PostgresUser, b.address(parts.Postgres))
	return server{
		initialise: func(ctx context.Context) error {
			err := b.run(ctx, home, filepath.Join(programs, "initdb"), "-D", data, "-U", parts.PostgresUser, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
			if err != nil {
				return err
			}
			settings := append(parts.PostgresSettings(), parts.PostgresTestSettings()...)
			settings = append(settings,
				parts.Setting{Key: "listen_addresses", Value: "127.0.0.1"},
				parts.Setting{Key: "port", Value: fmt.Sprint(port)},
				// The path of a socket may be longer than the system allows.
				parts.Setting{Key: "unix_socket_directories", Value: ""})
			var text strings.Builder
			for _, s := range settings {
				fmt.Fprintf(&text, "%s = '%s'\n", s.Key, s.Value)
			}
			return appendFile(filepath.Join(data, "postgresql.conf"), text.String())
		},
		command: command{argv: []string{filepath.Join(programs, "postgres"), "-D", data}, dir: home,
			// Fast and immediate shutdown. The server's sessions are process groups of their own, which a SIGKILL of the server does not reach.
			stop: syscall.SIGINT, abandon: syscall.SIGQUIT},
		ready: func(ctx context.Context) error {
			conn, err := pgx.Connect(ctx, dsn)
			if err != nil {
				return err
			}
			return conn.Close(ctx)
		},
		// The sessions of a killed server notice its death by themselves; until then its memory counts as in use.
		notYet: func(err error) bool { return strings.Contains(err.Error(), "pre-existing shared memory block") },
	}
}

func (b *Backend) kafka() server {
	home, p := b.home(parts.Kafka), b.ports[parts.Kafka]
	config := filepath.Join(home, "server.properties")
	classPath, java, address := filepath.Join(b.component(kafkaComponent), "*"), b.java(), b.address(parts.Kafka)
	return server{
		initialise: func(ctx context.Context) error {
			settings := append(parts.KafkaSettings(),
				parts.Setting{Key: "controller.quorum.voters", Value: fmt.Sprintf("1@127.0.0.1:%d", p.internal)},
				parts.Setting{Key: "listeners", Value: fmt.Sprintf("PLAINTEXT://127.0.0.1:%d,CONTROLLER://127.0.0.1:%d", p.client, p.internal)},
				parts.Setting{Key: "inter.broker.listener.name", Value: "PLAINTEXT"},
				parts.Setting{Key: "log.dirs", Value: filepath.Join(home, "data")})
			if err := writeProperties(config, settings); err != nil {
				return err
			}
			// Any sixteen bytes in this form name the cluster.
			return b.run(ctx, home, java, "-Xmx128m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", classPath,
				"kafka.tools.StorageTool", "format", "-t", "ZG9zc2llci1zdGFjay0wMQ", "-c", config)
		},
		command: b.javaCommand(parts.Kafka, java, "-cp", classPath, "-Dorg.slf4j.simpleLogger.showDateTime=true", "kafka.Kafka", config),
		ready: func(ctx context.Context) error {
			client, err := kgo.NewClient(kgo.SeedBrokers(address))
			if err != nil {
				return err
			}
			defer client.Close()
			return client.Ping(ctx)
		},
	}
}

func (b *Backend) connect() server {
	home := b.home(parts.Connect)
	config := filepath.Join(home, "worker.properties")
	address, kafka, plugins := "http://"+b.address(parts.Connect), b.address(parts.Kafka), b.component(pluginsComponent)
	return server{
		initialise: func(context.Context) error {
			return writeProperties(config, append(parts.ConnectSettings(),
				parts.Setting{Key: "bootstrap.servers", Value: kafka},
				parts.Setting{Key: "listeners", Value: address},
				parts.Setting{Key: "rest.advertised.host.name", Value: "127.0.0.1"},
				parts.Setting{Key: "plugin.path", Value: plugins},
				// Every plugin here lists its services, so no jar has to be searched class by class.
				parts.Setting{Key: "plugin.discovery", Value: "service_load"}))
		},
		command: b.javaCommand(parts.Connect, b.java(), "-cp", filepath.Join(b.component(kafkaComponent), "*"), "-Dorg.slf4j.simpleLogger.showDateTime=true",
			"org.apache.kafka.connect.cli.ConnectDistributed", config),
		// Connect answers its port before it can take connectors, with 404, or with 500 and HTML.
		ready: func(ctx context.Context) error { return answersJSON(ctx, address+"/connectors", "", "") },
	}
}

func (b *Backend) registry() server {
	jars, _ := filepath.Glob(filepath.Join(b.component(registryComponent), "apicurio-registry-app-*-runner.jar"))
	jar := "no runner jar in " + b.component(registryComponent)
	if len(jars) > 0 {
		jar = jars[0]
	}
	url := "http://" + b.address(parts.Registry) + parts.RegistryCompatPath + "/subjects"
	return server{
		command: b.javaCommand(parts.Registry, b.java(), "-XX:TieredStopAtLevel=1", "-Dquarkus.http.host=127.0.0.1",
			fmt.Sprintf("-Dquarkus.http.port=%d", b.ports[parts.Registry].client), "-jar", jar),
		ready: func(ctx context.Context) error { return answersJSON(ctx, url, "", "") },
	}
}

// healthy asks a search node for its health, and to answer only when every index can be read and written.
const healthy = "/_cluster/health?wait_for_status=yellow&timeout=4s"

// logToConsole is Log4j's configuration for Elasticsearch, which brings none without its own launcher.
var logToConsole = []parts.Setting{
	{Key: "appender.console.type", Value: "Console"},
	{Key: "appender.console.name", Value: "console"},
	{Key: "appender.console.layout.type", Value: "PatternLayout"},
	{Key: "appender.console.layout.pattern", Value: "%d{ISO8601} %-5p %c{1} %m%n"},
	{Key: "rootLogger.level", Value: "info"},
	{Key: "rootLogger.appenderRef.console.ref", Value: "console"},
}

func (b *Backend) elasticsearch() server {
	home, lib := b.home(parts.Elasticsearch), b.component(elasticsearchComponent)
	config := filepath.Join(home, "config")
	settings := append(parts.ElasticsearchSettings(),
		parts.Setting{Key: "path.home", Value: lib},
		parts.Setting{Key: "path.data", Value: filepath.Join(home, "data")},
		parts.Setting{Key: "path.logs", Value: filepath.Join(home, "logs")},
		parts.Setting{Key: "network.host", Value: "127.0.0.1"},
		parts.Setting{Key: "http.port", Value: fmt.Sprint(b.ports[parts.Elasticsearch].client)},
		parts.Setting{Key: "transport.port", Value: fmt.Sprint(b.ports[parts.Elasticsearch].internal)})
	logging := filepath.Join(home, "log4j2.properties")
	args := append([]string{fmt.Sprintf("-Xms%dm", parts.HeapMiB[parts.Elasticsearch]), "-Djava.io.tmpdir=" + home, "-Dlog4j2.configurationFile=" + logging,
		"-cp", filepath.Join(lib, "lib", "*") + string(os.PathListSeparator) + filepath.Join(lib, "launcher"), "org.elasticsearch.node.Launcher", config}, arguments(settings)...)
	c := b.javaCommand(parts.Elasticsearch, b.java(), args...)
	c.env = []string{"ELASTIC_PASSWORD=" + b.elastic}
	url := "http://" + b.address(parts.Elasticsearch) + healthy
	return server{
		initialise: func(context.Context) error {
			if err := writeProperties(logging, logToConsole); err != nil {
				return err
			}
			return b.as.own(config)
		},
		command: c,
		ready:   func(ctx context.Context) error { return answersJSON(ctx, url, parts.ElasticUser, b.elastic) },
	}
}

func (b *Backend) java() string { return filepath.Join(b.progs.java, "bin", "java") }

// javaCommand starts a Java program with the part's heap. The serial collector has the smallest footprint, and several parts share few cores.
func (b *Backend) javaCommand(p parts.Part, java string, args ...string) command {
	argv := append([]string{java, fmt.Sprintf("-Xmx%dm", parts.HeapMiB[p]), "-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError"}, args...)
	return command{argv: argv, dir: b.home(p), stop: syscall.SIGTERM}
}

// run runs a program to its end as the account.
func (b *Backend) run(ctx context.Context, dir string, argv ...string) error {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "LC_ALL=C.UTF-8", "TZ=UTC"}
	cmd.SysProcAttr = b.as.attributes()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", filepath.Base(argv[0]), err, out)
	}
	return nil
}

// answersJSON gives nil when a GET of the address has status 200 and a body in JSON.
func answersJSON(ctx context.Context, url, user, password string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	if user != "" {
		req.SetBasicAuth(user, password)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 4096))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK || !strings.Contains(resp.Header.Get("Content-Type"), "json") {
		return fmt.Errorf("GET %s: %s: %.200s", url, resp.Status, body)
	}
	return nil
}

// arguments writes settings as key=value.
func arguments(settings []parts.Setting) []string {
	args := make([]string, len(settings))
	for i, s := range settings {
		args[i] = s.Key + "=" + s.Value
	}
	return args
}

func writeProperties(path string, settings []parts.Setting) error {
	return os.WriteFile(path, []byte(strings.Join(arguments(settings), "\n")+"\n"), 0o644)
}

func appendFile(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	if _, err := f.WriteString(text); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// removeAll removes a directory in which a process that was just killed may still be writing its last file.
func removeAll(dir string) error {
	var err error
	for range 20 {
		if err = os.RemoveAll(dir); err == nil || errors.Is(err, os.ErrNotExist) {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return err
}
