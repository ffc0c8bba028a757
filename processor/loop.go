package processor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"dossier/schema"
)

// readyLag is how many records a processor that is ready may be behind.
const readyLag = 10_000

// stopTimeout is how long a processor that stops waits for its last commit.
const stopTimeout = 15 * time.Second

// loop polls, decides and commits until ctx ends.
func (s *session) loop(ctx context.Context) error {
	// What has been decided is still committed when ctx has ended, if the brokers answer.
	finish, giveUp := context.WithCancel(context.WithoutCancel(ctx))
	defer giveUp()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(stopTimeout, giveUp) })()
	s.finish = finish
	s.slabs.context = finish
	for ctx.Err() == nil {
		s.kafka.AllowRebalance()
		fetches := s.poll(ctx)
		if err := fetchError(fetches); err != nil {
			if errors.Is(err, kgo.ErrClientClosed) || errors.Is(err, kerr.UnknownTopicID) {
				return err // of a topic that was made anew, only a new client learns
			}
			s.log.Warn("reading changes", zap.Error(err))
		}
		if err := s.rebalanced(finish, fetches); err != nil {
			return err
		}
		s.isBehind = s.inBacklog(s.now())
		if err := s.follow(ctx); err != nil {
			return err
		}
		if err := s.work(ctx); err != nil {
			return err
		}
		if err := s.attribute(); err != nil {
			return err
		}
		s.pause()
		s.report()
		if fetches.NumRecords() > 0 {
			s.recordsAt = s.now()
		}
		if s.inTxn.Load() && s.isDue(s.now()) {
			if err := s.commit(finish); err != nil {
				return err
			}
		}
	}
	if s.inTxn.Load() {
		return s.commit(finish)
	}
	return nil
}

// poll waits for records; for less time where something else is due.
func (s *session) poll(ctx context.Context) kgo.Fetches {
	wait := 500 * time.Millisecond
	if s.waiting() || len(s.recheck) > 0 {
		wait = 50 * time.Millisecond
	}
	if s.inTxn.Load() {
		wait = min(wait, max(s.dueAt().Sub(s.now()), 0)+time.Millisecond)
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	go func() {
		select {
		case <-s.contexts.wake:
			cancel()
		case <-ctx.Done():
		}
	}()
	return s.kafka.PollRecords(ctx, 0) // all that was fetched: only then does the client fetch more
}

// waiting says whether a partition's first record waits for something.
func (s *session) waiting() bool {
	for _, p := range s.parts {
		if p.len() > 0 {
			return true
		}
	}
	return false
}

// rebalanced takes in what the last poll's callbacks said, and what it brought. What was decided for a partition that is gone is not ours to commit any more: the
// transaction is given up, and what stays assigned is read again.
func (s *session) rebalanced(ctx context.Context, fetches kgo.Fetches) error {
	s.rebalance.Lock()
	moves := s.rebalance.moves
	s.rebalance.moves = nil
	s.rebalance.Unlock()
	if len(moves) == 0 {
		s.enqueue(fetches)
		return nil
	}
	added, removed := make(map[topicPartition]bool), make(map[topicPartition]bool)
	resume := make(map[string][]int32)
	for _, m := range moves {
		delete(s.parts, m.topicPartition) // one that comes again is read from what is committed
		delete(s.assigned, m.topicPartition)
		delete(s.unplaced, m.topicPartition)
		delete(added, m.topicPartition)
		isChange := s.isChange(m.topic)
		if m.added {
			added[m.topicPartition], s.assigned[m.topicPartition] = true, true
			if !isChange {
				s.unplaced[m.topicPartition] = true
			}
		} else {
			removed[m.topicPartition] = true
			if isChange {
				resume[m.topic] = append(resume[m.topic], m.partition)
			}
		}
	}
	s.awaited, s.assignedAt = true, s.now()
	// Before the transaction ends: if that sets the partitions back, these records will be fetched again.
	s.enqueue(fetches)
	s.log.Info("partitions moved", zap.Int("assigned", len(added)), zap.Int("revoked", len(removed)))
	if len(removed) > 0 {
		s.kafka.Client().ResumeFetchPartitions(resume) // a pause would outlive the assignment; that of a context topic's partition is to
		// Also without a transaction: ending the session's turn is what lets it tell of the next revocation.
		return s.abort(ctx)
	}
	if s.inTxn.Load() {
		// The pending topic is read to its end: our own open transaction must not be in the way.
		if err := s.commit(ctx); err != nil {
			return err
		}
	}
	return s.loadPending(ctx, func(origin topicPartition) bool { return added[origin] })
}

// loadPending takes over the pending changes of partitions from the pending topic.
func (s *session) loadPending(ctx context.Context, ours func(topicPartition) bool) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	var loaded []*pendingChange
	beyond, err := loadPending(ctx, s.options, s.admin, s.config.Audit.PendingTopic, 2*s.config.Limits.PendingRecords, func(key string, value []byte) {
		c, err := decodePending(value, func(name string) (uint16, bool) {
			i := slices.IndexFunc(s.sources, func(o *sourceState) bool { return o.Name == name })
			return uint16(max(i, 0)), i >= 0
		})
		if err != nil {
			s.log.Warn("a pending change is not to be read; a late context will not complete it", zap.String("event_id", key), zap.Error(err))
			return
		}
		if ours(c.origin) {
			loaded = append(loaded, c)
		}
	})
	slices.SortFunc(loaded, func(a, b *pendingChange) int { return cmp.Compare(a.facts.RecordTime, b.facts.RecordTime) })
	for _, c := range loaded {
		s.pending.add(c, s.contexts.window)
		s.recheck[c] = true
	}
	s.pendingFrom = s.pending.oldest()
	if beyond > 0 {
		s.log.Error("more changes wait for a late context than are remembered; raise limits.pending_records", zap.Int("left_out", beyond))
	}
	return err
}

