package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/pflag"

	"dossier/test/stack"
)

// memoryAim is how much memory a processor may have at most, resident, in bytes.
const memoryAim = 200 << 20

// memoryCase is a corpus that the processor has to get through with little memory.
type memoryCase struct {
	name         string
	about        string
	transactions int
	perTx, every int
	pace         int // transactions a second
}

// memoryOptions are the part's own flags.
type memoryOptions struct {
	backlog  int // changes
	contexts int
	only     string
}

// memoryPart measures the most memory that a processor has where there is much to hold.
func memoryPart() part {
	var o memoryOptions
	return part{
		name: "memory", about: "peak memory of the processor, at a long backlog and with a million contexts in the window",
		needs: []stack.Part{stack.Kafka},
		flags: func(f *pflag.FlagSet) {
			f.IntVar(&o.backlog, "memory-backlog", 3_000_000, "memory: how many changes wait when the processor starts")
			f.IntVar(&o.contexts, "memory-contexts", 1_000_000, "memory: how many transactions with context the window holds")
			f.StringVar(&o.only, "memory-case", "", "memory: backlog or window alone")
		},
		validate: o.validate,
		run:      func(ctx context.Context, b *bench) (section, error) { return measureMemory(ctx, b, o) },
	}
}

func (o *memoryOptions) validate() error {
	faults := atLeastOne([]count{{"memory-backlog", o.backlog}, {"memory-contexts", o.contexts}})
	if o.only != "" && o.only != caseBacklog && o.only != caseWindow {
		faults = append(faults, fmt.Errorf("--memory-case %s: the cases are %s and %s", o.only, caseBacklog, caseWindow))
	}
	return errors.Join(faults...)
}

const (
	caseBacklog = "backlog"
	caseWindow  = "window"
)

// cases returns what is measured. The backlog is of hours: its contexts are more than the processor would hold if it read them all ahead. The window's
// transactions are all within the default lookback of 15 minutes, and only one in a hundred has a change, so that their contexts are there long
// before the changes are through.
func (o *memoryOptions) cases(perTx int) []memoryCase {
	const sparse = 100
	all := []memoryCase{
		{caseBacklog, "a backlog of hours", (o.backlog + perTx - 1) / perTx, perTx, 1, 100},
		{caseWindow, "contexts of 8 minutes, few changes", (o.contexts + sparse - 1) / sparse * sparse, 1, sparse, max(1, o.contexts/500)},
	}
	if o.only == caseBacklog {
		return all[:1]
	}
	if o.only == caseWindow {
		return all[1:]
	}
	return all
}

// memoryReport is the part's section.
type memoryReport struct {
	Aim   int64              `json:"aim_bytes"`
	Cases []memoryCaseReport `json:"cases"`
}

type memoryCaseReport struct {
	Case         string       `json:"case"`
	About        string       `json:"about"`
	Transactions int          `json:"transactions"` // each with BEGIN, a message and END
	Corpus       corpusReport `json:"corpus"`
	Processor    summary      `json:"processor"`
}

func measureMemory(ctx context.Context, b *bench, o memoryOptions) (section, error) {
	r := &memoryReport{Aim: memoryAim}
	for _, m := range o.cases(b.perTx) {
		got, err := b.memoryCase(ctx, m)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.name, err)
		}
		r.Cases = append(r.Cases, got)
	}
	return r, nil
}

// memoryCase writes a case's corpus under a prefix of its own and lets processors read it, without a warm-up: each is a process of its own.
func (b *bench) memoryCase(ctx context.Context, m memoryCase) (memoryCaseReport, error) {
	report := memoryCaseReport{Case: m.name, About: m.about, Transactions: m.transactions}
	c := newCorpus(b.prefix+"_"+m.name, b.settings, time.Now())
	c.transactions, c.perTx, c.every, c.pace = m.transactions, m.perTx, m.every, m.pace
	c = c.endingAt(time.Now())
	w, err := b.write(ctx, c)
	if err != nil {
		return report, err
	}
	var runs []run
	for i := range b.runs {
		name := fmt.Sprintf("bench-%s-%d", c.source, i)
		j := job{Worker: workProcessor}
		if i == 0 {
			j.CPUProfile, j.MemoryProfile = b.cpuProfile, b.memoryProfile
		}
		one := contender{m.name, func(ctx context.Context) (run, error) {
			return b.pass(ctx, j, b.task(c, name), w)
		}}
		got, err := one.once(ctx)
		if err != nil {
			return report, err
		}
		b.show.say("%-9s %2d of %2d  %d MB, %s changes/s", m.name, i+1, b.runs, got.PeakMemoryBytes>>20, thousands(got.PerSecond))
		runs = append(runs, got)
	}
	report.Corpus, report.Processor = w.report(b.settings), summarize(m.name, "changes", runs)
	return report, nil
}

func (r *memoryReport) table(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "\ttransactions\tchanges\tpeak MB: min\tmedian\tmax\tCPU s per million\t")
	for _, c := range r.Cases {
		m, cpu := c.Processor.PeakMemory, c.Processor.CPUPerMillion.Median
		fmt.Fprintf(t, "%s\t%s\t%s\t%.0f\t%.0f\t%.0f\t%.1f\t\n", c.Case, thousands(float64(c.Transactions)), thousands(float64(c.Corpus.Changes)),
			m.Min/(1<<20), m.Median/(1<<20), m.Max/(1<<20), cpu)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\naim: at most %d MB\n", r.Aim>>20)
	return err
}
