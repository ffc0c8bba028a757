package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"dossier/test/stack"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// After the first signal the default returns: a second one ends the program at once.
	context.AfterFunc(ctx, stop)
	if isWorker() {
		os.Exit(work(ctx))
	}
	if err := command().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func command() *cobra.Command {
	var s settings
	var part, jsonFile string
	cmd := &cobra.Command{
		Use: "bench", Short: "measure Dossier beside the limits of this machine", Args: cobra.NoArgs, SilenceErrors: true, SilenceUsage: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := s.validate(part); err != nil {
				return err
			}
			return measureAll(cmd, s, jsonFile)
		},
	}
	f := cmd.Flags()
	f.StringVar(&part, "part", "", "measure one part alone, with its limit: processor (the only one so far)")
	f.IntVar(&s.runs, "runs", 5, "how many runs of each part are counted, after one that is not")
	f.IntVar(&s.events, "events", 300_000, "how many changes the corpus has")
	f.IntVar(&s.perTx, "changes", 5, "how many changes a transaction has")
	f.IntVar(&s.columns, "columns", narrow, "how many columns the table has")
	f.StringVar((*string)(&s.context), "context", string(shareAll), "which transactions have a context message: all, half or none")
	f.IntVar(&s.partitions, "partitions", 6, "partitions of the change topic and of the output")
	f.StringVar(&jsonFile, "json", "", "write the results to this file too, as JSON")
	f.StringVar(&s.cpuProfile, "cpuprofile", "", "write the CPU profile of one more run of the processor to this file")
	return cmd
}

// validate returns every fault.
func (s *settings) validate(part string) error {
	var faults []error
	if part != "" && part != partProcessor {
		faults = append(faults, fmt.Errorf("--part %s: the parts are: %s", part, partProcessor))
	}
	for _, n := range []struct {
		name  string
		value int
	}{{"runs", s.runs}, {"events", s.events}, {"changes", s.perTx}, {"partitions", s.partitions}} {
		if n.value < 1 {
			faults = append(faults, fmt.Errorf("--%s %d: must be at least 1", n.name, n.value))
		}
	}
	if s.columns < narrow {
		faults = append(faults, fmt.Errorf("--columns %d: must be at least %d", s.columns, narrow))
	}
	switch s.context {
	case shareAll, shareHalf, shareNone:
	default:
		faults = append(faults, fmt.Errorf("--context %s: must be %s, %s or %s", s.context, shareAll, shareHalf, shareNone))
	}
	if s.cpuProfile != "" {
		path, err := filepath.Abs(s.cpuProfile)
		s.cpuProfile = path
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

// measureAll starts a broker, measures, and writes the results.
func measureAll(cmd *cobra.Command, s settings, jsonFile string) (err error) {
	ctx := cmd.Context()
	show := newDisplay(cmd.ErrOrStderr())
	servers, err := stack.Start(ctx, stack.Options{Parts: []stack.Part{stack.Kafka}, Progress: func(line string) { show.say("%s", line) }})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, servers.Stop()) }()
	b, err := openBroker(servers.KafkaBrokers())
	if err != nil {
		return err
	}
	defer b.close()
	r, err := bench(ctx, b, s, show)
	if err != nil {
		return err
	}
	if jsonFile != "" {
		text, err := json.MarshalIndent(r, "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(jsonFile, append(text, '\n'), 0o644); err != nil {
			return err
		}
	}
	return r.table(cmd.OutOrStdout())
}
