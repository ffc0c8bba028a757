package web

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// schemathesisVersion is the version of the tool that the API is checked with: https://schemathesis.readthedocs.io.
const schemathesisVersion = "4.32.5"

// TestSchemathesis lets a public tool send what the description allows and what it forbids, and compare the answers with the description. testdata/schemathesis.toml says
// what it checks.
func TestSchemathesis(t *testing.T) {
	tool := schemathesis(t)
	core, logged := observer.New(zap.ErrorLevel)
	a := newSQLiteAPI(t, func(o *Options) { o.Log = zap.New(core) })
	server := httptest.NewUnstartedServer(nil)
	server.Config = Server(a.Handler())
	server.Start()
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	config, err := filepath.Abs("testdata/schemathesis.toml")
	if err != nil {
		t.Fatal(err)
	}
	run := exec.CommandContext(ctx, tool, "--config-file", config, "run", server.URL+"/api/openapi.json")
	run.Dir = t.TempDir() // it leaves files where it runs
	run.Env = append(os.Environ(), "NO_COLOR=1", "COLUMNS=160")
	out, err := run.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	} else {
		t.Logf("%s", out)
	}
	for _, entry := range logged.All() {
		t.Errorf("an error in the log: %s %v", entry.Message, entry.ContextMap())
	}
}

// schemathesis returns the tool, which pip installs where it is not yet. Where it cannot, or under `go test -short`, the test is skipped with the reason; with CI=true it
// fails.
func schemathesis(t *testing.T) string {
	t.Helper()
	ci, _ := strconv.ParseBool(os.Getenv("CI"))
	if testing.Short() && !ci {
		t.Skip("nothing is installed under -short")
	}
	tool, err := installSchemathesis(t.Context())
	switch {
	case err != nil && !ci:
		t.Skipf("no schemathesis: %v", err)
	case err != nil:
		t.Fatal(err)
	}
	return tool
}

func installSchemathesis(ctx context.Context) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	parent := filepath.Join(cache, "dossier")
	dir := filepath.Join(parent, "schemathesis-"+schemathesisVersion)
	tool := filepath.Join(dir, "bin", "schemathesis")
	done := filepath.Join(dir, "installed")
	if _, err := os.Stat(done); err == nil {
		return tool, nil
	}
	python, err := exec.LookPath("python3")
	if err != nil {
		return "", err
	}
	// A half-made environment of a run that was cut off is made anew.
	if err := errors.Join(os.MkdirAll(parent, 0o755), os.RemoveAll(dir)); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	for _, command := range [][]string{
		{python, "-m", "venv", dir},
		{filepath.Join(dir, "bin", "pip"), "install", "--quiet", "--disable-pip-version-check", "schemathesis==" + schemathesisVersion},
	} {
		if out, err := exec.CommandContext(ctx, command[0], command[1:]...).CombinedOutput(); err != nil {
			return "", fmt.Errorf("%v: %w\n%s", command, err, out)
		}
	}
	return tool, os.WriteFile(done, nil, 0o644)
}
