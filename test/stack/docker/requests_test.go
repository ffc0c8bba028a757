package docker

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"dossier/test/stack/docker/images"
	"dossier/test/stack/parts"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/testcontainers/testcontainers-go/wait"
)

var local = place{host: "127.0.0.1", port: 20001, network: "net", elastic: "secret"}

// TestRequests checks what is common to the containers of all parts: the image, the one published port, the name in the network, and how long is
// waited for what.
func TestRequests(t *testing.T) {
	for _, p := range parts.All() {
		t.Run(string(p), func(t *testing.T) {
			r, err := request(p, parts.Images[p], local)
			if err != nil {
				t.Fatal(err)
			}
			if err := r.Validate(); err != nil {
				t.Errorf("testcontainers refuses the request: %v", err)
			}
			if r.Image != parts.Images[p] {
				t.Errorf("image %s, want %s", r.Image, parts.Images[p])
			}
			port := fmt.Sprintf("%d/tcp", parts.Ports[p])
			if !slices.Equal(r.ExposedPorts, []string{port}) {
				t.Errorf("ports %v, want %s alone", r.ExposedPorts, port)
			}
			var host container.HostConfig
			r.HostConfigModifier(&host)
			bindings := host.PortBindings[network.MustParsePort(port)]
			if len(bindings) != 1 || bindings[0].HostIP.String() != "127.0.0.1" || bindings[0].HostPort != "20001" {
				t.Errorf("published at %v, want 127.0.0.1:20001", bindings)
			}
			if !slices.Equal(r.Networks, []string{"net"}) || !slices.Equal(r.NetworkAliases["net"], []string{string(p)}) {
				t.Errorf("networks %v %v, want the name %s in net", r.Networks, r.NetworkAliases, p)
			}
			if r.WaitingFor == nil {
				t.Error("nobody waits for it to answer")
			}
		})
	}
	if _, err := request("zookeeper", "zookeeper:3", local); err == nil {
		t.Error("a part that is none has a container")
	}
}

func TestEnvironments(t *testing.T) {
	for p, want := range map[parts.Part]map[string]string{
		parts.Kafka:         images.KafkaEnvironment("127.0.0.1:20001", "kafka:19092"),
		parts.Connect:       images.ConnectEnvironment("kafka:19092", "connect"),
		parts.Registry:      images.RegistryEnvironment(),
		parts.Elasticsearch: images.ElasticsearchEnvironment("secret"),
		parts.OpenSearch:    images.OpenSearchEnvironment(),

		parts.OpenSearchSecure: images.OpenSearchSecureEnvironment("Aa1!secret"),
	} {
		r, err := request(p, parts.Images[p], local)
		if err != nil {
			t.Fatal(err)
		}
		if !maps.Equal(r.Env, want) {
			t.Errorf("%s: %v, want %v", p, r.Env, want)
		}
	}
	r, err := request(parts.Postgres, parts.Images[parts.Postgres], local)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range append(parts.PostgresSettings(), parts.PostgresTestSettings()...) {
		if !slices.Contains(r.Cmd, s.Key+"="+s.Value) {
			t.Errorf("PostgreSQL starts without %s=%s: %v", s.Key, s.Value, r.Cmd)
		}
	}
	if r.Env["POSTGRES_HOST_AUTH_METHOD"] != "trust" || r.Env["POSTGRES_USER"] != parts.PostgresUser {
		t.Errorf("PostgreSQL's superuser: %v", r.Env)
	}
}

// TestWaitStrategies names what each part is asked before it counts as started.
func TestWaitStrategies(t *testing.T) {
	for p, path := range map[parts.Part]string{
		parts.Connect:       "/connectors",
		parts.Registry:      "/apis/ccompat/v7/subjects",
		parts.Elasticsearch: "/_cluster/health?wait_for_status=yellow&timeout=4s",
		parts.OpenSearch:    "/_cluster/health?wait_for_status=yellow&timeout=4s",

		parts.OpenSearchSecure: "/_cluster/health?wait_for_status=yellow&timeout=4s",
	} {
		r, err := request(p, parts.Images[p], local)
		if err != nil {
			t.Fatal(err)
		}
		s, ok := r.WaitingFor.(*wait.HTTPStrategy)
		if !ok {
			t.Errorf("%s: waits for %T", p, r.WaitingFor)
			continue
		}
		if s.Path != path || s.Port != network.MustParsePort(fmt.Sprintf("%d/tcp", parts.Ports[p])) {
			t.Errorf("%s: asks %s at %s, want %s", p, s.Path, s.Port, path)
		}
		if s.StatusCodeMatcher(404) || !s.StatusCodeMatcher(200) {
			t.Errorf("%s: takes the wrong status for an answer", p)
		}
	}
	r, err := request(parts.Kafka, parts.Images[parts.Kafka], local)
	if err != nil {
		t.Fatal(err)
	}
	if r.WaitingFor != (kafkaAnswers{"127.0.0.1:20001"}) {
		t.Errorf("kafka: waits for %v", r.WaitingFor)
	}
	// A broker that never comes is given up with the caller's own reason.
	ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, fmt.Errorf("no answer within a moment"))
	defer cancel()
	err = kafkaAnswers{"127.0.0.1:1"}.WaitUntilReady(ctx, ended{running: true})
	if err == nil || !strings.Contains(err.Error(), "127.0.0.1:1") || !strings.Contains(err.Error(), "within a moment") {
		t.Errorf("got %v, want the address and the reason", err)
	}
	// One whose container has ended is not waited for.
	err = kafkaAnswers{"127.0.0.1:1"}.WaitUntilReady(t.Context(), ended{})
	if err == nil || !strings.Contains(err.Error(), "exit code 137") {
		t.Errorf("got %v, want the exit code", err)
	}
}

// ended is a container that is asked for nothing but its state.
type ended struct {
	wait.StrategyTarget
	running bool
}

func (e ended) State(context.Context) (*container.State, error) {
	return &container.State{Running: e.running, ExitCode: 137}, nil
}

// TestInsideAddresses shows that the parts reach each other where the containers listen, under the names that they have in the network.
func TestInsideAddresses(t *testing.T) {
	for p, want := range map[parts.Part]string{
		parts.Postgres: "postgres:5432", parts.Kafka: "kafka:19092", parts.Registry: "registry:8080", parts.Elasticsearch: "elasticsearch:9200",
	} {
		if got := inside(p); got != want {
			t.Errorf("%s: %s, want %s", p, got, want)
		}
	}
}

func TestTail(t *testing.T) {
	if got := tail(strings.NewReader("one\ntwo\nthree\n"), 100); got != "one\ntwo\nthree\n" {
		t.Errorf("a short log: %q", got)
	}
	if got := tail(strings.NewReader("one\ntwo\nthree\n"), 8); got != "three\n" {
		t.Errorf("a long log: %q", got)
	}
}
