package dlq

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"dossier/internal/deadletter"
	"dossier/schema"
)

// ID is where a letter stands on the dead-letter topic.
type ID struct {
	Partition int32
	Offset    int64
}

// String is the id as commands write it: partition/offset.
func (id ID) String() string {
	return strconv.FormatInt(int64(id.Partition), 10) + "/" + strconv.FormatInt(id.Offset, 10)
}

// ParseID reads what String writes; an offset alone is one of partition 0.
func ParseID(text string) (ID, error) {
	partition, offset, ok := strings.Cut(text, "/")
	if !ok {
		partition, offset = "0", text
	}
	p, errP := strconv.ParseInt(partition, 10, 32)
	o, errO := strconv.ParseInt(offset, 10, 64)
	if errP != nil || errO != nil || p < 0 || o < 0 {
		return ID{}, fmt.Errorf("%q is no dead letter's id; expected partition/offset such as 0/17, as list prints it", text)
	}
	return ID{int32(p), o}, nil
}

// Entry is a record of the dead-letter topic that is no marker.
type Entry struct {
	ID     ID
	Letter deadletter.Letter
	// Err says that the record is no dead letter at all; then Letter has the record itself as its original, and no reason.
	Err error
}

// Size is the bytes of the original's key and value.
func (e *Entry) Size() int { return len(e.Letter.Original.Key) + len(e.Letter.Original.Value) }

// Topic is the dead-letter topic.
type Topic struct {
	name   string
	kafka  []kgo.Opt
	client *kgo.Client
	admin  *kadm.Client
}

// Open returns the topic of that name. The options say how to reach the brokers. Close it.
func Open(name string, kafka []kgo.Opt) (*Topic, error) {
	client, err := kgo.NewClient(kafka...)
	if err != nil {
		return nil, fmt.Errorf("kafka client: %w", err)
	}
	return &Topic{name: name, kafka: kafka, client: client, admin: kadm.NewClient(client)}, nil
}

// Close ends the connections.
func (t *Topic) Close() { t.client.Close() }

// ErrNoTopic says that there is no dead-letter topic.
var ErrNoTopic = errors.New("there is no such topic; create it with dossier setup")

// ErrNoLetter says that there is no letter of that id.
var ErrNoLetter = errors.New("there is no dead letter")

// span is a partition's offsets from start up to, and without, end.
type span struct{ start, end int64 }

// Extent is what was on the topic at some moment: reading stops where it ended.
type Extent struct{ spans map[int32]span }

// Extent asks what is on the topic now.
func (t *Topic) Extent(ctx context.Context) (Extent, error) {
	starts, err := t.admin.ListStartOffsets(ctx, t.name)
	if err != nil {
		return Extent{}, fmt.Errorf("topic %s: %w", t.name, err)
	}
	ends, err := t.admin.ListCommittedOffsets(ctx, t.name)
	if err != nil {
		return Extent{}, fmt.Errorf("topic %s: %w", t.name, err)
	}
	extent := Extent{spans: map[int32]span{}}
	if len(ends[t.name]) == 0 {
		return Extent{}, fmt.Errorf("topic %s: %w", t.name, ErrNoTopic)
	}
	for partition, end := range ends[t.name] {
		start, ok := starts.Lookup(t.name, partition)
		switch {
		case errors.Is(end.Err, kerr.UnknownTopicOrPartition):
			return Extent{}, fmt.Errorf("topic %s: %w", t.name, ErrNoTopic)
		case end.Err != nil || ok && start.Err != nil:
			return Extent{}, fmt.Errorf("topic %s/%d: %w", t.name, partition, errors.Join(end.Err, start.Err))
		case ok && start.Offset < end.Offset:
			extent.spans[partition] = span{start.Offset, end.Offset}
		}
	}
	return extent, nil
}

// Each calls take for every letter of the extent, in the order of each partition, and stops at its first error.
func (t *Topic) Each(ctx context.Context, extent Extent, take func(*Entry) error) error {
	return t.scan(ctx, extent, func(r *kgo.Record) error {
		if _, ok := marked(r); ok {
			return nil
		}
		return take(entryOf(r))
	})
}

// Replayed returns when each letter of the extent that has been replayed was so for the last time.
func (t *Topic) Replayed(ctx context.Context, extent Extent) (map[ID]time.Time, error) {
	replayed := map[ID]time.Time{}
	err := t.scan(ctx, extent, func(r *kgo.Record) error {
		if id, ok := marked(r); ok {
			replayed[id] = r.Timestamp
		}
		return nil
	})
	return replayed, err
}

// Get returns one letter, or ErrNoLetter.
func (t *Topic) Get(ctx context.Context, id ID) (*Entry, error) {
	extent, err := t.Extent(ctx)
	if err != nil {
		return nil, err
	}
	missing := fmt.Errorf("%w %s on topic %s; dossier dlq list shows those there are", ErrNoLetter, id, t.name)
	s, ok := extent.spans[id.Partition]
	if !ok || id.Offset < s.start || id.Offset >= s.end {
		return nil, missing
	}
	var found *Entry
	one := Extent{spans: map[int32]span{id.Partition: {id.Offset, id.Offset + 1}}}
	err = t.Each(ctx, one, func(e *Entry) error {
		if e.ID == id {
			found = e
		}
		return nil
	})
	if err == nil && found == nil {
		err = missing
	}
	return found, err
}

func entryOf(r *kgo.Record) *Entry {
	e := &Entry{ID: ID{r.Partition, r.Offset}}
	if e.Letter, e.Err = deadletter.Parse(r); e.Err != nil {
		e.Letter = deadletter.Letter{At: r.Timestamp, Original: schema.Record{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Time: r.Timestamp,
			Key: r.Key, Value: r.Value}}
		for _, h := range r.Headers {
			e.Letter.Original.Headers = append(e.Letter.Original.Headers, schema.Header{Key: h.Key, Value: h.Value})
		}
	}
	return e
}

// scan reads an extent through with a client of its own. The control records of transactions are read too, as they take offsets,
// and without them the end might never be seen.
func (t *Topic) scan(ctx context.Context, extent Extent, take func(*kgo.Record) error) error {
	if len(extent.spans) == 0 {
		return nil
	}
	from, ends := map[int32]kgo.Offset{}, map[int32]int64{}
	for partition, s := range extent.spans {
		from[partition], ends[partition] = kgo.NewOffset().At(s.start), s.end
	}
	client, err := kgo.NewClient(append(slices.Clone(t.kafka), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(),
		kgo.FetchMaxBytes(16<<20), kgo.FetchMaxPartitionBytes(4<<20), kgo.MaxConcurrentFetches(1), // larger records come one at a time
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{t.name: from}))...)
	if err != nil {
		return fmt.Errorf("kafka client: %w", err)
	}
	defer client.Close()
	for len(ends) > 0 {
		fetches := client.PollRecords(ctx, 1000)
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("reading topic %s: %w", t.name, err)
		}
		for _, failed := range fetches.Errors() {
			return fmt.Errorf("reading topic %s/%d: %w", failed.Topic, failed.Partition, failed.Err)
		}
		for records := fetches.RecordIter(); !records.Done(); {
			r := records.Next()
			end, ok := ends[r.Partition]
			if !ok {
				continue
			}
			if r.Offset < end && !r.Attrs.IsControl() {
				if err := take(r); err != nil {
					return err
				}
			}
			if r.Offset >= end-1 {
				delete(ends, r.Partition)
				client.PauseFetchPartitions(map[string][]int32{t.name: {r.Partition}})
			}
		}
	}
	return nil
}
