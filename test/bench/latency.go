package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const partLatency = "latency"

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

// defaultLatency is what the aims are told for.
var defaultLatency = latencySettings{runs: 5, rate: 2_000, perTx: 5, window: 30 * time.Second, warmUp: 20 * time.Second}

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
// The load keeps its timetable: a transaction that begins late counts from its own commit, but how late is reported, and a load that falls
// behind is an error. Everything that was committed must come out, once, as what it was and by whom it was.
func measureLatency(ctx context.Context, s latencySettings, show *display) (_ *latencyReport, err error) {
	p, err := startPipeline(ctx, s, show)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.close()) }()

	all, warmUp, window := s.transactions()
	m := newMarks(all, s.perTx)
	watching, stopWatching := context.WithCancelCause(ctx)
	defer stopWatching(nil)
	watch, err := p.watch(watching, m, stopWatching)
	if err != nil {
		return nil, err
	}
	defer watch.close()

	l := &load{settings: s, dsn: p.dsn, marks: m}
	r := &latencyReport{At: time.Now().UTC().Truncate(time.Second), Machine: thisMachine(), Load: describeLoad(s)}
	begin := time.Now().Add(500 * time.Millisecond)
	cpu := p.sampleCPU(watching, windowEnds(begin, s))
	show.say("%d transactions of %d changes, one every %v; the first %d warm up", all, s.perTx, s.interval(), warmUp)
	if err := l.run(watching, begin); err != nil {
		return nil, errors.Join(err, context.Cause(watching))
	}
	if err := watch.wait(watching); err != nil {
		return nil, err
	}
	stopWatching(nil)
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("wrong result: %w", err)
	}
	if err := p.check(ctx, all*s.perTx); err != nil {
		return nil, fmt.Errorf("wrong result: %w", err)
	}
	used := <-cpu
	for i := range s.runs {
		first := warmUp + i*window
		r.Runs = append(r.Runs, latencyRun{Distributions: m.distributions(first, first+window), Cores: used[i]})
		show.say("run %d of %d   audit topic: %s   searchable: %s", i+1, s.runs, r.Runs[i].Distributions[commitToAudit], r.Runs[i].Distributions[commitToSearchable])
	}
	r.summarize()
	return r, l.keptUp(m, warmUp)
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
