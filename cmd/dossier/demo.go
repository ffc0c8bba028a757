package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"dossier/connectors"
	"dossier/internal/config"
	"dossier/internal/demo"
	"dossier/internal/telemetry"
	"dossier/internal/topics"
	"dossier/schema"
)

func newDemoCommand() *cobra.Command {
	d := &demoCommand{}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run the whole pipeline on this machine, with a small shop that writes to its database",
		Long: `Runs the whole pipeline on this machine: PostgreSQL, Kafka, Kafka Connect with Debezium and Elasticsearch on free ports of
127.0.0.1, a shop whose staff, batch jobs and administrators change rows, and Dossier. What Dossier says of each change is printed.

The servers are fetched once, and end with the demo. It needs a clone of Dossier, a JDK, Maven and PostgreSQL's server programs.`,
		Example: `  go run ./cmd/dossier demo
  go run ./cmd/dossier demo --once`,
		Args: misusedArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return d.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.Flags().StringVar(&d.listen, "listen", "127.0.0.1:0", "`ADDRESS` for health and metrics")
	cmd.Flags().BoolVar(&d.once, "once", false, "end when all is stored, and print a summary as JSON")
	cmd.Flags().IntVar(&d.transactions, "transactions", 200, "how many transactions the shop makes with --once")
	return cmd
}

// demoCommand holds the flags of `dossier demo`.
type demoCommand struct {
	listen       string
	once         bool
	transactions int
	progress     io.Writer // where a bar is drawn, if that is a terminal
}

// demoSummary is what `dossier demo --once` prints.
type demoSummary struct {
	Transactions int            `json:"transactions"`
	Changes      int            `json:"changes"` // rows that the database says were changed
	Events       int            `json:"events"`
	Contexts     map[string]int `json:"contexts"` // events by the status of their context
	Documents    map[string]int `json:"documents"`
	DeadLetters  int            `json:"dead_letters"`
	Seconds      struct {
		Start  float64 `json:"start"`  // until the servers were up and the connector ran
		Stored float64 `json:"stored"` // from the first write until everything was stored
	} `json:"seconds"`
}

// run starts what the demo needs, in the order of the data's way, and ends it in the opposite one.
//
//	shop ──> PostgreSQL ──> Debezium ──> Kafka ──> processor ──> Kafka ──> sink ──> Elasticsearch
//	                                                               └─> sentences on standard output
func (d *demoCommand) run(ctx context.Context, out, steps io.Writer) (err error) {
	if d.transactions < 1 {
		return misuse("--transactions: expected 1 or more, got %d", d.transactions)
	}
	d.progress = steps
	began := time.Now()
	clear := ""
	if isTerminal(steps) {
		clear = "\r\x1b[K" // what is left of a bar
	}
	say := func(step string) { fmt.Fprintf(steps, "%s%6.1fs  %s\n", clear, time.Since(began).Seconds(), step) }
	parts, err := demo.StartParts(ctx, say)
	if errors.Is(err, demo.ErrNoSource) {
		return &exitError{code: exitMisuse, err: err}
	}
	if err != nil {
		return err
	}
	defer func() {
		say("ending the servers")
		err = errors.Join(err, parts.Stop())
	}()
	c, err := demoConfig(parts, d.listen)
	if err != nil {
		return err
	}
	logFile, err := os.CreateTemp("", "dossier-demo-*.log")
	if err != nil {
		return err
	}
	defer logFile.Close()
	log, err := telemetry.NewLog(logFile, "info")
	if err != nil {
		return err
	}
	defer func() {
		if err == nil {
			_ = os.Remove(logFile.Name())
		} else {
			err = fmt.Errorf("%w; the log is in %s", err, logFile.Name())
		}
	}()

	say("setting up topics, indices and roles")
	if err := setUpForDemo(ctx, c); err != nil {
		return err
	}
	say("preparing the database and deploying the connector")
	conn, err := prepareDatabase(ctx, parts)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))

	pipeline, stop := context.WithCancel(ctx)
	defer stop()
	group, groupCtx := errgroup.WithContext(pipeline)
	group.Go(func() error { return run(groupCtx, c, allRoles, 30*time.Second, log) })
	summary := &demoSummary{Contexts: map[string]int{}, Documents: map[string]int{}}
	summary.Seconds.Start = time.Since(began).Seconds()
	shown := out
	if d.once {
		shown = steps
	}
	group.Go(func() error {
		defer stop() // the roles drain
		return d.play(groupCtx, c, conn, summary, shown, say)
	})
	err = group.Wait()
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = nil // asked to end
	}
	if err == nil && d.once && ctx.Err() == nil {
		return printJSON(out, summary)
	}
	return err
}

