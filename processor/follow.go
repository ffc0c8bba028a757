package processor

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"
)

// Every instance reads the context topics whole, and the group reads each of their partitions once, for the records that are to become dead letters.
// What the context reader has understood is none: the group goes along with it without fetching, and fetches only where the reader met a record that is at fault, or
// did not read at all.

// progress is how far the context reader is in a partition.
type progress struct {
	first, next int64 // it has read these offsets; next is not in it
	sound       int64 // every record from this offset up to next was understood
	end         int64 // the partition's end when it was listed last
}

// follows says whether the group can go along with the reader from an offset: the records there are sound, or will be read.
func (r progress) follows(offset int64) bool {
	return offset >= r.first && (offset >= r.next || offset >= r.sound)
}

// has says whether the record at an offset was understood, so that nothing more has to be found out of it.
func (r progress) has(offset int64) bool { return offset >= r.sound && offset < r.next }

// progress returns how far the context topic's partition was read; ok is false for one that is not read (yet).
func (r *contextReader) progress(at topicPartition) (_ progress, ok bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	s := r.streams[at]
	if s == nil {
		return progress{}, false
	}
	return progress{s.first, s.next, s.sound, s.end}, true
}

// added keeps the client from fetching the context topics' partitions among those that are assigned. It is called before the first fetch.
func (s *session) added(_ context.Context, client *kgo.Client, partitions map[string][]int32) {
	pause := make(map[string][]int32)
	for topic, numbers := range partitions {
		if !s.isChange(topic) {
			pause[topic] = numbers
		}
	}
	if len(pause) > 0 {
		client.PauseFetchPartitions(pause)
	}
}

// follow moves the group's place in the context topics' partitions to that of the context reader.
func (s *session) follow(ctx context.Context) error {
	if err := s.placeContexts(ctx); err != nil {
		if ctx.Err() == nil {
			s.log.Warn("listing the offsets of the context topics", zap.Error(err))
		}
	}
	fetch := make(map[string]map[int32]kgo.EpochOffset)
	stop, goOn := make(map[string][]int32), make(map[string][]int32)
	for at, p := range s.parts {
		if p.role == roleChange || p.len() > 0 {
			continue
		}
		reader, ok := s.contexts.progress(at)
		if !ok {
			continue
		}
		p.end = max(p.end, reader.end)
		switch {
		case reader.follows(p.next):
			if !p.followed && p.next < reader.next {
				p.followed = true
				stop[at.topic] = append(stop[at.topic], at.partition)
			}
			if p.followed && p.next < reader.next {
				if err := s.begin(); err != nil {
					return err
				}
				p.next = reader.next
			}
		case p.followed:
			p.followed = false
			if fetch[at.topic] == nil {
				fetch[at.topic] = make(map[int32]kgo.EpochOffset)
			}
			fetch[at.topic][at.partition] = kgo.EpochOffset{Epoch: -1, Offset: p.next}
			goOn[at.topic] = append(goOn[at.topic], at.partition)
		}
	}
	if len(stop) > 0 {
		s.kafka.Client().PauseFetchPartitions(stop)
	}
	if len(fetch) > 0 {
		s.kafka.Client().SetOffsets(fetch)
		s.kafka.Client().ResumeFetchPartitions(goOn)
	}
	return nil
}

// placeContexts finds out where the assigned partitions of context topics begin: nothing is fetched of them that would tell.
func (s *session) placeContexts(ctx context.Context) error {
	if len(s.unplaced) == 0 || s.now().Sub(s.placedAt) < time.Second {
		return nil
	}
	s.placedAt = s.now()
	var topics []string
	for at := range s.unplaced {
		topics = append(topics, at.topic)
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	starts, err := s.admin.ListStartOffsets(ctx, topics...)
	ends, err2 := s.admin.ListEndOffsets(ctx, topics...)
	if err := errors.Join(err, err2); err != nil {
		return err
	}
	starts.Each(func(start kadm.ListedOffset) {
		at := topicPartition{start.Topic, start.Partition}
		end, ok := ends.Lookup(at.topic, at.partition)
		if !ok || start.Err != nil || end.Err != nil || !s.unplaced[at] {
			return
		}
		if p := s.newPartition(at); p != nil {
			p.followed = true
			s.place(p, start.Offset, start.Offset, end.Offset)
			s.parts[at] = p
		}
		delete(s.unplaced, at)
	})
	return nil
}
