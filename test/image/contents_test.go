package image

import (
	"archive/tar"
	"errors"
	"io"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
)

// TestImageHoldsNothingElse reads the file system of a container of the image, and what the image says of itself.
func TestImageHoldsNothingElse(t *testing.T) {
	tag := image(t)
	provider, err := testcontainers.NewDockerProvider(testcontainers.WithLogger(silent{}))
	if err != nil {
		t.Fatal(err)
	}
	defer provider.Close()
	engine := provider.Client()

	about, err := engine.ImageInspect(t.Context(), tag)
	if err != nil {
		t.Fatal(err)
	}
	if about.Config.User != "65532:65532" {
		t.Errorf("runs as %q, want a number that is not root", about.Config.User)
	}
	if !slices.Equal(about.Config.Entrypoint, []string{"/dossier"}) || !slices.Equal(about.Config.Cmd, []string{"run"}) {
		t.Errorf("starts %v %v", about.Config.Entrypoint, about.Config.Cmd)
	}
	if about.Config.WorkingDir != "/etc/dossier" {
		t.Errorf("looks for its configuration in %s", about.Config.WorkingDir)
	}
	if check := about.Config.Healthcheck; check == nil || !slices.Equal(check.Test, []string{"CMD", "/dossier", "probe"}) {
		t.Errorf("is checked by %v", check)
	}
	for argument, label := range labels {
		if got := about.Config.Labels[label[0]]; got != label[1] {
			t.Errorf("%s=%s gives the label %s the value %q", argument, label[1], label[0], got)
		}
	}
	for _, variable := range about.Config.Env {
		if !strings.HasPrefix(variable, "PATH=") {
			t.Errorf("the image sets %s, which would win over the configuration", variable)
		}
	}

	created, err := engine.ContainerCreate(t.Context(), client.ContainerCreateOptions{Config: &container.Config{Image: tag}})
	if err != nil {
		t.Fatal(err)
	}
	defer engine.ContainerRemove(t.Context(), created.ID, client.ContainerRemoveOptions{Force: true})
	export, err := engine.ContainerExport(t.Context(), created.ID, client.ContainerExportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer export.Close()
	var files []string
	for r := tar.NewReader(export); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg && h.Size > 0 {
			files = append(files, path.Clean("/"+h.Name))
		}
		if h.Mode&0o6000 != 0 {
			t.Errorf("%s gives its user the rights of another", h.Name)
		}
	}
	slices.Sort(files)
	if want := []string{"/dossier", "/etc/ssl/certs/ca-certificates.crt"}; !slices.Equal(files, want) {
		t.Errorf("the image holds %v, want %v", files, want)
	}
}
