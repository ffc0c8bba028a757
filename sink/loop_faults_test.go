package sink_test

import (
	"strings"
	"testing"
	"time"

	"dossier/sink"
	"dossier/sink/sinktest"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A dead-letter topic that does not answer is waited for: until it does, the offset of what belongs there is not committed.
func TestLoopWaitsForTheDeadLetterTopic(t *testing.T) {
	k := newKafka(t, 1)
	if err := k.client.ProduceSync(t.Context(), &kgo.Record{Topic: audit, Value: []byte("no event")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	refused := make(chan struct{}, 100)
	open := make(chan struct{})
	k.cluster.ControlKey(int16(kmsg.Produce), func(request kmsg.Request) (kmsg.Response, error, bool) {
		k.cluster.KeepControl()
		select {
		case <-open:
			return nil, nil, false
		default:
		}
		refused <- struct{}{}
		return answerProduce(request.(*kmsg.ProduceRequest), kerr.TopicAuthorizationFailed), nil, true
	})
	seen := &tally{}
	stop := k.loop(sinktest.NewMemory(), sink.Config{}, seen)
	<-refused
	<-refused
	if committed, _ := k.committed(); committed != 0 {
		t.Errorf("committed %d without the letter", committed)
	}
	close(open)
	eventually(t, "committed", func() bool { committed, end := k.committed(); return committed == end })
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if letters := k.letters(); len(letters) != 1 {
		t.Errorf("%d letters, want 1", len(letters))
	}
	seen.mu.Lock()
	defer seen.mu.Unlock()
	if len(seen.waiting) < 2 || !strings.Contains(seen.waiting[0].Error(), dlq) || seen.waiting[len(seen.waiting)-1] != nil {
		t.Errorf("told to wait: %v", seen.waiting)
	}
}

// One that will never take a letter ends the loop, with what to do; nothing is passed over.
func TestLoopEndsWhereALetterIsTooLarge(t *testing.T) {
	k := newKafka(t, 1)
	if err := k.client.ProduceSync(t.Context(), &kgo.Record{Topic: audit, Value: []byte("no event")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	k.cluster.ControlKey(int16(kmsg.Produce), func(request kmsg.Request) (kmsg.Response, error, bool) {
		k.cluster.KeepControl()
		return answerProduce(request.(*kmsg.ProduceRequest), kerr.MessageTooLarge), nil, true
	})
	l := &sink.Loop{Config: sink.Config{CommitInterval: time.Millisecond}, Kafka: []kgo.Opt{kgo.SeedBrokers(k.brokers...)}, Apply: &sink.Applier{Store: sinktest.NewMemory()}}
	err := l.Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "max.message.bytes") || !strings.Contains(err.Error(), "offsets 0 to 0") {
		t.Errorf("%v, want an error that says what to raise and for which record", err)
	}
	if committed, _ := k.committed(); committed != 0 {
		t.Errorf("committed %d", committed)
	}
}

func answerProduce(request *kmsg.ProduceRequest, code *kerr.Error) kmsg.Response {
	response := request.ResponseKind().(*kmsg.ProduceResponse)
	for _, topic := range request.Topics {
		answer := kmsg.NewProduceResponseTopic()
		answer.Topic, answer.TopicID = topic.Topic, topic.TopicID
		for _, partition := range topic.Partitions {
			p := kmsg.NewProduceResponseTopicPartition()
			p.Partition, p.ErrorCode = partition.Partition, code.Code
			answer.Partitions = append(answer.Partitions, p)
		}
		response.Topics = append(response.Topics, answer)
	}
	return response
}

// The sink may be started before anything else is there.
func TestLoopWaitsForTheTopic(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, dlq))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	k := &kafka{t, cluster, cluster.ListenAddrs(), client}
	store := sinktest.NewMemory()
	stop := k.loop(store, sink.Config{}, nil)
	time.Sleep(300 * time.Millisecond)
	if _, err := kadm.NewClient(client).CreateTopic(t.Context(), 1, 1, nil, audit); err != nil {
		t.Fatal(err)
	}
	k.produce(changes(5)...)
	eventually(t, "all stored", func() bool { return len(store.All()) == 5 })
	if err := stop(); err != nil {
		t.Fatal(err)
	}
}
