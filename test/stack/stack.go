// Package stack starts the real parts that Dossier works between (PostgreSQL, Kafka, Kafka Connect with Debezium, a schema registry,
// Elasticsearch, OpenSearch), tells their addresses, breaks them on request, and ends them.
//
// A test asks for the parts that it needs:
//
//	func TestMain(m *testing.M) { os.Exit(stack.Main(m)) }
//
//	func TestPipeline(t *testing.T) {
//		s := stack.ForTest(t, stack.Postgres, stack.Connect)
//		db := s.NewDatabase(t)
//		...
//	}
//
// All tests of one process share one running stack, so each test makes its own database, topics and indices. A program, or a test that wants a
// stack of its own, calls Start and Stop.
//
// The package deploys no connector and knows no schema of Dossier's; versions and settings of the parts are in package parts.
package stack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"dossier/test/stack/docker"
	"dossier/test/stack/native"
	"dossier/test/stack/parts"
)

// Part names one server of the stack.
type Part = parts.Part

// The parts.
const (
	Postgres      = parts.Postgres
	Kafka         = parts.Kafka
	Registry      = parts.Registry
	Connect       = parts.Connect
	Elasticsearch = parts.Elasticsearch
	OpenSearch    = parts.OpenSearch

	OpenSearchSecure = parts.OpenSearchSecure
)

// BackendVariable chooses the backend: native, docker, or empty for what the machine has, native first.
const BackendVariable = "DOSSIER_STACK"

// startPatience bounds the start of one part on a slow machine.
const startPatience = 5 * time.Minute

// Options say what to start.
type Options struct {
	// Parts to start; what they need is added. Without any, the parts of the pipeline.
	Parts []Part
	// Progress is told of each step as one short line; nil for silence. It may be called from several goroutines.
	Progress func(line string)
	// KeepLogs leaves the parts' logs in LogDir after Stop.
	KeepLogs bool
}

// backend runs parts in one way: as processes, or as containers. Each part is started, stopped and killed by itself, so that tests can
// break them one at a time; addresses are known before a part is started and stay the same when it is started again.
type backend interface {
	// Prepare does what a part needs before its first start, and fixes its addresses. Parts may be prepared again.
	Prepare(ctx context.Context, want []Part) error
	// Start returns when the part answers its clients. What the part needs is up.
	Start(ctx context.Context, p Part) error
	// Stop ends a part in order; Kill ends it as a crash does. Both keep its data, and are no error for a part that does not run.
	Stop(p Part) error
	Kill(p Part) error
	Running(p Part) bool
	// Address is host:port for clients on this machine, InsideAddress for the other parts.
	Address(p Part) string
	InsideAddress(p Part) string
	ElasticPassword() string
	OpenSearchPassword() string
	LogDir() string
	// Close ends everything that the backend started and removes its data, and its logs too unless they are to be kept.
	Close(keepLogs bool) error
}

// Stack is a set of running parts.
type Stack struct {
	backend  backend
	progress func(string)

	mu       sync.Mutex
	parts    []Part // guarded by mu, like all below; prepared ones, with what they need
	keepLogs bool
	closed   bool
	serial   int // numbers databases
}

