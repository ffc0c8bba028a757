package tail

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"

	"dossier/schema"
)

const (
	topic      = "dossier.audit"
	partitions = 3
)

// kafka is a cluster in the process, with the audit topic.
type kafka struct {
	t        *testing.T
	options  []kgo.Opt
	producer *kgo.Client
	n        int
}

func newKafka(t *testing.T) *kafka {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(partitions, topic))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	k := &kafka{t: t, options: []kgo.Opt{kgo.SeedBrokers(cluster.ListenAddrs()...)}}
	k.producer = k.client(kgo.TransactionalID("test"), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.DefaultProduceTopic(topic))
	return k
}

func (k *kafka) client(more ...kgo.Opt) *kgo.Client {
	k.t.Helper()
	c, err := kgo.NewClient(append(slices.Clone(k.options), more...)...)
	if err != nil {
		k.t.Fatal(err)
	}
	k.t.Cleanup(c.Close)
	return c
}

// publish writes n events in one transaction, numbered on from those before; what is aborted is not numbered.
func (k *kafka) publish(n int, commit bool) {
	k.t.Helper()
	ctx := k.t.Context()
	if err := k.producer.BeginTransaction(); err != nil {
		k.t.Fatal(err)
	}
	for i := range n {
		id := "aborted"
		if commit {
			id = "e" + strconv.Itoa(k.n+i)
		}
		k.producer.Produce(ctx, &kgo.Record{Partition: int32(i % partitions), Value: event(id).AppendJSON(nil)}, nil)
	}
	if err := k.producer.Flush(ctx); err != nil {
		k.t.Fatal(err)
	}
	if err := k.producer.EndTransaction(ctx, kgo.TransactionEndTry(commit)); err != nil {
		k.t.Fatal(err)
	}
	if commit {
		k.n += n
	}
}

func event(id string) *schema.AuditEvent {
	price := func(s string) schema.Value { return schema.Value{State: schema.Present, JSON: []byte(s)} }
	return &schema.AuditEvent{SchemaVersion: 1, Kind: schema.KindChange, ID: id, Time: time.Unix(1e9, 0).UTC(), Action: schema.ActionUpdate, Scope: "default",
		Entity:  schema.Entity{Type: "product", ID: "1"},
		Context: &schema.EventContext{Status: schema.StatusAttached, Context: schema.Context{User: schema.User{ID: "u1"}}},
		Changes: []schema.FieldChange{{Field: "price", Previous: price("1"), Current: price("2")}},
		Before:  schema.Row{{Name: "price", Value: price("1")}}, After: schema.Row{{Name: "price", Value: price("2")}},
		CDC: schema.CDC{Source: "shop", Schema: "public", Table: "product", Op: 'u'}}
}

func (k *kafka) hub(c Config) *Hub {
	k.t.Helper()
	c.Topic = topic
	h := NewHub(c, k.options, zap.NewNop())
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- h.Run(ctx) }()
	k.t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			k.t.Error(err)
		}
	})
	return h
}

func open(t *testing.T, h *Hub, from string) *Stream {
	t.Helper()
	var at Position
	if from != "" {
		var err error
		if at, err = ParsePosition(from); err != nil {
			t.Fatal(err)
		}
	}
	s, err := h.Open(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// next takes n events and returns their ids, sorted: between partitions there is no order.
func next(t *testing.T, s *Stream, n int) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var ids []string
	for len(ids) < n {
		e, gap, err := s.Next(ctx)
		if err != nil || gap != nil {
			t.Fatalf("after %d of %d events: %v, %v", len(ids), n, gap, err)
		}
		ids = append(ids, e.ID)
	}
	slices.SortFunc(ids, func(a, b string) int { return number(a) - number(b) })
	return ids
}

func number(id string) int { n, _ := strconv.Atoi(strings.TrimPrefix(id, "e")); return n }

func numbered(from, to int) (ids []string) {
	for i := from; i < to; i++ {
		ids = append(ids, "e"+strconv.Itoa(i))
	}
	return ids
}

func want(t *testing.T, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// quiet checks that nothing more comes now.
func quiet(t *testing.T, s *Stream) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if e, gap, err := s.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("something more: %v %v %v", e, gap, err)
	}
}

func TestFromNowOn(t *testing.T) {
	k := newKafka(t)
	h := k.hub(Config{})
	k.publish(4, true)
	first := open(t, h, "")
	defer first.Close()
	k.publish(5, false)
	k.publish(5, true)
	want(t, next(t, first, 5), numbered(4, 9))
	second := open(t, h, "")
	defer second.Close()
	k.publish(2, true)
	want(t, next(t, first, 2), numbered(9, 11))
	want(t, next(t, second, 2), numbered(9, 11))
	quiet(t, first)
	quiet(t, second)
	if first.Position() != second.Position() {
		t.Errorf("%s and %s", first.Position(), second.Position())
	}
}

// TestResume breaks a stream off after each event in turn, and goes on with the shared consumer's recent events, or with an own one.
func TestResume(t *testing.T) {
	for name, c := range map[string]Config{"recent": {}, "own consumer": {RecentBytes: 1}} {
		t.Run(name, func(t *testing.T) {
			k := newKafka(t)
			h := k.hub(c)
			anchor := open(t, h, "")
			defer anchor.Close()
			from := anchor.Position()
			k.publish(3, true)
			k.publish(7, false)
			k.publish(6, true)
			k.publish(2, false)
			next(t, anchor, 9)
			var got []string
			for range 9 {
				s := open(t, h, from)
				got = append(got, next(t, s, 1)...)
				from = s.Position()
				s.Close()
			}
			slices.SortFunc(got, func(a, b string) int { return number(a) - number(b) })
			want(t, got, numbered(0, 9))

			s := open(t, h, from)
			defer s.Close()
			quiet(t, s)
			if s.own != nil {
				t.Error("has caught up, and still has a consumer of its own")
			}
			if len(h.resuming) != 0 {
				t.Errorf("%d places are taken", len(h.resuming))
			}
			k.publish(4, true)
			want(t, next(t, s, 4), numbered(9, 13))
			quiet(t, s)
		})
	}
}

