package sink_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"dossier/internal/deadletter"
	"dossier/schema"
	"dossier/sink"
	"dossier/sink/sinktest"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

const audit, dlq = "dossier.audit", "dossier.dlq"

// kafka is an in-process cluster with the sink's topics.
type kafka struct {
	t       *testing.T
	cluster *kfake.Cluster
	brokers []string
	client  *kgo.Client
}

func newKafka(t *testing.T, partitions int32) *kafka {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(partitions, audit), kfake.SeedTopics(1, dlq),
		kfake.GroupMinSessionTimeout(100*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return &kafka{t, cluster, cluster.ListenAddrs(), client}
}

// produce writes events keyed by entity.
func (k *kafka) produce(events ...*schema.AuditEvent) {
	k.t.Helper()
	var records []*kgo.Record
	for _, e := range events {
		records = append(records, &kgo.Record{Topic: audit, Key: e.AppendKey(nil), Value: e.AppendJSON(nil)})
	}
	if err := k.client.ProduceSync(k.t.Context(), records...).FirstErr(); err != nil {
		k.t.Fatal(err)
	}
}

// committed returns the group's offsets and the ends, summed over partitions.
func (k *kafka) committed() (committed, end int64) {
	k.t.Helper()
	admin := kadm.NewClient(k.client)
	offsets, err := admin.FetchOffsets(k.t.Context(), "dossier-sink")
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		k.t.Fatal(err)
	}
	ends, err := admin.ListEndOffsets(k.t.Context(), audit)
	if err != nil {
		k.t.Fatal(err)
	}
	offsets.Each(func(o kadm.OffsetResponse) { committed += max(o.At, 0) })
	ends.Each(func(o kadm.ListedOffset) { end += o.Offset })
	return committed, end
}

// letters returns the dead letters.
func (k *kafka) letters() []deadletter.Letter {
	k.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(k.brokers...), kgo.ConsumeTopics(dlq))
	if err != nil {
		k.t.Fatal(err)
	}
	defer client.Close()
	ends, err := kadm.NewClient(client).ListEndOffsets(k.t.Context(), dlq)
	if err != nil {
		k.t.Fatal(err)
	}
	end, _ := ends.Lookup(dlq, 0)
	var letters []deadletter.Letter
	for int64(len(letters)) < end.Offset {
		client.PollFetches(k.t.Context()).EachRecord(func(r *kgo.Record) {
			letter, err := deadletter.Parse(r)
			if err != nil {
				k.t.Fatal(err)
			}
			letters = append(letters, letter)
		})
	}
	return letters
}

// loop starts a loop on a store and returns how to stop it, which gives Run's error.
func (k *kafka) loop(store sink.Store, config sink.Config, observer sink.Observer) (stop func() error) {
	k.t.Helper()
	if config.CommitInterval == 0 {
		config.CommitInterval = 20 * time.Millisecond
	}
	l := &sink.Loop{Config: config, Kafka: []kgo.Opt{kgo.SeedBrokers(k.brokers...), kgo.HeartbeatInterval(50 * time.Millisecond), kgo.MetadataMinAge(100 * time.Millisecond), kgo.MetadataMaxAge(time.Second)},
		Apply: &sink.Applier{Store: store, Observer: observer, Now: time.Now}}
	ctx, cancel := context.WithCancel(k.t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	var once sync.Once
	var err error
	stop = func() error {
		once.Do(func() {
			cancel()
			err = <-done
		})
		return err
	}
	k.t.Cleanup(func() { stop() })
	return stop
}

// eventually waits for a state that must come.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not within 30 s: %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func change(n int) *schema.AuditEvent {
	id := fmt.Sprint("e", n)
	return &schema.AuditEvent{SchemaVersion: 1, Kind: schema.KindChange, ID: id, Time: time.Now().Add(-time.Second).UTC().Truncate(time.Microsecond), Action: schema.ActionDelete,
		Entity:  schema.Entity{Type: "product", ID: fmt.Sprint(n % 20)},
		Context: &schema.EventContext{Status: schema.StatusAttached, Route: schema.RouteMessage, Context: schema.Context{User: schema.User{ID: "u1"}}},
		Before:  schema.Row{{Name: "n", Value: schema.Value{State: schema.Present, JSON: []byte(fmt.Sprint(n))}}},
		CDC:     schema.CDC{Source: "shop", Op: schema.OpDelete}}
}

