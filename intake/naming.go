package intake

import (
	"context"
	"sync"
	"time"
)

// naming lets one caller name one version at a time, and remembers the names given until the store is sure to show them: of two requests sent by one
// impatient click, the second finds the name taken.
type naming struct {
	mu    sync.Mutex
	names map[string]*namingState
}

type namingState struct {
	turn    chan struct{} // holds one token
	waiting int           // how many hold the turn or wait for it; guarded by naming.mu
	until   time.Time     // the name is taken at least until then, whatever the store shows; guarded by the turn
}

// rememberedNames is for how long a name is remembered that the store does not show yet.
const rememberedNames = time.Minute

// begin waits for the turn at a name. The function returned gives it back.
func (n *naming) begin(ctx context.Context, name string) (*namingState, func(), error) {
	n.mu.Lock()
	s := n.names[name]
	if s == nil {
		s = &namingState{turn: make(chan struct{}, 1)}
		s.turn <- struct{}{}
		if n.names == nil {
			n.names = make(map[string]*namingState)
		}
		n.names[name] = s
	}
	s.waiting++
	n.mu.Unlock()
	select {
	case <-s.turn:
		return s, func() { n.end(name, s) }, nil
	case <-ctx.Done():
		n.mu.Lock()
		s.waiting--
		n.mu.Unlock()
		return nil, nil, ctx.Err()
	}
}

// end gives the turn back, and forgets the names that need not be remembered.
func (n *naming) end(name string, s *namingState) {
	n.mu.Lock()
	defer n.mu.Unlock()
	s.waiting--
	if s.waiting == 0 && s.until.IsZero() {
		delete(n.names, name)
	}
	s.turn <- struct{}{}
}

// forget drops what has been remembered long enough.
func (n *naming) forget(now time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for name, s := range n.names {
		if s.waiting == 0 && s.until.Before(now) {
			delete(n.names, name)
		}
	}
}