func (s *session) enqueue(fetches kgo.Fetches) {
	now := s.now()
	fetches.EachPartition(func(f kgo.FetchTopicPartition) {
		if len(f.Records) == 0 {
			return
		}
		at := topicPartition{f.Topic, f.Partition}
		p := s.parts[at]
		if p == nil {
			if p = s.newPartition(at); p == nil {
				return
			}
			s.place(p, f.Records[0].Offset, f.LogStartOffset, f.HighWatermark)
			s.parts[at] = p
		}
		if p.followed {
			return // fetched before the partition was paused
		}
		p.end = max(p.end, f.HighWatermark)
		p.push(f.Records, now)
	})
	if s.awaited {
		s.awaited = s.now().Sub(s.assignedAt) < fetchPatience && s.awaitsFirst()
	}
}

// awaitsFirst says whether nothing was read yet of an assigned partition of a change topic.
func (s *session) awaitsFirst() bool {
	for at := range s.assigned {
		if s.parts[at] == nil && s.isChange(at.topic) {
			return true
		}
	}
	return false
}

// newPartition returns an assigned partition of which nothing was read; nil for a topic that is none of ours.
func (s *session) newPartition(at topicPartition) *partition {
	source, role, ok := classify(at.topic, s.sources, s.config.Context)
	if !ok {
		return nil
	}
	p := &partition{topicPartition: at, source: source, role: role, lastFrom: math.MaxInt64}
	p.materials.rules, p.joiner = s.rules, Joiner{Window: s.contexts.window, Policy: s.policy}
	if source != nil {
		p.decoder = s.decoders[source.index]
	}
	return p
}

// place sets a new partition to its committed offset, or to first where none is committed, and tells what was lost before it was read. start and end
// are those of the partition's log.
func (s *session) place(p *partition, first, start, end int64) {
	s.rebalance.Lock()
	committed, known := s.rebalance.committed[p.topicPartition]
	delete(s.rebalance.committed, p.topicPartition)
	s.rebalance.Unlock()
	if !known {
		committed = first
	}
	if known && start > committed {
		s.log.Error("records were deleted before they were read: the history has a gap; raise the topic's retention", zap.String("topic", p.topic),
			zap.Int32("partition", p.partition), zap.Int64("from_offset", committed), zap.Int64("to_offset", start))
		s.observer.Lost(p.topic, start-committed)
		committed = start
	}
	if known && end < committed {
		s.log.Error("the topic was made anew: what it held and was not read is lost, and it is read from its start", zap.String("topic", p.topic),
			zap.Int32("partition", p.partition), zap.Int64("committed", committed), zap.Int64("end", end))
		s.observer.Lost(p.topic, committed-end)
		committed = first
	}
	p.committed, p.next = committed, committed
}

