package processor_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"dossier/processor"
)

// fetched counts the records that clients fetch, by topic.
type fetched struct {
	mu      sync.Mutex
	records map[string]int
}

func (f *fetched) OnFetchBatchRead(_ kgo.BrokerMetadata, topic string, _ int32, m kgo.FetchBatchMetrics) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.records[topic] += m.NumRecords
}

func (f *fetched) of(topic string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.records[topic]
}

// One instance fetches the context topics once, not for its window and for dead letters too; what is at fault becomes a dead letter all the same, once, also where
// a later instance goes on; and the group's offsets come to the topics' ends.
func TestContextTopicsAreFetchedOnce(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	var count fetched
	count.records = make(map[string]int)
	c.options = append(c.options, kgo.WithHooks(&count))
	const transactions = 100
	tx, faults := 0, 0
	write := func() {
		for range transactions {
			tx++
			if tx%40 == 0 {
				c.message(tx, 1, `{"user":42}`)
				faults++
			} else {
				c.message(tx, 1, fmt.Sprintf(`{"user":{"id":"u%d"}}`, tx))
			}
			c.update(tx, tx, 2, "1", "2")
			c.end(tx, 1, 1)
		}
	}
	write()
	_, stop := c.start(processor.Config{})
	c.events(tx)
	write()
	c.events(tx)
	c.committed("shop.transaction", 2*tx)
	c.committed("shop.message", tx)
	stop()
	if n := count.of("shop.transaction"); n > 3*tx {
		t.Errorf("%d records fetched of the %d on the transaction topic", n, 2*tx)
	}
	write()
	c.start(processor.Config{})
	for _, e := range c.events(tx) {
		if want := fmt.Sprintf("u%d", e.CDC.TxID); e.CDC.TxID%40 != 0 && e.Context.User.ID != want {
			t.Errorf("transaction %d by %q", e.CDC.TxID, e.Context.User.ID)
		}
	}
	c.committed("shop.message", tx)
	c.read("dossier.dlq", faults)
}

// committed waits until the group's offsets in a topic come to that sum.
func (c *cluster) committed(topic string, want int) {
	c.t.Helper()
	admin := kadm.NewClient(c.client)
	total := int64(0)
	for deadline := time.Now().Add(readTimeout); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		offsets, err := admin.FetchOffsets(context.Background(), "dossier-processor")
		if err != nil {
			c.t.Fatal(err)
		}
		total = 0
		offsets.Each(func(o kadm.OffsetResponse) {
			if o.Topic == topic {
				total += o.At
			}
		})
		if total == int64(want) {
			return
		}
	}
	c.t.Fatalf("%s: offset %d is committed, want %d", topic, total, want)
}
