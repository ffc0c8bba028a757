package tail

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"
)

// Config says what a Hub reads and what it may hold. The zero value of a number is its default.
type Config struct {
	Topic string // the audit topic
	// RecentBytes bounds the recent events kept for clients that come back after a moment. Default 16 MiB.
	RecentBytes int
	// QueueBytes and QueueEvents bound what waits for one client. Default 8 MiB and 10,000; one larger event may wait alone.
	QueueBytes, QueueEvents int
	// Resuming bounds the clients that read older events with a consumer of their own. Default 16.
	Resuming int
	// Idle is for how long the consumer goes on when nobody listens. Default one minute.
	Idle time.Duration
}

func (c Config) withDefaults() Config {
	for _, d := range []struct {
		v  *int
		to int
	}{{&c.RecentBytes, 16 << 20}, {&c.QueueBytes, 8 << 20}, {&c.QueueEvents, 10_000}, {&c.Resuming, 16}} {
		if *d.v == 0 {
			*d.v = d.to
		}
	}
	if c.Idle == 0 {
		c.Idle = time.Minute
	}
	return c
}

var (
	// ErrSlow ends a stream whose client does not keep up.
	ErrSlow = errors.New("more events wait than can be kept for one client")
	// ErrClosed ends all streams.
	ErrClosed = errors.New("the server ends")
	// ErrBusy refuses a stream: too many clients read older events.
	ErrBusy = errors.New("too many clients are catching up with older events")
	// ErrBroken ends a stream because the topic cannot be read any more as it was, such as one that was made anew.
	ErrBroken = errors.New("the connection to the audit topic has to be made again")
)

// UnavailableError says that the topic cannot be read at the moment.
type UnavailableError struct{ Err error }

// Error says why.
func (e *UnavailableError) Error() string { return "reading the audit topic: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *UnavailableError) Unwrap() error { return e.Err }

// Hub reads the audit topic once for all who listen, and not at all while nobody does.
type Hub struct {
	config Config
	kafka  []kgo.Opt
	log    *zap.Logger

	wake     chan struct{} // holds a value while somebody wants a session
	resuming chan struct{} // holds a value for each client with a consumer of its own

	mu      sync.Mutex
	closed  bool
	session *session // nil: none is under way
	users   int      // open streams, and those that are being opened
	changed chan struct{}
	failure error // why the last attempt at a session failed
}

// NewHub returns a hub; kafka says how to reach the brokers. It connects to nothing before somebody listens.
func NewHub(c Config, kafka []kgo.Opt, log *zap.Logger) *Hub {
	c = c.withDefaults()
	return &Hub{config: c, kafka: kafka, log: log, wake: make(chan struct{}, 1), resuming: make(chan struct{}, c.Resuming), changed: make(chan struct{})}
}

// Run reads for whoever listens until ctx ends, and ends all streams then.
func (h *Hub) Run(ctx context.Context) error {
	defer h.end()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-h.wake:
		}
		if err := h.read(ctx); err != nil && ctx.Err() == nil {
			h.log.Warn("live events interrupted", zap.Error(err))
			h.fail(err)
		}
	}
}

func (h *Hub) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	if h.session != nil {
		h.session.end(ErrClosed)
		h.session = nil
	}
	h.announce()
}

// fail ends what was under way.
func (h *Hub) fail(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.session != nil {
		h.session.end(ErrBroken)
		h.session = nil
	}
	h.failure = err
	h.announce()
}

// announce wakes those who wait for a session. h.mu is held.
func (h *Hub) announce() {
	close(h.changed)
	h.changed = make(chan struct{})
}

// startTimeout bounds how long the topic's ends are asked for.
const startTimeout = 10 * time.Second

// read is one session: from the topic's end, until nobody has listened for a while.
func (h *Hub) read(ctx context.Context) error {
	client, err := h.consumer()
	if err != nil {
		return err
	}
	defer client.Close()
	from, err := ends(ctx, client, h.config.Topic)
	if err != nil {
		return err
	}
	client.AddConsumePartitions(map[string]map[int32]kgo.Offset{h.config.Topic: offsets(from)})
	s := newSession(h.config, from)
	h.mu.Lock()
	h.session, h.failure = s, nil
	h.announce()
	h.mu.Unlock()
	for ctx.Err() == nil {
		polled, cancel := context.WithTimeout(ctx, h.config.Idle)
		fetches := client.PollRecords(polled, 200)
		cancel()
		if err := h.fetchErrors(fetches); err != nil {
			return err
		}
		if err := s.take(h.decode(fetches)); err != nil {
			return err
		}
		if h.idle(s) {
			return nil
		}
	}
	return nil
}

// idle ends the session if nobody has used it since it was asked before.
func (h *Hub) idle(s *session) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	if h.users > 0 {
		s.used = now
	}
	if now.Sub(s.used) < h.config.Idle {
		return false
	}
	h.session = nil
	return true
}

func (h *Hub) consumer(more ...kgo.Opt) (*kgo.Client, error) {
	options := append([]kgo.Opt{
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		// Control records move a position on over what aborted transactions left behind.
		kgo.KeepControlRecords(),
		kgo.FetchMaxBytes(8 << 20), kgo.FetchMaxPartitionBytes(2 << 20), kgo.MaxConcurrentFetches(2),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
	}, h.kafka...)
	client, err := kgo.NewClient(append(options, more...)...)
	if err != nil {
		return nil, fmt.Errorf("kafka client: %w", err)
	}
	return client, nil
}

// ends returns where each partition ends, as far as its transactions are decided.
func ends(ctx context.Context, client *kgo.Client, topic string) (Position, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	return positions(kadm.NewClient(client).ListCommittedOffsets(ctx, topic))
}

func positions(listed kadm.ListedOffsets, err error) (Position, error) {
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("asking for the topic's offsets: %w", err)
	}
	p := Position{}
	listed.Each(func(o kadm.ListedOffset) { p[o.Partition] = o.Offset })
	if len(p) == 0 {
		return nil, errors.New("the topic is not there: create it with dossier setup")
	}
	return p, nil
}

func offsets(p Position) map[int32]kgo.Offset {
	m := make(map[int32]kgo.Offset, len(p))
	for partition, at := range p {
		m[partition] = kgo.NewOffset().At(at)
	}
	return m
}

// fetchErrors returns an error after which it is of no use to go on; kgo tries again by itself after others.
func (h *Hub) fetchErrors(fetches kgo.Fetches) (fatal error) {
	fetches.EachError(func(topic string, partition int32, err error) {
		if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
			return
		}
		fatal = fmt.Errorf("%s, partition %d: %w", topic, partition, err)
	})
	return fatal
}

// entry is a record as a session takes it: a place, and an event where it is one to show.
type entry struct {
	partition int32
	offset    int64
	event     *Event
}

func (h *Hub) decode(fetches kgo.Fetches) []entry {
	var entries []entry
	fetches.EachRecord(func(r *kgo.Record) {
		e := entry{partition: r.Partition, offset: r.Offset}
		if !r.Attrs.IsControl() {
			event, err := decode(r)
			if err == nil {
				e.event = event
			} else if !errors.Is(err, errNotShown) {
				h.log.Debug("record left out of live events", zap.Int32("partition", r.Partition), zap.Int64("offset", r.Offset), zap.Error(err))
			}
		}
		entries = append(entries, e)
	})
	return entries
}
