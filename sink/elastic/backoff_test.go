package elastic

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := backoff{min: 100 * time.Millisecond, max: time.Second}
		measure := func() time.Duration {
			start := time.Now()
			if err := b.pause(t.Context()); err != nil {
				t.Fatal(err)
			}
			return time.Since(start)
		}
		different := map[time.Duration]bool{}
		for round := range 3 {
			for _, want := range []time.Duration{100, 200, 400, 800, 1000, 1000} {
				want *= time.Millisecond
				got := measure()
				if got < want/2 || got > want {
					t.Errorf("round %d: paused %v, want between half and all of %v", round, got, want)
				}
				different[got] = true
			}
			b.reset()
		}
		if len(different) < 10 {
			t.Errorf("only %d different pauses of 18: writers would march in step", len(different))
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		if err := b.pause(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, want the context's end to end the pause", err)
		}
	})
}
