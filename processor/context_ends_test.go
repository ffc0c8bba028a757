package processor_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"dossier/processor"
	"dossier/schema"
)

// startLogged starts a processor and returns what it logs.
func (c *cluster) startLogged(config processor.Config) (*processor.Processor, *observer.ObservedLogs) {
	c.t.Helper()
	core, logs := observer.New(zap.DebugLevel)
	config.Sources = []processor.Source{{Name: "shop"}}
	p, err := processor.New(config, processor.Options{Kafka: c.options, Log: zap.New(core)})
	if err != nil {
		c.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	c.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			c.t.Errorf("run: %v", err)
		}
	})
	return p, logs
}

// wantNoneAnew fails where the processor took a topic for one that was made anew.
func wantNoneAnew(t testing.TB, logs *observer.ObservedLogs) {
	t.Helper()
	if n := logs.FilterMessageSnippet("made anew").Len(); n > 0 {
		t.Errorf("a topic was taken for one made anew, %d times", n)
	}
}

// While the ends are listed, more is written and read: the listing then tells of less than was read.
func TestListingThatTellsOfLessThanWasRead(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	p, logs := c.startLogged(processor.Config{})
	for tx := 1; tx <= 3; tx++ {
		c.message(tx, 1, `{"user":{"id":"u1"}}`)
		c.update(tx, tx, 2, "1", "2")
		c.end(tx, 1, 1)
	}
	c.events(3)

	ends := map[string]int64{"shop.message": 3, "shop.transaction": 6}
	var held, answered, later atomic.Bool
	asked := make(chan struct{})
	c.fake.ControlKey(kmsg.ListOffsets.Int16(), func(request kmsg.Request) (kmsg.Response, error, bool) {
		c.fake.KeepControl()
		r := request.(*kmsg.ListOffsetsRequest)
		if r.IsolationLevel != 1 {
			return nil, nil, false
		}
		if !held.CompareAndSwap(false, true) {
			if answered.Load() {
				later.Store(true)
			}
			return nil, nil, false
		}
		close(asked)
		before := p.State().Contexts
		c.fake.SleepControl(func() {
			for deadline := time.Now().Add(readTimeout); p.State().Contexts < before+20 && time.Now().Before(deadline); {
				time.Sleep(time.Millisecond)
			}
		})
		answer := r.ResponseKind().(*kmsg.ListOffsetsResponse)
		for _, topic := range r.Topics {
			one := kmsg.NewListOffsetsResponseTopic()
			one.Topic = topic.Topic
			for _, partition := range topic.Partitions {
				end := kmsg.NewListOffsetsResponseTopicPartition()
				end.Partition, end.Offset = partition.Partition, ends[topic.Topic]
				one.Partitions = append(one.Partitions, end)
			}
			answer.Topics = append(answer.Topics, one)
		}
		answered.Store(true)
		return answer, nil, true
	})
	<-asked
	c.again()
	for tx := 11; tx <= 40; tx++ {
		c.message(tx, 1, `{"user":{"id":"u1"}}`)
		c.end(tx, 1, 0)
	}
	for deadline := time.Now().Add(readTimeout); !later.Load(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the ends were not listed again")
		}
	}
	c.update(51, 51, 1, "1", "2")
	c.end(51, 0, 1)
	c.events(4)
	wantNoneAnew(t, logs)
}

// A context topic ends in a transaction that a connector which died has left open, older than what is needed: the reader starts behind it, where nothing
// can be read yet.
func TestContextTopicWithATransactionLeftOpen(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.at = time.Now().Add(-time.Hour)
	c.message(1, 1, `{"user":{"id":"u1"}}`)
	connector, err := kgo.NewClient(append(c.options, kgo.TransactionalID("connector"), kgo.DefaultProduceTopic("shop.message"))...)
	if err != nil {
		t.Fatal(err)
	}
	defer connector.Close()
	if err := connector.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := connector.ProduceSync(context.Background(), &kgo.Record{Value: []byte("{}"), Timestamp: c.at}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	_, logs := c.startLogged(processor.Config{Context: processor.ContextConfig{Lookback: time.Minute}})
	c.at = time.Now()
	c.update(7, 1, 1, "1", "2")
	c.end(7, 0, 1)
	if e := c.events(1)[0]; e.Context.Status != schema.StatusUnattributed {
		t.Errorf("%+v", e.Context)
	}
	wantNoneAnew(t, logs)
	if err := connector.EndTransaction(context.Background(), kgo.TryAbort); err != nil {
		t.Fatal(err)
	}
	c.message(8, 1, `{"user":{"id":"u1"}}`)
	c.update(8, 2, 2, "1", "2")
	c.end(8, 1, 1)
	if e := find(t, c.events(2), schema.KindChange, "2"); e.Context.Status != schema.StatusAttached {
		t.Errorf("%+v", e.Context)
	}
	wantNoneAnew(t, logs)
}
