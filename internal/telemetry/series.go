package telemetry

import (
	"maps"
	"sync"
	"sync/atomic"
)

// series remembers metrics by one of their labels: finding them by the labels' texts, as Prometheus's client does, is too slow for each change. There are few, and
// they never go. Safe for concurrent use.
type series[K comparable, M any] struct {
	known atomic.Pointer[map[K]M]
	mu    sync.Mutex // held to add one
}

// of returns the metric of that label, which find finds at the first time.
func (s *series[K, M]) of(label K, find func() M) M {
	if known := s.known.Load(); known != nil {
		if m, ok := (*known)[label]; ok {
			return m
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	next := make(map[K]M)
	if known := s.known.Load(); known != nil {
		maps.Copy(next, *known)
	}
	m, ok := next[label]
	if !ok {
		m = find()
		next[label] = m
		s.known.Store(&next)
	}
	return m
}
