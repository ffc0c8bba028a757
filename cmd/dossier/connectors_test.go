package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dossier/connectors"
)

// runConnectors executes the command as a shell would, with this standard input, and gives what it printed and its exit code.
func runConnectors(t *testing.T, stdin string, args ...string) (stdout string, code int, err error) {
	t.Helper()
	command := newConnectorsCommand()
	var out bytes.Buffer
	command.SetOut(&out)
	command.SetErr(&out)
	command.SetIn(strings.NewReader(stdin))
	command.SetArgs(args)
	command.SetContext(t.Context())
	err = command.Execute()
	var exit *exitError
	switch {
	case err == nil:
	case errors.As(err, &exit):
		code = exit.code
	default:
		code = exitFailed
	}
	return out.String(), code, err
}

// shop sets the environment that the shipped configurations ask for.
func shop(t *testing.T) {
	t.Helper()
	for name, value := range map[string]string{
		"DOSSIER_SOURCE": "shop", "DOSSIER_DB_HOST": "db", "DOSSIER_DB_NAME": "shop", "DOSSIER_DB_PASSWORD": "swordfish",
		"DOSSIER_UNAVAILABLE_PLACEHOLDER": "0c1e6f0b9d6a4d2c",
	} {
		t.Setenv(name, value)
	}
}