// TestCatchUpWhileMoreComes: between the own consumer and the shared one nothing is lost or told twice.
func TestCatchUpWhileMoreComes(t *testing.T) {
	k := newKafka(t)
	h := k.hub(Config{RecentBytes: 4 << 10})
	anchor := open(t, h, "")
	defer anchor.Close()
	from := anchor.Position()
	k.publish(50, true)
	s := open(t, h, from)
	defer s.Close()
	got := next(t, s, 20)
	for range 10 {
		k.publish(20, true)
		got = append(got, next(t, s, 15)...)
	}
	got = append(got, next(t, s, k.n-len(got))...)
	slices.SortFunc(got, func(a, b string) int { return number(a) - number(b) })
	want(t, got, numbered(0, k.n))
	quiet(t, s)
}

func TestTooManyCatchUp(t *testing.T) {
	k := newKafka(t)
	h := k.hub(Config{RecentBytes: 1, Resuming: 1})
	anchor := open(t, h, "")
	defer anchor.Close()
	from, _ := ParsePosition(anchor.Position())
	k.publish(6, true)
	next(t, anchor, 6)
	first, err := h.Open(t.Context(), from)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Open(t.Context(), from); !errors.Is(err, ErrBusy) {
		t.Errorf("%v", err)
	}
	first.Close()
	second, err := h.Open(t.Context(), from)
	if err != nil {
		t.Fatal(err)
	}
	second.Close()
}

func TestSlowClientsEnd(t *testing.T) {
	k := newKafka(t)
	h := k.hub(Config{QueueEvents: 5})
	slow, fast := open(t, h, ""), open(t, h, "")
	defer fast.Close()
	for range 4 {
		k.publish(3, true)
		next(t, fast, 3)
	}
	_, _, err := slow.Next(t.Context())
	if !errors.Is(err, ErrSlow) || !Ended(err) {
		t.Fatalf("%v", err)
	}
	from := slow.Position()
	slow.Close()
	again := open(t, h, from)
	defer again.Close()
	if got := next(t, again, 3); len(got) != 3 {
		t.Errorf("%v", got)
	}
}

func TestGaps(t *testing.T) {
	k := newKafka(t)
	h := k.hub(Config{})
	k.publish(6, true)
	admin := kadm.NewClient(k.client())
	ends, err := admin.ListCommittedOffsets(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := admin.DeleteRecords(t.Context(), kadm.Offsets{topic: {0: kadm.Offset{Topic: topic, Partition: 0, At: 1}}}); err != nil {
		t.Fatal(err)
	}
	s := open(t, h, "0:0,1:0,2:9999")
	defer s.Close()
	_, gap, err := s.Next(t.Context())
	end, _ := ends.Lookup(topic, 2)
	if wantTo := fmt.Sprintf("0:1,2:%d", end.Offset); err != nil || gap == nil || gap.From.String() != "0:0,2:9999" || gap.To.String() != wantTo {
		t.Fatalf("%+v, %v; want to %s", gap, err, wantTo)
	}
	want(t, next(t, s, 3), []string{"e1", "e3", "e4"}) // e0 is gone; partition 2 begins behind its end
	quiet(t, s)
}

func TestNobodyListens(t *testing.T) {
	k := newKafka(t)
	h := k.hub(Config{Idle: 20 * time.Millisecond})
	s := open(t, h, "")
	from := s.Position()
	time.Sleep(60 * time.Millisecond)
	h.mu.Lock()
	under := h.session != nil
	h.mu.Unlock()
	if !under {
		t.Error("the consumer was let go while somebody listens")
	}
	s.Close()
	for {
		h.mu.Lock()
		under, changed := h.session != nil, h.changed
		_ = changed
		h.mu.Unlock()
		if !under {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	k.publish(3, true)
	again := open(t, h, from)
	defer again.Close()
	want(t, next(t, again, 3), numbered(0, 3))
}

func TestEnds(t *testing.T) {
	k := newKafka(t)
	h := NewHub(Config{Topic: topic}, k.options, zap.NewNop())
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- h.Run(ctx) }()
	s := open(t, h, "")
	defer s.Close()
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if _, _, err := s.Next(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("%v", err)
	}
	if _, err := h.Open(t.Context(), nil); !errors.Is(err, ErrClosed) {
		t.Errorf("%v", err)
	}
}

func TestKafkaIsAway(t *testing.T) {
	k := newKafka(t)
	for name, options := range map[string][]kgo.Opt{
		"no broker": {kgo.SeedBrokers("127.0.0.1:1"), kgo.RequestRetries(0)},
		"no topic":  k.options,
	} {
		k := &kafka{t: t, options: options}
		h := NewHub(Config{Topic: "none"}, k.options, zap.NewNop())
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- h.Run(ctx) }()
		for range 2 {
			var away *UnavailableError
			if _, err := h.Open(t.Context(), nil); !errors.As(err, &away) {
				t.Errorf("%s: %v", name, err)
			}
		}
		stop()
		<-ended
	}
}
