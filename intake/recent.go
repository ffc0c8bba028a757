package intake

import (
	"context"
	"errors"
	"sync"
)

// recent remembers the answers of requests that may be sent again, so that a repetition gets the same answer before the first one's documents can be
// seen in the store; one that arrives while the first is still at work waits for it. It forgets the oldest beyond a bound: then the store knows it.
type recent struct {
	mu    sync.Mutex
	byID  map[string]*remembered
	order []string
}

// remembered is a request's answer; both are valid once done is closed.
type remembered struct {
	done   chan struct{}
	answer any
	err    error
}

// maxRecent bounds the answers remembered.
const maxRecent = 4096

// do runs work for the id, or returns the answer that it gave before. An error is not remembered: a repetition tries again.
func (r *recent) do(ctx context.Context, id string, work func() (any, error)) (answer any, repeated bool, err error) {
	for {
		r.mu.Lock()
		m := r.byID[id]
		if m == nil {
			m = &remembered{done: make(chan struct{})}
			r.add(id, m)
			r.mu.Unlock()
			r.answer(id, m, work)
			return m.answer, false, m.err
		}
		r.mu.Unlock()
		select {
		case <-m.done:
			if m.err == nil {
				return m.answer, true, nil
			}
			// The one before us did not get through: try ourselves.
		case <-ctx.Done():
			return nil, false, ctx.Err()
		}
	}
}

// answer does the work. Those who wait hear of its end however it ends, be it by a panic.
func (r *recent) answer(id string, m *remembered, work func() (any, error)) {
	m.err = errCutOff
	defer func() {
		if m.err != nil {
			r.mu.Lock()
			if r.byID[id] == m {
				delete(r.byID, id)
			}
			r.mu.Unlock()
		}
		close(m.done)
	}()
	m.answer, m.err = work()
}

// errCutOff is the error of work that did not come to its end.
var errCutOff = errors.New("the work was cut off")

// add remembers; the caller holds the lock.
func (r *recent) add(id string, m *remembered) {
	if r.byID == nil {
		r.byID = make(map[string]*remembered)
	}
	for len(r.order) >= maxRecent {
		delete(r.byID, r.order[0])
		r.order = r.order[1:]
	}
	r.byID[id] = m
	r.order = append(r.order, id)
}
