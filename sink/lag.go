package sink

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

// lagInterval is the time between looks at how far the partitions' ends are. Between them each batch tells its own.
const lagInterval = 5 * time.Second

// measureLag tells the observer how far the ends of the partitions are, also of those that nothing comes from: one that has been
// read to its end, and one whose records the store does not take. The end is what a reader of committed transactions can see.
func (r *run) measureLag(ctx context.Context) {
	admin := kadm.NewClient(r.client)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.newcomers:
		case <-timer.C:
		}
		timer.Reset(lagInterval)
		r.lagOnce(ctx, admin)
	}
}

func (r *run) lagOnce(ctx context.Context, admin *kadm.Client) {
	ctx, cancel := context.WithTimeout(ctx, lagInterval)
	defer cancel()
	workers := r.all()
	if len(workers) == 0 {
		return
	}
	// A fault here is one of Kafka, which shows elsewhere; the lag stays as it was last known.
	ends, err := admin.ListCommittedOffsets(ctx, r.config.Topic)
	if err != nil {
		return
	}
	starts, err := admin.ListStartOffsets(ctx, r.config.Topic)
	if err != nil {
		return
	}
	group, err := admin.FetchOffsets(ctx, r.config.Group)
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) { // a group that has not committed yet may not be known
		return
	}
	for p, w := range workers {
		end, ok := ends.Lookup(r.config.Topic, p)
		if !ok || end.Err != nil {
			continue
		}
		start, _ := starts.Lookup(r.config.Topic, p)
		begin := start.Offset
		if committed, ok := group.Lookup(r.config.Topic, p); ok && committed.Err == nil {
			begin = max(begin, committed.At)
		}
		r.tellLag(w, w.reached(end.Offset, begin))
	}
}

// tellLag tells a partition's lag, unless the partition has been given away meanwhile.
func (r *run) tellLag(w *worker, lag int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.workers[w.partition] == w {
		r.observer.Lag(w.partition, lag)
	}
}
