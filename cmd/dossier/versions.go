package main

import (
	"encoding/json"
	"fmt"
	"os/user"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"dossier/client"
	"dossier/query"
	"dossier/schema"
)

func newVersionsCommand() *cobra.Command {
	var page pageFlags
	var edition, kind string
	cmd := &cobra.Command{
		Use:   "versions [NAME]",
		Short: "List named versions, or the entities of one as they were",
		Long: `Lists the named versions with their editions; or, with a name, every entity of that version as it was, with who, when, and what differed from the
version before. "versions create" gives a name.` + serverHelp,
		Example: `  dossier versions
  dossier versions "Survey 2026"
  dossier versions "Survey 2026" --edition 1 --type person --json`,
		Args: misusedArgs(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := page.open(cmd)
			if err != nil {
				return err
			}
			if len(args) == 1 {
				return showVersion(cmd, &page, c, args[0], setParameters(nil, "edition", edition, "type", kind))
			}
			return listVersions(cmd, &page, c)
		},
	}
	page.register(cmd, "entries")
	cmd.Flags().StringVar(&edition, "edition", "", "the edition `N` (default the latest)")
	cmd.Flags().StringVar(&kind, "type", "", "only entities of `TYPE`")
	cmd.ValidArgsFunction = cobra.NoFileCompletions
	cmd.AddCommand(newVersionsCreateCommand())
	return cmd
}

func listVersions(cmd *cobra.Command, page *pageFlags, c *client.Client) error {
	out := cmd.OutOrStdout()
	t := &table{head: []string{"NAME", "EDITION", "NAMED BY", "FIRST", "LAST", "ENTITIES", "WHO", "REASON"}, shrink: []int{6, 7}} // a name is whole, to be given back
	more, err := eachPage(cmd.Context(), page, c, client.Path{"versions"}, nil,
		func(a *query.NamedVersions) ([]query.NamedVersion, string) { return a.Items, a.Next },
		func(_ *query.NamedVersions, items []query.NamedVersion) error {
			if page.asJSON {
				return printLines(out, items)
			}
			for _, v := range items {
				for _, e := range v.Editions {
					t.add(printable(v.Name), strconv.Itoa(e.Edition), e.By, shownTime(e.First), shownTime(e.Last), strconv.FormatInt(e.Entities, 10),
						shownUser(e.User), printable(e.Reason))
				}
			}
			return t.print(out)
		})
	if err != nil || page.asJSON {
		return err
	}
	return listEnd(cmd, !t.headed, more, "no named versions")
}

func shownUser(text json.RawMessage) string {
	var u schema.User
	_ = json.Unmarshal(text, &u) // what cannot be read is shown as nobody
	return printable(nameOf(u))
}

func showVersion(cmd *cobra.Command, page *pageFlags, c *client.Client, name string, parameters map[string][]string) error {
	out := cmd.OutOrStdout()
	t := &table{head: []string{"ENTITY", "SINCE", "ACTION", "WHO", "FIELD", "BEFORE", "VALUE"}, shrink: []int{3, 5, 6}}
	more, err := eachPage(cmd.Context(), page, c, client.Path{"versions", name}, parameters,
		func(a *query.VersionContent) ([]query.State, string) { return a.Items, a.Next },
		func(a *query.VersionContent, items []query.State) error {
			if page.asJSON {
				return printLines(out, items)
			}
			if !t.headed {
				fmt.Fprintf(out, "%s, edition %d of %d, %s\n", printable(a.Name), a.Edition.Edition, len(a.Editions), countOf(a.Edition.Entities, "entity", "entities"))
			}
			if names := comparedWith(items); len(names) > 0 {
				fmt.Fprintln(out, "BEFORE is, of entities that no earlier edition holds,", strings.Join(names, ", "))
			}
			for i := range items {
				addVersionRows(t, &items[i])
			}
			return t.print(out)
		})
	if err != nil || page.asJSON {
		return err
	}
	return listEnd(cmd, !t.headed, more, "no entities")
}