// work decides what can be decided, each partition in order, several partitions at once.
func (s *session) work(ctx context.Context) error {
	var group errgroup.Group
	group.SetLimit(s.config.Workers)
	s.cut.Store(false)
	for _, p := range s.parts {
		if p.len() > 0 {
			group.Go(func() error { return s.drain(ctx, p) })
		}
	}
	err := group.Wait()
	s.moveHorizon()
	return err
}

// drain decides the partition's records until one has to wait. It ends early with ctx, so that a stop is not held up, and where the transaction has to be
// committed first.
func (s *session) drain(ctx context.Context, p *partition) error {
	p.out = s.slabs.take()
	defer func() { s.slabs.give(p.out) }()
	for p.len() > 0 && ctx.Err() == nil {
		if p.now = s.now(); p.now.Before(p.retryAt) {
			return nil
		}
		if s.overdue(p.now) {
			s.cut.Store(true)
			return nil
		}
		var done bool
		var err error
		switch {
		case p.queue[p.head].Attrs.IsControl():
			done = true
		case p.role != roleChange:
			done, err = s.checkContext(ctx, p)
		case p.queue[p.head].Offset < p.committed:
			done, err = s.recount(ctx, p)
		default:
			if done, err = s.decide(ctx, p); done {
				s.decided.Add(1)
			}
		}
		if err != nil || !done {
			return err
		}
		p.pop()
	}
	return nil
}

// recount brings the ordinals to where they stood at the last commit, by a record that was decided before it.
func (s *session) recount(ctx context.Context, p *partition) (done bool, err error) {
	record := p.queue[p.head]
	if record.Key != nil || record.Value == nil {
		return true, nil
	}
	rec := p.record()
	err = p.decoder.Change(ctx, &rec, &p.change)
	if transientOnly(err) != nil {
		return s.retryLater(p, err)
	}
	if err == nil {
		p.ordinal()
	}
	return true, nil
}

// retryLater leaves the first record where it is because something that it needs is away.
func (s *session) retryLater(p *partition, err error) (bool, error) {
	if errors.Is(err, context.Canceled) {
		return false, nil
	}
	s.log.Warn("waiting", zap.String("topic", p.topic), zap.Error(err))
	s.observer.Stopped(p.sourceName(), err)
	p.retryAt = s.now().Add(time.Second)
	return false, nil
}

// checkContext looks at a record of a context topic for what makes it a dead letter: one instance reads it here, and says so once. What the
// context reader has understood already needs no second look.
func (s *session) checkContext(ctx context.Context, p *partition) (done bool, err error) {
	offset := p.queue[p.head].Offset
	if !p.sound.has(offset) {
		p.sound, _ = s.contexts.progress(p.topicPartition)
	}
	if p.sound.has(offset) {
		return true, s.begin()
	}
	rec := p.record()
	switch p.role {
	case roleTransaction:
		err = p.decoder.Transaction(ctx, &rec, &p.boundary)
	case roleMessage:
		var m schema.Message
		if err = p.decoder.Message(ctx, &rec, &m); err == nil && m.Prefix == s.config.Context.MessagePrefix {
			_, err = schema.ParseContext(m.Content)
		}
	case roleContextTable:
		if err = p.decoder.Change(ctx, &rec, &p.change); err == nil && p.change.Op == schema.OpCreate {
			_, err = schema.ContextFromRow(p.change.After)
		}
	case roleContextTopic:
		_, _, err = topicContext(&rec, s.sources)
	}
	switch dead, isDead := isDead(err); {
	case err == nil, errors.Is(err, schema.ErrTombstone):
		return true, s.begin()
	case isDead:
		return s.deadLetter(ctx, p, "context", dead.Reason, dead.Detail)
	default:
		return s.retryLater(p, err)
	}
}

