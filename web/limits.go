package web

import (
	"fmt"
	"net/http"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// tooManyRetry is when to ask again after there were too many requests.
const tooManyRetry = time.Second

// slots bound how many of something are under way. Whoever finds none free is told at once: a queue would only hide the load, and hold memory for it.
type slots struct {
	most     int64
	taken    atomic.Int64
	observed func(n int)
}

func newSlots(most int, observed func(n int)) *slots {
	return &slots{most: int64(most), observed: observed}
}

func (s *slots) take() bool {
	n := s.taken.Add(1)
	if n > s.most {
		s.taken.Add(-1)
		return false
	}
	s.observed(int(n))
	return true
}

func (s *slots) give() { s.observed(int(s.taken.Add(-1))) }

// gate counts the requests inside, and closes behind them.
type gate struct {
	mu      sync.Mutex
	inside  int
	closing chan struct{} // closed when nobody may enter any more
	empty   chan struct{} // closed when, after that, nobody is inside
}

func (g *gate) closed() bool {
	select {
	case <-g.closing:
		return true
	default:
		return false
	}
}

func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed() {
		return false
	}
	g.inside++
	return true
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.inside--; g.inside == 0 && g.closed() {
		close(g.empty)
	}
}

func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed() {
		return
	}
	if close(g.closing); g.inside == 0 {
		close(g.empty)
	}
}

// statusWriter remembers what was answered. ResponseController finds the connection through Unwrap.
type statusWriter struct {
	http.ResponseWriter
	status int // 0 before anything was written
}

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	if status != statusClientGone {
		w.ResponseWriter.WriteHeader(status)
	}
}

func (w *statusWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap returns the writer beneath.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// recover turns a panic into a 500, and into a log entry with its stack. Where an answer has begun already, the connection is cut, so that nobody takes
// half an answer for a whole one.
func (a *API) recover(w *statusWriter, r *http.Request) {
	v := recover()
	if v == nil {
		return
	}
	if v == http.ErrAbortHandler {
		panic(v)
	}
	a.Log.Error("panic while answering", zap.String("request_id", requestID(r.Context())), zap.String("route", routeOf(r.Context())),
		zap.String("panic", fmt.Sprint(v)), zap.ByteString("stack", debug.Stack()))
	if w.status != 0 {
		panic(http.ErrAbortHandler)
	}
	a.writeProblem(w, r, internal(fmt.Errorf("panic: %v", v)))
}

const (
	// maxHeaderBytes bounds a request's line and headers: an id or a search of 8 KiB, each byte encoded as three, and credentials beside it.
	maxHeaderBytes = 64 << 10
	// writeBound is how long a client may take to receive an answer, from the request's beginning. Live streams set their own.
	writeBound = 2 * time.Minute
)

// Server returns a server with the limits of a public address: what a slow or a greedy client can hold is bounded.
func Server(handler http.Handler) *http.Server {
	bounded := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rc := http.NewResponseController(w)
		_ = rc.SetWriteDeadline(time.Now().Add(writeBound)) // a writer without deadlines is a test's
		if r.ContentLength != 0 {
			// net/http waits for a body that nobody has read, before it answers or after. One that never comes would hold the connection, and a request's slot, for ever.
			_ = rc.SetReadDeadline(time.Now().Add(bodyTimeout))
			if r.Method != http.MethodPost {
				w.Header().Set("Connection", "close") // nobody reads this one, so it is not waited for
			}
		}
		handler.ServeHTTP(w, r)
	})
	return &http.Server{Handler: bounded, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: maxHeaderBytes}
}
