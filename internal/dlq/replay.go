package dlq

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"dossier/internal/deadletter"
	"dossier/schema"
)

// HeaderReplayed stands on a marker and on a replayed record: the dead letter's topic/partition/offset. Where a replayed record
// becomes a dead letter again, it shows that this was tried.
const HeaderReplayed = "dossier.dlq.replayed"

// marked returns the letter that a marker record marks as replayed. A marker has no key and no value, which tells it from a letter
// whose original had been replayed.
func marked(r *kgo.Record) (ID, bool) {
	if r.Key != nil || r.Value != nil || len(r.Headers) != 1 || r.Headers[0].Key != HeaderReplayed {
		return ID{}, false
	}
	where, ok := strings.CutPrefix(string(r.Headers[0].Value), r.Topic+"/")
	if !ok {
		return ID{}, false
	}
	id, err := ParseID(where)
	return id, err == nil
}

func (t *Topic) replayedHeader(id ID) kgo.RecordHeader {
	return kgo.RecordHeader{Key: HeaderReplayed, Value: []byte(t.name + "/" + id.String())}
}

// Replay is what is to be replayed, and how.
type Replay struct {
	Filter Filter
	// To is a topic to replay to, partitioned by key; "" for each letter's own topic and partition.
	To string
	// Again replays letters that have been replayed before, too.
	Again bool
	// Limit ends after so many letters, the oldest first; 0 none.
	Limit int
	// DryRun counts, and produces nothing.
	DryRun bool
	// Progress, if set, is told after each transaction how many letters it replayed, or would have.
	Progress func(letters int)
}

// Result is what became of the letters.
type Result struct {
	Replayed int            `json:"replayed"`
	Repeated int            `json:"skipped_replayed_before"`
	Foreign  int            `json:"skipped_no_dead_letter"` // records on the topic that are no letters
	ByTopic  map[string]int `json:"by_topic"`               // replayed, by where to
}

// The most of a transaction, whichever comes first.
const (
	transactionLetters = 500
	transactionBytes   = 16 << 20
)

// Run replays. A record goes out with its original key, value, headers and timestamp, in the order of the dead-letter topic. On an
// error, what Result counts is done for good and the rest is not: run again, it goes on there.
//
// Two replays at once cannot do the same letter twice: the later one ends the earlier one's transactions, and reads what that had done.
func (t *Topic) Run(ctx context.Context, r Replay) (Result, error) {
	result := Result{ByTopic: map[string]int{}}
	produce := func(context.Context, []*kgo.Record) error { return nil }
	if !r.DryRun {
		client, err := t.newProducer(ctx, r.To)
		if err != nil {
			return result, err
		}
		defer client.Close()
		produce = func(ctx context.Context, batch []*kgo.Record) error { return inTransaction(ctx, client, batch) }
	}
	// Read only now that every other replay has been ended.
	extent, err := t.Extent(ctx)
	if err != nil {
		return result, err
	}
	replayed, err := t.Replayed(ctx, extent)
	if err != nil {
		return result, err
	}
	var batch []*kgo.Record // each replayed record and after it its marker
	bytes := 0
	flush := func() error {
		if err := produce(ctx, batch); err != nil {
			return err
		}
		for i := 0; i < len(batch); i += 2 {
			result.Replayed++
			result.ByTopic[batch[i].Topic]++
		}
		if r.Progress != nil {
			r.Progress(len(batch) / 2)
		}
		batch, bytes = batch[:0], 0
		return nil
	}
	err = t.Each(ctx, extent, func(e *Entry) error {
		_, before := replayed[e.ID]
		switch {
		case !r.Filter.Matches(e):
			return nil
		case e.Err != nil:
			result.Foreign++
			return nil
		case before && !r.Again:
			result.Repeated++
			return nil
		}
		batch = append(batch, t.replayOf(e, r.To), t.markerOf(e.ID))
		bytes += e.Size()
		enough := r.Limit > 0 && result.Replayed+len(batch)/2 >= r.Limit
		if !enough && len(batch) < 2*transactionLetters && bytes < transactionBytes {
			return nil
		}
		if err := flush(); err != nil || !enough {
			return err
		}
		return errEnough
	})
	if err == nil {
		err = flush()
	}
	if errors.Is(err, errEnough) {
		err = nil
	}
	return result, err
}

