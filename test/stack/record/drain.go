package record

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"dossier/test/stack/corpus"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Drain reads the topics of one connector from where it stopped to their present ends.
type Drain struct {
	brokers []string
	prefix  string
	admin   *kadm.Client
	next    map[string]map[int32]int64 // the next offset of each partition
}

// NewDrain returns a drain of the connector with that topic.prefix.
func NewDrain(brokers []string, prefix string) (*Drain, error) {
	// The list of topics is asked for anew each time, else new topics would be missed for some seconds.
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.MetadataMinAge(10*time.Millisecond))
	if err != nil {
		return nil, err
	}
	return &Drain{brokers: brokers, prefix: prefix, admin: kadm.NewClient(client), next: map[string]map[int32]int64{}}, nil
}

// Close ends the drain.
func (d *Drain) Close() { d.admin.Close() }

// topics lists the connector's topics.
func (d *Drain) topics(ctx context.Context) ([]string, error) {
	topics, err := d.admin.ListTopics(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, name := range topics.Names() {
		// Debezium names the topic of heartbeats after the prefix, not under it.
		if strings.HasPrefix(name, d.prefix+".") || name == heartbeatTopic(d.prefix) {
			names = append(names, name)
		}
	}
	return names, nil
}

// Settled gives nil when no transaction is open on any of the connector's topics. The records of a committed transaction become visible one
// partition after the other.
func (d *Drain) Settled(ctx context.Context) error {
	names, err := d.topics(ctx)
	if err != nil || len(names) == 0 {
		return err
	}
	committed, err := d.admin.ListCommittedOffsets(ctx, names...)
	if err != nil {
		return err
	}
	ends, err := d.admin.ListEndOffsets(ctx, names...)
	if err != nil {
		return err
	}
	if err := errors.Join(committed.Error(), ends.Error()); err != nil {
		return err
	}
	open := 0
	ends.Each(func(end kadm.ListedOffset) {
		if c, ok := committed.Lookup(end.Topic, end.Partition); !ok || c.Offset < end.Offset {
			open++
		}
	})
	if open > 0 {
		return fmt.Errorf("%d partitions of %s have an open transaction", open, d.prefix)
	}
	return nil
}

// Read gives the committed records that were written since the last call, per topic and partition in their order.
func (d *Drain) Read(ctx context.Context) ([]corpus.Record, error) {
	names, err := d.topics(ctx)
	if err != nil || len(names) == 0 {
		return nil, err
	}
	ends, err := d.admin.ListCommittedOffsets(ctx, names...)
	if err != nil {
		return nil, err
	}
	if err := ends.Error(); err != nil {
		return nil, err
	}
	from := map[string]map[int32]kgo.Offset{}
	left := 0
	ends.Each(func(end kadm.ListedOffset) {
		if d.next[end.Topic] == nil {
			d.next[end.Topic] = map[int32]int64{}
		}
		if at := d.next[end.Topic][end.Partition]; at < end.Offset {
			if from[end.Topic] == nil {
				from[end.Topic] = map[int32]kgo.Offset{}
			}
			from[end.Topic][end.Partition] = kgo.NewOffset().At(at)
			left++
		}
	})
	if left == 0 {
		return nil, nil
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(d.brokers...), kgo.ConsumePartitions(from),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		// The end of a partition is mostly the marker of a transaction; only with it does one see that the end is reached.
		kgo.KeepControlRecords())
	if err != nil {
		return nil, err
	}
	defer client.Close()

	var out []corpus.Record
	for left > 0 {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return nil, fmt.Errorf("read the topics of %s: %w", d.prefix, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			end, _ := ends.Lookup(r.Topic, r.Partition)
			if r.Offset >= end.Offset {
				return // written since the ends were listed: for the next call
			}
			if r.Offset == end.Offset-1 {
				left--
			}
			d.next[r.Topic][r.Partition] = r.Offset + 1
			if r.Attrs.IsControl() {
				return
			}
			rec := corpus.Record{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Timestamp: r.Timestamp, Key: r.Key, Value: r.Value}
			for _, h := range r.Headers {
				rec.Headers = append(rec.Headers, corpus.Header{Key: h.Key, Value: h.Value})
			}
			out = append(out, rec)
		})
	}
	slices.SortStableFunc(out, func(a, b corpus.Record) int {
		return cmp.Or(a.Timestamp.Compare(b.Timestamp), cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
	})
	return out, nil
}

func heartbeatTopic(prefix string) string { return "__debezium-heartbeat." + prefix }

// EndOf tells whether a record is the END of a transaction of that connector. It looks for the bytes, which are the same in JSON and in Avro.
func EndOf(prefix string, r corpus.Record, tx string) bool {
	return r.Topic == prefix+".transaction" && ofTransaction(r, tx) && bytes.Contains(r.Value, []byte("END"))
}

// ofTransaction tells whether a record of the transaction topic belongs to a transaction.
func ofTransaction(r corpus.Record, tx string) bool {
	at := bytes.Index(r.Value, []byte(tx+":"))
	return at > 0 && (r.Value[at-1] < '0' || r.Value[at-1] > '9')
}