// play lets the shop work and shows what Dossier says of it.
func (d *demoCommand) play(ctx context.Context, c *config.Config, conn *pgx.Conn, summary *demoSummary, shown io.Writer, say func(string)) error {
	options, err := kafkaOptions(c.Kafka)
	if err != nil {
		return err
	}
	client, err := kgo.NewClient(append(options, kgo.ConsumeTopics(c.Audit.Topic, c.DeadLetter.Topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()))...)
	if err != nil {
		return err
	}
	defer client.Close()
	shop := demo.NewApplication(conn, 1)
	say("the shop opens")
	began := time.Now()
	if !d.once {
		es := c.Sink.Elasticsearch
		say(fmt.Sprintf("version documents: curl -u elastic:%s '%s/dossier-read-catalog_auditor/_search?pretty'", es.Password.Reveal(), es.Addresses[0]))
		say("Ctrl-C ends everything")
		reading, readingCtx := errgroup.WithContext(ctx)
		reading.Go(func() error {
			for readingCtx.Err() == nil {
				if err := readEvents(readingCtx, client, c, summary, shown); err != nil {
					return err
				}
			}
			return readingCtx.Err()
		})
		reading.Go(func() error {
			for {
				if err := shop.Step(readingCtx); err != nil {
					return err
				}
				select {
				case <-readingCtx.Done():
					return readingCtx.Err()
				case <-time.After(time.Second):
				}
			}
		})
		return reading.Wait()
	}
	for range d.transactions {
		if err := shop.Step(ctx); err != nil {
			return err
		}
	}
	summary.Transactions, summary.Changes = shop.Transactions, shop.Changes
	say(fmt.Sprintf("%s of %s written; waiting until all is stored", count(shop.Changes, "change"), count(shop.Transactions, "transaction")))
	limit, cancel := context.WithTimeoutCause(ctx, 5*time.Minute, errors.New("not everything was stored within 5 minutes"))
	defer cancel()
	read := newBar(d.progress, summary.Changes, "joining")
	for summary.Events < summary.Changes {
		read(summary.Events)
		if err := readEvents(limit, client, c, summary, io.Discard); err != nil {
			return errors.Join(err, context.Cause(limit))
		}
	}
	say(fmt.Sprintf("%s on the audit topic", count(summary.Events, "event")))
	bar := newBar(d.progress, summary.Changes, "storing")
	for summary.Documents["row_version"] < summary.Changes {
		if summary.Documents, err = countDocuments(limit, c); err != nil {
			return errors.Join(err, context.Cause(limit))
		}
		bar(summary.Documents["row_version"])
		select {
		case <-limit.Done():
			return context.Cause(limit)
		case <-time.After(500 * time.Millisecond):
		}
	}
	summary.Seconds.Stored = time.Since(began).Seconds()
	say(fmt.Sprintf("%s stored", count(summary.Documents["row_version"]+summary.Documents["field_change"], "version document")))
	return nil
}