// errEnough ends the reading at the limit.
var errEnough = errors.New("enough")

func (t *Topic) replayOf(e *Entry, to string) *kgo.Record {
	l := e.Letter
	l.Original.Headers = slices.DeleteFunc(slices.Clone(l.Original.Headers), func(h schema.Header) bool { return h.Key == HeaderReplayed })
	record := l.Replay()
	record.Headers = append(record.Headers, t.replayedHeader(e.ID))
	if to != "" {
		record.Topic = to
	}
	return record
}

func (t *Topic) markerOf(id ID) *kgo.Record {
	return &kgo.Record{Topic: t.name, Partition: id.Partition, Headers: []kgo.RecordHeader{t.replayedHeader(id)}, Timestamp: time.Now()}
}

// newProducer takes over the transactional id of the topic's replays, which ends those of any other replay.
func (t *Topic) newProducer(ctx context.Context, to string) (*kgo.Client, error) {
	client, err := kgo.NewClient(append(slices.Clone(t.kafka), kgo.TransactionalID("dossier-replay-"+t.name), kgo.TransactionTimeout(time.Minute),
		kgo.ProducerBatchMaxBytes(deadletter.MaxRecordBytes), kgo.MaxBufferedBytes(2*deadletter.MaxRecordBytes),
		kgo.RecordPartitioner(placement{to: to, byKey: kgo.StickyKeyPartitioner(nil)}))...)
	if err != nil {
		return nil, fmt.Errorf("kafka client: %w", err)
	}
	if _, _, err := client.ProducerID(ctx); err != nil {
		client.Close()
		return nil, fmt.Errorf("beginning to replay: %w", err)
	}
	return client, nil
}

// placement partitions records by hand but for the topic that --to names, whose partitions have nothing to do with the original's.
type placement struct {
	to    string
	byKey kgo.Partitioner
}

func (p placement) ForTopic(topic string) kgo.TopicPartitioner {
	if topic == p.to {
		return p.byKey.ForTopic(topic)
	}
	return kgo.ManualPartitioner().ForTopic(topic)
}

// inTransaction produces all records or, on an error, none.
func inTransaction(ctx context.Context, client *kgo.Client, batch []*kgo.Record) error {
	if len(batch) == 0 {
		return nil
	}
	if err := client.BeginTransaction(); err != nil {
		return fmt.Errorf("beginning a transaction: %w", err)
	}
	for _, outcome := range client.ProduceSync(ctx, batch...) {
		if outcome.Err != nil {
			return errors.Join(replayError(outcome.Record, outcome.Err), abort(ctx, client))
		}
	}
	if err := client.EndTransaction(ctx, kgo.TryCommit); err != nil {
		return errors.Join(fmt.Errorf("committing the replay: %w", err), abort(ctx, client))
	}
	return nil
}

// abort gives up the open transaction, also where the caller's time is up.
func abort(ctx context.Context, client *kgo.Client) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := client.EndTransaction(ctx, kgo.TryAbort); err != nil {
		return fmt.Errorf("aborting the replay, which ends by itself within a minute: %w", err)
	}
	return nil
}

func replayError(record *kgo.Record, err error) error {
	switch {
	case errors.Is(err, kerr.UnknownTopicOrPartition):
		return fmt.Errorf("replaying to %s/%d: %w; create the topic, or name another with --to", record.Topic, record.Partition, err)
	case errors.Is(err, kerr.MessageTooLarge):
		return fmt.Errorf("replaying to %s: %w; raise the topic's max.message.bytes", record.Topic, err)
	}
	return fmt.Errorf("replaying to %s: %w", record.Topic, err)
}
