package deadletter

import (
	"bytes"
	"context"
	"reflect"
	"testing"
	"time"

	"dossier/schema"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Through a real client and Kafka's protocol: what is null, empty, and as large as the original's topic allows, stays so.
func TestThroughKafka(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	const topic = "dossier.dlq"
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(100*time.Millisecond),
		kgo.ProducerBatchMaxBytesFn(func(string) int32 { return MaxRecordBytes }))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	configs := map[string]*string{}
	for name, value := range TopicConfig() {
		configs[name] = &value
	}
	if _, err := kadm.NewClient(client).CreateTopic(ctx, 1, 1, configs, topic); err != nil {
		t.Fatal(err)
	}

	large := original()
	large.Value = bytes.Repeat([]byte("0123456789abcdef"), 1<<17) // 2 MiB, twice Kafka's default limit
	null, empty := original(), original()
	null.Key, null.Value = nil, nil
	empty.Key, empty.Value = []byte{}, []byte{}
	want := []schema.Record{original(), large, null, empty}
	for i := range want {
		if err := client.ProduceSync(ctx, New(topic, &want[i], StageProcessor, "reason", "detail", at)).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	for i := 0; i < len(want); {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			l, err := Parse(r)
			if err != nil {
				t.Error(err)
			} else if !reflect.DeepEqual(l.Original, want[i]) {
				t.Errorf("letter %d: got %.300v", i, l.Original)
			}
			i++
		})
	}
}
