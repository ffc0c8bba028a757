package telemetry

import (
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"dossier/schema"
	"dossier/sink"
)

// Sink tells what a sink does.
type Sink struct {
	log *zap.Logger
	now func() time.Time

	stored, repeated, completed     *prometheus.CounterVec
	empty, access                   *prometheus.CounterVec
	conflicts, deadLetters, retried *prometheus.CounterVec
	documents, bytes                *prometheus.CounterVec
	bulk, delay                     *prometheus.HistogramVec
	waiting                         *prometheus.GaugeVec
	lag                             *prometheus.GaugeVec

	mu        sync.Mutex
	began     time.Time
	waitsFor  error
	lags      map[int32]int64
	lagKnown  bool
	lastDelay time.Duration
	hasDelay  bool
}

var _ sink.Observer = (*Sink)(nil)

// NewSink returns an observer whose metrics stand in m and which r asks whether it has caught up.
func NewSink(m *Metrics, r *Readiness, log *zap.Logger, now func() time.Time) *Sink {
	s := &Sink{
		log: log, now: now, began: now(), lags: map[int32]int64{},
		stored:      m.counter("dossier_sink_documents_stored_total", "Version documents newly stored, by kind.", "kind"),
		repeated:    m.counter("dossier_sink_documents_repeated_total", "Documents that were there already and agreed: second deliveries."),
		completed:   m.counter("dossier_sink_documents_completed_total", "Documents that got the context of a late attribution."),
		empty:       m.counter("dossier_sink_events_empty_total", "Events that changed nothing visible and became no documents."),
		access:      m.counter("dossier_sink_events_access_total", "Events that tell of reads: they stay on the audit topic and become no documents."),
		conflicts:   m.counter("dossier_sink_conflicts_total", "Documents that differ from the stored one of the same identity; the stored one stays.", "kind"),
		deadLetters: m.counter("dossier_sink_dead_letters_total", "Records put into the dead-letter topic.", "reason"),
		retried:     m.counter("dossier_sink_documents_retried_total", "Documents tried again, by the fault.", "reason"),
		documents:   m.counter("dossier_sink_bulk_documents_total", "Documents in bulk requests."),
		bytes:       m.counter("dossier_sink_bulk_bytes_total", "Bytes of bulk requests."),
		bulk:        m.histogram("dossier_sink_bulk_seconds", "How long a bulk request took.", requestBuckets),
		delay:       m.histogram("dossier_sink_commit_to_stored_seconds", "From a change's commit in the database until its documents were stored.", delayBuckets),
		waiting:     m.gauge("dossier_sink_waiting", "1 while the store cannot be written to and the sink waits."),
		lag:         m.gauge("dossier_sink_lag_records", "Records of the audit topic that are not yet stored.", "partition"),
	}
	s.waiting.WithLabelValues().Set(0)
	if r != nil {
		r.add(s.reasons)
	}
	return s
}

// Stored counts new documents.
func (s *Sink) Stored(kind schema.DocumentKind, n int) {
	s.stored.WithLabelValues(string(kind)).Add(float64(n))
}

// Repeated counts documents that were there.
func (s *Sink) Repeated(n int) { s.repeated.WithLabelValues().Add(float64(n)) }

// Completed counts documents that got their context.
func (s *Sink) Completed(n int) { s.completed.WithLabelValues().Add(float64(n)) }

// Empty counts events without documents.
func (s *Sink) Empty(n int) { s.empty.WithLabelValues().Add(float64(n)) }

// Access counts events that tell of reads.
func (s *Sink) Access(n int) { s.access.WithLabelValues().Add(float64(n)) }

// Conflict counts a conflict and logs whose it is. The detail stays out of the log: it may hold a value.
func (s *Sink) Conflict(c sink.Conflict) {
	s.conflicts.WithLabelValues(string(c.Kind)).Inc()
	s.log.Error("two documents of one identity; the stored one stays", zap.String("index", c.Ref.Index), zap.String("document", c.Ref.ID),
		zap.String("kind", string(c.Kind)), zap.String("event", c.EventID), zap.String("stored_hash", c.Stored), zap.String("arriving_hash", c.Arriving))
}

// DeadLetter counts a dead letter.
func (s *Sink) DeadLetter(reason string) {
	s.deadLetters.WithLabelValues(reason).Inc()
	s.log.Warn("audit event put into the dead-letter topic", zap.String("reason", reason))
}

// Retried counts documents tried again.
func (s *Sink) Retried(reason string, n int) { s.retried.WithLabelValues(reason).Add(float64(n)) }

// Bulk counts a request.
func (s *Sink) Bulk(d time.Duration, n, bytes int) {
	s.bulk.WithLabelValues().Observe(seconds(d))
	s.documents.WithLabelValues().Add(float64(n))
	s.bytes.WithLabelValues().Add(float64(bytes))
}

// Waiting notes that the store cannot be written to, or with nil that it can again.
func (s *Sink) Waiting(err error) {
	s.mu.Lock()
	before := s.waitsFor
	s.waitsFor = err
	s.mu.Unlock()
	switch {
	case err != nil && before == nil:
		s.waiting.WithLabelValues().Set(1)
		s.log.Error("the store cannot be written to; waiting", zap.Error(err))
	case err == nil && before != nil:
		s.waiting.WithLabelValues().Set(0)
		s.log.Info("the store can be written to again")
	}
}

// Delay measures an event's way.
func (s *Sink) Delay(d time.Duration) {
	s.delay.WithLabelValues().Observe(seconds(d))
	s.mu.Lock()
	s.lastDelay, s.hasDelay = d, true
	s.mu.Unlock()
}

// Lag notes how many records of a partition are to come; -1 that the partition is another instance's now.
func (s *Sink) Lag(partition int32, records int64) {
	label := strconv.Itoa(int(partition))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lagKnown = true
	if records < 0 {
		delete(s.lags, partition)
		s.lag.DeleteLabelValues(label)
		return
	}
	s.lags[partition] = records
	s.lag.WithLabelValues(label).Set(float64(records))
}

func (s *Sink) reasons(now time.Time) []Reason {
	s.mu.Lock()
	defer s.mu.Unlock()
	var lag int64
	for _, n := range s.lags {
		lag += n
	}
	reason := func(code, detail string) []Reason { return []Reason{{Role: "sink", Code: code, Detail: detail}} }
	switch {
	case s.waitsFor != nil:
		return reason("waiting", "the store cannot be written to: "+s.waitsFor.Error())
	// An instance without partitions, when there are more instances than partitions, never learns of a lag, and stands by.
	case !s.lagKnown && now.Sub(s.began) < behindAfter:
		return reason("starting", "no partition assigned yet")
	case lag > 0 && !s.hasDelay:
		return reason("behind", fmt.Sprintf("%d records to go", lag))
	case lag > 0 && s.lastDelay > behindAfter:
		return reason("behind", fmt.Sprintf("%d records to go, the last one stored was committed %s before", lag, s.lastDelay.Round(time.Second)))
	}
	return nil
}
