package demo

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Kafka is a broker within this process, on a free port of 127.0.0.1. It keeps everything in memory and speaks Kafka's own protocol, so
// that Dossier's clients, and any others, work with it as with a real one.
type Kafka struct {
	Address string
	Client  *kgo.Client // of the demo itself
	cluster *kfake.Cluster
}

// StartKafka starts the broker.
func StartKafka() (*Kafka, error) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		return nil, fmt.Errorf("starting the demo's kafka: %w", err)
	}
	address := cluster.ListenAddrs()[0]
	client, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		cluster.Close()
		return nil, fmt.Errorf("client of the demo's kafka: %w", err)
	}
	return &Kafka{Address: address, Client: client, cluster: cluster}, nil
}

// Close ends the broker. What it held is gone.
func (k *Kafka) Close() {
	k.Client.Close()
	k.cluster.Close()
}

// CreateTopics makes the topics that the records lie on, with as many partitions as they were recorded on.
func (k *Kafka) CreateTopics(ctx context.Context, records []Record) error {
	partitions := map[string]int32{}
	for _, r := range records {
		partitions[r.Topic] = max(partitions[r.Topic], r.Partition+1)
	}
	admin := kadm.NewClient(k.Client)
	for topic, n := range partitions {
		response, err := admin.CreateTopic(ctx, n, 1, nil, topic)
		if err := errors.Join(err, response.Err); err != nil {
			return fmt.Errorf("creating topic %s: %w", topic, err)
		}
	}
	return nil
}

// Play produces the records, each to its own partition and with its own time, and tells progress how many have been. It returns when all are
// there, or with the first error.
func (k *Kafka) Play(ctx context.Context, records []Record, progress func(done int)) error {
	var done atomic.Int64
	failed := make(chan error, 1)
	for _, r := range records {
		record := &kgo.Record{Topic: r.Topic, Partition: r.Partition, Timestamp: r.Time, Key: r.Key, Value: r.Value}
		for _, h := range r.Headers {
			record.Headers = append(record.Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
		}
		k.Client.Produce(ctx, record, func(_ *kgo.Record, err error) {
			if err == nil {
				progress(int(done.Add(1)))
				return
			}
			select {
			case failed <- fmt.Errorf("producing to %s: %w", record.Topic, err):
			default:
			}
		})
	}
	if err := k.Client.Flush(ctx); err != nil {
		return err
	}
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}
