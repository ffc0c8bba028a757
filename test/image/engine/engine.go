// Package engine gives tests a Docker engine: the one that the machine runs, or else one of their own.
//
// An own engine keeps everything in one temporary directory, listens on a socket there alone, changes no firewall rule and no bridge of the machine, and ends
// with the test process, however that ends. It reaches no registry: images are built from nothing, or are there already. It needs Linux, root,
// and Debian's docker.io.
package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/moby/moby/client"
)

// MissingError says that no engine answers and why none can be started.
type MissingError struct{ Lacks []string }

func (e *MissingError) Error() string {
	return "no Docker engine answers, and none can be started here:\n  - " + strings.Join(e.Lacks, "\n  - ")
}

// Engine is a running engine.
type Engine struct {
	// Own tells that it was started by Ensure, and ends with Stop.
	Own bool

	dir   string
	cmd   *exec.Cmd
	ended chan struct{}
}

// startPatience is how long an engine may take to answer, which takes under a second on an idle machine.
const startPatience = 30 * time.Second

// stopPatience is how long it may take to end, with the containers that a test has left.
const stopPatience = 20 * time.Second

// Ensure finds the machine's engine, or starts one. It sets the environment of this process so that testcontainers finds the engine, and does without
// its reaper, whose image could not be had; so it has to be called before anything of testcontainers is used. A *MissingError says
// that there is no way.
func Ensure(ctx context.Context) (*Engine, error) {
	if err := os.Setenv("TESTCONTAINERS_RYUK_DISABLED", "true"); err != nil {
		return nil, err
	}
	if answers(ctx) {
		return &Engine{}, nil
	}
	if err := possible(); err != nil {
		return nil, err
	}
	e := &Engine{Own: true, ended: make(chan struct{})}
	var err error
	if e.dir, err = os.MkdirTemp("", "dossier-engine-"); err != nil {
		return nil, err
	}
	if err := e.start(ctx); err != nil {
		return nil, errors.Join(err, e.Stop())
	}
	return e, nil
}

// answers tells whether an engine answers where testcontainers would look for it.
func answers(ctx context.Context) bool {
	if os.Getenv("DOCKER_HOST") != "" {
		return ping(ctx, client.FromEnv)
	}
	home, _ := os.UserHomeDir()
	for _, socket := range []string{"/var/run/docker.sock", filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), "docker.sock"),
		filepath.Join(home, ".docker", "run", "docker.sock"), filepath.Join(home, ".docker", "desktop", "docker.sock")} {
		if _, err := os.Stat(socket); err == nil && ping(ctx, client.WithHost("unix://"+socket)) {
			return true
		}
	}
	return false
}

// ping asks an engine once.
func ping(ctx context.Context, where client.Opt) bool {
	c, err := client.New(where)
	if err != nil {
		return false
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	_, err = c.Ping(ctx, client.PingOptions{})
	return err == nil
}

// possible tells what an engine of our own would need and is not there.
func possible() error {
	var lacks []string
	if runtime.GOOS != "linux" {
		lacks = append(lacks, "Linux; elsewhere start Docker Desktop")
	} else {
		if os.Geteuid() != 0 {
			lacks = append(lacks, "root; other users start an engine first, and may set DOCKER_HOST")
		}
		for _, program := range []string{"dockerd", "containerd", "runc"} {
			if _, err := exec.LookPath(program); err != nil {
				lacks = append(lacks, program+": apt-get install --no-install-recommends docker.io iptables")
			}
		}
	}
	if len(lacks) > 0 {
		return &MissingError{Lacks: lacks}
	}
	return nil
}

// start starts the engine and returns when it answers.
func (e *Engine) start(ctx context.Context) error {
	socket := "unix://" + filepath.Join(e.dir, "docker.sock")
	config := filepath.Join(e.dir, "daemon.json") // the machine's own may contradict the flags
	if err := os.WriteFile(config, []byte("{}\n"), 0o644); err != nil {
		return err
	}
	log, err := os.Create(e.log())
	if err != nil {
		return err
	}
	defer log.Close()
	e.cmd = exec.Command("dockerd", "--config-file", config, "--host", socket, "--data-root", filepath.Join(e.dir, "data"), "--exec-root", filepath.Join(e.dir, "exec"),
		"--pidfile", filepath.Join(e.dir, "pid"), "--bridge", "none", "--iptables=false", "--ip6tables=false", "--log-level", "warn")
	e.cmd.Stdout, e.cmd.Stderr = log, log
	e.cmd.SysProcAttr = endsWithParent()
	started := make(chan error, 1)
	go func() {
		// The system ends the engine when the thread that has started it ends, so this thread stays until then.
		runtime.LockOSThread()
		defer close(e.ended)
		err := e.cmd.Start()
		started <- err
		if err == nil {
			_ = e.cmd.Wait() // how it ends is in its log
		}
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start dockerd: %w", err)
	}
	for name, value := range map[string]string{"DOCKER_HOST": socket, "TESTCONTAINERS_HOST_OVERRIDE": "127.0.0.1"} {
		if err := os.Setenv(name, value); err != nil {
			return err
		}
	}
	deadline := time.Now().Add(startPatience)
	for !ping(ctx, client.FromEnv) {
		select {
		case <-e.ended:
			return fmt.Errorf("dockerd ended at once:\n%s", e.lastLines())
		case <-ctx.Done():
			return fmt.Errorf("dockerd: %w", context.Cause(ctx))
		case <-time.After(50 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("dockerd does not answer after %v:\n%s", startPatience, e.lastLines())
		}
	}
	return nil
}

func (e *Engine) log() string { return filepath.Join(e.dir, "log") }

// lastLines is the end of the engine's log.
func (e *Engine) lastLines() string {
	text, err := os.ReadFile(e.log())
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}

// Stop ends an own engine with its containers and removes what it has kept. The machine's engine is left alone.
func (e *Engine) Stop() error {
	if !e.Own {
		return nil
	}
	var errs []error
	if e.cmd != nil && e.cmd.Process != nil {
		if err := e.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
			errs = append(errs, err)
		}
		select {
		case <-e.ended:
		case <-time.After(stopPatience):
			errs = append(errs, fmt.Errorf("dockerd had to be killed, it did not end within %v:\n%s", stopPatience, e.lastLines()), e.cmd.Process.Kill())
			<-e.ended
		}
	}
	release(e.dir)
	return errors.Join(append(errs, os.RemoveAll(e.dir))...)
}
