package sink

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// deadLetter puts letters into the dead-letter topic and waits until they are acknowledged, however long that takes. A letter that the
// topic will never take is an error: it must not be passed over.
func (r *run) deadLetter(ctx context.Context, letters []*kgo.Record) error {
	waited := false
	for pause := 100 * time.Millisecond; len(letters) > 0; pause = min(2*pause, 10*time.Second) {
		var again []*kgo.Record
		var fault error
		for _, result := range r.client.ProduceSync(ctx, letters...) {
			switch {
			case result.Err == nil:
			case errors.Is(result.Err, kerr.MessageTooLarge) || errors.Is(result.Err, kerr.RecordListTooLarge):
				return fmt.Errorf("dead-letter topic %s does not take a letter of %d bytes: raise the topic's max.message.bytes (\"dossier setup\" sets it): %w",
					r.config.DeadLetterTopic, len(result.Record.Value), result.Err)
			default:
				again, fault = append(again, result.Record), result.Err
			}
		}
		if letters = again; len(letters) == 0 {
			break
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		waited = true
		r.observer.Retried("dead_letter_failed", len(letters))
		r.observer.Waiting(fmt.Errorf("dead-letter topic %s: %w", r.config.DeadLetterTopic, fault))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
	if waited {
		r.observer.Waiting(nil)
	}
	return nil
}
