package sink

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"dossier/internal/deadletter"
	"dossier/schema"
)

// TransactionLoop reads the transaction topics of the sources as a member of a consumer group of its own, and stores what the database reports of each
// transaction: how many changes of which tables. Against that a reader compares what is stored.
//
//	<source>.transaction ──> BEGIN, END ──> transactionTracker ──> documents of kind transaction ──> Store
//	                                                 │
//	                          offsets <── up to the oldest open BEGIN
//
// An offset is committed once everything before it is stored and no open transaction began before it, so that a restart sees a transaction from its
// BEGIN. Records come again by that, and find their own documents.
//
// A transaction topic has one partition. Of one that has more the counts are stored, and none is certain.
type TransactionLoop struct {
	Config TransactionConfig
	// Kafka reaches the brokers: seeds, TLS, SASL.
	Kafka    []kgo.Opt
	Store    Store
	Observer Observer         // nil observes nothing; told of what is stored, of waiting, and of dead letters
	Now      func() time.Time // nil is time.Now
}

// TransactionConfig says what a TransactionLoop reads.
type TransactionConfig struct {
	Sources []TransactionSource
	// Group is the consumer group, which the instances share. Default: dossier-sink.transactions.
	Group string
	// DeadLetterTopic takes the ENDs whose counts a store rejects. Default: dossier.dlq.
	DeadLetterTopic string
	// CommitInterval is the time between commits of offsets; a stop and a rebalance commit at once. Default: 1 s.
	CommitInterval time.Duration
}

// TransactionSource is one connector.
type TransactionSource struct {
	// Name is the connector's topic.prefix; its transaction topic is Name.transaction.
	Name string
	// Decoder reads its records.
	Decoder *schema.Decoder
	// Scope returns the scope that the changes of a table ("schema.table") lie in; ok is false for one whose changes are not kept.
	Scope func(table string) (scope string, ok bool)
}

// transactionRecords bounds what is read and stored at a time.
const transactionRecords = 2_000

