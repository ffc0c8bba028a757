package demo

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// Parts are the running servers' addresses.
type Parts struct {
	Postgres        string // DSN of the superuser
	Kafka           string
	Connect         string
	Elasticsearch   string
	ElasticPassword string
	process         *exec.Cmd
	input           io.WriteCloser
	ended           chan error
	temporary       string
	lastWords       *tail
}

// ErrNoSource says that the demo was started outside Dossier's source tree.
var ErrNoSource = errors.New("the demo starts its servers with the test harness of Dossier's source tree; run it in a clone: go run ./cmd/dossier demo")

// StartParts starts PostgreSQL, Kafka, Kafka Connect and Elasticsearch, and tells say of each step. They end with Stop, or when this
// process ends, however that comes about: their keeper ends with its standard input.
func StartParts(ctx context.Context, say func(string)) (*Parts, error) {
	root, err := sourceTree(ctx)
	if err != nil {
		return nil, err
	}
	p := &Parts{ended: make(chan error, 1), lastWords: &tail{}}
	if p.temporary, err = os.MkdirTemp("", "dossier-demo-"); err != nil {
		return nil, err
	}
	say("building the harness")
	keeper := filepath.Join(p.temporary, "stack")
	build := exec.CommandContext(ctx, "go", "build", "-o", keeper, "./test/stack/cmd/stack")
	build.Dir = root
	if output, err := build.CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("building the harness: %w\n%s", err, output), os.RemoveAll(p.temporary))
	}
	if err := p.start(ctx, keeper, root, say); err != nil {
		return nil, errors.Join(err, os.RemoveAll(p.temporary))
	}
	return p, nil
}

// sourceTree returns the root of the module that the working directory is in, if that is Dossier's.
func sourceTree(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Path}}\t{{.Dir}}").Output()
	if err != nil {
		return "", ErrNoSource
	}
	module, dir, _ := strings.Cut(strings.TrimSpace(string(out)), "\t")
	if module != "dossier" {
		return "", ErrNoSource
	}
	return dir, nil
}

func (p *Parts) start(ctx context.Context, keeper, root string, say func(string)) error {
	p.process = exec.Command(keeper, "up", "--json", "--until-eof", "postgres", "kafka", "connect", "elasticsearch")
	p.process.Dir = root
	p.process.Env = append(os.Environ(), "DOSSIER_STACK=native")
	ownGroup(p.process) // a Ctrl-C is ours alone: we drain first, and the parts end after that
	var err error
	if p.input, err = p.process.StdinPipe(); err != nil {
		return err
	}
	out, err := p.process.StdoutPipe()
	if err != nil {
		return err
	}
	steps, err := p.process.StderrPipe()
	if err != nil {
		return err
	}
	if err := p.process.Start(); err != nil {
		return fmt.Errorf("starting the harness: %w", err)
	}
	told := make(chan struct{})
	go func() {
		defer close(told)
		for lines := bufio.NewScanner(steps); lines.Scan(); {
			p.lastWords.add(lines.Text())
			if step := elapsed.ReplaceAllString(lines.Text(), ""); strings.HasPrefix(step, "starting ") || strings.Contains(step, " is up ") || strings.Contains(step, "fetch") {
				say(step)
			}
		}
	}()
	var addresses []struct{ Env, Value string }
	interrupted := context.AfterFunc(ctx, func() { _ = p.process.Process.Signal(os.Interrupt) })
	err = json.NewDecoder(out).Decode(&addresses) // blocks until all parts are up, or the keeper has ended
	interrupted()
	go func() {
		<-told
		p.ended <- p.process.Wait()
	}()
	if err != nil {
		_ = p.input.Close()
		<-p.ended
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("the servers did not start:\n%s", p.lastWords)
	}
	for _, a := range addresses {
		for name, to := range map[string]*string{"DOSSIER_POSTGRES_DSN": &p.Postgres, "DOSSIER_KAFKA_BROKERS": &p.Kafka, "DOSSIER_CONNECT_URL": &p.Connect,
			"DOSSIER_ELASTICSEARCH_URL": &p.Elasticsearch, "ELASTIC_PASSWORD": &p.ElasticPassword} {
			if a.Env == name {
				*to = a.Value
			}
		}
	}
	return nil
}

// elapsed is the time that the harness writes before each of its lines.
var elapsed = regexp.MustCompile(`^\s*[0-9.]+s\s+`)

// Stop ends the parts, and removes what they have written.
func (p *Parts) Stop() error {
	_ = p.input.Close()
	var err error
	select {
	case err = <-p.ended:
	case <-time.After(time.Minute):
		err = errors.Join(errors.New("the servers do not end"), p.process.Process.Kill())
	}
	return errors.Join(err, os.RemoveAll(p.temporary))
}

// tail keeps the last lines, for an error.
type tail struct{ lines [][]byte }

func (t *tail) add(line string) {
	t.lines = append(t.lines, []byte(line))
	if len(t.lines) > 20 {
		t.lines = t.lines[1:]
	}
}

func (t *tail) String() string { return string(bytes.Join(t.lines, []byte("\n"))) }
