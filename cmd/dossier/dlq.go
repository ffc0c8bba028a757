package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"dossier/internal/config"
	"dossier/internal/dlq"
)

func newDLQCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dlq",
		Short: "Look at dead letters, and replay them",
		Long: `Looks at the dead-letter topic: the records that could not be processed, with their original bytes, headers, origin and the
reason. After the cause is mended, replay brings them back in.

A letter's ID is partition/offset on the dead-letter topic.`,
	}
	group(cmd)
	cmd.AddCommand(newDLQListCommand(), newDLQShowCommand(), newDLQReplayCommand())
	return cmd
}

// letterFilter holds the flags that choose letters.
type letterFilter struct {
	stage, reason, topic, since string
}

func (f *letterFilter) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.reason, "reason", "", "only those of this reason `CODE`, such as not_an_envelope")
	cmd.Flags().StringVar(&f.topic, "topic", "", "only those that came from this `TOPIC`, where * stands for any text")
	cmd.Flags().StringVar(&f.stage, "stage", "", "only those written by this `STAGE`: processor, context, sink, feedback")
	completeFlag(cmd, "stage", "processor", "context", "sink", "feedback")
	cmd.Flags().StringVar(&f.since, "since", "", "only those since this `TIME`, as RFC 3339, or a duration ago such as 2h or 7d")
}

func (f *letterFilter) filter(now time.Time) (dlq.Filter, error) {
	since, err := parseSince(f.since, now)
	if err != nil {
		return dlq.Filter{}, err
	}
	return dlq.Filter{Stage: f.stage, Reason: f.reason, Topic: f.topic, Since: since}, nil
}

// parseSince reads a time, or a duration before now.
func parseSince(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	if d, err := config.ParseDuration(text); err == nil {
		return now.Add(-max(time.Duration(d), -time.Duration(d))), nil // 2h and -2h mean the same
	}
	return time.Time{}, misuse("--since: expected a time such as 2026-11-23T02:00:00Z, or a duration ago such as 2h or 7d, got %q", text)
}

// openDeadLetters opens the topic that the configuration names.
func openDeadLetters(cmd *cobra.Command) (*dlq.Topic, *config.Config, error) {
	c, err := loadConfig(cmd, 0)
	if err != nil {
		return nil, nil, err
	}
	options, err := kafkaOptions(c.Kafka)
	if err != nil {
		return nil, nil, err
	}
	topic, err := dlq.Open(c.DeadLetter.Topic, options)
	return topic, c, err
}

// parseIDs reads the letters' ids of a command line.
func parseIDs(args []string) (map[dlq.ID]bool, error) {
	ids := map[dlq.ID]bool{}
	for _, arg := range args {
		id, err := dlq.ParseID(arg)
		if err != nil {
			return nil, &exitError{code: exitMisuse, err: fmt.Errorf("dlq: %w", err)}
		}
		ids[id] = true
	}
	return ids, nil
}
