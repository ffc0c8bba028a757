package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// These are the processor's own settings: the copy shows what the client and the broker give with them.
const (
	commitInterval = 100 * time.Millisecond
	commitRecords  = 50_000
	sessionTimeout = 10 * time.Second
)

// runCopy copies the change topic exactly once: it reads committed records, and commits its offsets with what it produced, as the processor
// does and as often. It looks at no byte of them. It returns when so many records are committed.
func runCopy(ctx context.Context, t task, w *watch) error {
	options := append(slices.Clone(w.kafka(t.Brokers)),
		kgo.ConsumerGroup(t.Group), kgo.ConsumeTopics(changeTopic(t.Source)), kgo.TransactionalID(t.Group+"-0"), kgo.TransactionTimeout(10*time.Second),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(), kgo.Balancers(kgo.CooperativeStickyBalancer()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.BlockRebalanceOnPoll(), kgo.SessionTimeout(sessionTimeout),
		kgo.HeartbeatInterval(sessionTimeout/5), kgo.MetadataMaxAge(5*time.Second),
		kgo.FetchMaxBytes(1<<20), kgo.FetchMaxPartitionBytes(128<<10), kgo.MaxConcurrentFetches(3), kgo.FetchMaxWait(200*time.Millisecond),
		kgo.ProducerBatchCompression(kgo.Lz4Compression()), kgo.ProducerBatchMaxBytes(1<<20),
		kgo.MaxBufferedRecords(50_000), kgo.MaxBufferedBytes(64<<20))
	session, err := kgo.NewGroupTransactSession(options...)
	if err != nil {
		return fmt.Errorf("kafka client: %w", err)
	}
	defer session.CloseAllowingRebalance()
	var failure atomic.Pointer[error]
	promise := func(_ *kgo.Record, err error) {
		if err != nil {
			failure.CompareAndSwap(nil, &err)
		}
	}
	open, uncommitted := false, 0
	var since time.Time
	for total := 0; total < t.Changes; {
		session.AllowRebalance()
		poll, cancel := context.WithTimeout(ctx, commitInterval+time.Millisecond)
		fetches := session.PollRecords(poll, 0)
		cancel()
		if ctx.Err() != nil {
			return fmt.Errorf("%d of %d records copied: %w", total, t.Changes, context.Cause(ctx))
		}
		if err := fetches.Err(); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("read the change topic: %w", err)
		}
		out := make([]kgo.Record, 0, fetches.NumRecords()) // one allocation for all
		fetches.EachRecord(func(r *kgo.Record) {
			if !r.Attrs.IsControl() {
				out = append(out, kgo.Record{Topic: t.Output, Key: r.Key, Value: r.Value, Headers: r.Headers, Timestamp: r.Timestamp})
			}
		})
		if len(out) > 0 && !open {
			if err := session.Begin(); err != nil {
				return fmt.Errorf("begin a transaction: %w", err)
			}
			open, since = true, time.Now()
		}
		for i := range out {
			session.Produce(ctx, &out[i], promise)
		}
		uncommitted += len(out)
		if open && (time.Since(since) >= commitInterval || uncommitted >= commitRecords) {
			began := time.Now()
			committed, err := session.End(ctx, kgo.TryCommit)
			if failed := failure.Load(); failed != nil {
				err = errors.Join(err, *failed)
			}
			if err == nil && !committed {
				err = errors.New("the transaction was aborted")
			}
			if err != nil {
				return fmt.Errorf("commit: %w", err)
			}
			total, uncommitted, open = total+uncommitted, 0, false
			w.committed(time.Since(began))
		}
	}
	return nil
}
