package tail

import (
	"maps"
	"sync"
	"time"
)

// session is what one consumer has read: the recent events, and who gets those to come.
type session struct {
	config Config
	used   time.Time // when somebody last listened; the hub's lock guards it

	mu        sync.Mutex
	next      Position // of what comes
	floor     Position // recent holds every event from here on
	recent    []entry
	bytes     int // of recent
	listening map[*queue]struct{}
	ended     error
}

func newSession(c Config, from Position) *session {
	return &session{config: c, used: time.Now(), next: maps.Clone(from), floor: maps.Clone(from), listening: map[*queue]struct{}{}}
}

// take gives entries to all who listen. An offset that was there before means that the topic is another one.
func (s *session) take(entries []entry) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range entries {
		if e.offset < s.next[e.partition] {
			return ErrBroken
		}
		s.next[e.partition] = e.offset + 1
		s.keep(e)
		for q := range s.listening {
			q.add(e)
		}
	}
	return nil
}

// keep adds an entry to the recent ones, and lets the oldest go.
func (s *session) keep(e entry) {
	s.recent = append(s.recent, e)
	s.bytes += e.size()
	gone := 0
	for s.bytes > s.config.RecentBytes {
		old := s.recent[gone]
		s.floor[old.partition] = old.offset + 1
		s.bytes -= old.size()
		gone++
	}
	if gone > 0 {
		clear(s.recent[:gone])
		s.recent = s.recent[gone:]
	}
}

func (e *entry) size() int {
	if e.event == nil {
		return 64
	}
	return e.event.size()
}

// place is where somebody listens from, and the recent events from there on, which are as many as are kept and no queue's burden.
type place struct {
	queue    *queue
	position Position
	recent   []entry
}

// listen returns the place at a position, nil: where what comes begins. It is nil where the position lies before what is kept, and also where it lies behind what
// has been read, unless ahead says that it is a place in the topic nevertheless. Partitions that the position does not name begin with what comes.
func (s *session) listen(from Position, ahead bool) *place {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := maps.Clone(s.next)
	for partition, next := range s.next {
		offset, named := from[partition]
		if !named {
			continue
		}
		if offset < s.floor[partition] || offset > next && !ahead {
			return nil
		}
		at[partition] = offset
	}
	q := &queue{config: s.config, from: maps.Clone(at), ready: make(chan struct{}, 1), ended: s.ended}
	p := &place{queue: q, position: at}
	for _, e := range s.recent {
		if e.offset >= at[e.partition] {
			p.recent = append(p.recent, e)
		}
	}
	if s.ended == nil {
		s.listening[q] = struct{}{}
	}
	return p
}

func (s *session) leave(q *queue) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listening, q)
}

// end ends all who listen.
func (s *session) end(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = err
	for q := range s.listening {
		q.end(err)
	}
	clear(s.listening)
}

// queue is what waits for one client.
type queue struct {
	config Config
	from   Position      // where it begins
	ready  chan struct{} // holds a value while there is something to take

	mu      sync.Mutex
	waiting []entry
	events  int
	bytes   int
	ended   error
}

// add puts an entry behind the others; beyond the bounds the queue ends, and lets go of everything: what was not taken is read again.
func (q *queue) add(e entry) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ended != nil || e.offset < q.from[e.partition] {
		return
	}
	if e.event == nil && len(q.waiting) > 0 && q.waiting[len(q.waiting)-1].event == nil && q.waiting[len(q.waiting)-1].partition == e.partition {
		q.waiting[len(q.waiting)-1].offset = e.offset // nothing to show: one place stands for many
		return
	}
	if e.event != nil {
		q.events++
	}
	q.bytes += e.size()
	if len(q.waiting) > 0 && (q.bytes > q.config.QueueBytes || q.events > q.config.QueueEvents) {
		q.ended, q.waiting = ErrSlow, nil
	} else {
		q.waiting = append(q.waiting, e)
	}
	q.signal()
}

func (q *queue) end(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ended == nil {
		q.ended = err
	}
	q.signal()
}

// signal wakes whoever takes. q.mu is held.
func (q *queue) signal() {
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

// take returns everything that waits; an error where nothing does and nothing will.
func (q *queue) take() ([]entry, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	waiting := q.waiting
	q.waiting, q.events, q.bytes = nil, 0, 0
	if len(waiting) == 0 {
		return nil, q.ended
	}
	return waiting, nil
}
