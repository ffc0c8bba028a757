package image

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"testing"

	"dossier/test/image/engine"
	"dossier/test/stack"
)

func TestMain(m *testing.M) {
	code := stack.Main(m)
	if compiled.dir != "" {
		os.RemoveAll(compiled.dir)
	}
	if docker.engine != nil {
		if err := docker.engine.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "stop the engine:", err)
			code = max(code, 1)
		}
	}
	os.Exit(code)
}

// docker is the engine of this test process.
var docker struct {
	once   sync.Once
	engine *engine.Engine
	err    error
}

// needEngine has an engine running. Where there can be none, or under `go test -short`, the test is skipped with the reason; with CI=true it fails.
func needEngine(t *testing.T) {
	t.Helper()
	ci, _ := strconv.ParseBool(os.Getenv("CI"))
	if testing.Short() && !ci {
		t.Skip("no container is started under -short")
	}
	docker.once.Do(func() { docker.engine, docker.err = engine.Ensure(context.Background()) })
	var missing *engine.MissingError
	switch {
	case errors.As(docker.err, &missing) && !ci:
		t.Skip(docker.err)
	case docker.err != nil:
		t.Fatal(docker.err)
	}
}
