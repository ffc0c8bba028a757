package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"dossier/client"
	"dossier/query"
)

func newDiffCommand() *cobra.Command {
	var server serverFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "diff TYPE ID A [B]",
		Short: "Compare an entity between two times, versions or changes",
		Long: `Compares an entity field by field between A and B. Each is a time (2026-11-23, 2026-11-23T02:43:54Z, -7d, now), version:NAME, version:NAME@EDITION,
event:ID or position:P; a NAME that itself ends in @ and digits stands in double quotes. Without B, with what it is now.` + serverHelp,
		Example: `  dossier diff person 17 -30d
  dossier diff person 17 2026-01-01 2026-07-01
  dossier diff person 17 "version:Survey 2026@1" "version:Survey 2026@2"`,
		Args: misusedArgs(cobra.RangeArgs(2, 4)),
		RunE: func(cmd *cobra.Command, args []string) error {
			entity, moments, err := diffArgs(args)
			if err != nil {
				return err
			}
			c, err := server.client(cmd)
			if err != nil {
				return err
			}
			d, err := getWithin[query.Diff](cmd.Context(), server.timeout, c, client.Path{"entities", entity.Type, entity.ID, "diff"},
				setParameters(nil, "a", moments[0], "b", moments[1]))
			if err != nil {
				return explained(err)
			}
			out := cmd.OutOrStdout()
			if asJSON {
				return printJSONLine(out, d)
			}
			fmt.Fprintln(out, "A", stateLine(&d.A))
			fmt.Fprintln(out, "B", stateLine(&d.B))
			if len(d.Changes) == 0 {
				_, err := fmt.Fprintln(out, "no field differs")
				return err
			}
			t := &table{head: []string{"FIELD", "A", "B"}, shrink: []int{1, 2}}
			for i := range d.Changes {
				previous, current := shownChange(&d.Changes[i])
				t.add(printable(d.Changes[i].Field), previous, current)
			}
			return t.print(out)
		},
	}
	server.register(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	takeDashes(cmd)
	cmd.ValidArgsFunction = server.completeTypes
	return cmd
}

// diffArgs reads TYPE ID A [B], or TYPE/ID A [B]. Four arguments and two are plain; of three the first has a slash if it names the entity alone.
func diffArgs(args []string) (entity query.Ref, moments [2]string, err error) {
	n := 2
	if len(args) == 2 {
		if n = 1; !strings.Contains(args[0], "/") {
			return entity, moments, misuse("say with what %s %s is compared: a time, version:NAME, event:ID or position:P", args[0], args[1])
		}
	} else if len(args) == 3 {
		if ref, err := entityArgs(args[:1]); err == nil {
			return ref, [2]string{args[1], args[2]}, nil
		}
	}
	if entity, err = entityArgs(args[:n]); err != nil {
		return entity, moments, err
	}
	copy(moments[:], args[n:])
	return entity, moments, nil
}
