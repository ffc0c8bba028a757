package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"
	"golang.org/x/sync/errgroup"

	"dossier/internal/config"
	"dossier/internal/demo"
	"dossier/internal/telemetry"
	"dossier/internal/topics"
)

func newDemoCommand() *cobra.Command {
	d := &demoCommand{}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run the whole pipeline in this process, on a recorded year of a population registry",
		Long: `Runs the whole pipeline in this process, and needs nothing else: a Kafka in memory, into which a year of a population registry is
played as Debezium recorded it from a real PostgreSQL; the processor and the sink, as in "dossier run"; a SQLite file as the store; and the
HTTP API. When all is stored it shows what to ask, and answers until Ctrl-C.

The store is a temporary one, or that in the directory of --data, which is kept: the same year a second time adds nothing to it.`,
		Example: `  dossier demo
  dossier demo --data demo
  dossier demo --once`,
		Args: misusedArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			d.listenGiven = cmd.Flags().Changed("listen")
			return d.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.Flags().StringVar(&d.listen, "listen", "127.0.0.1:8080", "`ADDRESS` of the HTTP API")
	cmd.Flags().BoolVar(&d.once, "once", false, "end when all is stored, and print a summary as JSON")
	cmd.Flags().StringVar(&d.data, "data", "", "`DIR` for the store, the log and the configuration, which is kept")
	return cmd
}

// demoCommand holds the flags of `dossier demo`.
type demoCommand struct {
	listen      string
	listenGiven bool
	once        bool
	data        string
}

// run plays the year through the pipeline.
//
//	recorded year ──> Kafka (in this process) ──> processor ──> audit topic ──> sink ──> SQLite ──> HTTP API
//
// All from the processor on is `dossier run` with the demo's configuration.
func (d *demoCommand) run(ctx context.Context, out, steps io.Writer) (err error) {
	say := newNarrator(steps)
	address, err := d.address(say)
	if err != nil {
		return err
	}
	dir, cleanUp, err := d.directory()
	if err != nil {
		return err
	}
	defer func() { err = cleanUp(err) }()
	kafka, err := demo.StartKafka()
	if err != nil {
		return err
	}
	defer kafka.Close()
	c, err := demoConfig(dir, demo.Places{Kafka: kafka.Address, Store: filepath.Join(dir, "dossier.db"), Listen: address})
	if err != nil {
		return err
	}
	return d.interrupted(ctx, d.play(ctx, c, kafka, dir, out, say))
}

// play plays the year, lets the roles work, and shows what came of it.
func (d *demoCommand) play(ctx context.Context, c *config.Config, kafka *demo.Kafka, dir string, out io.Writer, say *narrator) error {
	records, err := demo.Corpus()
	if err != nil {
		return err
	}
	if err := setUpDemo(ctx, c, kafka, records); err != nil {
		return err
	}
	if err := kafka.Play(ctx, records, newBar(say.w, len(records), "playing")); err != nil {
		return err
	}
	say.step("%s of %d played into a Kafka in this process", count(len(records), "record"), records[0].Time.Year())

	logFile, err := os.OpenFile(filepath.Join(dir, "dossier.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer logFile.Close()
	log, err := telemetry.NewLog(logFile, c.Log.Level)
	if err != nil {
		return err
	}
	pipeline, stop := context.WithCancel(ctx)
	defer stop()
	group, groupCtx := errgroup.WithContext(pipeline)
	group.Go(func() error { return run(groupCtx, c, allRoles, 30*time.Second, log) })
	group.Go(func() error {
		defer stop() // the roles drain
		summary, err := d.watch(groupCtx, c, len(records), say)
		if err != nil {
			return err
		}
		summary.Seconds.Total = say.elapsed()
		if d.once {
			return printJSON(out, summary)
		}
		if err := demoPage(out, summary, c, dir); err != nil {
			return err
		}
		<-groupCtx.Done()
		return nil
	})
	return group.Wait()
}

// errInterrupted says that there is no summary, because the demo was told to end before.
var errInterrupted = errors.New("interrupted before everything was stored")

// interrupted makes a demo that was told to end one that did what it should, unless somebody waits for its summary.
func (d *demoCommand) interrupted(ctx context.Context, err error) error {
	switch {
	case ctx.Err() == nil || err == nil || !errors.Is(err, context.Canceled):
		return err
	case d.once:
		return errInterrupted
	}
	return nil
}

// demoConfig writes the demo's configuration into the directory, where other commands find it, and parses it.
func demoConfig(dir string, p demo.Places) (*config.Config, error) {
	path, text := filepath.Join(dir, "dossier.yaml"), demo.Config(p)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return nil, err
	}
	// Without the environment: the demo is the same wherever it runs.
	return config.Parse(path, []byte(text), nil)
}

// setUpDemo does what connectors and `dossier setup` do.
func setUpDemo(ctx context.Context, c *config.Config, kafka *demo.Kafka, records []demo.Record) error {
	if err := kafka.CreateTopics(ctx, records); err != nil {
		return err
	}
	recorded := map[string]bool{}
	for _, r := range records {
		recorded[r.Topic] = true
	}
	var missing []topics.Topic
	for _, t := range wantedTopics(c) {
		if !recorded[t.Name] { // those that were recorded keep their own times
			missing = append(missing, t)
		}
	}
	if _, err := topics.Apply(ctx, kadm.NewClient(kafka.Client), missing, false); err != nil {
		return err
	}
	if _, err := (&setupCommand{}).store(ctx, c); err != nil {
		return fmt.Errorf("preparing the store: %w", err)
	}
	return nil
}
