package processor

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"
)

// readPast returns the record time up to which every stream has been read, as it holds for a change that was polled at the
// given time: having reached the ends says something only of records that were there when the ends were listed, and a
// record may have become visible long after its own time, with its context. The caller holds mu.
func (r *contextReader) readPast(polled int64) int64 {
	caughtUp := r.caughtUp
	if caughtUp < polled {
		caughtUp = never
	}
	past := int64(math.MaxInt64)
	for _, s := range r.streams {
		// More records of the newest millisecond may follow.
		past = min(past, max(s.newest-1, caughtUp))
	}
	if len(r.streams) == 0 {
		return caughtUp
	}
	return past
}

// followEnds lists the streams' ends while somebody waits, and finds partitions that have come into being.
func (r *contextReader) followEnds(ctx context.Context, admin *kadm.Client, client *kgo.Client) {
	idle := time.NewTicker(endsInterval)
	defer idle.Stop()
	lastListing := time.Time{}
	for {
		select {
		case <-idle.C:
		case <-ctx.Done():
			return
		}
		r.mu.RLock()
		needed := r.needed > never && r.target == nil
		r.mu.RUnlock()
		if !needed && time.Since(lastListing) < time.Second {
			continue
		}
		at := r.now().UnixMilli()
		lastListing = time.Now()
		read := r.places() // before the listing: while that is under way, more is written and read
		ends, err := r.list(ctx, admin.ListCommittedOffsets)
		if err != nil {
			if ctx.Err() == nil {
				r.log.Warn("listing the ends of the context topics", zap.Error(err))
				sleep(ctx, time.Second)
			}
			continue
		}
		r.mu.Lock()
		var found map[string]map[int32]kgo.Offset
		for p, end := range ends {
			if end < read[p] {
				r.log.Error("a context topic was made anew: its contexts are read again from the start", zap.String("topic", p.topic))
				select {
				case r.anew <- struct{}{}:
				default:
				}
			}
			if r.streams[p] == nil {
				r.addStream(p, 0)
				if found == nil {
					found = make(map[string]map[int32]kgo.Offset)
				}
				if found[p.topic] == nil {
					found[p.topic] = make(map[int32]kgo.Offset)
				}
				found[p.topic][p.partition] = kgo.NewOffset().AtStart()
			}
		}
		for p, end := range ends {
			r.streams[p].end = end
		}
		r.target, r.targetTime = ends, at
		r.mu.Unlock()
		if found != nil {
			client.AddConsumePartitions(found)
		}
		if r.reachEnds() {
			r.signal()
		}
	}
}

// places returns how far each stream has been read.
func (r *contextReader) places() map[topicPartition]int64 {
	r.mu.RLock()
	defer r.mu.RUnlock()
	places := make(map[topicPartition]int64, len(r.streams))
	for p, s := range r.streams {
		places[p] = s.next
	}
	return places
}

// reachEnds notes when every stream has been read to the ends listed last.
func (r *contextReader) reachEnds() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.target == nil {
		return false
	}
	for p, end := range r.target {
		if s := r.streams[p]; s == nil || s.next < end {
			return false
		}
	}
	r.caughtUp, r.target = max(r.caughtUp, r.targetTime), nil
	return true
}

func (r *contextReader) signal() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// starts returns the offsets from which the streams are read for the contexts from that record time on: never behind what can be read, where a transaction
// that is open holds up older records. A listing of the ends, which stop there, would otherwise tell of less than was read.
func (r *contextReader) starts(ctx context.Context, admin *kadm.Client, from int64) (map[topicPartition]int64, error) {
	starts, err := r.list(ctx, func(ctx context.Context, topics ...string) (kadm.ListedOffsets, error) {
		return admin.ListOffsetsAfterMilli(ctx, max(from, 0), topics...)
	})
	if err != nil {
		return nil, err
	}
	ends, err := r.list(ctx, admin.ListCommittedOffsets)
	if err != nil {
		return nil, err
	}
	for p, end := range ends {
		if start, ok := starts[p]; ok {
			starts[p] = min(start, end)
		}
	}
	return starts, nil
}

// list lists offsets of the context topics' partitions; topics that do not exist (yet) are left out.
func (r *contextReader) list(ctx context.Context, f func(context.Context, ...string) (kadm.ListedOffsets, error)) (map[topicPartition]int64, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	listed, err := f(ctx, contextTopics(r.sources, r.config)...)
	if err != nil {
		return nil, err
	}
	offsets := make(map[topicPartition]int64)
	var failed error
	listed.Each(func(o kadm.ListedOffset) {
		switch {
		case isUnknownTopic(o.Err):
		case o.Err != nil:
			failed = errors.Join(failed, o.Err)
		default:
			offsets[topicPartition{o.Topic, o.Partition}] = o.Offset
		}
	})
	return offsets, failed
}

func kgoOffsets(at map[topicPartition]int64) map[string]map[int32]kgo.Offset {
	offsets := make(map[string]map[int32]kgo.Offset)
	for p, o := range at {
		if offsets[p.topic] == nil {
			offsets[p.topic] = make(map[int32]kgo.Offset)
		}
		offsets[p.topic][p.partition] = kgo.NewOffset().At(o)
	}
	return offsets
}