// commit ends the transaction with the offsets of what was decided in it.
func (s *session) commit(ctx context.Context) error {
	began := s.now()
	if err := s.kafka.Client().Flush(ctx); err != nil {
		return err
	}
	if failed := s.failure.Load(); failed != nil {
		s.log.Warn("producing", zap.Error(*failed))
		return s.abort(ctx)
	}
	offsets := make(map[topicPartition]int64)
	for at, p := range s.parts {
		if p.next > p.committed {
			offsets[at] = p.next
		}
	}
	committed, err := s.kafka.End(kgo.PreTxnCommitFnContext(ctx, func(r *kmsg.TxnOffsetCommitRequest) error {
		setOffsets(r, offsets)
		return nil
	}), kgo.TryCommit)
	s.inTxn.Store(false)
	if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	if !committed {
		s.observer.Aborted()
		return s.restore(ctx)
	}
	for at, offset := range offsets {
		s.parts[at].committed = offset
	}
	s.committedAt = s.now()
	s.observer.Committed(int(s.decided.Swap(0)), s.committedAt.Sub(began))
	return nil
}

// setOffsets makes the request commit these offsets instead of everything that was polled: records that wait have been polled too.
func setOffsets(r *kmsg.TxnOffsetCommitRequest, offsets map[topicPartition]int64) {
	ids := make(map[string][16]byte)
	for _, t := range r.Topics {
		ids[t.Topic] = t.TopicID
	}
	r.Topics = r.Topics[:0]
	topics := make(map[string]int)
	for at, offset := range offsets {
		i, ok := topics[at.topic]
		if !ok {
			t := kmsg.NewTxnOffsetCommitRequestTopic()
			t.Topic, t.TopicID = at.topic, ids[at.topic]
			i = len(r.Topics)
			topics[at.topic] = i
			r.Topics = append(r.Topics, t)
		}
		p := kmsg.NewTxnOffsetCommitRequestTopicPartition()
		p.Partition, p.Offset, p.LeaderEpoch = at.partition, offset, -1
		r.Topics[i].Partitions = append(r.Topics[i].Partitions, p)
	}
}

// abort gives the transaction up and goes back to what was committed.
func (s *session) abort(ctx context.Context) error {
	s.inTxn.Store(false)
	if _, err := s.kafka.End(ctx, kgo.TryAbort); err != nil {
		return fmt.Errorf("abort: %w", err)
	}
	s.observer.Aborted()
	return s.restore(ctx)
}

// restore sets every partition back to its committed offset, and the pending changes to what the pending topic has.
func (s *session) restore(ctx context.Context) error {
	s.failure.Store(nil)
	s.decided.Store(0)
	back := make(map[string]map[int32]kgo.EpochOffset)
	for at, p := range s.parts {
		p.rewind()
		if back[at.topic] == nil {
			back[at.topic] = make(map[int32]kgo.EpochOffset)
		}
		back[at.topic][at.partition] = kgo.EpochOffset{Epoch: -1, Offset: s.rewound(at.topic, p.committed)}
	}
	s.kafka.Client().SetOffsets(back)
	clear(s.recheck)
	s.pending.drop(func(*pendingChange) bool { return true }, s.contexts.window)
	return s.loadPending(ctx, func(origin topicPartition) bool { return s.assigned[origin] })
}

// begin makes sure that there is a transaction to produce into. Several workers may call it.
func (s *session) begin() error {
	if s.inTxn.Load() {
		return nil
	}
	s.txn.Lock()
	defer s.txn.Unlock()
	if s.inTxn.Load() {
		return nil
	}
	if err := s.kafka.Begin(); err != nil {
		return fmt.Errorf("begin a transaction: %w", err)
	}
	s.txnSince = s.now()
	s.inTxn.Store(true)
	return nil
}

// pause stops the fetching of partitions that hold their share of the buffer, and lets it go on when half of it is free again.
func (s *session) pause() {
	if len(s.parts) == 0 {
		return
	}
	maxBytes := max(s.config.Limits.BufferBytes/len(s.parts), 1)
	maxRecords := max(s.config.Limits.BufferRecords/len(s.parts), 1)
	stop, goOn := make(map[string][]int32), make(map[string][]int32)
	for at, p := range s.parts {
		switch {
		case p.followed: // nothing of it is fetched
		case !p.paused && (p.bytes >= maxBytes || p.len() >= maxRecords):
			p.paused = true
			stop[at.topic] = append(stop[at.topic], at.partition)
		case p.paused && p.bytes <= maxBytes/2 && p.len() <= maxRecords/2:
			p.paused = false
			goOn[at.topic] = append(goOn[at.topic], at.partition)
		}
	}
	if len(stop) > 0 {
		s.kafka.Client().PauseFetchPartitions(stop)
	}
	if len(goOn) > 0 {
		s.kafka.Client().ResumeFetchPartitions(goOn)
	}
}

