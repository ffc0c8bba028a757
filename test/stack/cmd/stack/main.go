// Command stack starts the real parts that Dossier works between, for work by hand.
//
//	go run ./test/stack/cmd/stack up                    the parts of the pipeline, until Ctrl-C
//	go run ./test/stack/cmd/stack up postgres kafka     only these, with what they need
//	go run ./test/stack/cmd/stack build                 only fetches and verifies
//	go run ./test/stack/cmd/stack lock                  writes the checksums anew, after a change of version
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"text/tabwriter"

	"dossier/test/stack"
	"dossier/test/stack/native"
	"dossier/test/stack/parts"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// After the first signal the default returns: a second one ends the program at once, and the watcher ends the parts.
	context.AfterFunc(ctx, stop)
	root := &cobra.Command{Use: "stack", Short: "start the real parts that Dossier works between", SilenceErrors: true, SilenceUsage: true}
	root.AddCommand(upCommand(), buildCommand(), lockCommand())
	if err := root.ExecuteContext(ctx); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "stack:", err)
		os.Exit(1)
	}
}

func upCommand() *cobra.Command {
	var asJSON, asEnv, keepLogs bool
	cmd := &cobra.Command{
		Use:   "up [PART...]",
		Short: "start parts, print their addresses, and keep them until Ctrl-C",
		Long:  "Starts the parts named, with what they need, or without a name the pipeline's: " + parts.Join(parts.Pipeline()) + ".\nThere are also " + string(parts.OpenSearch) + " and " + string(parts.OpenSearchSecure) + ".",
		RunE: func(cmd *cobra.Command, names []string) error {
			want, err := parts.Parse(names)
			if err != nil {
				return err
			}
			line := newProgress(os.Stderr)
			s, err := stack.Start(cmd.Context(), stack.Options{Parts: want, Progress: line.say, KeepLogs: keepLogs})
			line.end()
			if err != nil {
				return err
			}
			if err := printAddresses(s, asJSON, asEnv); err != nil {
				return errors.Join(err, s.Stop())
			}
			fmt.Fprintf(os.Stderr, "logs in %s; Ctrl-C ends everything\n", s.LogDir())
			<-cmd.Context().Done()
			fmt.Fprintln(os.Stderr, "ending")
			return s.Stop()
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the addresses as JSON")
	cmd.Flags().BoolVar(&asEnv, "env", false, "print the addresses as shell exports")
	cmd.Flags().BoolVar(&keepLogs, "keep-logs", false, "leave the parts' logs when they end")
	cmd.MarkFlagsMutuallyExclusive("json", "env")
	return cmd
}

func printAddresses(s *stack.Stack, asJSON, asEnv bool) error {
	switch {
	case asJSON:
		return json.NewEncoder(os.Stdout).Encode(s.Addresses())
	case asEnv:
		for _, a := range s.Addresses() {
			fmt.Printf("export %s='%s'\n", a.Env, strings.ReplaceAll(a.Value, "'", `'\''`))
		}
		return nil
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	for _, a := range s.Addresses() {
		fmt.Fprintf(w, "%s\t%s\t%s\n", a.Title, a.Env, a.Value)
	}
	return w.Flush()
}

func buildCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "build [PART...]",
		Short: "fetch and verify what parts run from, and start nothing",
		RunE: func(cmd *cobra.Command, names []string) error {
			want, err := parts.Parse(names)
			if err != nil {
				return err
			}
			line := newProgress(os.Stderr)
			dir, err := native.Build(cmd.Context(), parts.Closure(want), line.say)
			line.end()
			if err == nil {
				fmt.Println(dir)
			}
			return err
		},
	}
}

func lockCommand() *cobra.Command {
	file := filepath.Join("test", "stack", "native", "checksums.txt")
	cmd := &cobra.Command{
		Use:   "lock",
		Short: "fetch everything anew and write the file of checksums",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			line := newProgress(os.Stderr)
			err := native.Lock(cmd.Context(), file, line.say)
			line.end()
			return err
		},
	}
	cmd.Flags().StringVarP(&file, "output", "o", file, "the file to write")
	return cmd
}
