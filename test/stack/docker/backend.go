// Package docker runs the real parts as containers of the official images, for people who have Docker and not the programs that package native needs.
//
// The containers share a network of their own, in which each has its part's name. Their ports are published on fixed free ports of
// 127.0.0.1, so that a part that is killed comes back where it was. Data live in the containers and end with them. When the process ends
// without closing the backend, testcontainers' reaper removes what it has left.
//
// Settings and versions are those of package parts; how the images take them is in package images. The continuous integration has no registry to pull
// the images from: there a real engine runs this package's code with a stand-in, and the containers' descriptions are compared with the settings.
package docker

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"dossier/test/stack/freeport"
	"dossier/test/stack/parts"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	tclog "github.com/testcontainers/testcontainers-go/log"
)

// Say is told of each step of a long work, as a short line. It is never nil, and may be called from several goroutines.
type Say func(line string)

// MissingError says that there is no engine to run containers on.
type MissingError struct{ Cause error }

func (e *MissingError) Error() string {
	return fmt.Sprintf("no Docker engine answers: %v; start one (on Debian: apt-get install docker.io), or set DOCKER_HOST to its address", e.Cause)
}

func (e *MissingError) Unwrap() error { return e.Cause }

// Backend holds the containers of one stack. Its methods may be used from several goroutines.
type Backend struct {
	say      Say
	provider *testcontainers.DockerProvider
	dir      string // for logs; temporary
	elastic  string // password of parts.ElasticUser
	host     string // where the engine's ports are reached
	images   map[parts.Part]string

	mu         sync.Mutex
	network    string                                         // guarded by mu, like all below; "" until parts are prepared
	ports      map[parts.Part]int                             // on host
	containers map[parts.Part]*testcontainers.DockerContainer // made at a part's first start
}

// Available tells whether an engine answers; a *MissingError says why not.
func Available(ctx context.Context) error {
	provider, _, err := connect(ctx)
	if err != nil {
		return err
	}
	return provider.Close()
}

// connect finds the engine, and the host on which it publishes ports.
func connect(ctx context.Context) (*testcontainers.DockerProvider, string, error) {
	// The network "host" is there always; under another name testcontainers would attach each container to that network as well, and make it first.
	provider, err := testcontainers.NewDockerProvider(testcontainers.WithLogger(silent{}), testcontainers.WithDefaultBridgeNetwork("host"))
	if err != nil {
		return nil, "", &MissingError{Cause: err}
	}
	if err := provider.Health(ctx); err != nil {
		return nil, "", &MissingError{Cause: errors.Join(err, provider.Close())}
	}
	host, err := provider.DaemonHost(ctx)
	if err != nil {
		return nil, "", &MissingError{Cause: errors.Join(err, provider.Close())}
	}
	if host == "localhost" { // which may mean ::1, where nothing is published
		host = "127.0.0.1"
	}
	return provider, host, nil
}

// New finds the engine and makes a stack without parts. A *MissingError says that there is none.
func New(ctx context.Context, say Say) (*Backend, error) {
	provider, host, err := connect(ctx)
	if err != nil {
		return nil, err
	}
	b := &Backend{say: say, provider: provider, host: host, images: parts.Images, ports: map[parts.Part]int{}, containers: map[parts.Part]*testcontainers.DockerContainer{}}
	secret := make([]byte, 12)
	if _, err := rand.Read(secret); err != nil {
		return nil, errors.Join(err, provider.Close())
	}
	b.elastic = hex.EncodeToString(secret)
	if b.dir, err = os.MkdirTemp("", "dossier-stack-"); err != nil {
		return nil, errors.Join(err, provider.Close())
	}
	return b, nil
}

// Prepare pulls the parts' images, makes their network, and fixes their addresses. Parts may be prepared again.
func (b *Backend) Prepare(ctx context.Context, want []parts.Part) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range want {
		if err := b.pull(ctx, b.images[p]); err != nil {
			return fmt.Errorf("the image of %s: %w", p, err)
		}
		if _, ok := b.ports[p]; ok {
			continue
		}
		port, err := freeport.Next()
		if err != nil {
			return err
		}
		b.ports[p] = port
	}
	if b.network != "" {
		return nil
	}
	// Not by testcontainers' own function, which on an engine without a default bridge makes one more network, and leaves it. The labels are what its reaper
	// goes by.
	name := "dossier-stack-" + rand.Text()
	if _, err := b.provider.Client().NetworkCreate(ctx, name, client.NetworkCreateOptions{Driver: "bridge", Labels: testcontainers.GenericLabels()}); err != nil {
		return fmt.Errorf("make a network for the parts: %w", err)
	}
	b.network = name
	return nil
}

// pull gets an image that the engine does not have. It takes as long as it takes, so it is no part of a start.
func (b *Backend) pull(ctx context.Context, image string) error {
	_, err := b.provider.Client().ImageInspect(ctx, image)
	if err == nil || !errdefs.IsNotFound(err) {
		return err
	}
	b.say("pulling " + image)
	return b.provider.PullImage(ctx, image)
}

// Address is where clients on this machine reach a part, host:port.
func (b *Backend) Address(p parts.Part) string { return b.place(p).outside() }

// InsideAddress is where the parts reach each other.
func (b *Backend) InsideAddress(p parts.Part) string { return inside(p) }

