package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"dossier/connectors"
)

// connectorsCommand holds the flags that `dossier connectors` and its subcommands share.
type connectorsCommand struct {
	address string
	json    bool
	timeout time.Duration
	lookup  func(string) (string, bool) // environment
}

func newConnectorsCommand() *cobra.Command {
	c := &connectorsCommand{lookup: os.LookupEnv}
	command := &cobra.Command{
		Use:   "connectors",
		Short: "Check and deploy the Debezium connectors that feed the audit trail",
		Long: `Checks and deploys Debezium connectors from JSON files, through the REST interface of Kafka Connect.

FILE is a connector's configuration. The binary carries some: ` + strings.Join(connectors.Shipped(), ", ") + `.
They are used under these names where there is no such file; "connectors show" prints them.`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	group(command)
	command.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return misuse("%s: %w; see %s --help", cmd.CommandPath(), err, cmd.CommandPath())
	})
	flags := command.PersistentFlags()
	flags.StringVar(&c.address, "connect", "", "`URL` of Kafka Connect (default $DOSSIER_CONNECT_URL, or http://127.0.0.1:8083)")
	flags.BoolVar(&c.json, "json", false, "print JSON")
	flags.DurationVar(&c.timeout, "timeout", time.Minute, "how long to wait for Kafka Connect, and for connectors to run")
	command.AddCommand(c.list(), c.validate(), c.apply(), c.status(), c.delete(), c.show())
	return command
}

// misusedArgs makes a wrong number of arguments a misuse, and so flags that exclude each other.
func misusedArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return misuse("%s: %w; see %s --help", cmd.CommandPath(), err, cmd.CommandPath())
		}
		if err := cmd.ValidateFlagGroups(); err != nil {
			return cmd.FlagErrorFunc()(cmd, err)
		}
		return nil
	}
}

func (c *connectorsCommand) client() (*connectors.Client, error) {
	fromEnvironment, _ := c.lookup("DOSSIER_CONNECT_URL")
	client, err := connectors.NewClient(cmp.Or(c.address, fromEnvironment, "http://127.0.0.1:8083"))
	if err != nil {
		return nil, misuse("--connect: %w", err)
	}
	return client, nil
}

// bounded ends a command's waiting. There is one limit for all files together.
func (c *connectorsCommand) bounded(cmd *cobra.Command) (context.Context, context.CancelFunc) {
	return context.WithTimeout(cmp.Or(cmd.Context(), context.Background()), c.timeout)
}

// load reads all files, or says what is wrong with each that cannot be read.
func (c *connectorsCommand) load(paths []string) ([]*connectors.Config, error) {
	var cfgs []*connectors.Config
	var errs []error
	for _, path := range paths {
		cfg, err := connectors.Load(path, c.lookup)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		cfgs = append(cfgs, cfg)
	}
	if len(errs) > 0 {
		return nil, &exitError{code: exitMisuse, err: errors.Join(errs...)}
	}
	return cfgs, nil
}

func (c *connectorsCommand) list() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the connectors that Kafka Connect has",
		Args:  misusedArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := c.client()
			if err != nil {
				return err
			}
			ctx, cancel := c.bounded(cmd)
			defer cancel()
			list, err := client.List(ctx)
			if err != nil {
				return err
			}
			return c.printStatuses(cmd.OutOrStdout(), list)
		},
	}
}

func (c *connectorsCommand) status() *cobra.Command {
	return &cobra.Command{
		Use:   "status [FILE...]",
		Short: "Show whether connectors and their tasks run; exit code 1 if one does not",
		Long:  "Shows whether the connectors of the files, or all connectors, run, and why not. The exit code is 1 if one does not.",
		RunE: func(cmd *cobra.Command, args []string) error {
			cfgs, err := c.load(args)
			if err != nil {
				return err
			}
			client, err := c.client()
			if err != nil {
				return err
			}
			ctx, cancel := c.bounded(cmd)
			defer cancel()
			var list []connectors.Status
			if len(args) == 0 {
				if list, err = client.List(ctx); err != nil {
					return err
				}
			}
			for _, cfg := range cfgs {
				status, err := client.Status(ctx, cfg.Name)
				if errors.Is(err, connectors.ErrNotFound) {
					status, err = connectors.Status{Name: cfg.Name, State: "MISSING", Trouble: "not deployed", Tasks: []connectors.Task{}}, nil
				}
				if err != nil {
					return err
				}
				list = append(list, status)
			}
			if err := c.printStatuses(cmd.OutOrStdout(), list); err != nil {
				return err
			}
			for _, status := range list {
				if !status.Running() {
					return failed()
				}
			}
			return nil
		},
	}
}

