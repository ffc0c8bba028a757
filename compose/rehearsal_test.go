package compose

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"dossier/test/stack"
	"dossier/test/stack/freeport"
	"dossier/test/stack/parts"

	"github.com/jackc/pgx/v5"
)

// TestRehearsal runs the services of Dossier with the commands, variables and configuration that they have in compose.yaml, in their order, on the parts of the
// tests: all that differs from `docker compose up` are addresses, the superuser's password, and that there are no containers. Then a change that a
// user makes in the shop has to stand in Elasticsearch.
func TestRehearsal(t *testing.T) {
	s := stack.ForTest(t, parts.Pipeline()...)
	binary := filepath.Join(t.TempDir(), "dossier")
	if out, err := exec.Command("go", "build", "-o", binary, "../cmd/dossier").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	db := makeDatabase(t, s)
	u, err := url.Parse(db.DSN)
	if err != nil {
		t.Fatal(err)
	}
	project := load(t)
	elsewhere := map[string]string{
		"DOSSIER_KAFKA_BROKERS":                s.KafkaBrokers()[0],
		"DOSSIER_SCHEMA_REGISTRY_URL":          s.RegistryURL(),
		"DOSSIER_SINK_ELASTICSEARCH_ADDRESSES": s.ElasticsearchURL(),
		"DOSSIER_CONNECT_URL":                  s.ConnectURL(),
		"DOSSIER_DB_HOST":                      u.Hostname(),
		"DOSSIER_DB_PORT":                      u.Port(),
		"DOSSIER_DB_NAME":                      db.Name,
	}
	// command is the process of a service, with its log.
	command := func(name string, more ...string) (*exec.Cmd, *bytes.Buffer) {
		t.Helper()
		service := service(t, project, name)
		env := environment(t, service)
		for key, value := range elsewhere {
			env[key] = value
		}
		if env["DOSSIER_SINK_ELASTICSEARCH_SETUP_PASSWORD"] != "" {
			env["DOSSIER_SINK_ELASTICSEARCH_SETUP_PASSWORD"] = s.ElasticPassword()
		}
		cmd := exec.Command(binary, service.Command...)
		for key, value := range env {
			cmd.Env = append(cmd.Env, key+"="+value)
		}
		cmd.Env = append(cmd.Env, more...)
		var log bytes.Buffer
		cmd.Stdout, cmd.Stderr = &log, &log
		return cmd, &log
	}
	for _, name := range []string{"setup", "connectors"} {
		cmd, log := command(name)
		if err := cmd.Run(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, log)
		}
	}
	for _, name := range []string{"processor", "sink"} {
		port, err := freeport.Next()
		if err != nil {
			t.Fatal(err)
		}
		listen := fmt.Sprintf("DOSSIER_SERVE_LISTEN=127.0.0.1:%d", port)
		cmd, log := command(name, listen)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() {
			cmd.Process.Signal(syscall.SIGTERM)
			if err := cmd.Wait(); err != nil {
				t.Errorf("%s ends with %v after SIGTERM", name, err)
			}
			if t.Failed() {
				t.Logf("%s wrote:\n%s", name, log)
			}
		}()
		// The service's health check, word for word.
		check := service(t, project, name).HealthCheck.Test
		eventually(t, name+" is healthy", func() error {
			probe, said := command(name, listen)
			probe.Args = append([]string{binary}, check[2:]...)
			if err := probe.Run(); err != nil {
				return fmt.Errorf("%w: %s", err, said)
			}
			return nil
		})
	}

	conn, err := pgx.Connect(t.Context(), db.DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	for _, sql := range []string{"BEGIN", `SELECT pg_logical_emit_message(true, 'dossier.context', '{"user": {"id": "ada"}, "reason": "price list 2027"}')`,
		"UPDATE product SET price = 99.50 WHERE name = 'Oak chair'", "COMMIT"} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	want := `product 2: price from "95.50" to "99.50", price list 2027`
	eventually(t, "the change stands in Elasticsearch", func() error {
		got, err := priceChanges(s)
		if err == nil && got != want {
			err = fmt.Errorf("got %s, want %s", got, want)
		}
		return err
	})
}

// eventually tries until there is no error, for at most a minute.
func eventually(t *testing.T, what string, try func() error) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		if err = try(); err == nil {
			return
		}
	}
	t.Fatalf("%s: not within a minute: %v", what, err)
}

// priceChanges reads the changes that docs/docker.md looks for, and gives what matters of them.
func priceChanges(s *stack.Stack) (string, error) {
	query := `{"query": {"bool": {"filter": [{"term": {"user.id": "ada"}}, {"term": {"audit.kind": "field_change"}}]}}}`
	req, err := http.NewRequest(http.MethodPost, s.ElasticsearchURL()+"/dossier-catalog-*/_search", strings.NewReader(query))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/json")
	req.SetBasicAuth(parts.ElasticUser, s.ElasticPassword())
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	var answer struct {
		Hits struct {
			Hits []struct {
				Source struct {
					Entity struct{ Type, ID string }
					Event  struct{ Reason string }
					Change struct {
						Field             string
						Previous, Current struct{ JSON string }
					}
				} `json:"_source"`
			}
		}
	}
	if resp.StatusCode != http.StatusOK {
		return "", errors.New(resp.Status)
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return "", err
	}
	var lines []string
	for _, hit := range answer.Hits.Hits {
		d := hit.Source
		lines = append(lines, fmt.Sprintf("%s %s: %s from %s to %s, %s", d.Entity.Type, d.Entity.ID, d.Change.Field, d.Change.Previous.JSON, d.Change.Current.JSON, d.Event.Reason))
	}
	return strings.Join(lines, "\n"), nil
}
