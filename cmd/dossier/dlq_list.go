package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"dossier/internal/dlq"
)

func newDLQListCommand() *cobra.Command {
	var chosen letterFilter
	var limit int
	var asJSON bool
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List dead letters, oldest first, without their content",
		Long: `Lists the newest dead letters, oldest first, without their content. With --json, one object a line.

The topic is read through from its start to its present end.`,
		Example: `  dossier dlq list --since 2h
  dossier dlq list --reason not_an_envelope --topic 'shop.*' --limit 0 --json`,
		Args: misusedArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			filter, err := chosen.filter(time.Now())
			if err != nil {
				return err
			}
			if limit < 0 {
				return misuse("--limit: expected 0 (all) or more, got %d", limit)
			}
			topic, c, err := openDeadLetters(cmd)
			if err != nil {
				return err
			}
			defer topic.Close()
			ctx, cancel := contextWithTimeout(cmd, timeout)
			defer cancel()
			return unreachable(listLetters(ctx, cmd.OutOrStdout(), topic, filter, limit, asJSON), "kafka", c.Kafka.Brokers)
		},
	}
	chosen.register(cmd)
	cmd.Flags().IntVar(&limit, "limit", 100, "list the newest `N`; 0 all")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, one object a line")
	cmd.Flags().DurationVar(&timeout, "timeout", 10*time.Minute, "how long to read")
	return cmd
}

// letterRow is a letter as list shows it.
type letterRow struct {
	ID        string     `json:"id"`
	At        time.Time  `json:"at"`
	Stage     string     `json:"stage"`
	Reason    string     `json:"reason"`
	Detail    string     `json:"detail"`
	Topic     string     `json:"topic"`
	Partition int32      `json:"partition"`
	Offset    int64      `json:"offset"`
	Timestamp time.Time  `json:"timestamp"` // the original's
	Bytes     int        `json:"bytes"`
	Replayed  *time.Time `json:"replayed,omitempty"`
}

func rowOf(e *dlq.Entry, replayed map[dlq.ID]time.Time) letterRow {
	l := &e.Letter
	row := letterRow{ID: e.ID.String(), At: l.At, Stage: l.Stage, Reason: l.Reason, Detail: l.Detail, Topic: l.Original.Topic,
		Partition: l.Original.Partition, Offset: l.Original.Offset, Timestamp: l.Original.Time, Bytes: e.Size()}
	if e.Err != nil {
		row.Reason, row.Detail = "no_dead_letter", e.Err.Error()
	}
	if at, ok := replayed[e.ID]; ok {
		row.Replayed = &at
	}
	return row
}

// listLetters prints the newest letters. Only so many rows are ever held, or a page of them where all are asked for.
func listLetters(ctx context.Context, w io.Writer, topic *dlq.Topic, filter dlq.Filter, limit int, asJSON bool) error {
	extent, err := topic.Extent(ctx)
	if err != nil {
		return err
	}
	replayed, err := topic.Replayed(ctx, extent)
	if err != nil {
		return err
	}
	const page = 1000
	var rows []letterRow // the newest
	matched := 0
	err = topic.Each(ctx, extent, func(e *dlq.Entry) error {
		if !filter.Matches(e) {
			return nil
		}
		matched++
		rows = append(rows, rowOf(e, replayed))
		switch {
		case limit == 0 && len(rows) == page:
			err := printRows(w, rows, asJSON)
			rows = rows[:0]
			return err
		case limit > 0 && len(rows) == 2*limit:
			rows = append(rows[:0], rows[limit:]...)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if limit > 0 && len(rows) > limit {
		rows = rows[len(rows)-limit:]
	}
	if err := printRows(w, rows, asJSON); err != nil || asJSON {
		return err
	}
	switch {
	case matched == 0:
		_, err = fmt.Fprintln(w, "no dead letters")
	case limit > 0 && matched > limit:
		_, err = fmt.Fprintf(w, "%s, the newest %d shown; --limit 0 lists all\n", count(matched, "dead letter"), limit)
	}
	return err
}

// printJSONLine prints a value as JSON on one line.
func printJSONLine(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}

func printRows(w io.Writer, rows []letterRow, asJSON bool) error {
	if asJSON {
		for _, r := range rows {
			if err := printJSONLine(w, r); err != nil {
				return err
			}
		}
		return nil
	}
	if len(rows) == 0 {
		return nil
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tAT\tSTAGE\tREASON\tORIGIN\tBYTES\tREPLAYED\tDETAIL")
	for _, r := range rows {
		again := "no"
		if r.Replayed != nil {
			again = r.Replayed.UTC().Format(time.RFC3339)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s/%d/%d\t%d\t%s\t%s\n", r.ID, r.At.UTC().Format(time.RFC3339), printable(r.Stage), printable(r.Reason),
			printable(r.Topic), r.Partition, r.Offset, r.Bytes, again, printable(r.Detail))
	}
	return table.Flush()
}