// Start starts the parts, those that do not need each other at the same time, and returns when all of them answer. On an error nothing is left
// running, and the error ends with the last lines of the log of the part that did not start. CannotRun tells whether the machine lacks what
// it takes.
func Start(ctx context.Context, o Options) (*Stack, error) {
	if len(o.Parts) == 0 {
		o.Parts = parts.Pipeline()
	}
	s, err := newStack(ctx, o)
	if err != nil {
		return nil, err
	}
	if err := s.ensure(ctx, o.Parts); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

// newStack makes a stack without parts.
func newStack(ctx context.Context, o Options) (*Stack, error) {
	s := &Stack{progress: o.Progress, keepLogs: o.KeepLogs}
	if s.progress == nil {
		s.progress = func(string) {}
	}
	var err error
	switch kind := os.Getenv(BackendVariable); kind {
	case "native":
		s.backend, err = native.New(s.progress)
	case "docker":
		s.backend, err = docker.New(ctx, s.progress)
	case "":
		s.backend, err = whatever(ctx, o.Parts, s.progress)
	default:
		err = fmt.Errorf("%s=%s: the backends are native and docker", BackendVariable, kind)
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// whatever gives the backend that this machine can run: native, or else docker. A machine that can run neither gets the native one, whose
// Prepare lists what to install.
func whatever(ctx context.Context, want []Part, say func(string)) (backend, error) {
	if len(want) == 0 {
		want = parts.Pipeline()
	}
	if native.Check(parts.Closure(want)) != nil && docker.Available(ctx) == nil {
		return docker.New(ctx, say)
	}
	return native.New(say)
}

// CannotRun tells whether an error of Start says that this machine lacks what the backend needs, so that a test may be skipped for it.
func CannotRun(err error) bool {
	var programs *native.MissingError
	var engine *docker.MissingError
	return errors.As(err, &programs) || errors.As(err, &engine)
}

// ensure starts what does not run of the given parts and those that they need, each as soon as those that it needs are up.
func (s *Stack) ensure(ctx context.Context, want []Part) error {
	want = parts.Closure(want)
	if err := s.backend.Prepare(ctx, want); err != nil {
		return err
	}
	s.mu.Lock()
	s.parts = parts.Closure(append(s.parts, want...))
	s.mu.Unlock()

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	up := map[Part]chan struct{}{}
	for _, p := range want {
		up[p] = make(chan struct{})
	}
	errs := make(chan error, len(want))
	for _, p := range want {
		go func() {
			for _, need := range p.Needs() {
				select {
				case <-up[need]:
				case <-ctx.Done():
					errs <- nil // the part that failed reports
					return
				}
			}
			if !s.backend.Running(p) {
				if err := s.start(ctx, p); err != nil {
					cancel()
					errs <- err
					return
				}
			}
			close(up[p])
			errs <- nil
		}()
	}
	var first error
	for range want {
		// The errors after the first are mostly the echo of its cancellation.
		if err := <-errs; err != nil && first == nil {
			first = err
		}
	}
	return first
}

func (s *Stack) start(ctx context.Context, p Part) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startPatience, fmt.Errorf("no answer within %v", startPatience))
	defer cancel()
	s.progress("starting " + string(p))
	began := time.Now()
	if err := s.backend.Start(ctx, p); err != nil {
		return err
	}
	s.progress(fmt.Sprintf("%s is up after %.1f s", p, time.Since(began).Seconds()))
	return nil
}

// Stop ends every part and removes their data. The logs stay if Options.KeepLogs or KeepLogs asked for it. Stop may be called again.
func (s *Stack) Stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	return s.backend.Close(s.keepLogs)
}

// KeepLogs leaves the logs in LogDir when the stack stops.
func (s *Stack) KeepLogs() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keepLogs = true
}

// LogDir is the directory of the parts' logs.
func (s *Stack) LogDir() string { return s.backend.LogDir() }

// Parts lists the parts of the stack, those included that were only needed by others.
func (s *Stack) Parts() []Part {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.parts)
}

// Kill ends a part with SIGKILL, as a crash does. Its data stay, and so does its address.
func (s *Stack) Kill(p Part) error {
	if err := s.has(p); err != nil {
		return err
	}
	return s.backend.Kill(p)
}

// Halt ends a part in order. Its data stay, and so does its address.
func (s *Stack) Halt(p Part) error {
	if err := s.has(p); err != nil {
		return err
	}
	return s.backend.Stop(p)
}

// Restart starts a part that was killed or halted, and halts it first if it runs. It returns when the part answers on its old address with its
// old data. The registry and OpenSearch apart, what was acknowledged before is there; the registry keeps its schemas in memory only.
func (s *Stack) Restart(ctx context.Context, p Part) error {
	if err := s.has(p); err != nil {
		return err
	}
	if err := s.backend.Stop(p); err != nil {
		return err
	}
	return s.start(ctx, p)
}

func (s *Stack) has(p Part) error {
	if all := s.Parts(); !slices.Contains(all, p) {
		return fmt.Errorf("this stack has no %s: its parts are %s", p, parts.Join(all))
	}
	return nil
}