func changes(n int) []*schema.AuditEvent {
	events := make([]*schema.AuditEvent, n)
	for i := range events {
		events[i] = change(i)
	}
	return events
}

// tally observes by keeping everything.
type tally struct {
	sink.NoObserver
	mu        sync.Mutex
	reasons   []string
	conflicts int
	delays    []time.Duration
	lags      map[int32]int64
	waiting   []error
}

func (s *tally) DeadLetter(reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reasons = append(s.reasons, reason)
}
func (s *tally) Conflict(sink.Conflict) { s.mu.Lock(); defer s.mu.Unlock(); s.conflicts++ }
func (s *tally) Delay(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delays = append(s.delays, d)
}
func (s *tally) Waiting(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting = append(s.waiting, err)
}
func (s *tally) Lag(p int32, n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lags == nil {
		s.lags = map[int32]int64{}
	}
	s.lags[p] = n
}

func TestLoopStoresAndCommits(t *testing.T) {
	k := newKafka(t, 3)
	k.produce(changes(500)...)
	store, seen := sinktest.NewMemory(), &tally{}
	stop := k.loop(store, sink.Config{BatchRecords: 7}, seen)
	eventually(t, "everything stored and committed", func() bool {
		committed, end := k.committed()
		return len(store.All()) == 500 && committed == end
	})
	k.produce(change(500))
	eventually(t, "one more", func() bool { return len(store.All()) == 501 })
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if committed, end := k.committed(); committed != end {
		t.Errorf("committed %d of %d at the end", committed, end)
	}
	if len(seen.delays) != 501 || slices.Min(seen.delays) < time.Second {
		t.Errorf("%d delays, the least %v", len(seen.delays), slices.Min(seen.delays))
	}
}

// What cannot be stored lies in the dead-letter topic, with its bytes, before its offset is committed.
func TestLoopDeadLetters(t *testing.T) {
	k := newKafka(t, 1)
	good := changes(3)
	rejected := change(100)
	rejected.ID = "rejected"
	conflicting := change(1)
	conflicting.CDC.Table = "another"
	future := []byte(`{"schema_version":99}`)
	records := []*kgo.Record{
		{Topic: audit, Value: good[0].AppendJSON(nil)},
		{Topic: audit, Key: []byte("k"), Value: []byte("no json"), Headers: []kgo.RecordHeader{{Key: "h", Value: []byte("v")}}},
		{Topic: audit, Value: nil},
		{Topic: audit, Value: good[1].AppendJSON(nil)},
		{Topic: audit, Value: rejected.AppendJSON(nil)},
		{Topic: audit, Value: conflicting.AppendJSON(nil)},
		{Topic: audit, Value: future},
		{Topic: audit, Value: good[2].AppendJSON(nil)},
	}
	if err := k.client.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	store, seen := sinktest.NewMemory(), &tally{}
	store.Reject = func(d *schema.Document) error {
		if d.EventID == "rejected" {
			return errors.New("of that kind not")
		}
		return nil
	}
	stop := k.loop(store, sink.Config{}, seen)
	eventually(t, "all committed", func() bool { committed, end := k.committed(); return committed == end && end > 0 })
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if len(store.All()) != 3 {
		t.Errorf("%d documents stored, want 3", len(store.All()))
	}
	got := map[int64]string{}
	for _, letter := range k.letters() {
		got[letter.Original.Offset] = letter.Reason
		original := records[letter.Original.Offset]
		if letter.Stage != deadletter.StageSink || string(letter.Original.Value) != string(original.Value) || string(letter.Original.Key) != string(original.Key) {
			t.Errorf("letter %+v is not of %+v", letter, original)
		}
		if letter.Original.Offset == 1 && (len(letter.Original.Headers) != 1 || letter.Original.Headers[0].Key != "h") {
			t.Errorf("headers %+v", letter.Original.Headers)
		}
	}
	want := map[int64]string{1: schema.ReasonNotAuditEvent, 2: schema.ReasonNotAuditEvent, 4: sink.ReasonRejected, 5: sink.ReasonConflict, 6: schema.ReasonSchemaVersion}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("letters %v, want %v", got, want)
	}
	if len(seen.reasons) != 5 || seen.conflicts != 1 {
		t.Errorf("observed %v and %d conflicts", seen.reasons, seen.conflicts)
	}
}