// readEvents takes what has come on the audit topic and the dead-letter topic.
func readEvents(ctx context.Context, client *kgo.Client, c *config.Config, summary *demoSummary, shown io.Writer) error {
	fetches := client.PollFetches(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := fetches.Err(); err != nil {
		return err
	}
	for records := fetches.RecordIter(); !records.Done(); {
		r := records.Next()
		if r.Topic == c.DeadLetter.Topic {
			summary.DeadLetters++
			continue
		}
		var e schema.AuditEvent
		if err := schema.DecodeAudit(&schema.Record{Topic: r.Topic, Key: r.Key, Value: r.Value}, &e); err != nil {
			return err
		}
		if e.Kind != schema.KindChange || e.CDC.Snapshot {
			continue
		}
		summary.Events++
		if e.Context != nil {
			summary.Contexts[string(e.Context.Status)]++
		}
		fmt.Fprintln(shown, demo.Sentence(&e))
	}
	return nil
}

// countDocuments asks the store how many documents of each kind there are.
func countDocuments(ctx context.Context, c *config.Config) (map[string]int, error) {
	client, err := newElasticsearch(c.Sink.Elasticsearch, c.Sink.Elasticsearch.Credentials, 1)
	if err != nil {
		return nil, err
	}
	response, err := client.Search(client.Search.WithContext(ctx), client.Search.WithIndex("dossier-*-v1-*"), client.Search.WithSize(0),
		client.Search.WithBody(strings.NewReader(`{"aggs":{"kinds":{"terms":{"field":"audit.kind"}}}}`)))
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var answer struct {
		Aggregations struct {
			Kinds struct {
				Buckets []struct {
					Key   string
					Count int `json:"doc_count"`
				}
			}
		}
	}
	if response.IsError() {
		return nil, fmt.Errorf("counting documents: %s", response.Status())
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return nil, fmt.Errorf("counting documents: %w", err)
	}
	counts := map[string]int{}
	for _, b := range answer.Aggregations.Kinds.Buckets {
		counts[b.Key] = b.Count
	}
	return counts, nil
}

// demoConfig is the configuration of the demo, as a person would write it.
func demoConfig(parts *demo.Parts, listen string) (*config.Config, error) {
	const text = `
kafka: {brokers: "${KAFKA}"}
sources: [{name: shop, format: json, full_before: ["*"], unavailable_placeholder: unchanged-1f0c6d0e}]
context: {grace: 2s}
audit: {partitions: 3, replication_factor: 1}
entities:
  - {table: public.product, type: product, scope: catalog, parent: {type: supplier, field: supplier_id}, fields: {mask: [purchase_price]}}
  - {table: public.supplier, type: supplier, scope: catalog}
scopes: [catalog]
roles: [{name: catalog_auditor, scopes: [catalog]}]
sink: {elasticsearch: {addresses: "${ELASTICSEARCH}", username: elastic, password: "${PASSWORD}", replicas: 0}}
serve: {listen: "${LISTEN}"}
`
	return config.Parse("the demo's configuration", []byte(text), []string{"KAFKA=" + parts.Kafka, "ELASTICSEARCH=" + parts.Elasticsearch,
		"PASSWORD=" + parts.ElasticPassword, "LISTEN=" + listen})
}

// setUpForDemo does what `dossier setup` does.
func setUpForDemo(ctx context.Context, c *config.Config) error {
	client, err := newKafkaClient(c)
	if err != nil {
		return err
	}
	defer client.Close()
	if _, err := topics.Apply(ctx, kadm.NewClient(client), wantedTopics(c), false); err != nil {
		return err
	}
	_, err = (&setupCommand{}).store(ctx, c)
	return err
}

// prepareDatabase lays out the shop's tables, puts them under audit by the shipped script, deploys the shipped connector, and returns a
// connection for the shop.
func prepareDatabase(ctx context.Context, parts *demo.Parts) (*pgx.Conn, error) {
	admin, err := pgx.Connect(ctx, parts.Postgres)
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	defer admin.Close(ctx)
	if _, err := admin.Exec(ctx, "CREATE DATABASE shop"); err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	dsn, err := url.Parse(parts.Postgres)
	if err != nil {
		return nil, err
	}
	dsn.Path = "/shop"
	conn, err := pgx.Connect(ctx, dsn.String())
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	if err := deployForDemo(ctx, conn, dsn, parts.Connect); err != nil {
		return nil, errors.Join(err, conn.Close(ctx))
	}
	return conn, nil
}

func deployForDemo(ctx context.Context, conn *pgx.Conn, dsn *url.URL, connect string) error {
	if err := demo.Tables(ctx, conn); err != nil {
		return fmt.Errorf("database: %w", err)
	}
	script, ok := connectors.ShippedFile("postgres-setup")
	if !ok {
		return errors.New("the binary carries no postgres-setup")
	}
	for _, sql := range []string{string(script), "SELECT dossier.capture_schema('public')"} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("database: %w", err)
		}
	}
	values := map[string]string{
		"DOSSIER_SOURCE": "shop", "DOSSIER_DB_HOST": dsn.Hostname(), "DOSSIER_DB_PORT": dsn.Port(), "DOSSIER_DB_NAME": "shop", "DOSSIER_DB_PASSWORD": "unused",
		"DOSSIER_DB_SSLMODE": "disable", "DOSSIER_UNAVAILABLE_PLACEHOLDER": "unchanged-1f0c6d0e", "DOSSIER_REPLICATION": "1", "DOSSIER_PARTITIONS": "3",
	}
	content, ok := connectors.ShippedFile("postgres-json")
	if !ok {
		return errors.New("the binary carries no postgres-json")
	}
	connector, err := connectors.Parse(filepath.Join("connectors", "postgres-json.json"), content, func(name string) (string, bool) {
		v, ok := values[name]
		return v, ok
	})
	if err != nil {
		return err
	}
	client, err := connectors.NewClient(connect)
	if err != nil {
		return err
	}
	limit, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	_, err = client.Apply(limit, connector)
	return err
}
