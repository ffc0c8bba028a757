package sink

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"dossier/internal/deadletter"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Loop reads the audit topic as a member of a consumer group and brings its events into a store.
//
//	poll ──> one queue and one worker per partition ──> Applier ──> Store
//	  ^            │ full: fetching pauses                 │ refused
//	  └────────────┘                                       v
//	committer <── offsets of what is stored ──────── dead-letter topic
//
// A partition has one batch under way at a time, so an entity's events, which share a partition, reach the store in their order, batch
// by batch; partitions and the requests of one batch run side by side. An offset is committed once everything before it is in the
// store or in the dead-letter topic, whose record is acknowledged first. After a crash or a rebalance events come again and find their own
// documents.
type Loop struct {
	// Config is checked by Run.
	Config Config
	// Kafka reaches the brokers: seeds, TLS, SASL. The loop adds what makes it a consumer and a producer.
	Kafka []kgo.Opt
	// Apply brings events into the store. Its Observer is the loop's too.
	Apply *Applier
}

// Run works until the context ends, then finishes the batches under way, commits and leaves the group; the error is nil then. Otherwise the
// error is one that waiting does not mend, such as a *SetupError or a dead-letter topic that does not take a letter. Nothing is lost by
// it: what was not committed is read again.
func (l *Loop) Run(ctx context.Context) error {
	if faults := l.Config.Validate(); len(faults) > 0 {
		return errors.Join(faults...)
	}
	r := &run{
		config:   l.Config.Defaults(),
		applier:  l.Apply,
		observer: l.Apply.observer(),
		workers:  map[int32]*worker{},
		failed:   make(chan error, 1),

		newcomers: make(chan struct{}, 1),
	}
	opts := append([]kgo.Opt{}, l.Kafka...)
	opts = append(opts,
		kgo.ConsumerGroup(r.config.Group),
		kgo.ConsumeTopics(r.config.Topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(), // so that offsets pass the ends of transactions, and a partition read to its end has no lag
		kgo.Balancers(kgo.CooperativeStickyBalancer()),
		kgo.RebalanceTimeout(rebalanceTimeout),
		kgo.SessionTimeout(sessionTimeout),
		kgo.BlockRebalanceOnPoll(),
		kgo.DisableAutoCommit(),
		// A fetch is bounded in compressed bytes, and is ten to twenty times as large in memory.
		kgo.FetchMaxBytes(int32(min(r.config.BufferBytes, 1<<20))), kgo.FetchMaxPartitionBytes(256<<10), kgo.MaxConcurrentFetches(2),
		kgo.OnPartitionsAssigned(r.assigned),
		kgo.OnPartitionsRevoked(r.revoked),
		kgo.OnPartitionsLost(r.lost),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.ProducerBatchMaxBytesFn(func(string) int32 { return deadletter.MaxRecordBytes }),
	)
	client, err := kgo.NewClient(opts...)
	if err != nil {
		return fmt.Errorf("kafka client of the sink: %w", err)
	}
	r.client = client

	besides, stop := context.WithCancel(context.WithoutCancel(ctx))
	var group sync.WaitGroup
	group.Go(func() { r.commitRegularly(besides) })
	group.Go(func() { r.measureLag(besides) })
	err = r.poll(ctx)
	stop()
	group.Wait()

	r.give(r.all(), r.config.DrainTimeout)
	if commitErr := r.commit(context.WithoutCancel(ctx)); commitErr != nil && err == nil {
		err = fmt.Errorf("committing offsets of %s at the end: %w", r.config.Topic, commitErr)
	}
	client.CloseAllowingRebalance()
	return err
}

// run is one run of a loop.
type run struct {
	config   Config
	client   *kgo.Client
	applier  *Applier
	observer Observer
	failed   chan error // the first error that ends the run

	newcomers chan struct{} // a sign that partitions were assigned

	mu      sync.Mutex
	workers map[int32]*worker // by partition: those that this instance owns
	records int               // read and not yet stored
	bytes   int
	paused  bool

	committing sync.Mutex // one commit at a time, so that none overtakes a later one
}

// poll hands what is fetched to the workers.
func (r *run) poll(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var failure error
	var watch sync.WaitGroup
	watch.Go(func() {
		select {
		case failure = <-r.failed:
			cancel()
		case <-ctx.Done():
		}
	})
	defer watch.Wait()
	for ctx.Err() == nil {
		fetches := r.client.PollRecords(ctx, r.config.BufferRecords)
		fault := fetchFault(ctx, fetches, r.observer)
		fetches.EachPartition(func(p kgo.FetchTopicPartition) { r.take(p) })
		r.client.AllowRebalance()
		if fault != nil {
			// Everything that passes is tried again by the client itself: what is left is lost data or missing rights.
			cancel()
			watch.Wait()
			return fault
		}
	}
	cancel()
	watch.Wait()
	return failure
}

// fetchFault returns what is wrong with a fetch and does not pass: the client itself tries again what does. expected are errors that the caller reckons with;
// neither they nor the end of the context are faults.
func fetchFault(ctx context.Context, fetches kgo.Fetches, observer Observer, expected ...error) error {
	var fault error
	fetches.EachError(func(topic string, partition int32, err error) {
		var session *kgo.ErrGroupSession
		switch {
		case ctx.Err() != nil, errors.Is(err, context.Canceled), slices.ContainsFunc(expected, func(e error) bool { return errors.Is(err, e) }):
		case errors.As(err, &session): // the client joins the group again by itself
			observer.Retried("group_session_ended", 1)
		default:
			fault = fmt.Errorf("reading %s, partition %d: %w", topic, partition, err)
		}
	})
	return fault
}

// take queues what was fetched of one partition.
func (r *run) take(p kgo.FetchTopicPartition) {
	if len(p.Records) == 0 {
		return
	}
	n := 0
	for _, record := range p.Records {
		n += size(record)
	}
	r.mu.Lock()
	w := r.workers[p.Partition]
	if w == nil { // cannot be: polls and rebalances exclude each other
		r.mu.Unlock()
		return
	}
	r.records += len(p.Records)
	r.bytes += n
	w.queue(p.Records, p.HighWatermark)
	if !r.paused && (r.records >= r.config.BufferRecords || r.bytes >= r.config.BufferBytes) {
		r.paused = true
		r.client.PauseFetchPartitions(r.owned())
	}
	r.mu.Unlock()
}

// size is about what a record takes of memory.
func size(r *kgo.Record) int { return len(r.Key) + len(r.Value) + 200 }

// release accounts for records that are stored or dropped, and lets fetching go on at half of the bounds.
func (r *run) release(records []*kgo.Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.records -= len(records)
	for _, record := range records {
		r.bytes -= size(record)
	}
	if r.paused && r.records <= r.config.BufferRecords/2 && r.bytes <= r.config.BufferBytes/2 {
		r.paused = false
		r.client.ResumeFetchPartitions(r.client.PauseFetchPartitions(nil))
	}
}

// owned returns the partitions in the client's form. The caller holds the lock.
func (r *run) owned() map[string][]int32 {
	partitions := make([]int32, 0, len(r.workers))
	for p := range r.workers {
		partitions = append(partitions, p)
	}
	return map[string][]int32{r.config.Topic: partitions}
}

// fail ends the run.
func (r *run) fail(err error) {
	select {
	case r.failed <- err:
	default: // another was first
	}
}

func (r *run) assigned(ctx context.Context, client *kgo.Client, assigned map[string][]int32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range assigned[r.config.Topic] {
		r.workers[p] = startWorker(r, p)
		if r.paused {
			client.PauseFetchPartitions(map[string][]int32{r.config.Topic: {p}})
		}
	}
	select {
	case r.newcomers <- struct{}{}:
	default: // the sign is given already
	}
}

// revoked finishes what is under way for partitions that go to another instance.
func (r *run) revoked(ctx context.Context, _ *kgo.Client, revoked map[string][]int32) {
	given := r.pick(revoked[r.config.Topic])
	if len(given) == 0 {
		return
	}
	r.give(given, r.config.DrainTimeout)
	if err := r.commit(ctx); err != nil {
		r.observer.Retried("commit_failed", len(given)) // the next owner reads what this one has stored, and finds it there
	}
	r.forget(given)
}

// lost drops what is under way for partitions that another instance may own already.
func (r *run) lost(_ context.Context, _ *kgo.Client, lost map[string][]int32) {
	given := r.pick(lost[r.config.Topic])
	r.forget(given) // before they end: nothing of them may be committed
	r.give(given, 0)
}

func (r *run) pick(partitions []int32) map[int32]*worker {
	r.mu.Lock()
	defer r.mu.Unlock()
	picked := map[int32]*worker{}
	for _, p := range partitions {
		if w := r.workers[p]; w != nil {
			picked[p] = w
		}
	}
	return picked
}

func (r *run) all() map[int32]*worker {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.workers)
}

// give ends workers: their batches under way get so much time, what is queued is dropped.
func (r *run) give(workers map[int32]*worker, timeout time.Duration) {
	for _, w := range workers {
		w.stop()
	}
	late := time.AfterFunc(timeout, func() {
		for _, w := range workers {
			w.abandon()
		}
	})
	defer late.Stop()
	for _, w := range workers {
		<-w.done
	}
}

func (r *run) forget(workers map[int32]*worker) {
	r.mu.Lock()
	defer r.mu.Unlock()
	partitions := make([]int32, 0, len(workers))
	for p := range workers {
		delete(r.workers, p)
		partitions = append(partitions, p)
		r.observer.Lag(p, -1)
	}
	if len(partitions) > 0 { // a pause outlives the assignment, and would stay when the partition comes back
		r.client.ResumeFetchPartitions(map[string][]int32{r.config.Topic: partitions})
	}
}
