package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"dossier/test/stack"
)

// settings say what to measure; they are common to all parts.
type settings struct {
	runs       int
	events     int
	perTx      int
	row        rowShape
	columns    int // of a wide row
	context    share
	format     format // of the change, transaction and message topics
	audit      format // of the audit topic
	partitions int
	// Files for the profiles of one run of what is measured, not of its limit; "" for none.
	cpuProfile, memoryProfile string
}

// usesAvro says whether a schema registry is needed.
func (s settings) usesAvro() bool { return s.format == formatAvro || s.audit == formatAvro }

// bench is what a part measures with.
type bench struct {
	settings
	servers *stack.Stack
	broker  *broker // nil without Kafka
	show    *display
	prefix  string // of the corpus's topics
}

// runTimeout ends a run that makes no progress.
const runTimeout = 10 * time.Minute

// measureParts measures one part after the other, each with servers that are started for it.
func measureParts(ctx context.Context, chosen []part, s settings, show *display) (*report, error) {
	r := &report{Machine: thisMachine(), At: time.Now().UTC().Truncate(time.Second)}
	for _, p := range chosen {
		result, err := measurePart(ctx, p, s, show)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		r.Parts = append(r.Parts, partReport{p.name, p.about, result})
	}
	return r, nil
}

func measurePart(ctx context.Context, p part, s settings, show *display) (_ section, err error) {
	needs := p.needs
	if s.usesAvro() {
		needs = append(slices.Clone(needs), stack.Registry)
	}
	servers, err := stack.Start(ctx, stack.Options{Parts: needs, Progress: func(line string) { show.say("%s", line) }})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, servers.Stop()) }()
	b, err := newBench(s, servers, show)
	if err != nil {
		return nil, err
	}
	defer b.close()
	return p.run(ctx, b)
}

func newBench(s settings, servers *stack.Stack, show *display) (*bench, error) {
	b := &bench{settings: s, servers: servers, show: show, prefix: defaultPrefix}
	if slices.Contains(servers.Parts(), stack.Kafka) {
		var err error
		if b.broker, err = openBroker(servers.KafkaBrokers()); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func (b *bench) close() {
	if b.broker != nil {
		b.broker.close()
	}
}

// contender is one of those that take turns.
type contender struct {
	name string
	run  func(context.Context) (run, error)
}

// turns lets each run once to warm up, and then each in turn as often as asked, so that a machine that slows down slows all of them.
// The unit is what the rates count, in the plural.
func (b *bench) turns(ctx context.Context, unit string, contenders ...contender) ([]summary, error) {
	measured := make([][]run, len(contenders))
	for i := range b.runs + 1 {
		for c, contender := range contenders {
			got, err := contender.once(ctx)
			if err != nil {
				return nil, err
			}
			if i == 0 {
				b.show.say("%-9s warm-up   %9s %s/s", contender.name, thousands(got.PerSecond), unit)
				continue
			}
			measured[c] = append(measured[c], got)
			b.show.say("%-9s %2d of %2d  %9s %s/s, %.1f CPU seconds a million, %d MB, %d commits in %.1f of %.1f s", contender.name, i, b.runs,
				thousands(got.PerSecond), unit, got.CPUPerMillion, got.PeakMemoryBytes>>20, got.Commits, got.CommitSeconds, got.Seconds)
		}
	}
	summaries := make([]summary, len(contenders))
	for c, contender := range contenders {
		summaries[c] = summarize(contender.name, unit, measured[c])
	}
	return summaries, nil
}

// once runs it once, and gives up where that does not end.
func (c contender) once(ctx context.Context) (run, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, runTimeout, fmt.Errorf("not done after %v", runTimeout))
	defer cancel()
	got, err := c.run(ctx)
	if err != nil {
		return run{}, fmt.Errorf("%s: %w", c.name, err)
	}
	return got, nil
}