func (b *Backend) place(p parts.Part) place {
	b.mu.Lock()
	defer b.mu.Unlock()
	return place{host: b.host, port: b.ports[p], network: b.network, elastic: b.elastic}
}

// ElasticPassword is the password of parts.ElasticUser.
func (b *Backend) ElasticPassword() string { return b.elastic }

// OpenSearchPassword is the password of parts.OpenSearchUser.
func (b *Backend) OpenSearchPassword() string { return parts.OpenSearchPassword(b.elastic) }

// LogDir is the directory where Close leaves the parts' logs, one file each, named like the part.
func (b *Backend) LogDir() string { return b.dir }

// Start starts one prepared part and returns when it answers as its clients need it. The parts that it needs are up. A part that was
// stopped or killed starts again in its container, on its data and its port.
func (b *Backend) Start(ctx context.Context, p parts.Part) error {
	c, err := b.container(ctx, p)
	if err != nil {
		return err
	}
	if running(ctx, c) {
		return fmt.Errorf("%s is already running", p)
	}
	if err := c.Start(ctx); err != nil {
		return fmt.Errorf("start %s: %w%s", p, err, b.lastLines(c))
	}
	return nil
}

// container gives the container of a part, and makes it the first time.
func (b *Backend) container(ctx context.Context, p parts.Part) (*testcontainers.DockerContainer, error) {
	if c := b.made(p); c != nil {
		return c, nil
	}
	at := b.place(p)
	if at.port == 0 || at.network == "" {
		return nil, fmt.Errorf("%s is not part of this stack", p)
	}
	r, err := request(p, b.images[p], at)
	if err != nil {
		return nil, err
	}
	made, err := b.provider.CreateContainer(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("make the container of %s: %w", p, err)
	}
	c := made.(*testcontainers.DockerContainer)
	b.mu.Lock()
	b.containers[p] = c
	b.mu.Unlock()
	return c, nil
}

// made gives the container of a part that was started before; nil if it was not.
func (b *Backend) made(p parts.Part) *testcontainers.DockerContainer {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.containers[p]
}

// enginePatience bounds what the engine is asked outside of a caller's context, beside what a part may take to end.
const enginePatience = 30 * time.Second

// stopPatience is how long a part may take to end in order before it is killed.
const stopPatience = 30 * time.Second

// Stop ends a part in order, and kills it when it takes too long. A part that does not run is no error.
func (b *Backend) Stop(p parts.Part) error {
	c := b.made(p)
	if c == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopPatience+enginePatience)
	defer cancel()
	if !running(ctx, c) {
		return nil
	}
	patience := stopPatience
	return c.Stop(ctx, &patience)
}

// Kill ends a part with SIGKILL and returns when it has ended.
func (b *Backend) Kill(p parts.Part) error {
	c := b.made(p)
	if c == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), enginePatience)
	defer cancel()
	if !running(ctx, c) {
		return nil
	}
	engine := b.provider.Client()
	if _, err := engine.ContainerKill(ctx, c.GetContainerID(), client.ContainerKillOptions{Signal: "SIGKILL"}); err != nil {
		return fmt.Errorf("kill %s: %w", p, err)
	}
	for running(ctx, c) {
		select {
		case <-ctx.Done():
			return fmt.Errorf("kill %s: its container still runs: %w", p, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}

// Running tells whether a part's container runs, answering or not.
func (b *Backend) Running(p parts.Part) bool {
	c := b.made(p)
	if c == nil {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), enginePatience)
	defer cancel()
	return running(ctx, c)
}

func running(ctx context.Context, c *testcontainers.DockerContainer) bool {
	state, err := c.State(ctx)
	return err == nil && state.Running
}

// lastLines gives the end of a container's log, to be added to an error.
func (b *Backend) lastLines(c *testcontainers.DockerContainer) string {
	ctx, cancel := context.WithTimeout(context.Background(), enginePatience)
	defer cancel()
	log, err := c.Logs(ctx)
	if err != nil {
		return ""
	}
	defer log.Close()
	if lines := tail(log, 4096); lines != "" {
		return "\n" + lines
	}
	return ""
}

// Close removes every container, with its data, and the network. With keepLogs the logs are written to LogDir before.
func (b *Backend) Close(keepLogs bool) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 4*enginePatience)
	defer cancel()
	var errs []error
	for p, c := range b.containers {
		if keepLogs {
			errs = append(errs, writeLog(ctx, c, filepath.Join(b.dir, string(p)+".log")))
		}
		// The data go with the containers, so nothing is gained by an orderly stop.
		errs = append(errs, c.Terminate(ctx, testcontainers.StopTimeout(0)))
		delete(b.containers, p)
	}
	if b.network != "" {
		_, err := b.provider.Client().NetworkRemove(ctx, b.network, client.NetworkRemoveOptions{})
		errs = append(errs, err)
		b.network = ""
	}
	if !keepLogs {
		errs = append(errs, os.RemoveAll(b.dir))
	}
	return errors.Join(append(errs, b.provider.Close())...)
}

func writeLog(ctx context.Context, c *testcontainers.DockerContainer, path string) error {
	log, err := c.Logs(ctx)
	if err != nil {
		return err
	}
	defer log.Close()
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, log)
	return errors.Join(err, f.Close())
}

// silent drops what testcontainers says of each step: the stack tells its own progress.
type silent struct{}

var _ tclog.Logger = silent{}

func (silent) Printf(string, ...any) {}
