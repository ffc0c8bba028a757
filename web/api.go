package web

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"go.uber.org/zap"

	"dossier/intake"
	"dossier/query"
	"dossier/requestcontext"
	"dossier/web/tail"
)

// Options are what an API needs. What is nil or zero is left out, or has the default named.
type Options struct {
	Access Access
	// Desk takes named versions and feedback; nil where no Kafka is configured.
	Desk *intake.Desk
	// ReadOnly refuses what would write.
	ReadOnly bool
	// Reads is told of every read; nil where reads are not recorded.
	Reads ReadRecorder
	// Tail gives live events; nil where no Kafka is configured.
	Tail *tail.Hub
	// CORSOrigins may read the answers from a browser: origins such as "https://audit.example.org", or "*" alone. None: no other origin.
	CORSOrigins []string
	// CheckHost refuses requests whose Host header names neither this machine (localhost, a loopback address) nor one of Hosts: names or addresses without a port.
	CheckHost bool
	Hosts     []string
	// MaxRequests bounds the requests under way, live streams aside; beyond them it is 503. An eighth of them may at a time be waiting for a body to arrive.
	// Default 128.
	MaxRequests int
	// MaxTails bounds the live streams under way; 0: there are none.
	MaxTails int
	// AnswerTimeout bounds how long a question may take. Default 30 s.
	AnswerTimeout time.Duration
	Observer      Observer
	Log           *zap.Logger
	Now           func() time.Time
}

// Observer learns what the API does, for metrics. Its methods are called from many goroutines and must not block.
type Observer interface {
	// Request reports an answer. route is a path's pattern, "" for a path that is none of ours; took below 0 is a live stream's, whose length says nothing.
	Request(method, route string, status int, took time.Duration)
	// UnderWay reports how many requests there are, live streams aside.
	UnderWay(n int)
	// Tails reports how many live streams there are.
	Tails(n int)
	// TailEnded reports why a stream ended that its client did not end.
	TailEnded(reason string)
}

// API is the HTTP API under /api. Make it with NewAPI.
type API struct {
	Options
	requests  *slots
	bodies    *slots
	tails     *slots
	heartbeat time.Duration
	stalled   time.Duration
	gate      gate
}

// NewAPI returns an API.
func NewAPI(o Options) *API {
	defaultTo(&o.MaxRequests, 128)
	defaultTo(&o.AnswerTimeout, 30*time.Second)
	return &API{Options: o, requests: newSlots(o.MaxRequests, o.Observer.UnderWay),
		bodies: newSlots(max(1, o.MaxRequests/8), func(int) {}), tails: newSlots(o.MaxTails, o.Observer.Tails),
		heartbeat: heartbeat, stalled: stalled, gate: gate{closing: make(chan struct{}), empty: make(chan struct{})}}
}

func defaultTo[T int | time.Duration](v *T, to T) {
	if *v == 0 {
		*v = to
	}
}

// Close takes no further requests, ends the live streams, each with a last event that says so, and waits for the requests under way as long as ctx lasts. The store
// and Kafka may be closed after it.
func (a *API) Close(ctx context.Context) error {
	a.gate.close()
	select {
	case <-a.gate.empty:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("requests are cut off: %w", context.Cause(ctx))
	}
}

// Handler answers everything under /api. From outside to inside:
//
//	request id ── metrics ── panics ── host ── CORS ── path and method ── slots ── time limit ── parameters ── who asks ── the call
func (a *API) Handler() http.Handler {
	router := a.router()
	answer := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r, t := withTraits(r)
		seen := &statusWriter{ResponseWriter: w}
		began := a.Now()
		defer func() { a.Observer.Request(knownMethod(r.Method), t.route, seen.status, t.took(a.Now().Sub(began))) }()
		defer a.recover(seen, r)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if !a.gate.enter() {
			w.Header().Set("Connection", "close") // the next one may find another server
			a.writeProblem(seen, r, unavailable("the server ends", tooManyRetry, nil))
			return
		}
		defer a.gate.leave()
		if !a.isOurs(r) {
			a.writeProblem(seen, r, foreignHost(r))
			return
		}
		if a.cors(seen, r) {
			return
		}
		router.ServeHTTP(seen, r)
	})
	return requestcontext.Middleware{Now: a.Now}.Handler(answer)
}

// service is the read side as a caller sees it.
func (a *API) service(c Caller) *query.Service { return &query.Service{Store: c.Store(), Now: a.Now} }

// knownMethod keeps made-up methods out of the metrics' labels.
func knownMethod(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodOptions:
		return m
	}
	return "other"
}

// Under gives requests whose path is the prefix, or lies below it, to one handler, and all others to another, whatever their method.
func Under(prefix string, under, rest http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if path := r.URL.Path; path == prefix || strings.HasPrefix(path, prefix+"/") {
			under.ServeHTTP(w, r)
			return
		}
		rest.ServeHTTP(w, r)
	})
}
