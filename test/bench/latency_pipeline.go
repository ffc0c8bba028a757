package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"dossier/connectors"
	"dossier/test/stack"
)

// latencySource names the source, and with it the connector's topics.
const latencySource = "latency"

// pipeline is everything between an application and a search: the servers, the shipped connector, and dossier as it is released.
type pipeline struct {
	settings  latencySettings
	servers   *stack.Stack
	database  stack.Database
	connector string // its name, once it is deployed
	kafka     *kgo.Client
	dir       string // the program, its configuration and its logs
	processes []*dossierProcess
}

// dossierProcess is a running `dossier run --role …`.
type dossierProcess struct {
	role string
	cmd  *exec.Cmd
	log  string
	done chan struct{}
	err  error // once done is closed
}

func (p *pipeline) changeTopic() string { return latencySource + ".public.product" }
func (p *pipeline) auditTopic() string  { return "dossier.audit" }

// startPipeline returns when the table's rows have come through the pipeline, as its baseline.
func startPipeline(ctx context.Context, b *bench, s latencySettings) (_ *pipeline, err error) {
	p := &pipeline{settings: s, servers: b.servers}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.close())
		}
	}()
	if p.dir, err = os.MkdirTemp("", "dossier-bench-"); err != nil {
		return nil, err
	}
	if p.kafka, err = kgo.NewClient(kgo.SeedBrokers(b.servers.KafkaBrokers()...)); err != nil {
		return nil, err
	}
	if err := p.prepareDatabase(ctx); err != nil {
		return nil, err
	}
	if err := p.deploy(ctx); err != nil {
		return nil, err
	}
	if err := p.capture(ctx); err != nil {
		return nil, err
	}
	return p, p.baseline(ctx, b.show)
}

// prepareDatabase makes the table and puts it under audit as the documentation says.
func (p *pipeline) prepareDatabase(ctx context.Context) error {
	var err error
	if p.database, err = p.servers.CreateDatabase(ctx); err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, p.database.DSN)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	setup, _ := connectors.ShippedFile("postgres-setup")
	for _, sql := range []string{
		// What the stack's tests do without, and no database in use.
		"ALTER SYSTEM SET fsync = on", "ALTER SYSTEM SET full_page_writes = on", "SELECT pg_reload_conf()",
		latencyTable, string(setup), "SELECT dossier.capture_schema('public')",
	} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("%.60s: %w", sql, err)
		}
	}
	return nil
}

// capture deploys the shipped connector.
func (p *pipeline) capture(ctx context.Context) error {
	inside := p.servers.DatabaseForConnect(p.database.Name)
	values := map[string]string{
		"DOSSIER_SOURCE": latencySource, "DOSSIER_DB_HOST": inside["database.hostname"], "DOSSIER_DB_PORT": inside["database.port"],
		"DOSSIER_DB_NAME": inside["database.dbname"], "DOSSIER_DB_PASSWORD": "unused", "DOSSIER_DB_SSLMODE": "disable",
		"DOSSIER_UNAVAILABLE_PLACEHOLDER": "unchanged-5ac3f1de-3c61-4c58-9f6f-8b3d0fb8ea04", "DOSSIER_REPLICATION": "1",
	}
	file, _ := connectors.ShippedFile("postgres-json")
	config, err := connectors.Parse("postgres-json.json", file, func(name string) (string, bool) { v, ok := values[name]; return v, ok })
	if err != nil {
		return err
	}
	for key, value := range p.settings.connector {
		config.Settings = slices.DeleteFunc(config.Settings, func(s connectors.Setting) bool { return s.Key == key })
		if value != "" {
			config.Settings = append(config.Settings, connectors.Setting{Key: key, Raw: value, Value: value, Filled: true})
		}
	}
	if findings := connectors.Validate(config); connectors.HasErrors(findings) {
		return fmt.Errorf("the connector: %v", findings)
	}
	client, err := connectors.NewClient(p.servers.ConnectURL())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	p.connector = config.Name
	_, err = client.Apply(ctx, config)
	return err
}

