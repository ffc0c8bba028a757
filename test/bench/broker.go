package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"dossier/internal/topics"
)

// broker is the Kafka that everything is measured on.
type broker struct {
	addresses []string
	client    *kgo.Client
	admin     *kadm.Client
}

func openBroker(addresses []string) (*broker, error) {
	// The change topics are compressed as Dossier's connector files ask for.
	client, err := kgo.NewClient(kgo.SeedBrokers(addresses...), kgo.MaxBufferedRecords(50_000), kgo.ProducerBatchCompression(kgo.ZstdCompression()))
	if err != nil {
		return nil, fmt.Errorf("kafka client: %w", err)
	}
	return &broker{addresses, client, kadm.NewClient(client)}, nil
}

func (b *broker) close() { b.client.Close() }

func (b *broker) create(ctx context.Context, partitions int, topics ...string) error {
	created, err := b.admin.CreateTopics(ctx, int32(partitions), 1, nil, topics...)
	if err == nil {
		err = created.Error()
	}
	if err != nil {
		return fmt.Errorf("create the topics %v: %w", topics, err)
	}
	return nil
}

func (b *broker) remove(ctx context.Context, topics ...string) error {
	deleted, err := b.admin.DeleteTopics(ctx, topics...)
	if err == nil {
		err = deleted.Error()
	}
	if err != nil {
		return fmt.Errorf("delete the topics %v: %w", topics, err)
	}
	return nil
}

// written is a corpus on the broker.
type written struct {
	corpus   corpus
	original fingerprint // of the change topic: what a copy must equal
	bytes    int64       // of the changes' values
}

func (w written) report(s settings) corpusReport {
	c := w.corpus
	return corpusReport{Changes: c.changes(), BytesPerChange: float64(w.bytes) / float64(c.changes()), ChangesPerTransaction: c.perTx,
		Context: c.context, Format: c.format, Row: c.shape, Columns: len(c.columns), Partitions: s.partitions, Compression: "zstd"}
}

// corpus is the one that the settings describe, the last transaction of which was committed just before now.
func (b *bench) corpus(now time.Time) corpus {
	return newCorpus(b.prefix, b.settings, now)
}

// write creates the corpus's topics and writes them. Schemas are registered first where its format has them.
func (b *bench) write(ctx context.Context, c corpus) (written, error) {
	if c.format == formatAvro {
		client, err := registryClient(b.servers)
		if err == nil {
			c, err = c.register(ctx, client)
		}
		if err != nil {
			return written{}, err
		}
	}
	step := b.show.bar("writing the corpus", c.changes())
	w, err := b.broker.write(ctx, c, b.partitions, step)
	step(c.changes())
	return w, err
}

// write writes the corpus, telling step of the number of changes from time to time.
func (b *broker) write(ctx context.Context, c corpus, partitions int, step func(done int)) (written, error) {
	w := written{corpus: c}
	changes := changeTopic(c.source)
	if err := errors.Join(b.create(ctx, partitions, changes), b.create(ctx, 1, transactionTopic(c.source), messageTopic(c.source))); err != nil {
		return w, err
	}
	failed := make(chan error, 1)
	for tx := range c.transactions {
		for _, r := range c.transaction(tx) {
			if r.Topic == changes {
				w.original.add(r)
				w.bytes += int64(len(r.Value))
			}
			b.client.Produce(ctx, r, func(_ *kgo.Record, err error) {
				if err != nil {
					select {
					case failed <- err:
					default:
					}
				}
			})
		}
		if len(failed) > 0 {
			break
		}
		if tx%256 == 0 {
			step(w.original.Records)
		}
	}
	err := b.client.Flush(ctx)
	select {
	case err = <-failed:
	default:
	}
	if err != nil {
		return w, fmt.Errorf("write the corpus: %w", err)
	}
	return w, nil
}

// read hands over every committed record of a topic that nobody writes any more, each partition's in order.
func (b *broker) read(ctx context.Context, topic string, take func(*kgo.Record) error) error {
	ends, err := topics.VisibleEnds(ctx, b.admin, topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", topic, err)
	}
	from, until := map[int32]kgo.Offset{}, map[int32]int64{}
	ends.Each(func(end kadm.ListedOffset) {
		if end.Offset > 0 {
			from[end.Partition], until[end.Partition] = kgo.NewOffset().AtStart(), end.Offset
		}
	})
	if len(from) == 0 {
		return nil
	}
	// The ends of transactions are read too: a partition's last offset is one.
	client, err := kgo.NewClient(kgo.SeedBrokers(b.addresses...), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: from}))
	if err != nil {
		return fmt.Errorf("read %s: %w", topic, err)
	}
	defer client.Close()
	for len(until) > 0 {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return fmt.Errorf("read %s: %w", topic, err)
		}
		var failed error
		fetches.EachRecord(func(r *kgo.Record) {
			if r.Offset+1 >= until[r.Partition] {
				delete(until, r.Partition)
			}
			if failed == nil && !r.Attrs.IsControl() {
				if err := take(r); err != nil {
					failed = fmt.Errorf("%s/%d at offset %d: %w", r.Topic, r.Partition, r.Offset, err)
				}
			}
		})
		if failed != nil {
			return failed
		}
	}
	return nil
}
