package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"
	"go.uber.org/zap"

	"dossier/internal/config"
	"dossier/internal/topics"
	"dossier/sink/elastic"
	"dossier/sink/sqlite"
)

// setupCommand holds the flags of `dossier setup`.
type setupCommand struct {
	dryRun, alter, json bool
	timeout             time.Duration
}

func newSetupCommand() *cobra.Command {
	s := &setupCommand{}
	cmd := &cobra.Command{
		Use:   "setup",
		Short: "Make the topics and the store's indices, aliases and roles",
		Long: `Makes what Dossier needs and is not there yet: Kafka topics, and in Elasticsearch the index templates, indices, aliases, roles,
the sink's user and the stored search templates; with SQLite the file. Safe to repeat.

What is there already stays as it is; where it differs from what Dossier relies on, that is reported, and the exit code
is 1. With --alter, settings of topics are changed as well; their numbers of partitions never are.`,
		Example: `  dossier setup --dry-run
  dossier setup
  DOSSIER_SINK_ELASTICSEARCH_SETUP_USERNAME=elastic DOSSIER_SINK_ELASTICSEARCH_SETUP_PASSWORD_FILE=admin.txt dossier setup`,
		Args: misusedArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return s.run(cmd) },
	}
	cmd.Flags().BoolVar(&s.dryRun, "dry-run", false, "say what would be done, and do nothing")
	cmd.Flags().BoolVar(&s.alter, "alter", false, "change the settings of topics that differ")
	cmd.Flags().BoolVar(&s.json, "json", false, "print JSON")
	cmd.Flags().DurationVar(&s.timeout, "timeout", time.Minute, "how long to wait for brokers and store")
	return cmd
}

// setupResult is what `dossier setup --json` prints.
type setupResult struct {
	Topics []topics.Report `json:"topics"`
	Schema *setupSchema    `json:"audit_schema,omitempty"` // with audit.format avro
	Store  []setupChange   `json:"store,omitempty"`        // with a store
}

// setupSchema is the audit event's schema in the registry.
type setupSchema struct {
	Subject string `json:"subject"`
	ID      int    `json:"id,omitempty"` // 0 in a dry run
}

// setupChange is one thing that setup did in the store, would do, or left as it was (action keep).
type setupChange struct {
	Action string `json:"action"`
	Kind   string `json:"kind"`
	Name   string `json:"name"`
	Detail string `json:"detail,omitempty"`
}

func (s *setupCommand) run(cmd *cobra.Command) error {
	c, err := loadConfig(cmd, 0)
	if err != nil {
		return err
	}
	ctx, cancel := contextWithTimeout(cmd, s.timeout)
	defer cancel()
	client, err := newKafkaClient(c)
	if err != nil {
		return err
	}
	defer client.Close()
	var result setupResult
	admin := kadm.NewClient(client)
	if s.dryRun {
		result.Topics, err = topics.Check(ctx, admin, wantedTopics(c))
	} else {
		result.Topics, err = topics.Apply(ctx, admin, wantedTopics(c), s.alter)
	}
	if err != nil {
		return unreachable(err, "kafka", c.Kafka.Brokers)
	}
	if result.Schema, err = s.schema(ctx, c); err != nil {
		return err
	}
	if result.Store, err = s.store(ctx, c); err != nil {
		return err
	}
	if s.json {
		err = printJSON(cmd.OutOrStdout(), result)
	} else {
		err = s.print(cmd.OutOrStdout(), result)
	}
	if err != nil {
		return err
	}
	differing := 0
	for _, t := range result.Topics {
		if t.State == topics.Differs {
			differing++
		}
	}
	if differing > 0 {
		return &exitError{code: exitFailed, err: fmt.Errorf("%s otherwise than expected; change the configuration, or the topics with --alter (partitions: with Kafka's own tools, and knowing that "+
			"the order per key is lost)", count(differing, "topic"))}
	}
	return nil
}

// schema registers the audit event's schema, so that the registry's rights can be left to setup alone.
func (s *setupCommand) schema(ctx context.Context, c *config.Config) (*setupSchema, error) {
	if c.Audit.Format != "avro" {
		return nil, nil
	}
	result := &setupSchema{Subject: auditSubject(c)}
	if s.dryRun {
		return result, nil
	}
	var err error
	result.ID, err = registerAudit(ctx, c, zap.NewNop())
	return result, err
}

func (s *setupCommand) store(ctx context.Context, c *config.Config) ([]setupChange, error) {
	switch {
	case c.Sink.SQLite != nil:
		path := c.Sink.SQLite.Path
		change, err := sqlite.Setup(ctx, path, s.dryRun)
		if err != nil {
			return nil, fmt.Errorf("sink.sqlite: %w", err)
		}
		return []setupChange{{change.Action, "file", path, change.Detail}}, nil
	case c.Sink.Elasticsearch != nil:
		changes, err := s.elasticsearch(ctx, c)
		return changes, unreachable(err, "elasticsearch", c.Sink.Elasticsearch.Addresses)
	}
	return nil, nil
}

func (s *setupCommand) elasticsearch(ctx context.Context, c *config.Config) ([]setupChange, error) {
	settings, login := elasticSetup(c, s.dryRun, time.Now())
	client, err := newElasticsearch(c.Sink.Elasticsearch, login, 1)
	if err != nil {
		return nil, err
	}
	report, err := elastic.Setup(ctx, client, settings)
	if err != nil {
		return nil, err
	}
	if c.Sink.SearchTemplates != "off" {
		templates, err := elastic.SetupSearchTemplates(ctx, client, c.Sink.SearchTemplates == "required", s.dryRun)
		if err != nil {
			return nil, fmt.Errorf("sink.search_templates: %w", err)
		}
		report.Changes = append(report.Changes, templates.Changes...)
	}
	var changes []setupChange
	for _, change := range report.Changes {
		changes = append(changes, setupChange(change))
	}
	return changes, nil
}

func (s *setupCommand) print(w io.Writer, result setupResult) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "TOPIC\tSTATE\tPARTITIONS\tFOR")
	for _, t := range result.Topics {
		state := string(t.State)
		if t.State == topics.Missing {
			state = "would be created"
		}
		fmt.Fprintln(table, t.Name+"\t"+state+"\t"+strconv.Itoa(int(t.Partitions))+"\t"+t.Purpose)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, t := range result.Topics {
		for _, d := range t.Differences {
			if _, err := fmt.Fprintf(w, "%s: %s\n", t.Name, d); err != nil {
				return err
			}
		}
	}
	return s.printStore(w, result)
}

func (s *setupCommand) printStore(w io.Writer, result setupResult) error {
	would := ""
	if s.dryRun {
		would = "would "
	}
	var b strings.Builder
	switch {
	case result.Schema != nil && s.dryRun:
		fmt.Fprintf(&b, "\nwould register schema %s\n", result.Schema.Subject)
	case result.Schema != nil:
		fmt.Fprintf(&b, "\nschema %s has id %d\n", result.Schema.Subject, result.Schema.ID)
	}
	kept := 0
	if len(result.Store) > 0 {
		b.WriteByte('\n')
	}
	for _, change := range result.Store {
		switch change.Action {
		case "keep":
			kept++
			continue
		case "skip":
			fmt.Fprintln(&b, elastic.Change(change).String())
			continue
		}
		fmt.Fprintln(&b, would+elastic.Change(change).String())
	}
	if kept > 0 {
		fmt.Fprintf(&b, "%s in the store already as wanted\n", count(kept, "thing"))
	}
	_, err := io.WriteString(w, b.String())
	return err
}
