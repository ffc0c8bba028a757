package e2e

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// readTopic reads a topic's committed records, up to its present end, per partition in their order.
func (s *servers) readTopic(t *testing.T, topic string) []*kgo.Record {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	admin := kadm.NewClient(s.kafka(t))
	starts, err := admin.ListStartOffsets(ctx, topic)
	check(t, err)
	check(t, starts.Error())
	records, err := s.readFrom(ctx, admin, starts.Offsets())
	check(t, err)
	return records
}

// readFrom reads committed records from those offsets to the present ends, per partition in their order.
func (s *servers) readFrom(ctx context.Context, admin *kadm.Client, from kadm.Offsets) ([]*kgo.Record, error) {
	var topics []string
	for topic := range from {
		topics = append(topics, topic)
	}
	if len(topics) == 0 {
		return nil, nil
	}
	ends, err := admin.ListCommittedOffsets(ctx, topics...)
	if err != nil {
		return nil, err
	}
	type place struct {
		topic     string
		partition int32
	}
	left := map[place]int64{}
	consume := map[string]map[int32]kgo.Offset{}
	from.Each(func(o kadm.Offset) {
		end, ok := ends.Lookup(o.Topic, o.Partition)
		at := max(o.At, 0)
		if !ok || end.Err != nil || end.Offset <= at {
			return
		}
		left[place{o.Topic, o.Partition}] = end.Offset
		if consume[o.Topic] == nil {
			consume[o.Topic] = map[int32]kgo.Offset{}
		}
		consume[o.Topic][o.Partition] = kgo.NewOffset().At(at)
	})
	if len(left) == 0 {
		return nil, nil
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(s.brokers...), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumePartitions(consume),
		kgo.KeepControlRecords()) // the last of a partition is mostly the marker of a transaction
	if err != nil {
		return nil, err
	}
	defer client.Close()
	var records []*kgo.Record
	for len(left) > 0 {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return nil, fmt.Errorf("read %v: %w", topics, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			at := place{r.Topic, r.Partition}
			end, more := left[at]
			if !more || r.Offset >= end {
				return
			}
			if r.Offset == end-1 {
				delete(left, at)
			}
			if !r.Attrs.IsControl() {
				records = append(records, r)
			}
		})
	}
	slices.SortStableFunc(records, func(a, b *kgo.Record) int { return int(a.Partition - b.Partition) })
	return records, nil
}

// unread counts the records that a group has not committed yet. Lag would not do: markers and aborted records count there.
func (s *servers) unread(ctx context.Context, admin *kadm.Client, group string) (int, error) {
	committed, err := admin.FetchOffsets(ctx, group)
	if err != nil {
		return 0, err
	}
	if err := committed.Error(); err != nil {
		return 0, err
	}
	offsets := committed.Offsets()
	if len(offsets) == 0 {
		return 0, fmt.Errorf("group %s has committed nothing yet", group)
	}
	records, err := s.readFrom(ctx, admin, offsets)
	return len(records), err
}
