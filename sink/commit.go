package sink

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// commitRegularly commits until the context ends. A commit that does not succeed is made again, with what has come since.
func (r *run) commitRegularly(ctx context.Context) {
	ticker := time.NewTicker(r.config.CommitInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if err := r.commit(ctx); err != nil && ctx.Err() == nil {
				r.observer.Retried("commit_failed", 1)
			}
		}
	}
}

// commit commits, for each partition, the offset up to which everything is stored.
func (r *run) commit(ctx context.Context) error {
	r.committing.Lock()
	defer r.committing.Unlock()
	workers := r.all()
	offsets := map[int32]kgo.EpochOffset{}
	for p, w := range workers {
		if at, ok := w.uncommitted(); ok {
			offsets[p] = at
		}
	}
	if len(offsets) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var err error
	r.client.CommitOffsetsSync(ctx, map[string]map[int32]kgo.EpochOffset{r.config.Topic: offsets},
		func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, response *kmsg.OffsetCommitResponse, commitErr error) {
			if err = commitErr; err != nil {
				return
			}
			for _, topic := range response.Topics {
				for _, partition := range topic.Partitions {
					if code := kerr.ErrorForCode(partition.ErrorCode); code != nil {
						err = fmt.Errorf("partition %d: %w", partition.Partition, code)
						continue
					}
					if w := workers[partition.Partition]; w != nil {
						w.commit(offsets[partition.Partition])
					}
				}
			}
		})
	return err
}
