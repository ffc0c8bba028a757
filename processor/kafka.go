package processor

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// fetchError returns what went wrong in a fetch; a poll that was ended is nothing wrong.
func fetchError(fetches kgo.Fetches) error {
	var failed error
	fetches.EachError(func(topic string, partition int32, err error) {
		switch {
		case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, kerr.UnknownTopicOrPartition):
		case errors.Is(err, kgo.ErrClientClosed):
			failed = err
		default:
			failed = errors.Join(failed, fmt.Errorf("fetch %s/%d: %w", topic, partition, err))
		}
	})
	return failed
}

func isUnknownTopic(err error) bool {
	return errors.Is(err, kerr.UnknownTopicOrPartition) || errors.Is(err, kerr.UnknownTopicID)
}
