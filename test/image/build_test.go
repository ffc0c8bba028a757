package image

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"testing"

	"github.com/moby/moby/client"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
	"github.com/testcontainers/testcontainers-go"
)

// labels are the build arguments of the tests' image with the labels that they become.
var labels = map[string][2]string{
	"VERSION":  {"org.opencontainers.image.version", "1.2.3-test"},
	"REVISION": {"org.opencontainers.image.revision", "0123456789abcdef"},
	"CREATED":  {"org.opencontainers.image.created", "2026-11-23T00:00:00Z"},
}

// authorities are the places where systems keep the certificates of the public authorities.
var authorities = []string{"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"}

// compiled is the build context of this test process.
var compiled struct {
	once sync.Once
	dir  string
	err  error
}

// buildDir gives a directory that holds what the Dockerfile's stage prebuilt needs, and nothing else. TestMain removes it.
func buildDir(t *testing.T) string {
	t.Helper()
	compiled.once.Do(func() {
		if compiled.dir, compiled.err = os.MkdirTemp("", "dossier-image-"); compiled.err == nil {
			compiled.err = fill(compiled.dir)
		}
	})
	if compiled.err != nil {
		t.Fatal(compiled.err)
	}
	return compiled.dir
}

// built is the image of this test process.
var built struct {
	once sync.Once
	tag  string
	err  error
}

// image builds Dossier's image once, as a machine without a network does: from a binary.
func image(t *testing.T) string {
	t.Helper()
	needEngine(t)
	dir := buildDir(t)
	built.once.Do(func() { built.tag, built.err = build(t.Context(), dir) })
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.tag
}

// fill compiles the binary and puts the other two files beside it. The sources are those that .dockerignore lets through to the Dockerfile's stage build, so
// that one is short of nothing either.
func fill(dir string) error {
	sources, err := os.MkdirTemp("", "dossier-sources-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(sources)
	if err := copyContext("../..", sources); err != nil {
		return err
	}
	cmd := exec.Command("go", "build", "-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", filepath.Join(dir, "dossier"), "./cmd/dossier")
	cmd.Dir = sources
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build the binary from what .dockerignore lets through: %w\n%s", err, out)
	}
	if err := copyFile("../../Dockerfile", filepath.Join(dir, "Dockerfile")); err != nil {
		return err
	}
	var errs []error
	for _, path := range authorities {
		err := copyFile(path, filepath.Join(dir, "ca-certificates.crt"))
		if err == nil {
			return nil
		}
		errs = append(errs, err)
	}
	return fmt.Errorf("no certificates of the public authorities (apt-get install ca-certificates): %w", errors.Join(errs...))
}

// copyContext copies what an engine gets of a directory as the context of a build.
func copyContext(root, to string) error {
	f, err := os.Open(filepath.Join(root, ".dockerignore"))
	if err != nil {
		return err
	}
	defer f.Close()
	patterns, err := ignorefile.ReadAll(f)
	if err != nil {
		return err
	}
	ignored, err := patternmatcher.New(patterns)
	if err != nil {
		return err
	}
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil || rel == "." {
			return err
		}
		if d.IsDir() {
			if rel == ".git" {
				return fs.SkipDir // for speed alone
			}
			return nil
		}
		if skip, err := ignored.MatchesOrParentMatches(rel); err != nil || skip {
			return err
		}
		if err := os.MkdirAll(filepath.Join(to, filepath.Dir(rel)), 0o755); err != nil {
			return err
		}
		return copyFile(path, filepath.Join(to, rel))
	})
}

func copyFile(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, content, 0o644)
}

// build has the engine build the image, and gives its tag.
func build(ctx context.Context, dir string) (string, error) {
	provider, err := testcontainers.NewDockerProvider(testcontainers.WithLogger(silent{}))
	if err != nil {
		return "", err
	}
	defer provider.Close()
	request := testcontainers.ContainerRequest{FromDockerfile: testcontainers.FromDockerfile{
		Context: dir, Repo: "dossier", Tag: "test", BuildArgs: map[string]*string{}, BuildLogWriter: io.Discard,
		BuildOptionsModifier: func(o *client.ImageBuildOptions) { o.Target = "prebuilt" },
	}}
	for argument, label := range labels {
		value := label[1]
		request.BuildArgs[argument] = &value
	}
	return provider.BuildImage(ctx, &request)
}

// TestBinaryIsStatic: in an image without anything else there is no loader and no library.
func TestBinaryIsStatic(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the binary")
	}
	f, err := elf.Open(filepath.Join(buildDir(t), "dossier"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			t.Error("the binary asks for a loader")
		}
	}
	if libraries, err := f.ImportedLibraries(); err == nil && len(libraries) > 0 {
		t.Errorf("the binary asks for %v", libraries)
	}
}

// TestGoVersion: the stage build compiles with the release of Go that go.mod asks for, at some patch of it.
func TestGoVersion(t *testing.T) {
	dockerfile, err := os.ReadFile("../../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	module, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	want := regexp.MustCompile(`(?m)^go (\d+\.\d+)\.\d+$`).FindSubmatch(module)
	got := regexp.MustCompile(`(?m)^ARG GO_VERSION=(\d+\.\d+)\.\d+$`).FindSubmatch(dockerfile)
	if want == nil || got == nil || string(want[1]) != string(got[1]) {
		t.Errorf("go.mod asks for Go %s, and the Dockerfile builds with %s", want, got)
	}
}