// A store that fails at any point, before or after it has stored, costs neither a document nor a second one.
func TestLoopSurvivesEveryFault(t *testing.T) {
	events := changes(6)
	for writes := range 6 {
		for _, persisted := range []bool{false, true} {
			k := newKafka(t, 1)
			k.produce(events...)
			store := sinktest.NewMemory()
			broken := &sink.SetupError{Where: "here", Detail: "broken"}
			var mu sync.Mutex
			n := -1
			store.Fault = func(_ *schema.Document, after bool) error {
				mu.Lock()
				defer mu.Unlock()
				if !after {
					n++
				}
				if n == writes && after == persisted {
					n = 1000
					return broken
				}
				return nil
			}
			done := make(chan error, 1)
			l := &sink.Loop{Config: sink.Config{BatchRecords: 2, CommitInterval: time.Millisecond}, Kafka: []kgo.Opt{kgo.SeedBrokers(k.brokers...)},
				Apply: &sink.Applier{Store: store, Observer: sink.NoObserver{}, Now: time.Now}}
			go func() { done <- l.Run(t.Context()) }()
			err := <-done
			var setup *sink.SetupError
			if !errors.As(err, &setup) || !strings.Contains(err.Error(), "dossier.audit, partition 0, offsets") {
				t.Fatalf("write %d, persisted %v: %v, want the fault and where it was", writes, persisted, err)
			}
			stored := int64(len(store.All()))
			if committed, _ := k.committed(); committed > stored {
				t.Errorf("write %d, persisted %v: committed %d with %d stored", writes, persisted, committed, stored)
			}
			stop := k.loop(store, sink.Config{}, sink.NoObserver{})
			eventually(t, "all stored after a restart", func() bool {
				committed, end := k.committed()
				return len(store.All()) == len(events) && committed == end
			})
			if err := stop(); err != nil {
				t.Error(err)
			}
		}
	}
}

// gate is a store that lets writes pass only while it is open.
type gate struct {
	*sinktest.Memory
	mu      sync.Mutex
	open    chan struct{}
	waiting int
}

func newGate() *gate { return &gate{Memory: sinktest.NewMemory(), open: make(chan struct{})} }

