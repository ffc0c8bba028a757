package telemetry

import (
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"dossier/intake"
	"dossier/schema"
)

// Feedback tells what the reader of the feedback topic does.
type Feedback struct {
	intake.NoObserver // of what only a publisher does
	log               *zap.Logger

	published, deadLetters, transactions *prometheus.CounterVec
	commit                               *prometheus.HistogramVec
	waiting, lag                         *prometheus.GaugeVec

	mu       sync.Mutex
	waitsFor error
	since    time.Time
	now      func() time.Time
}

var _ intake.Observer = (*Feedback)(nil)

// NewFeedback returns an observer whose metrics stand in m and which r asks whether it stands still.
func NewFeedback(m *Metrics, r *Readiness, log *zap.Logger, now func() time.Time) *Feedback {
	f := &Feedback{
		log: log, now: now,
		published:    m.counter("dossier_feedback_events_total", "Audit events that records of the feedback topic became."),
		deadLetters:  m.counter("dossier_feedback_dead_letters_total", "Records of the feedback topic put into the dead-letter topic.", "reason"),
		transactions: m.counter("dossier_feedback_transactions_total", "Kafka transactions of the feedback topic's reader.", "outcome"),
		commit:       m.histogram("dossier_feedback_transaction_seconds", "How long a batch of feedback took, from its reading to its commit.", requestBuckets),
		waiting:      m.gauge("dossier_feedback_waiting", "1 while feedback cannot be finished and is tried again."),
		lag:          m.gauge("dossier_feedback_lag_records", "Records of the feedback topic that are not yet finished.", "partition"),
	}
	f.waiting.WithLabelValues().Set(0)
	if r != nil {
		r.add(f.reasons)
	}
	return f
}

// Published counts events.
func (f *Feedback) Published(_ schema.Kind, n int) {
	f.published.WithLabelValues().Add(float64(n))
}

// DeadLettered counts a dead letter.
func (f *Feedback) DeadLettered(topic string, partition int32, offset int64, reason string) {
	f.deadLetters.WithLabelValues(reason).Inc()
	f.log.Warn("feedback put into the dead-letter topic", zap.String("topic", topic), zap.Int32("partition", partition), zap.Int64("offset", offset), zap.String("reason", reason))
}

// Committed measures a transaction.
func (f *Feedback) Committed(_ int, took time.Duration) {
	f.transactions.WithLabelValues("committed").Inc()
	f.commit.WithLabelValues().Observe(seconds(took))
}

// Aborted counts a transaction that was given up.
func (f *Feedback) Aborted() { f.transactions.WithLabelValues("aborted").Inc() }

// Waiting notes that feedback cannot be finished, or with nil that it can again.
func (f *Feedback) Waiting(err error) {
	f.mu.Lock()
	before := f.waitsFor
	f.waitsFor = err
	if before == nil {
		f.since = f.now()
	}
	f.mu.Unlock()
	switch {
	case err != nil && before == nil:
		f.waiting.WithLabelValues().Set(1)
		f.log.Error("feedback cannot be taken; waiting", zap.Error(err))
	case err == nil && before != nil:
		f.waiting.WithLabelValues().Set(0)
		f.log.Info("feedback can be taken again")
	}
}

// Lag notes how many records of a partition are to come; -1 that the partition is another instance's now.
func (f *Feedback) Lag(partition int32, records int64) {
	label := strconv.Itoa(int(partition))
	if records < 0 {
		f.lag.DeleteLabelValues(label)
		return
	}
	f.lag.WithLabelValues(label).Set(float64(records))
}

// reasons: a topic that nobody could read for some seconds, such as during a broker's restart, is none yet.
func (f *Feedback) reasons(now time.Time) []Reason {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.waitsFor == nil || now.Sub(f.since) < behindAfter {
		return nil
	}
	return []Reason{{Role: "processor", Code: "waiting", Detail: fmt.Sprintf("feedback cannot be taken: %v", f.waitsFor)}}
}

// Publisher tells what is written for callers of the HTTP API.
type Publisher struct {
	intake.NoObserver // of what only the feedback topic's reader does
	log               *zap.Logger
	published, lost   *prometheus.CounterVec

	mu     sync.Mutex
	told   time.Time
	untold int
	now    func() time.Time
}

var _ intake.Observer = (*Publisher)(nil)

// NewPublisher returns an observer whose metrics stand in m.
func NewPublisher(m *Metrics, log *zap.Logger, now func() time.Time) *Publisher {
	return &Publisher{
		log: log, now: now,
		published: m.counter("dossier_http_events_published_total", "Audit events written for the HTTP API: named versions, feedback, accesses.", "kind"),
		lost:      m.counter("dossier_http_accesses_lost_total", "Reads whose access events could not be written.", "reason"),
	}
}

// Published counts events.
func (p *Publisher) Published(kind schema.Kind, n int) {
	p.published.WithLabelValues(string(kind)).Add(float64(n))
}

// AccessLost counts accesses that were not recorded, and logs them, not more often than every few seconds.
func (p *Publisher) AccessLost(reason string, n int) {
	p.lost.WithLabelValues(reason).Add(float64(n))
	p.mu.Lock()
	defer p.mu.Unlock()
	p.untold += n
	if now := p.now(); now.Sub(p.told) >= 10*time.Second {
		p.log.Error("reads were answered whose access events could not be written", zap.String("reason", reason), zap.Int("events", p.untold))
		p.told, p.untold = now, 0
	}
}
