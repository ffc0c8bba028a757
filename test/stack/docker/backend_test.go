package docker

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"dossier/test/image/engine"
	"dossier/test/stack/parts"

	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
)

// TestBackendHandlesContainers has a real engine start, kill and stop a part's container. The part is a stand-in, whose image can be built without a
// network; what is tested of the real images is in the tests of the requests.
func TestBackendHandlesContainers(t *testing.T) {
	ci, _ := strconv.ParseBool(os.Getenv("CI"))
	if testing.Short() && !ci {
		t.Skip("no container is started under -short")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	own, err := engine.Ensure(ctx)
	var missing *engine.MissingError
	if errors.As(err, &missing) && !ci {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := own.Stop(); err != nil {
			t.Error(err)
		}
	}()
	if err := Available(ctx); err != nil {
		t.Fatal(err)
	}
	b, err := New(ctx, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	closed := false
	defer func() {
		if !closed {
			b.Close(false)
		}
	}()
	b.images = map[parts.Part]string{parts.Registry: standIn(t, ctx, b)}

	const p = parts.Registry
	if err := b.Start(ctx, p); err == nil || !strings.Contains(err.Error(), "not part of this stack") {
		t.Errorf("a part that was not prepared: got %v", err)
	}
	for range 2 {
		if err := b.Prepare(ctx, []parts.Part{p}); err != nil {
			t.Fatal(err)
		}
	}
	address := b.Address(p)
	if b.Running(p) {
		t.Error("runs before it was started")
	}
	start := func(want string) {
		t.Helper()
		if err := b.Start(ctx, p); err != nil {
			t.Fatal(err)
		}
		if !b.Running(p) || b.Address(p) != address {
			t.Errorf("running: %v, at %s, want %s", b.Running(p), b.Address(p), address)
		}
		if got := get(t, "http://"+address+parts.RegistryCompatPath+"/subjects"); got != want {
			t.Errorf("it was started %s times, as far as it knows, want %s", got, want)
		}
	}
	start("1")
	if err := b.Start(ctx, p); err == nil || !strings.Contains(err.Error(), "already running") {
		t.Errorf("a second start: got %v", err)
	}
	if err := b.Kill(p); err != nil {
		t.Fatal(err)
	}
	if b.Running(p) {
		t.Error("runs after it was killed")
	}
	start("2") // with its data
	if err := b.Stop(p); err != nil {
		t.Fatal(err)
	}
	for _, do := range []func(parts.Part) error{b.Stop, b.Kill} {
		if err := do(p); err != nil {
			t.Errorf("a part that does not run: %v", err)
		}
	}
	start("3")

	closed = true
	if err := b.Close(true); err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(b.LogDir())
	log, err := os.ReadFile(filepath.Join(b.LogDir(), string(p)+".log"))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(string(log), "stand-in: start"); got != 3 || strings.Count(string(log), "told to stop") != 1 {
		t.Errorf("want three starts and one orderly stop in the log:\n%s", log)
	}
	empty(t, ctx)
}

// empty checks that nothing of the backend is left in the engine.
func empty(t *testing.T, ctx context.Context) {
	t.Helper()
	provider, err := testcontainers.NewDockerProvider(testcontainers.WithLogger(silent{}))
	if err != nil {
		t.Fatal(err)
	}
	defer provider.Close()
	containers, err := provider.Client().ContainerList(ctx, client.ContainerListOptions{All: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range containers.Items {
		if c.Labels["dossier.part"] != "" {
			t.Errorf("the container of %s is left", c.Labels["dossier.part"])
		}
	}
	networks, err := provider.Client().NetworkList(ctx, client.NetworkListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range networks.Items {
		if n.Labels["org.testcontainers.sessionId"] == testcontainers.SessionID() {
			t.Errorf("the network %s is left", n.Name)
		}
	}
}

// standIn builds the image of the stand-in, from nothing.
func standIn(t *testing.T, ctx context.Context, b *Backend) string {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(dir, "standin"), "./testdata/standin")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM scratch\nCOPY standin /standin\nENTRYPOINT [\"/standin\"]\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	tag, err := b.provider.BuildImage(ctx, &testcontainers.ContainerRequest{FromDockerfile: testcontainers.FromDockerfile{
		Context: dir, Repo: "dossier-stand-in", Tag: "test", BuildLogWriter: io.Discard,
	}})
	if err != nil {
		t.Fatal(err)
	}
	return tag
}

func get(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
