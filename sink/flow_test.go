package sink

import (
	"context"
	"sync"
	"testing"
	"time"

	"dossier/schema"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Fetching pauses at either bound, for every partition that is owned, and goes on at half of both.
func TestFlow(t *testing.T) {
	fetched := func(partition int32, n, bytes int) kgo.FetchTopicPartition {
		p := kgo.FetchTopicPartition{Topic: "audit", FetchPartition: kgo.FetchPartition{Partition: partition}}
		for range n {
			p.Records = append(p.Records, &kgo.Record{Partition: partition, Value: make([]byte, bytes-200)})
		}
		return p
	}
	for _, test := range []struct {
		name     string
		bytes, n int // of the records that fill the buffer
	}{{"records", 200, 100}, {"bytes", 10_200, 10}} {
		t.Run(test.name, func(t *testing.T) {
			client, err := kgo.NewClient(kgo.SeedBrokers("127.0.0.1:1"))
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			r := &run{config: Config{Topic: "audit", BufferRecords: 100, BufferBytes: 100_000}, client: client, observer: NoObserver{},
				workers: map[int32]*worker{}, newcomers: make(chan struct{}, 1)}
			idle := func(partition int32) { // a worker that does nothing, so that the buffer stays
				w := &worker{run: r, partition: partition, done: make(chan struct{})}
				w.wake = sync.NewCond(&w.mu)
				r.workers[partition] = w
			}
			idle(0)
			idle(1)
			paused := func() int { return len(client.PauseFetchPartitions(nil)["audit"]) }

			r.take(fetched(0, test.n-1, test.bytes))
			if test.n-1 < 100 && (test.n-1)*test.bytes < 100_000 && paused() != 0 {
				t.Fatal("paused below the bound")
			}
			r.take(fetched(1, 1, test.bytes))
			if paused() != 2 {
				t.Fatalf("%d partitions paused at the bound, want both", paused())
			}
			r.release(r.workers[0].waiting[:test.n/2-1])
			if paused() != 2 {
				t.Fatalf("%d partitions paused above the half, want both", paused())
			}
			r.release(r.workers[0].waiting[test.n/2-1:])
			if paused() != 0 {
				t.Fatalf("%d partitions still paused", paused())
			}
			r.release(r.workers[1].waiting)
			if r.records != 0 || r.bytes != 0 {
				t.Errorf("%d records, %d bytes accounted for with nothing left", r.records, r.bytes)
			}
			// A partition that is not ours any more is not held back when it comes again.
			r.take(fetched(0, 100, 2000))
			r.forget(map[int32]*worker{0: r.workers[0]})
			if got := client.PauseFetchPartitions(nil)["audit"]; len(got) != 1 || got[0] != 1 {
				t.Errorf("paused %v, want partition 1 alone", got)
			}
			r.take(fetched(0, 5, 200)) // and what comes of it is dropped
			if r.records != 100 {
				t.Errorf("%d records accounted for", r.records)
			}
		})
	}
}

// blocked is a store that stores nothing until its context ends.
type blocked struct {
	Store
	entered chan struct{}
}

func (b blocked) Create(ctx context.Context, _ []schema.Document) ([]Outcome, error) {
	close(b.entered)
	<-ctx.Done()
	return nil, ctx.Err()
}

// A partition that is lost may be another's already: the batch under way is abandoned at once, nothing is committed, nothing is a fault.
func TestLostPartitionIsDropped(t *testing.T) {
	client, err := kgo.NewClient(kgo.SeedBrokers("127.0.0.1:1"))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	store := blocked{entered: make(chan struct{})}
	r := &run{config: Config{Topic: "audit"}.Defaults(), client: client, observer: NoObserver{}, applier: &Applier{Store: store},
		workers: map[int32]*worker{}, newcomers: make(chan struct{}, 1), failed: make(chan error, 1)}
	r.assigned(t.Context(), client, map[string][]int32{"audit": {3}})
	w := r.workers[3]
	e := schema.AuditEvent{SchemaVersion: 1, Kind: schema.KindChange, ID: "e", Time: time.Unix(1e9, 0), Action: schema.ActionDelete}
	records := []*kgo.Record{{Topic: "audit", Partition: 3, Value: e.AppendJSON(nil)}, {Topic: "audit", Partition: 3, Offset: 1, Value: e.AppendJSON(nil)}}
	r.take(kgo.FetchTopicPartition{Topic: "audit", FetchPartition: kgo.FetchPartition{Partition: 3, Records: records, HighWatermark: 2}})
	<-store.entered
	r.lost(t.Context(), client, map[string][]int32{"audit": {3}})
	select {
	case <-w.done:
	default:
		t.Error("its worker goes on")
	}
	if _, ok := w.uncommitted(); ok || len(r.workers) != 0 {
		t.Error("something of it would be committed")
	}
	if len(r.failed) != 0 {
		t.Errorf("the run fails: %v", <-r.failed)
	}
	if r.records != 0 || r.bytes != 0 {
		t.Errorf("%d records, %d bytes still accounted for", r.records, r.bytes)
	}
}

// gated is a store whose writes wait until it is opened.
type gated struct {
	Store
	entered, open chan struct{}
}

func (g gated) Create(_ context.Context, docs []schema.Document) ([]Outcome, error) {
	close(g.entered)
	<-g.open
	outcomes := make([]Outcome, len(docs))
	for i := range outcomes {
		outcomes[i].Status = StatusStored
	}
	return outcomes, nil
}

// A partition that is to be given back is not, before the batch under way is stored: its new owner would begin in the middle of it.
func TestRevokedPartitionIsFinished(t *testing.T) {
	client, err := kgo.NewClient(kgo.SeedBrokers("127.0.0.1:1"))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	store := gated{entered: make(chan struct{}), open: make(chan struct{})}
	r := &run{config: Config{Topic: "audit"}.Defaults(), client: client, observer: NoObserver{}, applier: &Applier{Store: store},
		workers: map[int32]*worker{}, newcomers: make(chan struct{}, 1), failed: make(chan error, 1)}
	r.assigned(t.Context(), client, map[string][]int32{"audit": {3}})
	w := r.workers[3]
	e := schema.AuditEvent{SchemaVersion: 1, Kind: schema.KindChange, ID: "e", Time: time.Unix(1e9, 0), Action: schema.ActionDelete}
	r.take(kgo.FetchTopicPartition{Topic: "audit", FetchPartition: kgo.FetchPartition{Partition: 3,
		Records: []*kgo.Record{{Topic: "audit", Partition: 3, Offset: 7, Value: e.AppendJSON(nil)}}, HighWatermark: 8}})
	<-store.entered
	ended, cancel := context.WithCancel(t.Context())
	cancel() // there is no broker to commit to
	given := make(chan struct{})
	go func() {
		r.revoked(ended, client, map[string][]int32{"audit": {3}})
		close(given)
	}()
	select {
	case <-given:
		t.Fatal("given back with a batch under way")
	case <-time.After(50 * time.Millisecond):
	}
	close(store.open)
	<-given
	if at, ok := w.uncommitted(); !ok || at.Offset != 8 {
		t.Errorf("would commit %v, %v; want offset 8", at, ok)
	}
	if len(r.workers) != 0 {
		t.Error("still owned")
	}
}