// Run works until the context ends, commits and leaves the group; the error is nil then. Otherwise it is one that waiting does not mend, such as a
// *SetupError. Nothing is lost by it: what was not committed is read again.
func (l *TransactionLoop) Run(ctx context.Context) error {
	if len(l.Config.Sources) == 0 {
		<-ctx.Done()
		return nil
	}
	r := &transactionRun{loop: l, config: l.Config, observer: l.Observer, now: l.Now, sources: map[string]TransactionSource{}, trackers: map[transactionPartition]*transactionTracker{},
		committed: map[transactionPartition]int64{}}
	if r.observer == nil {
		r.observer = NoObserver{}
	}
	if r.now == nil {
		r.now = time.Now
	}
	if r.config.Group == "" {
		r.config.Group = "dossier-sink.transactions"
	}
	if r.config.DeadLetterTopic == "" {
		r.config.DeadLetterTopic = Config{}.Defaults().DeadLetterTopic
	}
	if r.config.CommitInterval == 0 {
		r.config.CommitInterval = time.Second
	}
	var topics []string
	for _, s := range r.config.Sources {
		topic := s.Name + ".transaction"
		r.sources[topic] = s
		topics = append(topics, "^"+regexp.QuoteMeta(topic)+"$")
	}
	client, err := kgo.NewClient(append(append([]kgo.Opt{}, l.Kafka...),
		kgo.ConsumerGroup(r.config.Group),
		kgo.ConsumeRegex(), kgo.ConsumeTopics(topics...), // by expressions: a topic may come into being later
		kgo.MetadataMaxAge(5*time.Second),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(),
		kgo.Balancers(kgo.CooperativeStickyBalancer()), kgo.RebalanceTimeout(rebalanceTimeout), kgo.SessionTimeout(sessionTimeout), kgo.BlockRebalanceOnPoll(),
		kgo.DisableAutoCommit(), kgo.FetchMaxBytes(1<<20), kgo.FetchMaxPartitionBytes(256<<10), kgo.MaxConcurrentFetches(1),
		kgo.OnPartitionsRevoked(r.revoked), kgo.OnPartitionsLost(r.lost),
		kgo.RequiredAcks(kgo.AllISRAcks()), kgo.ProducerBatchMaxBytesFn(func(string) int32 { return deadletter.MaxRecordBytes }),
	)...)
	if err != nil {
		return fmt.Errorf("kafka client of the sink's transaction counts: %w", err)
	}
	defer client.CloseAllowingRebalance()
	r.client, r.admin = client, kadm.NewClient(client)
	for ctx.Err() == nil {
		if err := r.turn(ctx); err != nil && ctx.Err() == nil {
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.commit(context.WithoutCancel(ctx), nil); err != nil {
		return fmt.Errorf("committing offsets of the transaction topics at the end: %w", err)
	}
	return nil
}

type transactionPartition struct {
	topic     string
	partition int32
}

// transactionRun is one run of a loop.
type transactionRun struct {
	loop     *TransactionLoop
	config   TransactionConfig
	observer Observer
	now      func() time.Time
	sources  map[string]TransactionSource // by topic
	client   *kgo.Client
	admin    *kadm.Client

	mu        sync.Mutex // guards what follows against rebalances
	trackers  map[transactionPartition]*transactionTracker
	committed map[transactionPartition]int64
	last      time.Time // of the last commit
}

// turn reads and stores one batch.
func (r *transactionRun) turn(ctx context.Context) error {
	poll, cancel := context.WithTimeout(ctx, r.config.CommitInterval)
	fetches := r.client.PollRecords(poll, transactionRecords)
	cancel()
	defer r.client.AllowRebalance()
	// A topic may come into being later, and the poll ends by its deadline.
	if fault := fetchFault(ctx, fetches, r.observer, context.DeadlineExceeded, kerr.UnknownTopicOrPartition, kerr.UnknownTopicID); fault != nil {
		return fault
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.bring(ctx, fetches); err != nil {
		clear(r.trackers) // they are ahead of what is stored: nothing of them may be committed, neither now nor at the end
		return err
	}
	if r.now().Sub(r.last) >= r.config.CommitInterval {
		if err := r.commit(ctx, nil); err != nil && ctx.Err() == nil {
			r.observer.Retried("commit_failed", 1) // it is made again, with what has come since
		}
	}
	return nil
}

// bring follows the records that were fetched and stores what they tell.
func (r *transactionRun) bring(ctx context.Context, fetches kgo.Fetches) error {
	var docs []schema.Document
	origins := map[schema.DocumentRef]*kgo.Record{}
	var failed error
	fetches.EachPartition(func(p kgo.FetchTopicPartition) {
		source, ok := r.sources[p.Topic]
		if !ok || len(p.Records) == 0 || failed != nil {
			return
		}
		t, err := r.tracker(ctx, p)
		if err != nil {
			failed = err
			return
		}
		for _, record := range p.Records {
			made, err := r.follow(ctx, t, source, record)
			if err != nil {
				failed = err
				return
			}
			for i := range made {
				made[i].Ingested = storingTime(r.now())
				origins[made[i].Ref()] = record
			}
			docs = append(docs, made...)
		}
	})
	if failed != nil {
		return failed
	}
	rejected, err := storeTransactions(ctx, r.loop.Store, r.observer, docs)
	if err != nil {
		return err
	}
	return r.deadLetter(ctx, rejected, origins)
}

// tracker returns a partition's tracker, and makes it where its first records come.
func (r *transactionRun) tracker(ctx context.Context, p kgo.FetchTopicPartition) (*transactionTracker, error) {
	at := transactionPartition{p.Topic, p.Partition}
	t := r.trackers[at]
	if t != nil && p.Records[0].Offset < t.next { // the topic was made anew
		t = nil
		delete(r.committed, at)
	}
	if t == nil {
		partitions, err := r.partitions(ctx, p.Topic)
		if err != nil {
			return nil, err
		}
		t = &transactionTracker{alone: partitions == 1, next: p.Records[0].Offset}
		r.trackers[at] = t
	} else if p.LogStartOffset > t.next {
		t.gap()
	}
	return t, nil
}

// partitions returns how many partitions a topic has. It waits for brokers that do not answer.
func (r *transactionRun) partitions(ctx context.Context, topic string) (int, error) {
	for {
		details, err := r.admin.ListTopics(ctx, topic)
		if err == nil {
			if err = details[topic].Err; err == nil {
				return len(details[topic].Partitions), nil
			}
		}
		if err := r.wait(ctx, fmt.Errorf("topic %s: %w", topic, err)); err != nil {
			return 0, err
		}
	}
}

// follow gives a record to the tracker and returns the documents that it becomes. A record that is none of a transaction's is passed over: the processor, which reads the same
// topic, makes it a dead letter.
func (r *transactionRun) follow(ctx context.Context, t *transactionTracker, source TransactionSource, record *kgo.Record) ([]schema.Document, error) {
	if record.Attrs.IsControl() {
		t.skip(record.Offset)
		return nil, nil
	}
	rec := original(record)
	var b schema.TransactionBoundary
	for {
		err := source.Decoder.Transaction(ctx, &rec, &b)
		if err == nil {
			break
		}
		if !errors.Is(err, schema.ErrRegistryUnavailable) {
			t.skip(record.Offset)
			return nil, ctx.Err()
		}
		if err := r.wait(ctx, err); err != nil {
			return nil, err
		}
	}
	switch {
	case !b.End:
		t.begin(b.TxID, record.Offset, b.Time)
		return nil, nil
	case !storable(b.Time):
		// No store can hold it. Its changes have such a time too, and are dead letters.
		t.end(b.TxID, record.Offset, record.Timestamp)
		return nil, nil
	}
	certain := t.end(b.TxID, record.Offset, b.Time)
	return transactionDocuments(source.Name, &b, certain, record.Timestamp, source.Scope), nil
}

// wait tells that the loop waits, and waits a little.
func (r *transactionRun) wait(ctx context.Context, err error) error {
	r.observer.Waiting(err)
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Second):
		r.observer.Waiting(nil)
		return nil
	}
}

// deadLetter puts the records into the dead-letter topic whose documents the store rejects.
func (r *transactionRun) deadLetter(ctx context.Context, rejected []rejectedDocument, origins map[schema.DocumentRef]*kgo.Record) error {
	var letters []*kgo.Record
	for _, d := range rejected {
		rec := original(origins[d.ref])
		letters = append(letters, deadletter.New(r.config.DeadLetterTopic, &rec, deadletter.StageSink, ReasonRejected, d.detail, r.now()))
	}
	sink := run{config: Config{DeadLetterTopic: r.config.DeadLetterTopic}, client: r.client, observer: r.observer}
	if err := sink.deadLetter(ctx, letters); err != nil {
		return err
	}
	for range letters {
		r.observer.DeadLetter(ReasonRejected)
	}
	return nil
}

// commit commits the safe offsets of the partitions given, or of all. The caller holds the lock.
func (r *transactionRun) commit(ctx context.Context, only map[string][]int32) error {
	offsets := map[string]map[int32]kgo.EpochOffset{}
	add := func(at transactionPartition) {
		t := r.trackers[at]
		if t == nil || t.safe() <= r.committed[at] {
			return
		}
		if offsets[at.topic] == nil {
			offsets[at.topic] = map[int32]kgo.EpochOffset{}
		}
		offsets[at.topic][at.partition] = kgo.EpochOffset{Epoch: -1, Offset: t.safe()}
	}
	if only == nil {
		for at := range r.trackers {
			add(at)
		}
	}
	for topic, partitions := range only {
		for _, p := range partitions {
			add(transactionPartition{topic, p})
		}
	}
	r.last = r.now()
	if len(offsets) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var err error
	r.client.CommitOffsetsSync(ctx, offsets, func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, response *kmsg.OffsetCommitResponse, commitErr error) {
		if err = commitErr; err != nil {
			return
		}
		for _, topic := range response.Topics {
			for _, p := range topic.Partitions {
				if code := kerr.ErrorForCode(p.ErrorCode); code != nil {
					err = fmt.Errorf("%s, partition %d: %w", topic.Topic, p.Partition, code)
					continue
				}
				r.committed[transactionPartition{topic.Topic, p.Partition}] = offsets[topic.Topic][p.Partition].Offset
			}
		}
	})
	return err
}

// revoked commits for partitions that go to another instance. Polls and rebalances exclude each other, so nothing of them is under way.
func (r *transactionRun) revoked(ctx context.Context, _ *kgo.Client, revoked map[string][]int32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.commit(ctx, revoked); err != nil {
		r.observer.Retried("commit_failed", 1) // the next owner reads what this one has stored, and finds it there
	}
	r.drop(revoked)
}

// lost drops partitions that another instance may own already.
func (r *transactionRun) lost(_ context.Context, _ *kgo.Client, lost map[string][]int32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.drop(lost)
}

func (r *transactionRun) drop(partitions map[string][]int32) {
	for topic, list := range partitions {
		for _, p := range list {
			delete(r.trackers, transactionPartition{topic, p})
			delete(r.committed, transactionPartition{topic, p})
		}
	}
}
