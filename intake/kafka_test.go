package intake

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"dossier/internal/deadletter"
	"dossier/schema"
)

const feedbackTopic, auditTopic, dlqTopic = "dossier.feedback", "dossier.audit", "dossier.dlq"

// broker is an in-process Kafka with the topics of feedback.
type broker struct {
	t       *testing.T
	cluster *kfake.Cluster
	options []kgo.Opt
	client  *kgo.Client
}

func newBroker(t *testing.T) *broker {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(3, feedbackTopic, auditTopic), kfake.SeedTopics(1, dlqTopic), kfake.GroupMinSessionTimeout(100*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	b := &broker{t: t, cluster: cluster, options: []kgo.Opt{kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.MetadataMinAge(50 * time.Millisecond)}}
	if b.client, err = kgo.NewClient(b.options...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.client.Close)
	return b
}

// send produces a record to the feedback topic.
func (b *broker) send(value string, headers ...kgo.RecordHeader) *kgo.Record {
	b.t.Helper()
	r := &kgo.Record{Topic: feedbackTopic, Key: []byte(value[:min(len(value), 100)]), Value: []byte(value), Headers: headers}
	if value == "" {
		r.Value = nil
	}
	if err := b.client.ProduceSync(b.t.Context(), r).FirstErr(); err != nil {
		b.t.Fatal(err)
	}
	return r
}

// read returns the first n records of a topic, as committed, and makes sure that no more come.
func (b *broker) read(topic string, n int) []*kgo.Record {
	b.t.Helper()
	client, err := kgo.NewClient(append(b.options[:len(b.options):len(b.options)], kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.FetchMaxWait(100*time.Millisecond))...)
	if err != nil {
		b.t.Fatal(err)
	}
	defer client.Close()
	var records []*kgo.Record
	take := func(limit time.Duration, enough func() bool) {
		ctx, cancel := context.WithTimeout(b.t.Context(), limit)
		defer cancel()
		for !enough() && ctx.Err() == nil {
			client.PollFetches(ctx).EachRecord(func(r *kgo.Record) { records = append(records, r) })
		}
	}
	take(30*time.Second, func() bool { return len(records) >= n })
	if len(records) < n {
		b.t.Fatalf("%s: %d records after 30 s, want %d", topic, len(records), n)
	}
	take(300*time.Millisecond, func() bool { return len(records) > n })
	if len(records) > n {
		b.t.Fatalf("%s: %d records, want %d; one too many: %s", topic, len(records), n, records[n].Value)
	}
	return records
}

// events returns the first n audit events.
func (b *broker) events(n int) []schema.AuditEvent {
	b.t.Helper()
	events := make([]schema.AuditEvent, n)
	for i, r := range b.read(auditTopic, n) {
		if err := schema.ParseAuditEvent(r.Value, &events[i]); err != nil {
			b.t.Fatalf("%v: %s", err, r.Value)
		}
		if key := string(events[i].AppendKey(nil)); key != string(r.Key) {
			b.t.Errorf("key %s, want %s", r.Key, key)
		}
		for _, h := range r.Headers {
			if want := map[string]string{schema.HeaderEventID: events[i].ID, schema.HeaderKind: string(events[i].Kind), schema.HeaderSchemaVersion: "1"}[h.Key]; string(h.Value) != want {
				b.t.Errorf("header %s is %s, want %s", h.Key, h.Value, want)
			}
		}
	}
	return events
}

// letters returns the first n dead letters.
func (b *broker) letters(n int) []deadletter.Letter {
	b.t.Helper()
	letters := make([]deadletter.Letter, n)
	for i, r := range b.read(dlqTopic, n) {
		var err error
		if letters[i], err = deadletter.Parse(r); err != nil {
			b.t.Fatal(err)
		}
	}
	return letters
}

// network is the way to the brokers of one process. It can be cut for good at a request, as when the process is killed.
type network struct {
	mu       sync.Mutex
	key      int16 // at a request of this kind
	answered bool  // after its answer, which nobody gets to see, and not before it is sent
	dead     bool
	conns    []net.Conn
	died     chan struct{}
}

func newNetwork(key int16, answered bool) *network {
	return &network{key: key, answered: answered, died: make(chan struct{})}
}

func (n *network) dial(ctx context.Context, kind, address string) (net.Conn, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.dead {
		return nil, errors.New("the process is dead")
	}
	c, err := new(net.Dialer).DialContext(ctx, kind, address)
	if err != nil {
		return nil, err
	}
	n.conns = append(n.conns, c)
	return &cuttable{Conn: c, network: n}, nil
}

func (n *network) cut() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.dead {
		return
	}
	n.dead = true
	for _, c := range n.conns {
		_ = c.Close()
	}
	close(n.died)
}

type cuttable struct {
	net.Conn
	network *network
	mu      sync.Mutex
	doomed  bool
}

// Write sends a request; the client writes each whole.
func (c *cuttable) Write(b []byte) (int, error) {
	if len(b) >= 6 && int16(b[4])<<8|int16(b[5]) == c.network.key {
		if !c.network.answered {
			c.network.cut()
		} else {
			c.mu.Lock()
			c.doomed = true
			c.mu.Unlock()
		}
	}
	return c.Conn.Write(b)
}

func (c *cuttable) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.doomed && n > 0 {
		c.network.cut()
		return 0, net.ErrClosed
	}
	return n, err
}

// eventually waits for a state that must come.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 30 s: %s", what)
		}
	}
}

// seen observes by remembering.
type seen struct {
	NoObserver
	mu        sync.Mutex
	published map[schema.Kind]int
	lost      map[string]int
	dead      []string
	waiting   error
	waited    int
	lag       map[int32]int64
}

func (s *seen) Published(kind schema.Kind, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.published == nil {
		s.published = map[schema.Kind]int{}
	}
	s.published[kind] += n
}

func (s *seen) AccessLost(reason string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lost == nil {
		s.lost = map[string]int{}
	}
	s.lost[reason] += n
}

func (s *seen) DeadLettered(_ string, _ int32, _ int64, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dead = append(s.dead, reason)
}

func (s *seen) Waiting(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting = err; err != nil {
		s.waited++
	}
}

func (s *seen) Lag(partition int32, records int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lag == nil {
		s.lag = map[int32]int64{}
	}
	s.lag[partition] = records
}

// look gives the observations to f.
func (s *seen) look(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}
