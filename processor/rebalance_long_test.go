package processor_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"dossier/processor"
)

// Instances come and go while changes stream in and transactions are long: what was fetched before a transaction was given up is published neither twice nor before
// what is read again.
func TestInstancesComeAndGoInLongTransactions(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	config := processor.Config{CommitInterval: 3 * time.Second, SessionTimeout: 6 * time.Second}
	var rows atomic.Int64
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
			for range 30 {
				n := rows.Add(1)
				c.client.Produce(context.Background(), &kgo.Record{Topic: "shop.public.product", Timestamp: c.at, Key: fmt.Appendf(nil, `{"id":%d}`, n%3),
					Value: fmt.Appendf(nil, `{"before":null,"after":{"id":%d,"price":"%d"},"source":{"version":"3.3.1.Final","connector":"postgresql","name":"shop","ts_ms":%d,"snapshot":"true","db":"shop","sequence":"[null,\"%d\"]","schema":"public","table":"product","txId":7,"lsn":%d,"xmin":null},"op":"r","ts_ms":%d}`,
						n%3, n, c.at.UnixMilli(), n, n, c.at.UnixMilli())}, nil)
			}
			if err := c.client.Flush(context.Background()); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	// Each takes partitions from those before it, whose transactions are to end long after that.
	for range 3 {
		c.start(config)
		time.Sleep(config.CommitInterval + time.Second)
	}
	close(stop)
	<-done
	last := make(map[string]int64)
	for _, e := range c.events(int(rows.Load())) {
		var n int64
		_, _ = fmt.Sscanf(string(e.After.Get("price").JSON), `"%d"`, &n)
		if before, ok := last[e.Entity.ID]; ok && n != before+3 {
			t.Fatalf("row %s: %d follows %d", e.Entity.ID, n, before)
		}
		last[e.Entity.ID] = n
	}
}
