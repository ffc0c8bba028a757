package docker

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"dossier/test/stack/docker/images"
	"dossier/test/stack/parts"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver with which PostgreSQL is asked whether it is ready
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/wait"
	"github.com/twmb/franz-go/pkg/kgo"
)

// place is where a part stands: the port of the host that leads to it, and the network in which the parts have each other's names.
type place struct {
	host    string // where this process reaches the engine's ports
	port    int    // on host
	network string
	elastic string // password of parts.ElasticUser
}

// outside is the part's address for clients on this machine.
func (l place) outside() string { return net.JoinHostPort(l.host, strconv.Itoa(l.port)) }

// inside is a part's address for the other parts: its name is the name of its container in the network.
func inside(p parts.Part) string {
	port := parts.Ports[p]
	if p == parts.Kafka {
		port = images.KafkaInsidePort
	}
	return net.JoinHostPort(string(p), strconv.Itoa(port))
}

// startPatience bounds the wait for a part within a start. The caller's context is the tighter bound, as a rule.
const startPatience = 5 * time.Minute

// request describes the container of a part, from the image. It depends on nothing but its arguments.
func request(p parts.Part, image string, at place) (testcontainers.ContainerRequest, error) {
	port, err := network.ParsePort(fmt.Sprintf("%d/tcp", parts.Ports[p]))
	if err != nil {
		return testcontainers.ContainerRequest{}, err
	}
	// Only this machine may reach the parts, which have no passwords worth the name; a remote engine has to open its port to us.
	bind := netip.IPv4Unspecified()
	if ip, err := netip.ParseAddr(at.host); err == nil && ip.IsLoopback() {
		bind = ip
	}
	r := testcontainers.ContainerRequest{
		Image:          image,
		ExposedPorts:   []string{port.String()},
		Networks:       []string{at.network},
		NetworkAliases: map[string][]string{at.network: {string(p)}},
		Labels:         map[string]string{"dossier.part": string(p)},
		ConfigModifier: func(c *container.Config) { c.Hostname = string(p) },
		HostConfigModifier: func(h *container.HostConfig) {
			// A fixed port: a part that is started again has to be where it was.
			h.PortBindings = network.PortMap{port: {{HostIP: bind, HostPort: strconv.Itoa(at.port)}}}
		},
	}
	switch p {
	case parts.Postgres:
		r.Env = map[string]string{"POSTGRES_USER": parts.PostgresUser, "POSTGRES_HOST_AUTH_METHOD": "trust", "POSTGRES_INITDB_ARGS": "--encoding=UTF8 --locale=C"}
		r.Cmd = images.PostgresArguments(append(parts.PostgresSettings(), parts.PostgresTestSettings()...))
		// Over TCP: while the image makes its data directory, its server listens on a socket alone.
		r.WaitingFor = wait.ForSQL(port.String(), "pgx", func(host string, port network.Port) string {
			u := url.URL{Scheme: "postgres", User: url.User(parts.PostgresUser), Host: net.JoinHostPort(host, port.Port()), Path: "/postgres", RawQuery: "sslmode=disable"}
			return u.String()
		}).WithStartupTimeout(startPatience)
	case parts.Kafka:
		r.Env = images.KafkaEnvironment(at.outside(), inside(p))
		r.WaitingFor = kafkaAnswers{at.outside()}
	case parts.Connect:
		r.Env = images.ConnectEnvironment(inside(parts.Kafka), string(p))
		// Connect answers its port before it can take connectors, with 404, or with 500 and HTML.
		r.WaitingFor = answersJSON("/connectors", port)
	case parts.Registry:
		r.Env = images.RegistryEnvironment()
		r.WaitingFor = answersJSON(parts.RegistryCompatPath+"/subjects", port)
	case parts.Elasticsearch:
		r.Env = images.ElasticsearchEnvironment(at.elastic)
		r.WaitingFor = answersJSON(healthy, port).WithBasicAuth(parts.ElasticUser, at.elastic)
	case parts.OpenSearch:
		r.Env = images.OpenSearchEnvironment()
		r.WaitingFor = answersJSON(healthy, port)
	case parts.OpenSearchSecure:
		r.Env = images.OpenSearchSecureEnvironment(parts.OpenSearchPassword(at.elastic))
		r.WaitingFor = answersJSON(healthy, port).WithBasicAuth(parts.OpenSearchUser, parts.OpenSearchPassword(at.elastic))
	default:
		return testcontainers.ContainerRequest{}, fmt.Errorf("no image for %s", p)
	}
	return r, nil
}

// healthy asks a search node for its health, and to answer only when every index can be read and written.
const healthy = "/_cluster/health?wait_for_status=yellow&timeout=4s"

// answersJSON waits for a GET of the path to have status 200 and a body in JSON.
func answersJSON(path string, port network.Port) *wait.HTTPStrategy {
	return wait.ForHTTP(path).WithPort(port.String()).
		WithStatusCodeMatcher(func(status int) bool { return status == http.StatusOK }).
		WithResponseHeadersMatcher(func(h http.Header) bool { return strings.Contains(h.Get("Content-Type"), "json") }).
		WithStartupTimeout(startPatience)
}

// kafkaAnswers waits until a broker answers requests. Its port is open before that.
type kafkaAnswers struct{ address string }

// WaitUntilReady returns nil as soon as the broker answers, and an error with the end of the log when its container has ended.
func (k kafkaAnswers) WaitUntilReady(ctx context.Context, target wait.StrategyTarget) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(k.address))
	if err != nil {
		return err
	}
	defer client.Close()
	for {
		attempt, cancel := context.WithTimeout(ctx, 5*time.Second)
		last := client.Ping(attempt)
		cancel()
		if last == nil {
			return nil
		}
		if state, err := target.State(ctx); err == nil && !state.Running {
			return fmt.Errorf("the broker ended with exit code %d", state.ExitCode)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("no answer from the broker at %s: %w (%w)", k.address, last, context.Cause(ctx))
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// tail is the end of a log, at most so many bytes of it, from the beginning of a line.
func tail(log io.Reader, most int) string {
	var kept []byte
	buf := make([]byte, 32<<10)
	for {
		n, err := log.Read(buf)
		kept = append(kept, buf[:n]...)
		if len(kept) > most {
			kept = append(kept[:0], kept[len(kept)-most:]...)
		}
		if err != nil {
			break
		}
	}
	if len(kept) == most {
		if i := bytes.IndexByte(kept, '\n'); i >= 0 {
			kept = kept[i+1:]
		}
	}
	return string(kept)
}
