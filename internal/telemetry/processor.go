package telemetry

import (
	"fmt"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"dossier/processor"
	"dossier/schema"
)

// Processor tells what a processor does.
type Processor struct {
	log *zap.Logger
	now func() time.Time

	changes, snapshots, invisible, attributed *prometheus.CounterVec
	deadLetters, lost                         *prometheus.CounterVec
	records, transactions                     *prometheus.CounterVec
	delay, commit                             *prometheus.HistogramVec
	gauges                                    map[string]prometheus.Gauge
	stoppedGauge                              *prometheus.GaugeVec

	grace time.Duration
	ready func() bool

	decided series[string, decidedSeries] // by source

	standing atomic.Int64 // the sources in stopped

	mu      sync.Mutex
	began   time.Time
	state   processor.State
	known   bool // state was reported
	stopped map[string]stop
}

// decidedSeries are a source's metrics of changes.
type decidedSeries struct {
	changes *series[schema.ContextStatus, prometheus.Counter]
	delay   prometheus.Observer
}

// stop is a source of which nothing is processed for now.
type stop struct {
	at  time.Time
	err error
}

var _ processor.Observer = (*Processor)(nil)

// ProcessorOptions are what a Processor observer needs to know.
type ProcessorOptions struct {
	Grace time.Duration // the processor's: how long a change may wait for its context
	// Ready is the processor's own word that it is in its group and has caught up. Nil: not asked.
	Ready func() bool
	Now   func() time.Time
}

// stateGauges are the gauges of processor.State.
var stateGauges = []struct {
	name, help string
	value      func(processor.State, time.Time) float64
}{
	{"dossier_processor_lag_records", "Records on the assigned partitions of change topics that are not yet decided.",
		func(s processor.State, _ time.Time) float64 { return float64(s.Lag) }},
	{"dossier_processor_undecided_records", "Changes read that wait for their context or for their turn.",
		func(s processor.State, _ time.Time) float64 { return float64(s.Undecided) }},
	{"dossier_processor_undecided_bytes", "Bytes of these changes in memory.",
		func(s processor.State, _ time.Time) float64 { return float64(s.UndecidedBytes) }},
	{"dossier_processor_oldest_undecided_seconds", "Age of the oldest of these changes.",
		func(s processor.State, _ time.Time) float64 { return seconds(s.OldestUndecided) }},
	{"dossier_processor_partitions", "Assigned partitions that have had records.",
		func(s processor.State, _ time.Time) float64 { return float64(s.Partitions) }},
	{"dossier_processor_paused_partitions", "Partitions whose fetching is paused, because a limit is reached.",
		func(s processor.State, _ time.Time) float64 { return float64(s.PausedPartitions) }},
	{"dossier_processor_contexts", "Entries held in the window of contexts.",
		func(s processor.State, _ time.Time) float64 { return float64(s.Contexts) }},
	{"dossier_processor_contexts_bytes", "Bytes of these entries.",
		func(s processor.State, _ time.Time) float64 { return float64(s.ContextBytes) }},
	{"dossier_processor_contexts_evicted", "Contexts given up since the start to stay within the limits.",
		func(s processor.State, _ time.Time) float64 { return float64(s.ContextsEvicted) }},
	{"dossier_processor_pending_records", "Published changes that a late context may still complete.",
		func(s processor.State, _ time.Time) float64 { return float64(s.Pending) }},
	{"dossier_processor_contexts_read_until_timestamp_seconds", "Record time up to which every context stream has been read, in seconds since 1970; 0 unknown.",
		func(s processor.State, _ time.Time) float64 {
			if s.ContextsReadUntil.IsZero() {
				return 0
			}
			return float64(s.ContextsReadUntil.UnixMilli()) / 1000
		}},
}

// NewProcessor returns an observer whose metrics stand in m and which r asks whether it has caught up.
func NewProcessor(m *Metrics, r *Readiness, log *zap.Logger, o ProcessorOptions) *Processor {
	p := &Processor{
		log: log, now: o.Now, grace: o.Grace, ready: o.Ready, began: o.Now(), gauges: map[string]prometheus.Gauge{}, stopped: map[string]stop{},
		changes:      m.counter("dossier_processor_changes_total", "Changes published, by the status of their context.", "source", "status"),
		snapshots:    m.counter("dossier_processor_snapshot_rows_total", "Snapshot rows published.", "source"),
		invisible:    m.counter("dossier_processor_invisible_total", "Changes that show nothing, or whose table is disabled, and gave no event.", "source"),
		attributed:   m.counter("dossier_processor_attributions_total", "Changes completed by a late context.", "source"),
		deadLetters:  m.counter("dossier_processor_dead_letters_total", "Records put into the dead-letter topic.", "topic", "reason"),
		lost:         m.counter("dossier_processor_lost_offsets_total", "Offsets of a topic deleted before they were read: the history has a gap.", "topic"),
		records:      m.counter("dossier_processor_records_total", "Records decided in committed transactions."),
		transactions: m.counter("dossier_processor_transactions_total", "Kafka transactions.", "outcome"),
		delay:        m.histogram("dossier_processor_commit_to_audit_seconds", "From a change's commit in the database to its audit event.", delayBuckets, "source"),
		commit:       m.histogram("dossier_processor_transaction_commit_seconds", "How long the commit of a Kafka transaction took.", requestBuckets),
		stoppedGauge: m.gauge("dossier_processor_stopped", "1 while nothing of the source is processed, as while the schema registry is down.", "source"),
	}
	for _, g := range stateGauges {
		p.gauges[g.name] = m.gauge(g.name, g.help).WithLabelValues()
	}
	if r != nil {
		r.add(p.reasons)
	}
	return p
}