func (g *gate) Create(ctx context.Context, docs []schema.Document) ([]sink.Outcome, error) {
	g.mu.Lock()
	g.waiting++
	open := g.open
	g.mu.Unlock()
	select {
	case <-open:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return g.Memory.Create(ctx, docs)
}

func (g *gate) entered() int { g.mu.Lock(); defer g.mu.Unlock(); return g.waiting }

// A store that stands still makes fetching pause, not memory grow; and what was read is stored when it goes on.
func TestLoopPausesInsteadOfGrowing(t *testing.T) {
	k := newKafka(t, 2)
	events := changes(3000)
	for i := 0; i < len(events); i += 100 { // many fetches' worth
		k.produce(events[i : i+100]...)
	}
	g, seen := newGate(), &tally{}
	stop := k.loop(g, sink.Config{BatchRecords: 10, BufferRecords: 200, BatchBytes: 1000, BufferBytes: 50_000}, seen)
	eventually(t, "a batch under way", func() bool { return g.entered() >= 1 })
	time.Sleep(300 * time.Millisecond)
	if committed, _ := k.committed(); committed != 0 || g.entered() > 2 {
		t.Errorf("committed %d, %d writes under way; want one for each partition", committed, g.entered())
	}
	close(g.open)
	eventually(t, "all stored", func() bool { return len(g.All()) == len(events) })
	eventually(t, "no lag", func() bool {
		seen.mu.Lock()
		defer seen.mu.Unlock()
		return len(seen.lags) == 2 && seen.lags[0] == 0 && seen.lags[1] == 0
	})
	if err := stop(); err != nil {
		t.Fatal(err)
	}
}

// A stop waits for what is under way, and commits it.
func TestLoopDrains(t *testing.T) {
	k := newKafka(t, 1)
	k.produce(changes(10)...)
	g := newGate()
	stop := k.loop(g, sink.Config{BatchRecords: 5}, sink.NoObserver{})
	eventually(t, "a batch under way", func() bool { return g.entered() == 1 })
	stopped := make(chan error)
	go func() { stopped <- stop() }()
	select {
	case err := <-stopped:
		t.Fatal("stopped with a batch under way", err)
	case <-time.After(100 * time.Millisecond):
	}
	close(g.open)
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
	if committed, _ := k.committed(); committed != int64(len(g.All())) || committed < 5 {
		t.Errorf("committed %d, stored %d", committed, len(g.All()))
	}
}

// A batch that does not end in time is abandoned, and nothing of it is committed.
func TestLoopAbandonsWhatDoesNotEnd(t *testing.T) {
	k := newKafka(t, 1)
	k.produce(changes(10)...)
	g := newGate()
	stop := k.loop(g, sink.Config{DrainTimeout: 50 * time.Millisecond}, sink.NoObserver{})
	eventually(t, "a batch under way", func() bool { return g.entered() == 1 })
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if committed, _ := k.committed(); committed != 0 || len(g.All()) != 0 {
		t.Errorf("committed %d, stored %d", committed, len(g.All()))
	}
}

// Instances that come and go share the work, and lose and double nothing.
func TestLoopRebalances(t *testing.T) {
	k := newKafka(t, 6)
	store := sinktest.NewMemory()
	total := 0
	produce := func() {
		var events []*schema.AuditEvent
		for range 300 {
			events = append(events, change(total))
			total++
		}
		k.produce(events...)
	}
	seen := [3]*tally{{}, {}, {}}
	config := sink.Config{BatchRecords: 3}
	produce()
	first := k.loop(store, config, seen[0])
	eventually(t, "the first at work", func() bool { return len(store.All()) > 0 })
	second := k.loop(store, config, seen[1])
	produce()
	eventually(t, "the second at work", func() bool { seen[1].mu.Lock(); defer seen[1].mu.Unlock(); return len(seen[1].lags) > 0 })
	produce()
	if err := first(); err != nil {
		t.Fatal(err)
	}
	third := k.loop(store, config, seen[2])
	produce()
	eventually(t, "everything stored and committed", func() bool {
		committed, end := k.committed()
		return len(store.All()) == total && committed == end
	})
	for _, stop := range []func() error{second, third} {
		if err := stop(); err != nil {
			t.Error(err)
		}
	}
	for i := range seen {
		if seen[i].conflicts != 0 || len(seen[i].reasons) != 0 {
			t.Errorf("instance %d: %d conflicts, dead letters %v", i, seen[i].conflicts, seen[i].reasons)
		}
	}
}

// Records of transactions: aborted ones are not read, and the marks at their ends leave no lag.
func TestLoopReadsCommitted(t *testing.T) {
	k := newKafka(t, 1)
	producer, err := kgo.NewClient(kgo.SeedBrokers(k.brokers...), kgo.TransactionalID("t"), kgo.DefaultProduceTopic(audit))
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	for n, commit := range []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryAbort, kgo.TryCommit} {
		if err := producer.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if err := producer.ProduceSync(t.Context(), kgo.SliceRecord(change(n).AppendJSON(nil))).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if err := producer.EndTransaction(t.Context(), commit); err != nil {
			t.Fatal(err)
		}
	}
	store, seen := sinktest.NewMemory(), &tally{}
	stop := k.loop(store, sink.Config{}, seen)
	eventually(t, "no lag", func() bool {
		seen.mu.Lock()
		defer seen.mu.Unlock()
		lag, ok := seen.lags[0]
		committed, end := k.committed()
		return ok && lag == 0 && committed == end
	})
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if len(store.All()) != 2 {
		t.Errorf("%d documents, want those of the two committed transactions", len(store.All()))
	}
}

func TestConfigReportsAllFaults(t *testing.T) {
	if faults := (sink.Config{}).Validate(); len(faults) != 0 {
		t.Errorf("the defaults are at fault: %v", faults)
	}
	faults := sink.Config{Topic: "a", DeadLetterTopic: "a", BatchRecords: 3, BufferRecords: 2, BatchBytes: -1, CommitInterval: -1, DrainTimeout: time.Hour}.Validate()
	if len(faults) != 5 {
		t.Errorf("%d faults, want 5: %v", len(faults), faults)
	}
	l := &sink.Loop{Config: sink.Config{CommitInterval: -1}}
	if err := l.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "commit_interval") {
		t.Errorf("Run takes a wrong configuration: %v", err)
	}
}
