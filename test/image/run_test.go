package image

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"dossier/test/stack"
	"dossier/test/stack/corpus"
	"dossier/test/stack/freeport"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/wait"
	"github.com/twmb/franz-go/pkg/kgo"
)

// request describes a container of the image with a mounted configuration, in the network of this machine, where the parts are, and with no more rights than
// compose.yaml gives it.
func request(tag, config string, env map[string]string, command ...string) testcontainers.ContainerRequest {
	return testcontainers.ContainerRequest{
		Image: tag, Cmd: command, Env: env,
		HostConfigModifier: func(h *container.HostConfig) {
			h.NetworkMode = "host"
			h.ReadonlyRootfs = true
			h.CapDrop = []string{"ALL"}
			h.SecurityOpt = []string{"no-new-privileges:true"}
			if config != "" {
				h.Mounts = append(h.Mounts, mount.Mount{Type: mount.TypeBind, Source: config, Target: "/etc/dossier/dossier.yaml", ReadOnly: true})
			}
		},
	}
}

// start starts a container, which is removed when the test ends. Where it fails, its log is part of the error.
func start(t *testing.T, r testcontainers.ContainerRequest) testcontainers.Container {
	t.Helper()
	// Without a bridge of its own, an engine would be given one for containers that need none.
	provider, err := testcontainers.NewDockerProvider(testcontainers.WithDefaultBridgeNetwork("host"), testcontainers.WithLogger(silent{}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { provider.Close() })
	c, err := provider.CreateContainer(t.Context(), r)
	if c != nil {
		t.Cleanup(func() {
			if t.Failed() {
				t.Logf("%v wrote:\n%s", r.Cmd, output(t, c))
			}
			if err := c.Terminate(context.Background(), testcontainers.StopTimeout(0)); err != nil {
				t.Error(err)
			}
		})
	}
	if err == nil {
		err = c.Start(t.Context())
	}
	if err != nil {
		t.Fatalf("%v: %v", r.Cmd, err)
	}
	return c
}

// silent drops what testcontainers says of each step.
type silent struct{}

func (silent) Printf(string, ...any) {}

// finish runs a container to its end and gives its exit code and output.
func finish(t *testing.T, r testcontainers.ContainerRequest) (int, string) {
	t.Helper()
	r.WaitingFor = wait.ForExit().WithExitTimeout(time.Minute).WithPollInterval(50 * time.Millisecond)
	c := start(t, r)
	state, err := c.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return state.ExitCode, output(t, c)
}

func output(t *testing.T, c testcontainers.Container) string {
	t.Helper()
	log, err := c.Logs(context.Background())
	if err != nil {
		return err.Error()
	}
	defer log.Close()
	text, err := io.ReadAll(log)
	if err != nil {
		t.Error(err)
	}
	return string(text)
}

// configuration writes a file that the image's user can read.
func configuration(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "dossier.yaml")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestConfigurationReachesTheContainer: the mounted file is found without a flag, variables win over it, and faults end with code 2.
func TestConfigurationReachesTheContainer(t *testing.T) {
	tag := image(t)
	config := configuration(t, "sources: [{name: shop}]\nkafka: {brokers: [127.0.0.1:1]}\nserve: {listen: 127.0.0.1:8080}\n")
	check := []string{"config", "check", "--role", "processor"}
	if code, out := finish(t, request(tag, config, nil, check...)); code != 0 || !strings.Contains(out, "no faults; 1 source") {
		t.Errorf("exit code %d: %s", code, out)
	}
	code, out := finish(t, request(tag, config, map[string]string{"DOSSIER_KAFKA_BROKERS": "no-address"}, check...))
	if code != 2 || !strings.Contains(out, "no-address") {
		t.Errorf("a faulty variable: exit code %d: %s", code, out)
	}
	if code, out := finish(t, request(tag, "", nil, check...)); code != 2 || !strings.Contains(out, "kafka.brokers: missing") {
		t.Errorf("no configuration: exit code %d: %s", code, out)
	}
}

// TestContainerWorks runs the processor in the container between real topics: it makes its topics, becomes ready, turns recorded changes into audit events, and
// ends in order when it is told to.
func TestContainerWorks(t *testing.T) {
	tag := image(t)
	kafka := stack.ForTest(t, stack.Kafka).KafkaBrokers()
	port, err := freeport.Next()
	if err != nil {
		t.Fatal(err)
	}
	source := corpus.JSON.Prefix()
	config := configuration(t, `
kafka: {brokers: [of-the-variable:9092]}
sources: [{name: `+source+`, include: [public.ticket, public.request_context], unavailable_placeholder: `+corpus.Placeholder+`}]
context: {table: public.request_context, grace: 1s, lookback: 1s}
entities: [{table: public.ticket, type: ticket, context: {user: updated_by, request: request_id}}]
`)
	env := map[string]string{"DOSSIER_KAFKA_BROKERS": strings.Join(kafka, ","), "DOSSIER_SERVE_LISTEN": fmt.Sprintf("127.0.0.1:%d", port)}
	if code, out := finish(t, request(tag, config, env, "setup")); code != 0 {
		t.Fatalf("setup: exit code %d: %s", code, out)
	}
	recorded := publish(t, kafka, "contexts")

	r := request(tag, config, env, "run", "--role", "processor")
	r.WaitingFor = wait.ForHTTP("/readyz").WithPort(strconv.Itoa(port) + "/tcp").WithForcedIPv4LocalHost().WithPollInterval(50 * time.Millisecond).
		WithStatusCodeMatcher(func(status int) bool { return status == http.StatusOK }).WithStartupTimeout(time.Minute)
	c := start(t, r)

	// The image's own health check, as the engine runs it.
	for _, probe := range [][]string{{"/dossier", "probe"}, {"/dossier", "probe", "--ready"}} {
		code, out, err := c.Exec(t.Context(), probe)
		if err != nil {
			t.Fatal(err)
		}
		if code != 0 {
			text, _ := io.ReadAll(out)
			t.Errorf("%v: exit code %d: %s", probe, code, text)
		}
	}

	users := map[string]int{}
	ids := map[string]bool{}
	for _, event := range consume(t, kafka, "dossier.audit", recorded) {
		ids[event.ID] = true
		users[event.Context.User.ID]++
		if event.Entity.Type != "ticket" {
			t.Errorf("an event of %q", event.Entity.Type)
		}
	}
	if len(ids) != recorded {
		t.Errorf("%d events with an id of their own, of %d changes", len(ids), recorded)
	}
	for _, user := range []string{"first", "second", "by-table", "by-message", "by-column", ""} {
		if users[user] == 0 {
			t.Errorf("no event of user %q; there are %v", user, users)
		}
	}

	patience := 30 * time.Second
	began := time.Now()
	if err := c.Stop(t.Context(), &patience); err != nil {
		t.Fatal(err)
	}
	state, err := c.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if state.ExitCode != 0 || state.OOMKilled {
		t.Errorf("SIGTERM ends it with exit code %d, want 0", state.ExitCode)
	}
	if out := output(t, c); !strings.Contains(out, `"drained"`) {
		t.Errorf("it did not drain:\n%s", out)
	}
	t.Logf("stopped within %v", time.Since(began).Round(time.Millisecond))
}

// publish writes the recorded events of a scenario to their topics, and gives the number of changes to public.ticket among them.
func publish(t *testing.T, brokers []string, scenario string) int {
	t.Helper()
	records, err := corpus.Read(filepath.Join("../../schema/testdata/corpus", corpus.JSON.File()), scenario)
	if err != nil {
		t.Fatal(err)
	}
	producer, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.AllowAutoTopicCreation())
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	changes := 0
	for _, r := range records {
		if strings.HasSuffix(r.Topic, ".public.ticket") && r.Value != nil {
			changes++
		}
		out := &kgo.Record{Topic: r.Topic, Key: r.Key, Value: r.Value, Timestamp: r.Timestamp}
		for _, h := range r.Headers {
			out.Headers = append(out.Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
		}
		if err := producer.ProduceSync(t.Context(), out).FirstErr(); err != nil {
			t.Fatalf("publish to %s: %v", r.Topic, err)
		}
	}
	return changes
}

// auditEvent is what the test looks at of an event, read without Dossier's own packages.
type auditEvent struct {
	ID      string
	Entity  struct{ Type, ID string }
	Context struct {
		Status string
		User   struct{ ID string }
	}
}

// consume reads so many committed audit events.
func consume(t *testing.T, brokers []string, topic string, n int) []auditEvent {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, fmt.Errorf("not within a minute"))
	defer cancel()
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	var events []auditEvent
	for len(events) < n {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			t.Fatalf("%d of %d audit events on %s: %v", len(events), n, topic, context.Cause(ctx))
		}
		for _, r := range fetches.Records() {
			var e auditEvent
			if err := json.Unmarshal(r.Value, &e); err != nil {
				t.Fatalf("%v: %s", err, r.Value)
			}
			events = append(events, e)
		}
	}
	return events
}
