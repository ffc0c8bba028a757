package topics

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

// VisibleEnds returns the ends of a topic once what is written now can be read. A commit is acknowledged before the broker has made visible
// what was written, so whoever comes after the writer could miss it; open transactions of others are waited for too, until they end. An error of one partition is left in the listing.
func VisibleEnds(ctx context.Context, admin *kadm.Client, topic string) (kadm.ListedOffsets, error) {
	written, err := admin.ListEndOffsets(ctx, topic)
	if err != nil {
		return nil, err
	}
	for {
		ends, err := admin.ListCommittedOffsets(ctx, topic)
		if err != nil {
			return nil, err
		}
		hidden := false
		written.Each(func(w kadm.ListedOffset) {
			end, ok := ends.Lookup(topic, w.Partition)
			hidden = hidden || ok && w.Err == nil && end.Err == nil && end.Offset < w.Offset
		})
		if !hidden {
			return ends, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("a transaction on it does not end: %w", context.Cause(ctx))
		case <-time.After(10 * time.Millisecond):
		}
	}
}
