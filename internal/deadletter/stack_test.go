package deadletter

import (
	"errors"
	"math/rand/v2"
	"os"
	"reflect"
	"testing"
	"time"

	"dossier/schema"
	"dossier/test/stack"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

func TestMain(m *testing.M) { os.Exit(stack.Main(m)) }

// A real broker enforces the limits: an original far over Kafka's default finds room on the dead-letter topic, and only there.
func TestOversizedOriginalOnARealBroker(t *testing.T) {
	s := stack.ForTest(t, stack.Kafka)
	const topic, plainTopic = "deadletter.test", "deadletter.plain"
	client, err := kgo.NewClient(kgo.SeedBrokers(s.KafkaBrokers()...), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.ProducerBatchMaxBytesFn(func(string) int32 { return MaxRecordBytes }), kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	configs := map[string]*string{}
	for name, value := range TopicConfig() {
		configs[name] = &value
	}
	admin := kadm.NewClient(client)
	if _, err := admin.CreateTopic(t.Context(), 1, 1, configs, topic); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.CreateTopic(t.Context(), 1, 1, nil, plainTopic); err != nil {
		t.Fatal(err)
	}
	orig := original()
	orig.Value = make([]byte, 20<<20)
	random := rand.NewChaCha8([32]byte{1})
	_, _ = random.Read(orig.Value)
	if err := client.ProduceSync(t.Context(), New(plainTopic, &orig, StageProcessor, "r", "d", at)).FirstErr(); !errors.Is(err, kerr.MessageTooLarge) {
		t.Errorf("a topic with Kafka's defaults: error %v, want %v", err, kerr.MessageTooLarge)
	}
	empty := schema.Record{Topic: "t", Time: time.UnixMilli(0).UTC(), Key: []byte{}, Value: nil}
	want := []schema.Record{orig, empty}
	for i := range want {
		if err := client.ProduceSync(t.Context(), New(topic, &want[i], StageProcessor, "r", "d", at)).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	for i := 0; i < len(want); {
		fetches := client.PollFetches(t.Context())
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		for _, r := range fetches.Records() {
			l, err := Parse(r)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(l.Original, want[i]) {
				t.Errorf("letter %d differs from its original of %d bytes", i, len(want[i].Value))
			}
			i++
		}
	}
}
