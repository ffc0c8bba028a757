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
)

func main() {
	if isWorker() {
		os.Exit(work())
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// After the first signal the default returns: a second one ends the program at once.
	context.AfterFunc(ctx, stop)
	if err := command().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func command() *cobra.Command {
	var s settings
	var names []string
	var jsonFile string
	all := allParts()
	cmd := &cobra.Command{
		Use: "bench", Short: "measure Dossier beside the limits of this machine", Args: cobra.NoArgs, SilenceErrors: true, SilenceUsage: true,
		Long: "Measures Dossier beside the limits of this machine. Every part checks what came out.\n\nParts:\n" + describe(all),
		RunE: func(cmd *cobra.Command, _ []string) error {
			chosen, err := pick(all, names)
			faults := []error{err, s.validate()}
			for _, p := range chosen {
				if p.validate != nil {
					faults = append(faults, p.validate())
				}
			}
			if err := errors.Join(faults...); err != nil {
				return err
			}
			r, err := measureParts(cmd.Context(), chosen, s, newDisplay(cmd.ErrOrStderr()))
			if err != nil {
				return err
			}
			if jsonFile != "" {
				if err := r.write(jsonFile); err != nil {
					return err
				}
			}
			return r.table(cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&names, "part", nil, "measure this part alone; may be given several times")
	f.IntVar(&s.runs, "runs", 5, "how many runs of each part are counted, after one that is not")
	f.IntVar(&s.events, "events", 300_000, "how many changes the corpus has")
	f.IntVar(&s.perTx, "changes", 5, "how many changes a transaction has")
	f.StringVar((*string)(&s.row), "row", string(rowNarrow), "what the table's rows hold: narrow (5 columns), wide, or document (5 columns and a JSON document of 1 to 2 KB)")
	f.IntVar(&s.columns, "columns", wide, "how many columns a wide row has")
	f.StringVar((*string)(&s.format), "format", string(formatJSON), "of the change topics: json or avro")
	f.StringVar((*string)(&s.audit), "audit-format", string(formatJSON), "of the audit topic: json or avro")
	f.StringVar((*string)(&s.context), "context", string(shareAll), "which transactions have a context message: all, half or none")
	f.IntVar(&s.partitions, "partitions", 6, "partitions of the change topic and of the output")
	f.StringVar(&jsonFile, "json", "", "write the results to this file too, as JSON")
	f.StringVar(&s.cpuProfile, "cpuprofile", "", "write the CPU profile of a run of what is measured, not of its limit, to this file")
	f.StringVar(&s.memoryProfile, "memprofile", "", "write the memory profile of the same run to this file: what was in use last, and all that was allocated")
	for _, p := range all {
		if p.flags != nil {
			p.flags(f)
		}
	}
	return cmd
}

// count is a flag that counts something.
type count struct {
	flag  string
	value int
}

// atLeastOne returns a fault for each count that is none.
func atLeastOne(counts []count) []error {
	var faults []error
	for _, c := range counts {
		if c.value < 1 {
			faults = append(faults, fmt.Errorf("--%s %d: must be at least 1", c.flag, c.value))
		}
	}
	return faults
}

// validate returns every fault.
func (s *settings) validate() error {
	faults := atLeastOne([]count{{"runs", s.runs}, {"events", s.events}, {"changes", s.perTx}, {"partitions", s.partitions}})
	if s.columns < narrow {
		faults = append(faults, fmt.Errorf("--columns %d: must be at least %d", s.columns, narrow))
	}
	if !s.row.known() {
		faults = append(faults, fmt.Errorf("--row %s: must be one of %v", s.row, shapes()))
	}
	for _, f := range []struct {
		name  string
		value format
	}{{"format", s.format}, {"audit-format", s.audit}} {
		if f.value != formatJSON && f.value != formatAvro {
			faults = append(faults, fmt.Errorf("--%s %s: must be %s or %s", f.name, f.value, formatJSON, formatAvro))
		}
	}
	switch s.context {
	case shareAll, shareHalf, shareNone:
	default:
		faults = append(faults, fmt.Errorf("--context %s: must be %s, %s or %s", s.context, shareAll, shareHalf, shareNone))
	}
	// The worker is another process, and need not have the same working directory.
	for _, file := range []*string{&s.cpuProfile, &s.memoryProfile} {
		if *file != "" {
			path, err := filepath.Abs(*file)
			*file = path
			faults = append(faults, err)
		}
	}
	return errors.Join(faults...)
}

// write writes the report as JSON.
func (r *report) write(file string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}