// deploy builds dossier, sets everything up with it, and runs the processor and the sink, each in a process of its own.
func (p *pipeline) deploy(ctx context.Context) error {
	program := filepath.Join(p.dir, "dossier")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, "dossier/cmd/dossier")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("go build dossier/cmd/dossier: %w\n%s", err, out)
	}
	config := filepath.Join(p.dir, "dossier.yaml")
	text := fmt.Sprintf(`kafka: {brokers: [%s]}
sources:
  - {name: %s, full_before: ["*"], unavailable_placeholder: unchanged-5ac3f1de-3c61-4c58-9f6f-8b3d0fb8ea04}
audit: {topic: %s}
sink:
  elasticsearch: {addresses: ["%s"], username: elastic, password: "%s"}
serve: {listen: "127.0.0.1:0"}
`, strings.Join(p.servers.KafkaBrokers(), ", "), latencySource, p.auditTopic(), p.servers.ElasticsearchURL(), p.servers.ElasticPassword())
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return err
	}
	if out, err := exec.CommandContext(ctx, program, "--config", config, "setup").CombinedOutput(); err != nil {
		return fmt.Errorf("dossier setup: %w\n%s", err, out)
	}
	for _, role := range []string{"processor", "sink"} {
		process := &dossierProcess{role: role, log: filepath.Join(p.dir, role+".log"), done: make(chan struct{})}
		log, err := os.Create(process.log)
		if err != nil {
			return err
		}
		process.cmd = exec.Command(program, "--config", config, "run", "--role", role)
		process.cmd.Stdout, process.cmd.Stderr = log, log
		process.cmd.Env = os.Environ()
		for name, value := range p.settings.dossier {
			process.cmd.Env = append(process.cmd.Env, name+"="+value)
		}
		err = errors.Join(process.cmd.Start(), log.Close())
		if err != nil {
			return err
		}
		go func() {
			process.err = process.cmd.Wait()
			close(process.done)
		}()
		p.processes = append(p.processes, process)
	}
	return nil
}

// baseline waits until the snapshot of the table is in the store.
func (p *pipeline) baseline(ctx context.Context, show *display) error {
	show.say("waiting for the baseline of %d rows", latencyRows)
	s := newSearcher(p, nil)
	deadline := time.Now().Add(2 * time.Minute)
	for {
		n, err := s.count(ctx, isTerm("cdc.source", latencySource), isTerm("event.action", "snapshot"))
		if err != nil {
			return err
		}
		if n == latencyRows {
			return nil
		}
		for _, process := range p.processes {
			select {
			case <-process.done:
				return process.failed()
			default:
			}
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%d rows of %d are in the store after 2 minutes; %w", n, latencyRows, p.processes[0].failed())
		}
		if err := sleepUntil(ctx, time.Now().Add(200*time.Millisecond)); err != nil {
			return err
		}
	}
}

// failed is an error with the end of the process's log.
func (d *dossierProcess) failed() error {
	text, err := os.ReadFile(d.log)
	return errors.Join(fmt.Errorf("dossier run --role %s: %v\n%s", d.role, d.err, tail(string(text), 20)), err)
}

// check compares what is stored with the number of changes, each of which was of one field and had its context.
func (p *pipeline) check(ctx context.Context, changes int) error {
	s := newSearcher(p, nil)
	conditions := []map[string]any{isTerm("cdc.source", latencySource), isTerm("event.action", "update"), isTerm("audit.context", "attached"), isTerm("audit.route", "message")}
	for _, kind := range []string{"row_version", "field_change"} {
		for deadline := time.Now().Add(patienceAfterLoad); ; {
			n, err := s.count(ctx, append(conditions, isTerm("audit.kind", kind))...)
			if err != nil {
				return err
			}
			if n == changes {
				break
			}
			if n > changes || time.Now().After(deadline) {
				return fmt.Errorf("the store has %d documents of kind %s for %d changes", n, kind, changes)
			}
			if err := sleepUntil(ctx, time.Now().Add(200*time.Millisecond)); err != nil {
				return err
			}
		}
	}
	ends, err := kadm.NewClient(p.kafka).ListEndOffsets(ctx, "dossier.dlq")
	if err := errors.Join(err, ends.Error()); err != nil {
		return err
	}
	letters := int64(0)
	ends.Each(func(o kadm.ListedOffset) { letters += o.Offset })
	if letters > 0 {
		return fmt.Errorf("%d dead letters, and the load has none that should be", letters)
	}
	return nil
}

// close ends what the pipeline started, and removes its database and files: the servers may serve others.
func (p *pipeline) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var faults []error
	if p.connector != "" { // a connector whose database goes would fail for ever
		client, err := connectors.NewClient(p.servers.ConnectURL())
		if err == nil {
			err = client.Delete(ctx, p.connector)
		}
		faults = append(faults, err)
	}
	for _, process := range p.processes {
		faults = append(faults, process.stop())
	}
	if p.kafka != nil {
		p.kafka.Close()
	}
	if p.database.Name != "" {
		faults = append(faults, p.servers.DropDatabase(ctx, p.database))
	}
	if p.dir != "" {
		faults = append(faults, os.RemoveAll(p.dir))
	}
	return errors.Join(faults...)
}

// stop lets the process end in order.
func (d *dossierProcess) stop() error {
	if err := d.cmd.Process.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-d.done:
	case <-time.After(30 * time.Second):
		_ = d.cmd.Process.Kill() // it may end this moment
		<-d.done
	}
	if d.err != nil {
		return d.failed()
	}
	return nil
}
