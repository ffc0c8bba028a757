package telemetry

import (
	"sync"
	"time"
)

// Reason is why an instance is not ready.
type Reason struct {
	Role   string `json:"role"`
	Code   string `json:"code"` // starting, behind, stopped, waiting
	Detail string `json:"detail"`
}

// check is what one role contributes to readiness.
type check func(now time.Time) []Reason

// Readiness says whether everything that runs in this process has caught up. Safe for concurrent use.
type Readiness struct {
	now    func() time.Time
	mu     sync.Mutex
	checks []check
}

// NewReadiness returns a readiness without any role, which is ready.
func NewReadiness(now func() time.Time) *Readiness { return &Readiness{now: now} }

func (r *Readiness) add(c check) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.checks = append(r.checks, c)
}

// Reasons returns why the process is not ready; none if it is.
func (r *Readiness) Reasons() []Reason {
	r.mu.Lock()
	checks := r.checks
	r.mu.Unlock()
	now := r.now()
	reasons := []Reason{}
	for _, c := range checks {
		reasons = append(reasons, c(now)...)
	}
	return reasons
}

const (
	// behindAfter is how old the oldest unfinished work may be in an instance that has caught up, besides the grace that a change
	// without context waits.
	behindAfter = 30 * time.Second
	// recent is for how long a report that something stands still is believed, where nobody reports its end.
	recent = time.Minute
)
