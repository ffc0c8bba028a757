package e2e

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"text/template"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

// The programs, built once, as they are released.
var (
	dossierProgram   = sync.OnceValues(func() (string, error) { return build("dossier/cmd/dossier") })
	subscribeProgram = sync.OnceValues(func() (string, error) { return build("dossier/examples/subscribe") })
)

// programs is the directory of what was built.
var programs = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "dossier-e2e-") })

func build(path string) (string, error) {
	dir, err := programs()
	if err != nil {
		return "", err
	}
	program := filepath.Join(dir, filepath.Base(path))
	cmd := exec.Command("go", "build", "-o", program, path)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build %s: %w\n%s", path, err, out)
	}
	return program, nil
}

//go:embed testdata/dossier.yaml.tmpl
var configTemplate string

// deployment is one Dossier: a configuration, its topics, and the processes that run with it.
type deployment struct {
	*servers
	Name           string
	Sources        []string
	Grace          time.Duration
	Format         string // of the audit topic
	MaxRecordBytes string
	Feedback       string      // the topic of feedback; "" for none
	Store          searchStore // by default Elasticsearch
	SQLite         string      // in its place: the file

	mirror         string // of a copy that stores the same audit topic elsewhere: see mirrored
	binary, config string
	poisons        []poison // what was written to its topics to spoil them
}

// deploy writes a configuration and runs `dossier setup` with it.
func (s *servers) deploy(t *testing.T, d deployment) *deployment {
	t.Helper()
	d.servers = s
	if d.Grace == 0 {
		d.Grace = 2 * time.Second
	}
	if d.Format == "" {
		d.Format = "json"
	}
	if d.MaxRecordBytes == "" {
		d.MaxRecordBytes = "8MiB"
	}
	if d.Store == (searchStore{}) {
		d.Store = searchStore{s.elasticsearch, "elastic", s.password}
	}
	var err error
	d.binary, err = dossierProgram()
	check(t, err)
	d.configure(t)
	d.run(t, "setup")
	return &d
}

// configure writes the configuration anew.
func (d *deployment) configure(t *testing.T) {
	t.Helper()
	if d.config == "" {
		d.config = filepath.Join(t.TempDir(), "dossier.yaml")
	}
	text := template.Must(template.New("").Funcs(template.FuncMap{"join": func(list []string) string { return strings.Join(list, ", ") }}).Parse(configTemplate))
	var b bytes.Buffer
	check(t, text.Execute(&b, d))
	check(t, os.WriteFile(d.config, b.Bytes(), 0o600))
}

// What the template reads of the servers.

func (d *deployment) Brokers() []string   { return d.brokers }
func (d *deployment) Registry() string    { return d.registry }
func (d *deployment) Placeholder() string { return placeholder }

// Names that no other deployment has.

func (d *deployment) Scope(scope string) string { return scopeOf(scope, d.Name) }
func (d *deployment) Role(role string) string   { return role + "-" + d.Name }
func (d *deployment) Token(role string) string  { return "the-token-of-" + d.Role(role) }
func (d *deployment) SinkGroup() string         { return d.Name + "-sink" + d.mirror }

// Topics.

func (d *deployment) Audit() string       { return "audit-" + d.Name }
func (d *deployment) DeadLetters() string { return "dlq-" + d.Name }
func (d *deployment) Contexts() string    { return "request-context-" + d.Name }

// run runs a command to its end, which must be good, and returns what it printed.
func (d *deployment) run(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, d.binary, append([]string{"--config", d.config}, args...)...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		t.Fatalf("dossier %s: %v\n%s%s", strings.Join(args, " "), err, out.String(), errOut.String())
	}
	return out.String()
}

// process is a running dossier.
type process struct {
	cmd    *exec.Cmd
	log    *os.File
	exited chan struct{}
	err    error // once exited is closed
}

// start runs roles until the test ends, or until stop or kill.
func (d *deployment) start(t *testing.T, roles string) *process {
	t.Helper()
	p, err := d.spawn(t, roles)
	check(t, err)
	return p
}

// spawn is start for a goroutine that is not the test's. The end of the log is shown when the test fails.
func (d *deployment) spawn(t *testing.T, roles string) (*process, error) {
	log, err := os.CreateTemp(filepath.Dir(d.config), strings.ReplaceAll(roles, ",", "-")+"-*.log")
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.Command(d.binary, "--config", d.config, "run", "--role", roles), log: log, exited: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = log, log
	// A test that is ended by force must not leave it behind. The signal comes when the thread that started it ends, hence a thread of its own.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.err = p.cmd.Wait()
			close(p.exited)
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("log of %s (process %d):\n%s", roles, p.cmd.Process.Pid, tail(log.Name(), 15))
		}
		log.Close()
	})
	return p, nil
}

// kill ends the process as a crash does.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended before
	<-p.exited
}

// stop asks the process to end and expects it to do so in order.
func (p *process) stop(t *testing.T) {
	t.Helper()
	check(t, p.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case <-p.exited:
		if p.err != nil {
			t.Errorf("dossier run ended with %v after SIGTERM\n%s", p.err, tail(p.log.Name(), 20))
		}
	case <-time.After(30 * time.Second):
		t.Errorf("dossier run has not ended 30 s after SIGTERM\n%s", tail(p.log.Name(), 20))
		p.kill()
	}
}

// running fails the test where the process has ended by itself.
func (p *process) running(t *testing.T) {
	t.Helper()
	select {
	case <-p.exited:
		t.Fatalf("dossier run has ended: %v\n%s", p.err, tail(p.log.Name(), 40))
	default:
	}
}

// tail returns the last lines of a file.
func tail(path string, n int) string {
	content, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimRight(string(content), "\n"), "\n")
	return strings.Join(all[max(0, len(all)-n):], "\n")
}

// patience bounds each wait for the pipeline to make progress. Kafka Connect, killed, may take a minute by itself until its group has given up the dead member.
const patience = 3 * time.Minute

// until waits for a condition, and fails the test where none of what it counts has moved for patience.
func until(t *testing.T, what string, condition func() (reached bool, progress int, err error)) {
	t.Helper()
	began := time.Now()
	last, moved := -1, began
	for {
		reached, progress, err := condition()
		if reached && err == nil {
			return
		}
		if progress != last {
			last, moved = progress, time.Now()
		}
		if time.Since(moved) > patience || time.Since(began) > 3*patience {
			t.Errorf("gave up waiting for %s after %v, without progress for %v: at %d (%v)", what, time.Since(began), time.Since(moved), progress, err)
			return
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// drained waits until both groups have committed all that is in their topics.
func (d *deployment) drained(t *testing.T) {
	t.Helper()
	d.caughtUp(t, d.Name+"-processor", d.SinkGroup())
}

// caughtUp waits until groups have committed all that is in their topics.
func (d *deployment) caughtUp(t *testing.T, groups ...string) {
	t.Helper()
	admin := kadm.NewClient(d.kafka(t))
	for _, group := range groups {
		until(t, group+" to have read everything", func() (bool, int, error) {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			n, err := d.unread(ctx, admin, group)
			return n == 0, n, err
		})
	}
}

// stored waits until a source has so many documents, and for both groups to have nothing left that could add one.
func (d *deployment) stored(t *testing.T, source string, want int) {
	t.Helper()
	until(t, fmt.Sprintf("%d documents of %s", want, source), func() (bool, int, error) {
		n, err := d.count(t.Context(), source)
		return n >= want, n, err
	})
	d.drained(t)
}
