package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"dossier/test/stack"
)

// latencyPart measures how long a change takes from its commit through the whole pipeline.
func latencyPart() part {
	s := latencySettings{perTx: 5}
	return part{
		name: "latency", about: "from a commit to the audit topic and to a search, through the whole pipeline at a steady rate",
		needs: []stack.Part{stack.Postgres, stack.Kafka, stack.Connect, stack.Elasticsearch},
		flags: func(f *pflag.FlagSet) {
			f.IntVar(&s.rate, "rate", 2_000, "latency: changes a second")
			f.DurationVar(&s.window, "window", 20*time.Second, "latency: how long a run is")
			f.DurationVar(&s.warmUp, "warm-up", 45*time.Second, "latency: how long the load runs before the first run")
			f.StringToStringVar(&s.connector, "connector", nil, "latency: `KEY=VALUE` that the connector is given in place of what is shipped; an empty value takes the key away")
			f.StringToStringVar(&s.dossier, "dossier", nil, "latency: `NAME=VALUE` of variables for the processor and the sink")
		},
		validate: func() error { return s.validate() },
		run: func(ctx context.Context, b *bench) (section, error) {
			s.runs, s.perTx = b.runs, b.perTx
			return measureLatency(ctx, b, s)
		},
	}
}

// latencySettings say how to load the native stack.
type latencySettings struct {
	runs   int // windows that are counted, one after the other
	rate   int // changes a second, offered whatever the answers
	perTx  int // changes in a transaction
	window time.Duration
	warmUp time.Duration // before the first window: Java's compilers, caches
	// connector and dossier change settings for an experiment: keys of the connector's configuration, and environment variables of the processes.
	connector map[string]string
	dossier   map[string]string
}

func (s latencySettings) validate() error {
	faults := atLeastOne([]count{{"rate", s.rate}})
	if s.window < time.Second {
		faults = append(faults, fmt.Errorf("--window %v: must be at least 1s", s.window))
	}
	if s.warmUp < 0 {
		faults = append(faults, fmt.Errorf("--warm-up %v: must not be negative", s.warmUp))
	}
	return errors.Join(faults...)
}

// transactions returns how many transactions there are in all, how many of them warm up, and how many a window has.
func (s latencySettings) transactions() (all, warmUp, window int) {
	perSecond := float64(s.rate) / float64(s.perTx)
	warmUp = int(perSecond * s.warmUp.Seconds())
	window = max(int(perSecond*s.window.Seconds()), 1)
	return warmUp + s.runs*window, warmUp, window
}

func (s latencySettings) interval() time.Duration {
	return time.Duration(float64(time.Second) * float64(s.perTx) / float64(s.rate))
}

// measureLatency starts the whole pipeline, writes to its database at a steady rate, and notes when each change comes out where.
//
//	load ──> PostgreSQL ──> Connect with Debezium ──> change topic ──> processor ──> audit topic ──> sink ──> Elasticsearch
//	  commit                                            seen │                         seen │                  found │
//
// The load keeps its timetable: a transaction that begins late counts from its own commit, but how late is reported, and so is a load that falls
// behind. Everything that was committed must come out, once, as what it was and by whom it was.
func measureLatency(ctx context.Context, b *bench, s latencySettings) (_ *latencyReport, err error) {
	p, err := startPipeline(ctx, b, s)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.close()) }()

	all, warmUp, window := s.transactions()
	m := newMarks(all, s.perTx)
	watching, stopWatching := context.WithCancelCause(ctx)
	defer stopWatching(nil)
	out, err := p.watch(watching, m, stopWatching)
	if err != nil {
		return nil, err
	}
	defer out.close()

	l := &load{settings: s, dsn: p.database.DSN, marks: m}
	r := &latencyReport{Load: describeLoad(s)}
	begin := time.Now().Add(500 * time.Millisecond)
	cpu := p.sampleCPU(watching, windowEnds(begin, s))
	b.show.say("%d transactions of %d changes, one every %v; the first %d warm up", all, s.perTx, s.interval(), warmUp)
	if err := l.run(watching, begin); err != nil {
		return nil, errors.Join(err, context.Cause(watching))
	}
	if err := out.wait(watching); err != nil {
		return nil, err
	}
	used := <-cpu
	stopWatching(nil)
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("wrong result: %w", err)
	}
	if err := p.check(ctx, all*s.perTx); err != nil {
		return nil, fmt.Errorf("wrong result: %w", err)
	}
	for i := range s.runs {
		first := warmUp + i*window
		r.Runs = append(r.Runs, latencyRun{Distributions: m.distributions(first, first+window), Cores: used[i]})
		b.show.say("run %d of %d   audit topic: %s   searchable: %s", i+1, s.runs, r.Runs[i].Distributions[commitToAudit], r.Runs[i].Distributions[commitToSearchable])
	}
	r.summarize()
	r.Load.FellBehind = l.fellBehind(warmUp)
	return r, nil
}

// windowEnds are the times at which windows begin and end.
func windowEnds(begin time.Time, s latencySettings) []time.Time {
	_, warmUp, window := s.transactions()
	ends := make([]time.Time, s.runs+1)
	for i := range ends {
		ends[i] = begin.Add(time.Duration(warmUp+i*window) * s.interval())
	}
	return ends
}