// moveHorizon tells the context reader how far back contexts are still needed, and whether somebody waits for more of them.
func (s *session) moveHorizon() {
	now := s.now().UnixMilli()
	if now-s.delaysAt > s.policy.Lookback {
		s.delays[0], s.delays[1], s.delaysAt = 0, s.delays[0], now
	}
	position, backlog := int64(never), false
	for _, p := range s.parts {
		if p.role == roleChange {
			position = max(position, p.facts.RecordTime)
			backlog = backlog || p.len() > 0 || p.next < p.end
		}
		if p.decoded {
			s.delays[0] = max(s.delays[0], p.facts.RecordTime-min(p.facts.RecordTime, p.facts.CommitTime))
		}
	}
	// A change that comes now may have been committed as long ago as others lately.
	horizon := now - s.policy.Lookback - max(s.delays[0], s.delays[1])
	needed := int64(never)
	if len(s.recheck) > 0 {
		needed = now
	}
	if s.pendingFrom < math.MaxInt64 {
		horizon = min(horizon, s.pendingFrom+s.policy.Grace)
	}
	behind := s.awaited && s.now().Sub(s.assignedAt) < fetchPatience
	for _, p := range s.parts {
		switch {
		case p.role != roleChange:
		case p.len() > 0 && p.decoded:
			needed = max(needed, p.facts.RecordTime+s.policy.Grace)
			horizon = min(horizon, p.facts.from(s.policy))
		case p.next < p.end:
			horizon = min(horizon, p.lastFrom)
			behind = behind || now-p.polledAt < fetchPatience.Milliseconds()
		}
	}
	if behind || s.cut.Load() {
		needed = never // those that were not looked at come first: room for the others' contexts would be made at their cost
	}
	s.horizon.Store(horizon - coverSlack)
	if !backlog || position == 0 { // nothing was decoded yet
		position = never
	}
	s.position.Store(position)
	s.contexts.mu.Lock()
	s.contexts.needed = needed
	s.contexts.mu.Unlock()
}

// fetchPatience is how long partitions that are ahead wait for the records of one that is behind, before the window gives up contexts that those may
// need: a partition that cannot be fetched must not stop the others for ever.
const fetchPatience = 30 * time.Second

// coverSlack is how much more than what is needed the context reader covers, in milliseconds, so that changes of about the same
// time don't make it start again for each.
const coverSlack = 60_000

// report hands the gauges out, a few times a second.
func (s *session) report() {
	now := s.now()
	if now.Sub(s.lastState) < 200*time.Millisecond {
		return
	}
	s.lastState = now
	state := State{Partitions: len(s.parts), Pending: s.pending.len()}
	for _, p := range s.parts {
		state.Undecided += p.len()
		state.UndecidedBytes += p.bytes
		state.Lag += max(p.end-p.next, 0)
		if p.paused {
			state.PausedPartitions++
		}
		if p.len() > 0 {
			state.OldestUndecided = max(state.OldestUndecided, now.Sub(p.queue[p.head].Timestamp))
		}
	}
	s.contexts.mu.RLock()
	state.Contexts, state.ContextBytes, state.ContextsEvicted = s.contexts.window.Len(), s.contexts.window.Bytes(), s.contexts.window.Evicted()
	if past := s.contexts.readPast(0); past > never && past < math.MaxInt64 {
		state.ContextsReadUntil = time.UnixMilli(past)
	}
	s.contexts.mu.RUnlock()
	s.state.Store(&state)
	member, _ := s.kafka.Client().GroupMetadata()
	s.ready.Store(member != "" && state.OldestUndecided < max(2*s.config.Context.Grace, 10*time.Second) && state.Lag < readyLag)
	s.observer.State(state)
}
