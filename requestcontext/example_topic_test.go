package requestcontext_test

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"dossier/requestcontext"
)

// ProduceContext sends c to the topic that Dossier's configuration names in context.topic, keyed by its correlation id, and
// returns when the record is safe. A gateway calls it before it passes the request on, so that the context is there
// before the changes are.
func ProduceContext(ctx context.Context, client *kgo.Client, topic string, c requestcontext.Context) error {
	value, err := c.Encode()
	if err != nil {
		return err
	}
	record := &kgo.Record{Topic: topic, Key: []byte(c.CorrelationID), Value: value}
	return client.ProduceSync(ctx, record).FirstErr()
}

func Example_topic() {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "request-context")) // in place of the real one
	if err != nil {
		fmt.Println(err)
		return
	}
	defer cluster.Close()
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...)) // idempotent, and acknowledged by all replicas, by default
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()

	err = ProduceContext(context.Background(), client, "request-context", requestcontext.Context{
		CorrelationID: "r-1", User: requestcontext.User{ID: "u1"}, IP: "203.0.113.9",
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	reader, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.ConsumeTopics("request-context"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer reader.Close()
	reader.PollRecords(context.Background(), 1).EachRecord(func(r *kgo.Record) {
		fmt.Printf("%s: %s\n", r.Key, r.Value)
	})
	// Output: r-1: {"correlation_id":"r-1","user":{"id":"u1"},"ip":"203.0.113.9"}
}
