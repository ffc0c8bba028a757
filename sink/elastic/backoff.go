package elastic

import (
	"context"
	"math/rand/v2"
	"time"
)

// backoff is one request's pauses between attempts.
type backoff struct {
	min, max time.Duration
	next     time.Duration
}

// pause waits before another attempt: twice as long as before, the upper half of it random so that writers do not march in step.
func (b *backoff) pause(ctx context.Context) error {
	if b.next = min(max(2*b.next, b.min), b.max); b.next <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(b.next/2 + rand.N(b.next/2+1))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// reset starts over after progress.
func (b *backoff) reset() { b.next = 0 }
