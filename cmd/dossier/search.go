package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"dossier/client"
	"dossier/query"
)

func newSearchCommand() *cobra.Command {
	var page pageFlags
	var from, to, by string
	var oldest bool
	cmd := &cobra.Command{
		Use:   "search [QUERY...]",
		Short: "Search changes by user, entity, field, value, time and more",
		Long: `Searches changes, the newest first. Conditions are joined by "and", the same one several times by "or":

  user: type: entity: parent: field: old: new: value: action: context: request: version: created: ip: service: reason: table: tx: kind:
  words or "a phrase" in values; -condition negates; * and ? are wildcards; >, >=, <, <= and a..b compare

A question about fields or values finds field changes, any other finds row changes. The shell takes quotes and > for
itself: put what has them in single quotes, as in 'user:"Ann Smith"'.` + serverHelp,
		Example: `  dossier search context:unattributed 'created:>=-7d'
  dossier search field:price 'new:>100' type:product,offer
  dossier search user:anna -action:create '"Baker Street"'
  dossier search --count-by user created:2026-11`,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := page.open(cmd)
			if err != nil {
				return err
			}
			parameters := setParameters(nil, "q", strings.Join(args, " "), "from", from, "to", to)
			if by != "" {
				return countChanges(cmd, &page, c, setParameters(parameters, "by", by))
			}
			if oldest {
				parameters.Set("order", "asc")
			}
			out := cmd.OutOrStdout()
			t := newChangeTable(true)
			more, err := eachPage(cmd.Context(), &page, c, client.Path{"changes"}, parameters,
				func(a *query.Changes) ([]query.Change, string) { return a.Items, a.Next },
				func(_ *query.Changes, items []query.Change) error {
					if page.asJSON {
						return printLines(out, items)
					}
					for i := range items {
						t.change(&items[i])
					}
					return t.print(out)
				})
			if err != nil || page.asJSON {
				return err
			}
			return listEnd(cmd, !t.headed, more, "no changes match")
		},
	}
	page.register(cmd, "changes")
	cmd.Flags().StringVar(&from, "from", "", "only what was committed at or after `TIME` (2026-11-23, 2026-11-23T02:43:54Z, -7d)")
	cmd.Flags().StringVar(&to, "to", "", "only what was committed before `TIME`")
	cmd.Flags().BoolVar(&oldest, "oldest-first", false, "the oldest first")
	cmd.Flags().StringVar(&by, "count-by", "", "count instead, by `WHAT`: user, entity, type, day, field, action, context, version")
	completeFlag(cmd, "count-by", "user", "entity", "type", "day", "field", "action", "context", "version")
	takeDashes(cmd)
	cmd.ValidArgsFunction = completeDashes(cobra.NoFileCompletions)
	return cmd
}

// countChanges prints how many changes there are by one of their properties.
func countChanges(cmd *cobra.Command, page *pageFlags, c *client.Client, parameters map[string][]string) error {
	if page.limit > 0 {
		parameters["limit"] = []string{strconv.Itoa(min(page.limit, query.MaxLimit))}
	} else {
		parameters["limit"] = []string{strconv.Itoa(query.MaxLimit)}
	}
	answer, err := getWithin[query.CountsAnswer](cmd.Context(), page.timeout, c, client.Path{"counts"}, parameters)
	if err != nil {
		return explained(err)
	}
	out := cmd.OutOrStdout()
	if page.asJSON {
		return printLines(out, answer.Items)
	}
	t := &table{head: []string{strings.ToUpper(answer.By), "CHANGES"}}
	for _, item := range answer.Items {
		t.add(shownKey(item.Key), strconv.FormatInt(item.Count, 10))
	}
	if answer.Other > 0 {
		t.add("(others)", strconv.FormatInt(answer.Other, 10))
	}
	if err := t.print(out); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%d in all\n", answer.Total)
	return err
}

// shownKey prints what was counted: a text, or an entity.
func shownKey(key any) string {
	if text, ok := key.(string); ok {
		return printable(text)
	}
	var ref query.Ref
	text, err := json.Marshal(key)
	if err != nil || json.Unmarshal(text, &ref) != nil {
		return printable(fmt.Sprint(key))
	}
	return shownEntity(ref)
}
