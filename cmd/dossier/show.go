package main

import (
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"dossier/client"
	"dossier/query"
)

func newShowCommand() *cobra.Command {
	var page pageFlags
	var asOf, version, edition, event, position, children string
	var blame bool
	cmd := &cobra.Command{
		Use:   "show TYPE ID",
		Short: "Show an entity as it is or as it was",
		Long: `Shows an entity as it is, or as it was at a time, in a named version, after a change. With --blame, who gave each field its value, and when; with
--children, the entities that belong to it, as they were then.` + serverHelp,
		Example: `  dossier show person 17
  dossier show person 17 --as-of 2026-03-01 --blame
  dossier show person 17 --version "Survey 2026"
  dossier show household 4 --children person --as-of -30d`,
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
			if cmd.Flags().Changed("children") {
				return showChildren(cmd, &page, c, entity, children, asOf)
			}
			parameters := setParameters(nil, "as_of", asOf, "version", version, "edition", edition, "event", event, "position", position)
			if blame {
				parameters.Set("blame", "true")
			}
			state, err := getWithin[query.State](cmd.Context(), page.timeout, c, client.Path{"entities", entity.Type, entity.ID}, parameters)
			if err != nil {
				return explained(err)
			}
			if page.asJSON {
				return printJSONLine(cmd.OutOrStdout(), state)
			}
			return printState(cmd.OutOrStdout(), state)
		},
	}
	page.register(cmd, "children")
	f := cmd.Flags()
	f.StringVar(&asOf, "as-of", "", "as it was at `TIME` (2026-11-23, 2026-11-23T02:43:54Z, -7d)")
	f.StringVar(&version, "version", "", "as it was in the named version `NAME`")
	f.StringVar(&edition, "edition", "", "with --version: the edition `N` (default the latest)")
	f.StringVar(&event, "event", "", "as the change with this `ID` left it")
	f.StringVar(&position, "position", "", "as it was at the log position `P`")
	f.BoolVar(&blame, "blame", false, "say who gave each field its value, and when")
	f.StringVar(&children, "children", "", "show the entities of `TYPE` that belong to it; * for every type")
	cmd.MarkFlagsMutuallyExclusive("as-of", "version", "event", "position")
	for _, other := range []string{"version", "event", "position", "blame"} {
		cmd.MarkFlagsMutuallyExclusive("children", other)
	}
	cmd.ValidArgsFunction = page.completeTypes
	return cmd
}

// printState prints an entity as it was: a line on how it came to be so, and its fields.
func printState(w io.Writer, s *query.State) error {
	fmt.Fprintln(w, stateLine(s))
	t := &table{head: []string{"FIELD", "VALUE"}, shrink: []int{1}}
	if s.Blame != nil {
		t.head = append(t.head, "SINCE", "WHO", "BEFORE")
		t.shrink = []int{3, 4, 1}
	}
	add := func(field, value string) {
		cells := []string{printable(field), value}
		if s.Blame != nil {
			b, ok := s.Blame[field]
			if !ok {
				cells = append(cells, "", "", "")
			} else {
				cells = append(cells, shownTime(b.Time), whoOf(b.Context, b.Action), shownValue(b.Previous, b.PreviousState))
			}
		}
		t.add(cells...)
	}
	for _, f := range s.Row {
		value := shownValue(f.Value, "")
		if s.Derived[f.Name] != "" {
			value += " (derived)"
		}
		add(f.Name, value)
	}
	for _, field := range slices.Sorted(maps.Keys(s.States)) {
		add(field, shownValue(nil, s.States[field]))
	}
	return t.print(w)
}

// stateLine says what the entity was, and which change had made it so.
func stateLine(s *query.State) string {
	line := shownEntity(s.Entity.Ref) + ": " + string(s.Status)
	switch s.Status {
	case query.StatusMoved:
		line += " to " + printable(s.MovedTo)
	case query.StatusNotYet:
		return shownEntity(s.Entity.Ref) + ": not there yet; it was created later"
	case query.StatusUnknown:
		return shownEntity(s.Entity.Ref) + ": not known; this is before the first version that is known"
	}
	if v := s.Version; v != nil {
		line += fmt.Sprintf(", by the %s of %s", v.Action, shownTime(v.Time))
		if who := whoOf(v.Context, v.Action); who != "" {
			line += ", " + who
		}
		if c := contextOf(v.Context); c.Reason != "" {
			line += ": " + printable(c.Reason)
		}
	}
	return line
}

// showChildren prints the entities that belonged to one.
func showChildren(cmd *cobra.Command, page *pageFlags, c *client.Client, parent query.Ref, kind, asOf string) error {
	if kind == "*" {
		kind = ""
	}
	out := cmd.OutOrStdout()
	t := &table{head: []string{"ENTITY", "SINCE", "ACTION", "WHO", "ROW"}, shrink: []int{3, 4}}
	more, err := eachPage(cmd.Context(), page, c, client.Path{"entities", parent.Type, parent.ID, "children"}, setParameters(nil, "type", kind, "as_of", asOf),
		func(a *query.States) ([]query.State, string) { return a.Items, a.Next },
		func(_ *query.States, items []query.State) error {
			if page.asJSON {
				return printLines(out, items)
			}
			for i := range items {
				t.add(stateCells(&items[i])...)
			}
			return t.print(out)
		})
	if err != nil || page.asJSON {
		return err
	}
	return listEnd(cmd, !t.headed, more, "nothing belonged to it")
}

// stateCells are a state on one line: its entity, since when, by what and whom, and its row.
func stateCells(s *query.State) []string {
	cells := []string{shownEntity(s.Entity.Ref), "", string(s.Status), "", ""}
	if v := s.Version; v != nil {
		cells[1], cells[3] = shownTime(v.Time), whoOf(v.Context, v.Action)
		if s.Status == query.StatusPresent {
			cells[2] = string(v.Action)
		}
	}
	for i, f := range s.Row {
		if i > 0 {
			cells[4] += " "
		}
		cells[4] += printable(f.Name) + "=" + shorten(shownValue(f.Value, ""), 40)
	}
	return cells
}
