package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"dossier/internal/config"
)

func newConfigCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "config", Short: "Look at the configuration"}
	group(cmd)
	cmd.AddCommand(newConfigCheckCommand())
	return cmd
}

func newConfigCheckCommand() *cobra.Command {
	var roles []string
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Report every fault of a configuration at once",
		Long: `Reads the configuration as the other commands do, from the file and the environment, and reports every fault at once, each
with its line or variable. Nothing is connected to. Exit code 2 if there is a fault.`,
		Example: `  dossier config check
  dossier --config /etc/dossier/shop.yaml config check --role sink`,
		Args: misusedArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			needs, err := needsOf(roles)
			if err != nil {
				return err
			}
			c, err := loadConfig(cmd, needs)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "no faults; %s, %s, %s\n",
				count(len(c.Sources), "source"), count(len(c.Entities), "entity type"), count(len(c.AllScopes()), "scope"))
			return nil
		},
	}
	cmd.Flags().StringSliceVar(&roles, "role", allRoles, "check what these `ROLES` need")
	completeFlag(cmd, "role", allRoles...)
	return cmd
}

// The roles of `dossier run`.
const (
	roleProcessor = "processor"
	roleSink      = "sink"
	roleServe     = "serve"
)

var allRoles = []string{roleProcessor, roleSink, roleServe}

// needsOf returns what the roles cannot do without.
func needsOf(roles []string) (config.Need, error) {
	var needs config.Need
	for _, role := range roles {
		switch role {
		case roleProcessor:
			needs |= config.NeedSources
		case roleSink:
			needs |= config.NeedStore
		case roleServe:
			needs |= config.NeedServe
		default:
			return 0, misuse("--role: unknown role %q; expected some of %s", role, strings.Join(allRoles, ", "))
		}
	}
	if len(roles) == 0 {
		return 0, misuse("--role: expected some of %s", strings.Join(allRoles, ", "))
	}
	return needs, nil
}