// Decided counts a change.
func (p *Processor) Decided(source string, status schema.ContextStatus, delay time.Duration) {
	of := p.decided.of(source, func() decidedSeries {
		return decidedSeries{delay: p.delay.WithLabelValues(source), changes: new(series[schema.ContextStatus, prometheus.Counter])}
	})
	of.changes.of(status, func() prometheus.Counter { return p.changes.WithLabelValues(source, string(status)) }).Inc()
	of.delay.Observe(seconds(delay))
	p.resumed(source)
}

// Snapshot counts a snapshot row.
func (p *Processor) Snapshot(source string) {
	p.snapshots.WithLabelValues(source).Inc()
	p.resumed(source)
}

// Invisible counts a change without an event.
func (p *Processor) Invisible(source string) { p.invisible.WithLabelValues(source).Inc() }

// Attributed counts a late context.
func (p *Processor) Attributed(source string) { p.attributed.WithLabelValues(source).Inc() }

// DeadLettered counts a dead letter.
func (p *Processor) DeadLettered(topic string, partition int32, offset int64, reason string) {
	p.deadLetters.WithLabelValues(topic, reason).Inc()
	p.log.Warn("record put into the dead-letter topic", zap.String("topic", topic), zap.Int32("partition", partition), zap.Int64("offset", offset), zap.String("reason", reason))
}

// Lost counts records that were deleted before they were read: a gap in the history.
func (p *Processor) Lost(topic string, offsets int64) {
	p.lost.WithLabelValues(topic).Add(float64(offsets))
}

// Committed counts a transaction and its records.
func (p *Processor) Committed(records int, took time.Duration) {
	p.transactions.WithLabelValues("committed").Inc()
	p.records.WithLabelValues().Add(float64(records))
	p.commit.WithLabelValues().Observe(seconds(took))
}

// Aborted counts a transaction that was given up.
func (p *Processor) Aborted() {
	p.transactions.WithLabelValues("aborted").Inc()
	p.log.Info("transaction aborted; its records are read again")
}

// Stopped notes that nothing of a source is processed for now, or with nil that it goes on.
func (p *Processor) Stopped(source string, err error) {
	if err == nil {
		p.resumed(source)
		return
	}
	p.mu.Lock()
	_, before := p.stopped[source]
	p.stopped[source] = stop{p.now(), err}
	p.standing.Store(int64(len(p.stopped)))
	p.mu.Unlock()
	p.stoppedGauge.WithLabelValues(source).Set(1)
	if !before {
		p.log.Error("source stands still", zap.String("source", source), zap.Error(err))
	}
}

func (p *Processor) resumed(source string) {
	if p.standing.Load() == 0 {
		return // as at nearly every change
	}
	p.mu.Lock()
	_, was := p.stopped[source]
	delete(p.stopped, source)
	p.standing.Store(int64(len(p.stopped)))
	p.mu.Unlock()
	if was {
		p.stoppedGauge.WithLabelValues(source).Set(0)
		p.log.Info("source goes on", zap.String("source", source))
	}
}

// State takes over the gauges.
func (p *Processor) State(s processor.State) {
	now := p.now()
	for _, g := range stateGauges {
		p.gauges[g.name].Set(g.value(s, now))
	}
	p.mu.Lock()
	p.state, p.known = s, true
	p.mu.Unlock()
}

func (p *Processor) reasons(now time.Time) []Reason {
	p.mu.Lock()
	defer p.mu.Unlock()
	var reasons []Reason
	add := func(code, format string, args ...any) {
		reasons = append(reasons, Reason{Role: "processor", Code: code, Detail: fmt.Sprintf(format, args...)})
	}
	var names []string
	for source, s := range p.stopped {
		if now.Sub(s.at) < recent {
			names = append(names, source)
		}
	}
	sort.Strings(names)
	for _, source := range names {
		add("stopped", "source %s: %v", source, p.stopped[source].err)
	}
	switch oldest := p.state.OldestUndecided; {
	case !p.known:
		add("starting", "not yet a member of its consumer group")
	case oldest > p.grace+behindAfter:
		add("behind", "%d records to go, the oldest one read is %s old", p.state.Lag, oldest.Round(time.Second))
	case p.ready != nil && !p.ready():
		add("behind", "%d records to go", p.state.Lag)
	}
	return reasons
}