// comparedWith names the versions of other names that entities are compared with.
func comparedWith(items []query.State) []string {
	var names []string
	for i := range items {
		if with := items[i].ComparedWith; with != nil && !slices.Contains(names, printable(with.Name)) {
			names = append(names, printable(with.Name))
		}
	}
	return names
}

// addVersionRows adds an entity of a version: what differed from the version before, a line each.
func addVersionRows(t *table, s *query.State) {
	left := stateCells(s)[:4]
	if len(s.Changes) == 0 {
		t.add(append(left, "", "", "(nothing differed)")...)
		return
	}
	for i := range s.Changes {
		previous, current := shownChange(&s.Changes[i])
		t.add(append(append([]string{}, left...), printable(s.Changes[i].Field), previous, current)...)
		for j := range left {
			left[j] = ""
		}
	}
}

// nameRequest is the body of POST /versions.
type nameRequest struct {
	Name       string       `json:"name"`
	Reason     string       `json:"reason,omitempty"`
	AsOf       string       `json:"as_of,omitempty"`
	Entities   []query.Ref  `json:"entities,omitempty"`
	Query      string       `json:"query,omitempty"`
	NewEdition bool         `json:"new_edition,omitempty"`
	User       *schema.User `json:"user,omitempty"`
}

func newVersionsCreateCommand() *cobra.Command {
	var server serverFlags
	var request nameRequest
	var entities []string
	var by, key string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Give a name to entities as they were at a time",
		Long: `Gives a name to entities as they are, or as they were at a time: those named, or those that match a query. A name that is taken can be taken again only
as a new edition.` + serverHelp,
		Example: `  dossier versions create "Before the move" --entity person/17 --entity household/4 --reason "audit 2026"
  dossier versions create "Survey 2026" --query type:person --as-of 2026-06-30 --new-edition`,
		Args: misusedArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			request.Name = args[0]
			if (len(entities) > 0) == (request.Query != "") {
				return misuse("say what is named: either --entity (one or several) or --query")
			}
			for _, text := range entities {
				entity, err := entityArgs([]string{text})
				if err != nil {
					return misuse("--entity: %w", err)
				}
				request.Entities = append(request.Entities, entity)
			}
			c, err := server.client(cmd)
			if err != nil {
				return err
			}
			if by == "" && !c.Authorized() {
				if u, err := user.Current(); err == nil {
					by = u.Username
				}
			}
			if by != "" {
				request.User = &schema.User{ID: by}
			}
			answer, err := postWithin[struct {
				Name     string `json:"name"`
				ID       string `json:"id"`
				Entities int64  `json:"entities"`
			}](cmd, &server, c, client.Path{"versions"}, key, &request)
			if err != nil {
				return explained(err)
			}
			if asJSON {
				return printJSONLine(cmd.OutOrStdout(), answer)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s names %s now (%s)\n", printable(answer.Name), countOf(answer.Entities, "entity", "entities"), answer.ID)
			return err
		},
	}
	server.register(cmd)
	f := cmd.Flags()
	f.StringArrayVar(&entities, "entity", nil, "an entity, as `TYPE/ID`; may be given several times")
	f.StringVar(&request.Query, "query", "", "the entities that match `QUERY`, see dossier search --help")
	f.StringVar(&request.AsOf, "as-of", "", "as they were at `TIME` (default now)")
	f.StringVar(&request.Reason, "reason", "", "why, in a `SENTENCE`")
	f.BoolVar(&request.NewEdition, "new-edition", false, "take a name that is taken, as a new edition of it")
	f.StringVar(&by, "by", "", "`USER` for whom it is named (default who asks; without credentials $USER)")
	f.StringVar(&key, "key", "", "a `TEXT` of your own, so that the same command twice names it once")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	cmd.ValidArgsFunction = cobra.NoFileCompletions
	return cmd
}

// countOf is a number with its noun, where the plural is not formed with an s.
func countOf(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
