package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"dossier/client"
	"dossier/query"
	"dossier/schema"
)

func newTailCommand() *cobra.Command {
	var page pageFlags
	var follow bool
	cmd := &cobra.Command{
		Use:   "tail [QUERY...]",
		Short: "Show the latest changes, and follow those to come",
		Long: `Shows the latest changes, oldest first; with -f, then every change as it is published, until interrupted. The query is that of "dossier search". A connection
that breaks is made again, and continues where it was. With --json, changes that are stored are printed in the API's form, those that come in the audit topic's.` + serverHelp,
		Example: `  dossier tail
  dossier tail -f context:unattributed
  dossier tail -f --limit 0 --json type:payment`,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := page.open(cmd)
			if err != nil {
				return err
			}
			q := strings.Join(args, " ")
			t := newChangeTable(true)
			if page.limit > 0 {
				if err := latest(cmd, &page, c, q, t); err != nil {
					return err
				}
			}
			if !follow {
				return nil
			}
			return followChanges(cmd, c, q, page.asJSON, t)
		},
	}
	page.register(cmd, "of the latest changes")
	cmd.Flags().Lookup("limit").DefValue, page.limit = "10", 10
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on with the changes to come")
	cmd.Flags().Lookup("limit").Usage = "begin with the latest `N` changes; 0 none"
	cmd.ValidArgsFunction = cobra.NoFileCompletions
	return cmd
}

// latest prints the latest changes, oldest first.
func latest(cmd *cobra.Command, page *pageFlags, c *client.Client, q string, t *changeTable) error {
	limit := min(page.limit, query.MaxLimit)
	answer, err := getWithin[query.Changes](cmd.Context(), page.timeout, c, client.Path{"changes"}, setParameters(nil, "q", q, "limit", strconv.Itoa(limit)))
	if err != nil {
		return explained(err)
	}
	slices.Reverse(answer.Items)
	if page.asJSON {
		return printLines(cmd.OutOrStdout(), answer.Items)
	}
	for i := range answer.Items {
		t.change(&answer.Items[i])
	}
	return t.print(cmd.OutOrStdout())
}

// followChanges prints changes as they are published, until the user ends it. A stream that breaks off is asked for again behind the last event, at
// growing intervals.
func followChanges(cmd *cobra.Command, c *client.Client, q string, asJSON bool, t *changeTable) error {
	ctx := cmd.Context()
	last, pause := "", time.Second
	for {
		err := c.Tail(ctx, q, last, func(e client.ServerEvent) error {
			if last = e.ID; len(e.Data) == 0 {
				return nil // the place alone
			}
			pause = time.Second
			return printEvent(cmd, e, asJSON, t)
		})
		var problem *client.Problem
		switch {
		case ctx.Err() != nil:
			return nil // the user has seen enough
		case errors.As(err, &problem) && problem.Status < 500, last == "" && !errors.Is(err, io.ErrUnexpectedEOF):
			return explained(err)
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "%s; trying again in %s\n", explained(err), pause)
		if !sleep(ctx, pause) {
			return nil
		}
		pause = min(2*pause, 30*time.Second)
	}
}

// sleep waits, and says whether it was let.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// printEvent prints one audit event; what the stream says of itself goes to standard error.
func printEvent(cmd *cobra.Command, e client.ServerEvent, asJSON bool, t *changeTable) error {
	switch {
	case len(e.Data) == 0:
		return nil
	case e.Name == "gap", e.Name == "end":
		var notice struct{ Reason, Detail string }
		if err := json.Unmarshal(e.Data, &notice); err != nil {
			return fmt.Errorf("a notice of the stream cannot be read: %w", err)
		}
		if notice.Reason == "forbidden" {
			return errors.New(notice.Detail) // coming back would change nothing
		}
		if notice.Detail != "" {
			fmt.Fprintln(cmd.ErrOrStderr(), notice.Detail)
		}
		return nil
	}
	if asJSON {
		_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s\n", e.Data)
		return err
	}
	change, err := liveChange(e.Data)
	if err != nil {
		return err
	}
	t.change(change)
	return t.print(cmd.OutOrStdout())
}

// liveChange reads an audit event as the change that a list shows.
func liveChange(text []byte) (*query.Change, error) {
	var event struct {
		query.Change
		ID    string    `json:"id"`
		After query.Row `json:"after"`
	}
	if err := json.Unmarshal(text, &event); err != nil {
		return nil, fmt.Errorf("an event of the stream cannot be read: %w", err)
	}
	c := &event.Change
	c.EventID = event.ID
	if c.Kind != string(schema.KindNamedVersion) {
		c.Version = nil // which entity a row of a table of named versions names: the row itself is the change
	} else if c.Version != nil {
		c.Version.Name = c.VersionName
	}
	switch {
	case c.Kind != string(schema.KindChange):
	case c.Action == schema.ActionTruncate:
		c.Kind = string(schema.DocumentTruncate)
	case c.Action == schema.ActionCreate: // says its values in the row alone
		for _, f := range event.After {
			if string(f.Value) != "null" {
				c.Changes = append(c.Changes, query.FieldChange{Field: f.Name, Current: f.Value, PreviousState: schema.Absent.String()})
			}
		}
	}
	return c, nil
}
