package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"dossier/internal/dlq"
)

// replayCommand holds the flags of `dossier dlq replay`.
type replayCommand struct {
	chosen                        letterFilter
	to                            string
	limit                         int
	all, again, yes, dryRun, json bool
	timeout                       time.Duration
}

func newDLQReplayCommand() *cobra.Command {
	r := &replayCommand{}
	cmd := &cobra.Command{
		Use:   "replay [ID...]",
		Short: "Bring dead letters back in, after their cause is mended",
		Long: `Produces the originals of dead letters again, with their keys, values, headers and timestamps, to the topic and partition they
came from; an audit event that could not be stored goes to the audit topic. Letters are named by ID or chosen by flags.

Each letter is replayed once: the dead-letter topic notes it in the same Kafka transaction. One that has been replayed is left out,
and named by its ID is refused, unless --again is given.`,
		Example: `  dossier dlq replay 0/17 0/18
  dossier dlq replay --reason unknown_schema --dry-run
  dossier dlq replay --all --yes`,
		RunE: func(cmd *cobra.Command, args []string) error { return r.run(cmd, args) },
	}
	r.chosen.register(cmd)
	cmd.Flags().BoolVar(&r.all, "all", false, "all letters, where nothing else chooses")
	cmd.Flags().StringVar(&r.to, "to", "", "another `TOPIC` to replay to, partitioned by key")
	cmd.Flags().IntVar(&r.limit, "limit", 0, "the oldest `N`; 0 all")
	cmd.Flags().BoolVar(&r.again, "again", false, "also those replayed before")
	cmd.Flags().BoolVar(&r.yes, "yes", false, "do not ask")
	cmd.Flags().BoolVar(&r.dryRun, "dry-run", false, "say what would be replayed, and do nothing")
	cmd.Flags().BoolVar(&r.json, "json", false, "print JSON")
	cmd.Flags().DurationVar(&r.timeout, "timeout", time.Hour, "how long to read and write")
	return cmd
}

func (r *replayCommand) run(cmd *cobra.Command, args []string) error {
	filter, err := r.chosen.filter(time.Now())
	if err != nil {
		return err
	}
	if filter.IDs, err = parseIDs(args); err != nil {
		return err
	}
	narrowed := len(args) > 0 || r.chosen != letterFilter{}
	switch {
	case !narrowed && !r.all:
		return misuse("dlq replay: name letters by ID, choose some with --reason, --topic, --stage or --since, or say --all")
	case narrowed && r.all:
		return misuse("dlq replay: --all chooses every letter; leave it out, or leave out the rest")
	case r.limit < 0:
		return misuse("--limit: expected 0 (all) or more, got %d", r.limit)
	}
	topic, c, err := openDeadLetters(cmd)
	if err != nil {
		return err
	}
	defer topic.Close()
	ctx, cancel := contextWithTimeout(cmd, r.timeout)
	defer cancel()
	replay := dlq.Replay{Filter: filter, To: r.to, Again: r.again, Limit: r.limit, DryRun: true}
	plan, err := topic.Run(ctx, replay)
	if err != nil {
		return unreachable(err, "kafka", c.Kafka.Brokers)
	}
	if err := r.refuse(filter, plan); err != nil {
		return err
	}
	if r.dryRun || plan.Replayed == 0 {
		return r.report(cmd.OutOrStdout(), plan, "would be replayed")
	}
	if !r.yes {
		question := fmt.Sprintf("Replay %s to %s? [y/N] ", count(plan.Replayed, "dead letter"), topicsOf(plan))
		if err := r.ask(cmd, question); err != nil {
			return err
		}
	}
	result, err := r.replay(ctx, cmd.ErrOrStderr(), topic, replay, plan.Replayed)
	if err != nil {
		if result.Replayed > 0 {
			err = fmt.Errorf("%w; before that, %s replayed for good", err, count(result.Replayed, "letter"))
		}
		return unreachable(err, "kafka", c.Kafka.Brokers)
	}
	return r.report(cmd.OutOrStdout(), result, "replayed")
}

// refuse says no where letters that were named are not all to be replayed: whoever names one wants that one.
func (r *replayCommand) refuse(filter dlq.Filter, plan dlq.Result) error {
	missing := len(filter.IDs) - plan.Replayed - plan.Repeated - plan.Foreign
	switch {
	case len(filter.IDs) == 0 || r.limit > 0:
		return nil
	case plan.Repeated > 0:
		return &exitError{code: exitFailed, err: fmt.Errorf("nothing was replayed: %d of the letters named replayed before; --again replays them once more", plan.Repeated)}
	case plan.Foreign > 0:
		return &exitError{code: exitFailed, err: fmt.Errorf("nothing was replayed: %d of the records named no dead letter, whose origin is not known", plan.Foreign)}
	case missing > 0:
		return &exitError{code: exitFailed, err: fmt.Errorf("nothing was replayed: %d of the letters named not there, or not chosen by the flags; dossier dlq list shows those there are", missing)}
	}
	return nil
}

func (r *replayCommand) ask(cmd *cobra.Command, question string) error {
	if file, ok := cmd.InOrStdin().(*os.File); ok && !isTerminal(file) {
		return misuse("dlq replay asks first, and there is no terminal to ask at; say --yes")
	}
	if !answersYes(cmd.InOrStdin(), cmd.ErrOrStderr(), question) {
		return &exitError{code: exitFailed, err: errors.New("nothing was replayed")}
	}
	return nil
}

func (r *replayCommand) replay(ctx context.Context, w io.Writer, topic *dlq.Topic, replay dlq.Replay, total int) (dlq.Result, error) {
	replay.DryRun = false
	bar, done := newBar(w, total, "replaying"), 0
	replay.Progress = func(n int) {
		done += n
		bar(done)
	}
	return topic.Run(ctx, replay)
}

func (r *replayCommand) report(w io.Writer, result dlq.Result, done string) error {
	if r.json {
		return printJSON(w, result)
	}
	what := fmt.Sprintf("%s %s", count(result.Replayed, "dead letter"), done)
	if result.Replayed > 0 {
		what += " to " + topicsOf(result)
	}
	if result.Repeated > 0 {
		what += fmt.Sprintf("; %d left out, replayed before (--again replays them once more)", result.Repeated)
	}
	if result.Foreign > 0 {
		what += fmt.Sprintf("; %s left out that is no dead letter", count(result.Foreign, "record"))
	}
	_, err := fmt.Fprintln(w, what)
	return err
}

// topicsOf lists where letters go to, with how many.
func topicsOf(result dlq.Result) string {
	var list []string
	for _, topic := range slices.Sorted(maps.Keys(result.ByTopic)) {
		list = append(list, fmt.Sprintf("%s (%d)", printable(topic), result.ByTopic[topic]))
	}
	return strings.Join(list, ", ")
}

// answersYes asks a question at a terminal.
func answersYes(in io.Reader, out io.Writer, question string) bool {
	fmt.Fprint(out, question)
	answer, _ := bufio.NewReader(io.LimitReader(in, 100)).ReadString('\n')
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return true
	}
	return false
}