func (c *connectorsCommand) printStatuses(out io.Writer, list []connectors.Status) error {
	if c.json {
		if list == nil {
			list = []connectors.Status{}
		}
		return printJSON(out, list)
	}
	if len(list) == 0 {
		_, err := fmt.Fprintln(out, "Kafka Connect has no connectors.")
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NAME\tSTATE\tTASKS\tWORKER")
	for _, status := range list {
		running := 0
		for _, task := range status.Tasks {
			if task.State == "RUNNING" {
				running++
			}
		}
		fmt.Fprintf(table, "%s\t%s\t%d/%d running\t%s\n", status.Name, status.State, running, len(status.Tasks), status.Worker)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, status := range list {
		if status.Failed() {
			if _, err := fmt.Fprintf(out, "%s: %s\n", status.Name, status.Why()); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *connectorsCommand) validate() *cobra.Command {
	var online, strict bool
	var database string
	command := &cobra.Command{
		Use:   "validate FILE...",
		Short: "Check connector configurations, and what they would do to the audit trail",
		Long: `Checks connector configurations without any network: unknown and misspelt settings, wrong values, placeholders that
nothing fills, and settings that would harm an audit trail.

--online lets Kafka Connect check them too, with its plugins and by connecting to the database.
--database asks the database about replica identity, publication, rights and log; an empty DSN ("") takes PGHOST and the like.
The exit code is 1 if there are errors, or, with --strict, warnings.`,
		Args: misusedArgs(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfgs, err := c.load(args)
			if err != nil {
				return err
			}
			ctx, cancel := c.bounded(cmd)
			defer cancel()
			check := checks{database: database, askDatabase: cmd.Flags().Changed("database")}
			if online {
				if check.client, err = c.client(); err != nil {
					return err
				}
			}
			findings, err := check.run(ctx, cfgs)
			if err != nil {
				return err
			}
			if err := c.printFindings(cmd.OutOrStdout(), findings, len(cfgs)); err != nil {
				return err
			}
			if connectors.HasErrors(findings) || strict && len(findings) > 0 {
				return failed()
			}
			return nil
		},
	}
	command.Flags().BoolVar(&online, "online", false, "let Kafka Connect check the configurations too")
	command.Flags().BoolVar(&strict, "strict", false, "exit with 1 on warnings too")
	command.Flags().StringVar(&database, "database", "", "`DSN` of the source database, to be checked too")
	return command
}

// checks are those that a command makes.
type checks struct {
	client      *connectors.Client // nil: offline
	database    string
	askDatabase bool
}

func (k checks) run(ctx context.Context, cfgs []*connectors.Config) ([]connectors.Finding, error) {
	findings := []connectors.Finding{}
	for _, cfg := range cfgs {
		own := connectors.Validate(cfg)
		// Kafka Connect would only repeat what is known to be wrong.
		if k.client != nil && !connectors.HasErrors(own) {
			remote, err := k.client.Validate(ctx, cfg)
			if err != nil {
				return nil, err
			}
			own = append(own, remote...)
		}
		findings = append(findings, own...)
		if k.askDatabase {
			inside, err := connectors.CheckDatabase(ctx, k.database, cfg)
			if err != nil {
				return nil, err
			}
			findings = append(findings, inside...)
		}
	}
	return append(findings, connectors.Conflicts(cfgs)...), nil
}

func (c *connectorsCommand) printFindings(out io.Writer, findings []connectors.Finding, files int) error {
	if c.json {
		return printJSON(out, findings)
	}
	for _, finding := range findings {
		if _, err := fmt.Fprintln(out, finding); err != nil {
			return err
		}
	}
	errs := 0
	for _, finding := range findings {
		if finding.Severity == connectors.Error {
			errs++
		}
	}
	_, err := fmt.Fprintf(out, "%s, %s in %s\n", count(errs, "error"), count(len(findings)-errs, "warning"), count(files, "file"))
	return err
}

// count writes a number with its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// applied is what apply prints about one connector.
type applied struct {
	Name    string             `json:"name"`
	File    string             `json:"file"`
	Outcome connectors.Outcome `json:"outcome,omitempty"`
	// Changed names the settings that differ; values may be secrets.
	Changed  []string             `json:"changed,omitempty"`
	Running  bool                 `json:"running"`
	Error    string               `json:"error,omitempty"`
	Findings []connectors.Finding `json:"findings,omitempty"`
}

func (c *connectorsCommand) apply() *cobra.Command {
	var dryRun bool
	command := &cobra.Command{
		Use:   "apply FILE...",
		Short: "Deploy connectors, and wait until they run",
		Long: `Checks connector configurations, deploys those that differ from what Kafka Connect has, and waits until each connector
and all its tasks run, or says why not. Nothing is deployed if any of the files has an error. Safe to repeat.`,
		Args: misusedArgs(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfgs, err := c.load(args)
			if err != nil {
				return err
			}
			client, err := c.client()
			if err != nil {
				return err
			}
			ctx, cancel := c.bounded(cmd)
			defer cancel()
			findings, err := checks{client: client}.run(ctx, cfgs)
			if err != nil {
				return err
			}
			if connectors.HasErrors(findings) {
				if err := c.printFindings(cmd.OutOrStdout(), findings, len(cfgs)); err != nil {
					return err
				}
				return &exitError{code: exitFailed, err: errors.New("nothing was deployed: correct the errors above, then apply again")}
			}
			results, failures := []applied{}, 0
			for _, cfg := range cfgs {
				result := applied{Name: cfg.Name, File: cfg.Path}
				for _, finding := range findings {
					if finding.File == cfg.Path {
						result.Findings = append(result.Findings, finding)
					}
				}
				if result.Outcome, result.Changed, err = client.Plan(ctx, cfg); err == nil && !dryRun {
					result.Outcome, err = client.Apply(ctx, cfg)
					result.Running = err == nil
				}
				if err != nil {
					result.Error = cfg.Redact(err.Error())
					failures++
				}
				results = append(results, result)
				if !c.json {
					printApplied(cmd.OutOrStdout(), result, dryRun)
				}
			}
			if c.json {
				if err := printJSON(cmd.OutOrStdout(), results); err != nil {
					return err
				}
			}
			if failures > 0 {
				return failed()
			}
			return nil
		},
	}
	command.Flags().BoolVar(&dryRun, "dry-run", false, "say what would be done, and do nothing")
	return command
}

func printApplied(out io.Writer, result applied, dryRun bool) {
	for _, finding := range result.Findings {
		fmt.Fprintln(out, finding)
	}
	what := string(result.Outcome)
	if dryRun {
		what = map[connectors.Outcome]string{connectors.Created: "would be created", connectors.Updated: "would be updated", connectors.Unchanged: "unchanged"}[result.Outcome]
	}
	if len(result.Changed) > 0 {
		what += " (" + strings.Join(result.Changed, ", ") + ")"
	}
	switch {
	case result.Error != "" && what != "":
		fmt.Fprintf(out, "%s: %s, but %s\n", result.Name, what, result.Error)
	case result.Error != "":
		fmt.Fprintf(out, "%s: %s\n", result.Name, result.Error)
	case result.Running:
		fmt.Fprintf(out, "%s: %s, running\n", result.Name, what)
	default:
		fmt.Fprintf(out, "%s: %s\n", result.Name, what)
	}
}

// deleted is what delete prints about one connector.
type deleted struct {
	Name string `json:"name"`
	File string `json:"file"`
	// Remains is the SQL that drops the replication slot left in the database.
	Remains string `json:"remains,omitempty"`
	Error   string `json:"error,omitempty"`
}

func (c *connectorsCommand) delete() *cobra.Command {
	var yes bool
	command := &cobra.Command{
		Use:   "delete FILE...",
		Short: "Delete connectors; capture ends",
		Long: `Deletes the connectors of the files from Kafka Connect. From then on changes are not captured. Topics, offsets and the
replication slot remain: applied again, the connector goes on where it stopped, as long as the slot is there.`,
		Args: misusedArgs(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfgs, err := c.load(args)
			if err != nil {
				return err
			}
			client, err := c.client()
			if err != nil {
				return err
			}
			var names []string
			for _, cfg := range cfgs {
				if cfg.Name == "" {
					return misuse("connectors delete: %s gives no connector name, so there is nothing to delete; see connectors validate", cfg.Path)
				}
				names = append(names, cfg.Name)
			}
			if !yes {
				if err := confirm(cmd.InOrStdin(), cmd.ErrOrStderr(), "Delete "+strings.Join(names, ", ")+"? Changes will not be captured any more. [y/N] "); err != nil {
					return err
				}
			}
			ctx, cancel := c.bounded(cmd)
			defer cancel()
			results, failures := []deleted{}, 0
			for _, cfg := range cfgs {
				result := deleted{Name: cfg.Name, File: cfg.Path}
				// The slot is that of what runs, which may differ from the file.
				settings, err := client.Deployed(ctx, cfg.Name)
				if err == nil {
					result.Remains = connectors.SlotRemoval(settings)
					err = client.Delete(ctx, cfg.Name)
				}
				if err != nil {
					result.Error, result.Remains = cfg.Redact(err.Error()), ""
					failures++
				}
				results = append(results, result)
				if !c.json {
					printDeleted(cmd.OutOrStdout(), result)
				}
			}
			if c.json {
				if err := printJSON(cmd.OutOrStdout(), results); err != nil {
					return err
				}
			}
			if failures > 0 {
				return failed()
			}
			return nil
		},
	}
	command.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return command
}

func printDeleted(out io.Writer, result deleted) {
	if result.Error != "" {
		fmt.Fprintln(out, result.Error)
		return
	}
	fmt.Fprintf(out, "%s: deleted\n", result.Name)
	if result.Remains != "" {
		fmt.Fprintf(out, "  its replication slot remains, and the database keeps its log for it until the disk is full; unless the connector comes back soon, run:\n  %s\n", result.Remains)
	}
}

// confirm asks at a terminal. Without one there is nobody to ask, and nothing is done unasked.
func confirm(in io.Reader, out io.Writer, question string) error {
	if file, ok := in.(*os.File); ok && !term.IsTerminal(int(file.Fd())) {
		return misuse("connectors delete asks first, and there is no terminal to ask at; say --yes")
	}
	if _, err := fmt.Fprint(out, question); err != nil {
		return err
	}
	answer, err := bufio.NewReader(io.LimitReader(in, 100)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	default:
		return &exitError{code: exitFailed, err: errors.New("nothing was deleted")}
	}
}

func (c *connectorsCommand) show() *cobra.Command {
	return &cobra.Command{
		Use:               "show NAME",
		Short:             "Print a configuration or SQL script that the binary carries",
		Args:              misusedArgs(cobra.ExactArgs(1)),
		ValidArgsFunction: cobra.FixedCompletions(connectors.Shipped(), cobra.ShellCompDirectiveNoFileComp),
		RunE: func(cmd *cobra.Command, args []string) error {
			content, ok := connectors.ShippedFile(args[0])
			if !ok {
				return misuse("connectors show: there is no %q; there are %s", args[0], strings.Join(connectors.Shipped(), ", "))
			}
			_, err := cmd.OutOrStdout().Write(content)
			return err
		},
	}
}

func printJSON(out io.Writer, value any) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}
