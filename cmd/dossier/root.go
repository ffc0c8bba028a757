package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"dossier/internal/config"
)

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "dossier",
		Short: "Keeps the full, attributed history of the rows of a database",
		Long: `Dossier keeps the full, attributed history of the rows of a database: what changed, from what to what, when, and on whose
request. It reads what Debezium publishes, joins each change with the request that caused it, and stores versions that
people and programs query.

Exit codes: 0 done, 1 failed, 2 misuse (flags, arguments, configuration).`,
		Example: `  dossier demo
  dossier history person 17
  dossier search context:unattributed
  dossier config check
  dossier setup --dry-run
  dossier connectors apply postgres-json
  dossier run`,
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetVersionTemplate("dossier {{.Version}}\n")
	root.PersistentFlags().String("config", "", "configuration `FILE` (default $"+config.EnvConfig+", or "+config.DefaultFile+" if it is there)")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return misuse("%s: %w; see %s --help", cmd.CommandPath(), err, cmd.CommandPath())
	})
	group(root)
	root.AddCommand(newConfigCommand(), newSetupCommand(), newConnectorsCommand(), newRunCommand(), newProbeCommand(), newDLQCommand(), newBackupCommand(), newDemoCommand(),
		newHistoryCommand(), newShowCommand(), newDiffCommand(), newSearchCommand(), newVersionsCommand(), newRequestCommand(), newTailCommand())
	return root
}

// group makes a command that only has subcommands say so, where it is called without one or with an unknown one.
func group(cmd *cobra.Command) {
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			if cmd.Parent() == nil {
				return cmd.Help()
			}
			return misuse("%s: name a subcommand; see %s --help", cmd.CommandPath(), cmd.CommandPath())
		}
		hint := ""
		if likely := cmd.SuggestionsFor(args[0]); len(likely) > 0 {
			hint = fmt.Sprintf(", did you mean %q?", strings.Join(likely, `" or "`))
		}
		return misuse("there is no subcommand %q of %s%s; see %s --help", args[0], cmd.CommandPath(), hint, cmd.CommandPath())
	}
	cmd.SuggestionsMinimumDistance = 2
}

// loadConfig reads the configuration that --config, the environment or the working directory names, checks that what the
// command needs is there, and prints the warnings.
func loadConfig(cmd *cobra.Command, needs config.Need) (*config.Config, error) {
	path, err := cmd.Flags().GetString("config")
	if err != nil {
		return nil, err
	}
	if path == "" {
		path = os.Getenv(config.EnvConfig)
	}
	c, err := config.Load(path, os.Environ(), needs)
	if err != nil {
		if _, absent := os.Stat(config.DefaultFile); path == "" && errors.Is(absent, fs.ErrNotExist) {
			fmt.Fprintf(cmd.ErrOrStderr(), "there is no %s here; name a configuration with --config or $%s\n", config.DefaultFile, config.EnvConfig)
		}
		return nil, &exitError{code: exitMisuse, err: err}
	}
	for _, w := range c.Warnings {
		fmt.Fprintln(cmd.ErrOrStderr(), paint(cmd.ErrOrStderr(), yellow, "warning:"), w)
	}
	return c, nil
}

// version is the module's version, or the commit that the program was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	var revision, modified string
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			revision = s.Value
		case "vcs.modified":
			if s.Value == "true" {
				modified = ", modified"
			}
		}
	}
	if v == "" || v == "(devel)" {
		v = "development"
	}
	if len(revision) >= 12 {
		v += " (" + revision[:12] + modified + ")"
	}
	return v + ", " + info.GoVersion
}
