package telemetry

import (
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

// Serve tells what the HTTP API does.
type Serve struct {
	log *zap.Logger

	requests, ended *prometheus.CounterVec
	took            *prometheus.HistogramVec
	underWay, tails *prometheus.GaugeVec

	mu       sync.Mutex
	asked    bool
	waitsFor error
	stopping bool
}

// NewServe returns an observer whose metrics stand in m and which r asks whether the store answers.
func NewServe(m *Metrics, r *Readiness, log *zap.Logger) *Serve {
	s := &Serve{
		log:      log,
		requests: m.counter("dossier_http_requests_total", "Requests to the API answered, by method, path and status.", "method", "route", "status"),
		took:     m.histogram("dossier_http_request_seconds", "How long an answer of the API took; live streams are left out.", answerBuckets, "route"),
		underWay: m.gauge("dossier_http_requests_under_way", "Requests to the API under way, live streams aside."),
		tails:    m.gauge("dossier_http_tails", "Live streams under way."),
		ended:    m.counter("dossier_http_tails_ended_total", "Live streams that the server ended, by the reason.", "reason"),
	}
	s.underWay.WithLabelValues().Set(0)
	s.tails.WithLabelValues().Set(0)
	if r != nil {
		r.add(s.reasons)
	}
	return s
}

// answerBuckets are for answers to people, who notice a tenth of a second.
var answerBuckets = []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30}

// Request counts an answer. route is the path's pattern, "" for a path that is none of the API's; took below 0 is a live stream's.
func (s *Serve) Request(method, route string, status int, took time.Duration) {
	if route == "" {
		route = "other"
	}
	s.requests.WithLabelValues(method, route, strconv.Itoa(status)).Inc()
	if took >= 0 {
		s.took.WithLabelValues(route).Observe(took.Seconds())
	}
}

// UnderWay notes how many requests there are.
func (s *Serve) UnderWay(n int) { s.underWay.WithLabelValues().Set(float64(n)) }

// Tails notes how many live streams there are.
func (s *Serve) Tails(n int) { s.tails.WithLabelValues().Set(float64(n)) }

// TailEnded counts a stream that its client did not end.
func (s *Serve) TailEnded(reason string) { s.ended.WithLabelValues(reason).Inc() }

// StoreAnswers notes whether the store can be asked, nil if it can.
func (s *Serve) StoreAnswers(err error) {
	s.mu.Lock()
	before, asked := s.waitsFor, s.asked
	s.waitsFor, s.asked = err, true
	s.mu.Unlock()
	switch {
	case err != nil && (before == nil || !asked):
		s.log.Error("the store does not answer questions", zap.Error(err))
	case err == nil && before != nil:
		s.log.Info("the store answers questions again")
	}
}

// Stopping notes that no further requests are taken.
func (s *Serve) Stopping() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopping = true
}

func (s *Serve) reasons(time.Time) []Reason {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stopping:
		return []Reason{{Role: "serve", Code: "stopped", Detail: "it ends"}}
	case !s.asked:
		return []Reason{{Role: "serve", Code: "starting", Detail: "the store has not answered yet"}}
	case s.waitsFor != nil:
		return []Reason{{Role: "serve", Code: "waiting", Detail: "the store does not answer questions: " + s.waitsFor.Error()}}
	}
	return nil
}
