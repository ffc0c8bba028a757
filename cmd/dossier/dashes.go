package main

import (
	"strings"

	"github.com/spf13/cobra"
)

// takeDashes lets a command take arguments that begin with one "-", such as -7d and -user:anna, wherever they stand among its flags. So such
// a command has no one-letter flags but -h. Errors of flags and of the number of arguments are as with any other command.
func takeDashes(cmd *cobra.Command) {
	check, run := cmd.Args, cmd.RunE
	cmd.DisableFlagParsing = true
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, raw []string) error {
		if err := cmd.Flags().Parse(protectDashes(cmd, raw)); err != nil {
			return cmd.FlagErrorFunc()(cmd, err)
		}
		if help, err := cmd.Flags().GetBool("help"); err == nil && help {
			return cmd.Help()
		}
		args := cmd.Flags().Args()
		for i := range args {
			args[i] = strings.TrimPrefix(args[i], protected)
		}
		if check != nil {
			if err := check(cmd, args); err != nil {
				return err
			}
		}
		if err := cmd.ValidateFlagGroups(); err != nil {
			return cmd.FlagErrorFunc()(cmd, err)
		}
		return run(cmd, args)
	}
}

// protected begins an argument that is no flag. No argument of a program can hold it.
const protected = "\x00"

// protectDashes marks the arguments that only look like flags.
func protectDashes(cmd *cobra.Command, args []string) []string {
	marked := make([]string, len(args))
	copy(marked, args)
	for i := 0; i < len(args); i++ {
		arg := args[i]
		switch {
		case arg == "--":
			return marked
		case strings.HasPrefix(arg, "--"):
			name, _, assigned := strings.Cut(arg[2:], "=")
			if flag := cmd.Flags().Lookup(name); flag != nil && !assigned && flag.NoOptDefVal == "" {
				i++ // its value
			}
		case strings.HasPrefix(arg, "-") && arg != "-h" && arg != "-":
			marked[i] = protected + arg
		}
	}
	return marked
}

// completeDashes completes the values of a takeDashes command's flags, which cobra does not tell from arguments, and arguments by another function.
func completeDashes(arguments cobra.CompletionFunc) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if n := len(args); n > 0 && strings.HasPrefix(args[n-1], "--") {
			if values, ok := cmd.GetFlagCompletionFunc(args[n-1][2:]); ok {
				return values(cmd, nil, typed)
			}
		}
		return arguments(cmd, args, typed)
	}
}
