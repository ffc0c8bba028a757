package intake

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"dossier/internal/deadletter"
)

// Loop reads the feedback topic as a member of a consumer group: every record becomes an audit event, or a dead letter, exactly once.
//
//	feedback topic ──> ParseFeedback ──┬─> audit event ──> audit topic      ┐ one Kafka transaction
//	                                   └─> what is wrong ─> dead-letter topic ┘ with the offsets
//
// Nothing of a transaction is visible until its offsets are committed with it, so a crash at any moment neither loses feedback nor doubles it.
type Loop struct {
	// Config is checked by Run.
	Config Config
	// Kafka says how to reach the brokers: seeds, TLS, SASL. The loop adds what makes it a consumer and a producer.
	Kafka    []kgo.Opt
	Observer Observer         // nil observes nothing
	Now      func() time.Time // nil is time.Now
}

// Run works until ctx ends; then it commits what is done, leaves the group and returns nil. An error that passes (brokers away, a topic that is missing, a
// dead letter that its topic does not take yet) makes it join again, after a pause that grows to 30 s; nothing is passed over by it. The error is that of the configuration.
func (l *Loop) Run(ctx context.Context) error {
	if err := l.Config.Validate(); err != nil {
		return err
	}
	s := session{config: l.Config.withDefaults(), observer: l.Observer, now: l.Now}
	if s.observer == nil {
		s.observer = NoObserver{}
	}
	if s.now == nil {
		s.now = time.Now
	}
	pause := 500 * time.Millisecond
	for {
		began := s.now()
		err := s.run(ctx, l.Kafka)
		if ctx.Err() != nil {
			return err
		}
		s.observer.Waiting(fmt.Errorf("feedback topic %s: %w", s.config.Topic, err))
		if s.now().Sub(began) > time.Minute {
			pause = 500 * time.Millisecond
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause/2 + rand.N(pause/2)):
		}
		pause = min(2*pause, 30*time.Second)
	}
}

// session is one membership in the group.
type session struct {
	config   Config
	observer Observer
	now      func() time.Time
	kafka    *kgo.GroupTransactSession

	mu    sync.Mutex
	fault error // the first one in producing into the open transaction
	gone  []int32
}

func (s *session) run(ctx context.Context, kafka []kgo.Opt) error {
	codec, err := s.config.Audit.codec()
	if err != nil {
		return err
	}
	s.kafka, err = kgo.NewGroupTransactSession(append(append([]kgo.Opt{kgo.MetadataMaxAge(10 * time.Second)}, kafka...),
		kgo.ConsumerGroup(s.config.Group), kgo.ConsumeTopics(s.config.Topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(), // so that the lag reaches 0 behind a producer's own transactions
		kgo.Balancers(kgo.CooperativeStickyBalancer()), kgo.SessionTimeout(s.config.SessionTimeout), kgo.HeartbeatInterval(s.config.SessionTimeout/5),
		kgo.TransactionalID(fmt.Sprintf("%s-%016x", s.config.Group, rand.Uint64())), kgo.TransactionTimeout(s.config.TransactionTimeout),
		kgo.FetchMaxBytes(int32(s.config.BufferBytes)), kgo.FetchMaxPartitionBytes(int32(s.config.BufferBytes)), kgo.MaxConcurrentFetches(1),
		kgo.ProducerBatchCompression(codec), kgo.ProducerBatchMaxBytesFn(s.batchLimit),
		kgo.OnPartitionsRevoked(s.removed), kgo.OnPartitionsLost(s.removed),
	)...)
	if err != nil {
		return fmt.Errorf("kafka client: %w", err)
	}
	defer s.kafka.Close()
	// What has been done is still committed when ctx has ended, if the brokers answer.
	finish, giveUp := context.WithCancel(context.WithoutCancel(ctx))
	defer giveUp()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(s.config.DrainTimeout, giveUp) })()
	for ctx.Err() == nil {
		if err := s.turn(ctx, finish); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) batchLimit(topic string) int32 {
	if topic == s.config.DeadLetterTopic {
		return deadletter.MaxRecordBytes
	}
	return maxBatch
}

func (s *session) removed(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gone = append(s.gone, partitions[s.config.Topic]...)
}

// turn polls and finishes one batch of records in one transaction.
func (s *session) turn(ctx, finish context.Context) error {
	fetches := s.kafka.PollRecords(ctx, s.config.BatchRecords)
	var fault error
	fetches.EachError(func(topic string, partition int32, err error) {
		var group *kgo.ErrGroupSession
		switch {
		case ctx.Err() != nil || errors.Is(err, context.Canceled) || errors.As(err, &group): // the client joins the group again by itself
		case errors.Is(err, kerr.UnknownTopicOrPartition):
			fault = fmt.Errorf("there is no such topic; create it with dossier setup: %w", err)
		default:
			fault = fmt.Errorf("reading partition %d: %w", partition, err)
		}
	})
	s.forget()
	if fetches.NumRecords() == 0 {
		return fault
	}
	began := s.now()
	if err := s.kafka.Begin(); err != nil {
		return fmt.Errorf("begin a transaction: %w", err)
	}
	s.mu.Lock()
	s.fault = nil
	s.mu.Unlock()
	var b batch
	fetches.EachRecord(func(r *kgo.Record) {
		if !r.Attrs.IsControl() {
			b.add(r, &s.config, s.now())
		}
	})
	for _, r := range b.out {
		s.kafka.Produce(finish, r, func(r *kgo.Record, err error) {
			if err != nil {
				s.failed(r, err)
			}
		})
	}
	if err := s.kafka.Client().Flush(finish); err != nil {
		return err
	}
	s.mu.Lock()
	failed := s.fault
	s.mu.Unlock()
	committed, err := s.kafka.End(finish, kgo.TransactionEndTry(failed == nil))
	switch {
	case failed != nil:
		s.observer.Aborted()
		return failed
	case err != nil:
		return fmt.Errorf("commit: %w", err)
	case !committed:
		s.observer.Aborted() // a rebalance: the session reads again from what is committed
		return nil
	}
	b.tell(s.observer)
	s.observer.Committed(fetches.NumRecords(), s.now().Sub(began))
	s.observer.Waiting(nil)
	fetches.EachPartition(func(p kgo.FetchTopicPartition) {
		if n := len(p.Records); n > 0 {
			s.observer.Lag(p.Partition, max(p.HighWatermark-p.Records[n-1].Offset-1, 0))
		}
	})
	return fault
}

// failed notes the first fault of a transaction. It ends the transaction: an event or a letter that cannot be written must not be passed over.
func (s *session) failed(r *kgo.Record, err error) {
	if errors.Is(err, kerr.MessageTooLarge) || errors.Is(err, kerr.RecordListTooLarge) {
		err = fmt.Errorf("topic %s does not take a record of %d bytes: raise the topic's max.message.bytes (\"dossier setup\" sets it): %w", r.Topic, len(r.Value), err)
	} else {
		err = fmt.Errorf("writing to topic %s: %w", r.Topic, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fault == nil {
		s.fault = err
	}
}

// forget takes back the lags of partitions that have gone to another instance.
func (s *session) forget() {
	s.mu.Lock()
	gone := s.gone
	s.gone = nil
	s.mu.Unlock()
	for _, p := range gone {
		s.observer.Lag(p, -1)
	}
}
