package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"dossier/client"
	"dossier/query"
)

func newHistoryCommand() *cobra.Command {
	var page pageFlags
	var from, to, field, user string
	cmd := &cobra.Command{
		Use:   "history TYPE ID",
		Short: "List what happened to an entity, newest first",
		Long: `Lists what happened to an entity, newest first: who changed which field from what to what, when, on which request, and why; named versions
and feedback too. The reason is left out at a terminal too narrow for it. A key that has changed is followed: the history is the row's, whatever it was called.` + serverHelp,
		Example: `  dossier history person 17
  dossier history person/17 --from -30d --field address
  dossier history person 17 --user anna --limit 0 --json`,
		Args: misusedArgs(cobra.RangeArgs(1, 2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			entity, err := entityArgs(args)
			if err != nil {
				return err
			}
			c, err := page.open(cmd)
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			t := newChangeTable(false)
			more, err := eachPage(cmd.Context(), &page, c, client.Path{"entities", entity.Type, entity.ID, "history"},
				setParameters(nil, "from", from, "to", to, "field", field, "user", user),
				func(h *query.History) ([]query.Change, string) { return h.Items, h.Next },
				func(h *query.History, items []query.Change) error {
					if page.asJSON {
						return printLines(out, items)
					}
					if !t.headed && len(h.Entity.Also) > 0 {
						fmt.Fprintf(out, "%s is or was also %s\n", shownEntity(entity), printable(strings.Join(h.Entity.Also, ", ")))
					}
					for i := range items {
						t.change(&items[i])
					}
					return t.print(out)
				})
			if err != nil || page.asJSON {
				return err
			}
			return listEnd(cmd, !t.headed, more, "nothing happened to it within these bounds")
		},
	}
	page.register(cmd, "entries")
	cmd.Flags().StringVar(&from, "from", "", "only what was committed at or after `TIME` (2026-11-23, 2026-11-23T02:43:54Z, -7d)")
	cmd.Flags().StringVar(&to, "to", "", "only what was committed before `TIME`")
	cmd.Flags().StringVar(&field, "field", "", "only changes of the field `NAME`")
	cmd.Flags().StringVar(&user, "user", "", "only what the user with this `ID`, name or e-mail did")
	cmd.ValidArgsFunction = page.completeTypes
	return cmd
}

// listEnd says what a list's reader could not see from its lines.
func listEnd(cmd *cobra.Command, empty, more bool, nothing string) error {
	var err error
	switch {
	case empty:
		_, err = fmt.Fprintln(cmd.OutOrStdout(), nothing)
	case more:
		_, err = fmt.Fprintln(cmd.ErrOrStderr(), "there is more; --limit 0 lists all")
	}
	return err
}
