package sqlite

import (
	"context"
	"math/rand/v2"
	"time"
)

// backoff is the pauses between attempts.
type backoff struct {
	min, max time.Duration
	next     time.Duration
}

// pause waits before another attempt: twice as long as before, the upper half of it random so that processes do not march in step.
func (b *backoff) pause(ctx context.Context) error {
	b.next = min(max(2*b.next, b.min), b.max)
	timer := time.NewTimer(b.next/2 + rand.N(b.next/2+1))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
