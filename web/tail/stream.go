package tail

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Stream is the events of one client. It is for one goroutine.
type Stream struct {
	hub      *Hub
	position Position
	pending  []entry // taken and not yet returned
	gap      *Gap    // to be told first

	session *session
	queue   *queue      // of the session, when live
	own     *kgo.Client // otherwise: catching up
}

// Gap says that events between the position asked for and the first that there still are are gone from the topic, or that the topic is another one than the position is of.
type Gap struct {
	From, To Position // of the partitions concerned
}

// Open begins a stream at a position; nil: with what comes from now on. The error is ErrBusy, ErrClosed, an *UnavailableError or the context's.
func (h *Hub) Open(ctx context.Context, from Position) (*Stream, error) {
	s, err := h.enter(ctx)
	if err != nil {
		return nil, err
	}
	st := &Stream{hub: h}
	st.session = s
	if p := s.listen(from, false); p != nil {
		st.goLive(p)
		return st, nil
	}
	if err := st.resume(ctx, s, from); err != nil {
		h.leave()
		return nil, err
	}
	return st, nil
}

func (s *Stream) goLive(p *place) { s.queue, s.position, s.pending = p.queue, p.position, p.recent }

// enter waits until there is a session.
func (h *Hub) enter(ctx context.Context) (*session, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.users++
	h.failure = nil
	for {
		var err error
		switch {
		case h.closed:
			err = ErrClosed
		case h.session != nil:
			return h.session, nil
		case h.failure != nil:
			err = &UnavailableError{h.failure}
		}
		if err != nil {
			h.users--
			return nil, err
		}
		select {
		case h.wake <- struct{}{}:
		default:
		}
		changed := h.changed
		h.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			err = ctx.Err()
		}
		h.mu.Lock()
		if err != nil {
			h.users--
			return nil, err
		}
	}
}

func (h *Hub) leave() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.users--
}

// resume makes the stream's own consumer.
func (s *Stream) resume(ctx context.Context, live *session, from Position) error {
	h := s.hub
	select {
	case h.resuming <- struct{}{}:
	default:
		return ErrBusy
	}
	err := s.openConsumer(ctx, live, from)
	if err != nil {
		<-h.resuming
		return &UnavailableError{err}
	}
	return nil
}

func (s *Stream) openConsumer(ctx context.Context, live *session, from Position) error {
	client, err := s.hub.consumer()
	if err != nil {
		return err
	}
	asked, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	starts, err := positions(kadm.NewClient(client).ListStartOffsets(asked, s.hub.config.Topic))
	var ends Position
	if err == nil {
		ends, err = positions(kadm.NewClient(client).ListCommittedOffsets(asked, s.hub.config.Topic))
	}
	if err != nil {
		client.Close()
		return err
	}
	live.mu.Lock()
	s.position = maps.Clone(live.next)
	live.mu.Unlock()
	gap := Gap{Position{}, Position{}}
	for partition := range s.position {
		at, named := from[partition]
		if !named {
			continue
		}
		nearest := min(max(at, starts[partition]), ends[partition])
		if nearest != at {
			gap.From[partition], gap.To[partition] = at, nearest
		}
		s.position[partition] = nearest
	}
	if len(gap.From) > 0 {
		s.gap = &gap
	}
	client.AddConsumePartitions(map[string]map[int32]kgo.Offset{s.hub.config.Topic: offsets(s.position)})
	s.own = client
	return nil
}

// Position is where the stream stands: behind what Next has returned, and behind what was not for it.
func (s *Stream) Position() string { return s.position.String() }

// Next waits for the next event, or a gap. The error is the context's (and then the stream goes on), or why the stream has ended: ErrSlow, ErrClosed, ErrBroken or an
// *UnavailableError. A client comes back with Position then.
func (s *Stream) Next(ctx context.Context) (*Event, *Gap, error) {
	if gap := s.gap; gap != nil {
		s.gap = nil
		return nil, gap, nil
	}
	for {
		for len(s.pending) > 0 {
			e := s.pending[0]
			s.pending = s.pending[1:]
			s.position[e.partition] = e.offset + 1
			if e.event != nil {
				return e.event, nil, nil
			}
		}
		if err := s.fill(ctx); err != nil {
			return nil, nil, err
		}
	}
}

// fill waits for entries.
func (s *Stream) fill(ctx context.Context) error {
	if s.own != nil {
		return s.catchUp(ctx)
	}
	for {
		entries, err := s.queue.take()
		if err != nil {
			return err
		}
		if len(entries) > 0 {
			s.pending = entries
			return nil
		}
		select {
		case <-s.queue.ready:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// catchUp reads with the stream's own consumer until the shared one has everything that is still to come.
func (s *Stream) catchUp(ctx context.Context) error {
	if p := s.session.listen(s.position, true); p != nil {
		s.endConsumer()
		s.goLive(p)
		return nil
	}
	fetches := s.own.PollRecords(ctx, 500)
	if err := s.hub.fetchErrors(fetches); err != nil {
		return &UnavailableError{err}
	}
	s.pending = s.hub.decode(fetches)
	if len(s.pending) == 0 && ctx.Err() != nil {
		return ctx.Err()
	}
	if len(s.pending) == 0 && s.own.Context().Err() != nil {
		return fmt.Errorf("%w: its consumer is closed", ErrBroken)
	}
	return nil
}

func (s *Stream) endConsumer() {
	if s.own != nil {
		s.own.Close()
		s.own = nil
		<-s.hub.resuming
	}
}

// Close ends the stream.
func (s *Stream) Close() {
	s.endConsumer()
	if s.queue != nil {
		s.session.leave(s.queue)
	}
	s.hub.leave()
}

// Ended says whether an error of Next is the stream's end and not the context's.
func Ended(err error) bool {
	return err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded)
}

// Pending says whether Next has something at once: then a writer need not flush yet.
func (s *Stream) Pending() bool { return len(s.pending) > 0 }