// worker is a Kafka Connect that has the connectors given and takes everything.
func worker(t *testing.T, deployed map[string]map[string]string) string {
	t.Helper()
	offset := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
		name := parts[min(1, len(parts)-1)]
		rest := strings.Join(parts[min(2, len(parts)):], "/")
		_, exists := deployed[name]
		var answer any
		switch {
		case parts[0] == "connector-plugins":
			answer = map[string]any{"configs": []any{}}
		case len(parts) == 1:
			names := []string{}
			for name := range deployed {
				names = append(names, name)
			}
			answer = names
			if r.URL.RawQuery != "" {
				all := map[string]any{}
				for name := range deployed {
					all[name] = map[string]any{"status": runningStatus(name)}
				}
				answer = all
			}
		case r.Method == http.MethodPut:
			settings := map[string]string{}
			_ = json.NewDecoder(r.Body).Decode(&settings)
			deployed[name] = settings
			answer = map[string]any{}
		case !exists:
			w.WriteHeader(404)
			answer = map[string]any{"error_code": 404, "message": "Connector " + name + " not found"}
		case r.Method == http.MethodDelete:
			delete(deployed, name)
			w.WriteHeader(204)
			return
		case rest == "config":
			answer = deployed[name]
		case rest == "status":
			answer = runningStatus(name)
		case rest == "offsets":
			offset++
			answer = map[string]any{"offsets": []int{offset}}
		}
		_ = json.NewEncoder(w).Encode(answer)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func runningStatus(name string) any {
	return map[string]any{"name": name, "connector": map[string]string{"state": "RUNNING"}, "tasks": []any{map[string]any{"id": 0, "state": "RUNNING"}}}
}

func TestConnectorsMisuse(t *testing.T) {
	for _, args := range [][]string{
		{"nonsense"}, {"validate"}, {"apply"}, {"list", "x"}, {"list", "--nonsense"}, {"list", "--connect", "nonsense"},
		{"validate", "/nowhere.json"}, {"show", "nonsense"}, {"show"},
	} {
		if _, code, err := runConnectors(t, "", args...); code != exitMisuse {
			t.Errorf("%q: exit code %d, %v; want %d", args, code, err, exitMisuse)
		}
	}
}

func TestConnectorsValidate(t *testing.T) {
	shop(t)
	out, code, err := runConnectors(t, "", "validate", "--strict", "postgres-json")
	if code != 0 || !strings.Contains(out, "0 errors, 0 warnings in 1 file") {
		t.Errorf("%d, %v\n%s", code, err, out)
	}
	file := filepath.Join(t.TempDir(), "bad.json")
	if err := os.WriteFile(file, []byte(`{"name":"x","config":{"connector.class":"PostgresConnector",
		"topic.prefx":"a"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	out, code, _ = runConnectors(t, "", "validate", file)
	if code != exitFailed || !strings.Contains(out, file+":2: error: topic.prefx: ") || !strings.Contains(out, "did you mean topic.prefix?") {
		t.Errorf("%d\n%s", code, out)
	}
	out, code, _ = runConnectors(t, "", "validate", "--json", file)
	var findings []connectors.Finding
	if err := json.Unmarshal([]byte(out), &findings); err != nil || code != exitFailed || len(findings) == 0 || findings[0].File != file {
		t.Errorf("%d, %v\n%s", code, err, out)
	}
}

func TestConnectorsApply(t *testing.T) {
	shop(t)
	deployed := map[string]map[string]string{}
	t.Setenv("DOSSIER_CONNECT_URL", worker(t, deployed))

	out, code, err := runConnectors(t, "", "apply", "--dry-run", "postgres-json")
	if code != 0 || !strings.Contains(out, "dossier-shop: would be created") || len(deployed) != 0 {
		t.Fatalf("dry run: %d, %v, %v\n%s", code, err, deployed, out)
	}
	for _, want := range []string{"dossier-shop: created, running", "dossier-shop: unchanged, running"} {
		out, code, err = runConnectors(t, "", "apply", "postgres-json")
		if code != 0 || !strings.Contains(out, want) {
			t.Fatalf("%d, %v\n%s", code, err, out)
		}
	}
	t.Setenv("DOSSIER_DB_PASSWORD", "hunter2")
	out, code, _ = runConnectors(t, "", "apply", "--json", "postgres-json")
	var results []applied
	if err := json.Unmarshal([]byte(out), &results); err != nil || code != 0 || len(results) != 1 {
		t.Fatalf("%d, %v\n%s", code, err, out)
	}
	if r := results[0]; r.Outcome != connectors.Updated || fmt.Sprint(r.Changed) != "[database.password]" || !r.Running {
		t.Errorf("%+v", r)
	}
	if strings.Contains(out, "hunter2") || strings.Contains(out, "swordfish") {
		t.Errorf("a secret was printed:\n%s", out)
	}
}

func TestConnectorsApplyDeploysNothingOfWhatIsWrong(t *testing.T) {
	shop(t)
	deployed := map[string]map[string]string{}
	file := filepath.Join(t.TempDir(), "bad.json")
	if err := os.WriteFile(file, []byte(`{"name":"x","config":{"connector.class":"PostgresConnector","tasks.max":"one"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	out, code, err := runConnectors(t, "", "apply", "--connect", worker(t, deployed), "postgres-json", file)
	if code != exitFailed || len(deployed) != 0 || !strings.Contains(out, `tasks.max: is "one"; it must be a whole number`) || !strings.Contains(err.Error(), "nothing was deployed") {
		t.Errorf("%d, %v, %v\n%s", code, err, deployed, out)
	}
}

func TestConnectorsDelete(t *testing.T) {
	shop(t)
	deployed := map[string]map[string]string{"dossier-shop": {"connector.class": "io.debezium.connector.postgresql.PostgresConnector", "slot.name": "running_slot"}}
	t.Setenv("DOSSIER_CONNECT_URL", worker(t, deployed))

	out, code, err := runConnectors(t, "n\n", "delete", "postgres-json")
	if code != exitFailed || len(deployed) != 1 || !strings.Contains(out, "Delete dossier-shop?") || err.Error() != "nothing was deleted" {
		t.Errorf("declined: %d, %v\n%s", code, err, out)
	}
	if _, code, _ = runConnectors(t, "", "delete", "postgres-json"); code != exitFailed || len(deployed) != 1 {
		t.Errorf("unanswered: %d", code)
	}
	out, code, err = runConnectors(t, "y\n", "delete", "postgres-json")
	if code != 0 || len(deployed) != 0 || !strings.Contains(out, "SELECT pg_drop_replication_slot('running_slot');") {
		t.Errorf("confirmed: %d, %v\n%s", code, err, out)
	}
	out, code, _ = runConnectors(t, "", "delete", "--yes", "postgres-json")
	if code != exitFailed || !strings.Contains(out, "no connector of this name") {
		t.Errorf("again: %d\n%s", code, out)
	}
}

func TestConnectorsDeleteWithoutATerminal(t *testing.T) {
	shop(t)
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	command := newConnectorsCommand()
	command.SetIn(null)
	command.SetArgs([]string{"delete", "postgres-json"})
	var exit *exitError
	if err := command.Execute(); !errors.As(err, &exit) || exit.code != exitMisuse || !strings.Contains(err.Error(), "--yes") {
		t.Errorf("%v", err)
	}
}

func TestConnectorsStatus(t *testing.T) {
	shop(t)
	t.Setenv("DOSSIER_CONNECT_URL", worker(t, map[string]map[string]string{"other": {}}))
	out, code, err := runConnectors(t, "", "list")
	if code != 0 || !strings.Contains(out, "other") || !strings.Contains(out, "1/1 running") {
		t.Errorf("%d, %v\n%s", code, err, out)
	}
	out, code, _ = runConnectors(t, "", "status", "postgres-json")
	if code != exitFailed || !strings.Contains(out, "MISSING") {
		t.Errorf("%d\n%s", code, out)
	}
	out, code, _ = runConnectors(t, "", "status", "--json")
	var list []connectors.Status
	if err := json.Unmarshal([]byte(out), &list); err != nil || code != 0 || len(list) != 1 {
		t.Errorf("%d, %v\n%s", code, err, out)
	}
}

func TestConnectorsShow(t *testing.T) {
	for _, name := range connectors.Shipped() {
		out, code, err := runConnectors(t, "", "show", name)
		if code != 0 || len(out) < 100 {
			t.Errorf("%s: %d, %v", name, code, err)
		}
	}
}
