package sink

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"dossier/internal/deadletter"
	"dossier/schema"

	"github.com/twmb/franz-go/pkg/kgo"
)

// worker brings one partition's records into the store, in their order.
type worker struct {
	run       *run
	partition int32
	abandon   context.CancelFunc // ends the batch under way
	done      chan struct{}      // closed when the worker has ended

	mu        sync.Mutex
	wake      *sync.Cond
	waiting   []*kgo.Record
	stopping  bool
	end       int64           // the partition's end, as far as known
	stored    kgo.EpochOffset // everything before it is in the store or dead-lettered; valid with any
	any       bool
	committed int64
}

func startWorker(r *run, partition int32) *worker {
	ctx, cancel := context.WithCancel(context.Background())
	w := &worker{run: r, partition: partition, abandon: cancel, done: make(chan struct{})}
	w.wake = sync.NewCond(&w.mu)
	go w.work(ctx)
	return w
}

// queue adds fetched records; end is the partition's end.
func (w *worker) queue(records []*kgo.Record, end int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting = append(w.waiting, records...)
	w.end = max(w.end, end)
	w.wake.Signal()
}

// stop lets the batch under way be the last.
func (w *worker) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopping = true
	w.wake.Signal()
}

// next waits for records and returns a batch of them; nil when the worker is to end.
func (w *worker) next() []*kgo.Record {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.waiting) == 0 && !w.stopping {
		w.wake.Wait()
	}
	if w.stopping {
		return nil
	}
	n, bytes := 0, 0
	for n < len(w.waiting) && n < w.run.config.BatchRecords {
		if bytes += size(w.waiting[n]); bytes > w.run.config.BatchBytes && n > 0 {
			break
		}
		n++
	}
	batch := w.waiting[:n:n]
	w.waiting = w.waiting[n:]
	return batch
}

// reached notes the partition's end and returns how far it is: from what is stored, or else from where the group begins to read.
func (w *worker) reached(end, begin int64) (lag int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.end = max(w.end, end)
	if w.any {
		begin = w.stored.Offset
	}
	return max(w.end-begin, 0)
}

// uncommitted returns the offset to commit, if there is a new one.
func (w *worker) uncommitted() (kgo.EpochOffset, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stored, w.any && w.stored.Offset > w.committed
}

func (w *worker) commit(at kgo.EpochOffset) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.committed = max(w.committed, at.Offset)
}

func (w *worker) work(ctx context.Context) {
	defer close(w.done)
	defer w.abandon()
	for batch := w.next(); batch != nil; batch = w.next() {
		err := w.bring(ctx, batch)
		w.run.release(batch)
		if err != nil {
			if ctx.Err() == nil {
				first, last := batch[0], batch[len(batch)-1]
				w.run.fail(fmt.Errorf("%s, partition %d, offsets %d to %d: %w", first.Topic, first.Partition, first.Offset, last.Offset, err))
			}
			break // what follows must not overtake it
		}
		last := batch[len(batch)-1]
		clear(batch) // the queue's memory would keep the records
		w.mu.Lock()
		w.stored, w.any = kgo.EpochOffset{Epoch: last.LeaderEpoch, Offset: last.Offset + 1}, true
		lag := max(w.end-w.stored.Offset, 0)
		w.mu.Unlock()
		w.run.tellLag(w, lag)
	}
	w.mu.Lock()
	dropped := w.waiting
	w.waiting = nil
	w.stopping = true
	w.mu.Unlock()
	w.run.release(dropped)
}

// bring stores the events of a batch, and dead-letters those that cannot be stored. nil promises that each is in one of both places.
func (w *worker) bring(ctx context.Context, batch []*kgo.Record) error {
	events := make([]*schema.AuditEvent, 0, len(batch))
	sources := make([]*kgo.Record, 0, len(batch))
	var letters []*kgo.Record
	var reasons []string
	refuse := func(record *kgo.Record, reason, detail string) {
		original := original(record)
		letters = append(letters, deadletter.New(w.run.config.DeadLetterTopic, &original, deadletter.StageSink, reason, detail, w.run.applier.now()))
		reasons = append(reasons, reason)
	}
	for _, record := range batch {
		if record.Attrs.IsControl() {
			continue
		}
		original := original(record)
		e := new(schema.AuditEvent) // a new one each: documents share its memory
		if err := schema.DecodeAudit(&original, e); err != nil {
			var decode *schema.DecodeError
			reason := schema.ReasonNotAuditEvent
			if errors.As(err, &decode) {
				reason = decode.Reason
			}
			refuse(record, reason, err.Error())
			continue
		}
		events = append(events, e)
		sources = append(sources, record)
	}
	if len(events) > 0 {
		results, err := w.run.applier.Apply(ctx, events)
		if err != nil {
			return err
		}
		for i, result := range results {
			if result.Refused() {
				refuse(sources[i], result.Reason, result.Detail)
			}
		}
		now := w.run.applier.now()
		for i, e := range events {
			if !results[i].Refused() && e.Kind == schema.KindChange && e.Action != schema.ActionSnapshot {
				w.run.observer.Delay(now.Sub(e.Time))
			}
		}
	}
	if err := w.run.deadLetter(ctx, letters); err != nil {
		return err
	}
	for _, reason := range reasons {
		w.run.observer.DeadLetter(reason)
	}
	return nil
}

// original returns a record as it was read, sharing its memory.
func original(r *kgo.Record) schema.Record {
	o := schema.Record{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Time: r.Timestamp, Key: r.Key, Value: r.Value}
	for _, h := range r.Headers {
		o.Headers = append(o.Headers, schema.Header{Key: h.Key, Value: h.Value})
	}
	return o
}
