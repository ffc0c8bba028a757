package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"dossier/schema"
)

// patienceAfterLoad is how long the last change may take to come out.
const patienceAfterLoad = time.Minute

// watcher reads what comes out, and notes when.
type watcher struct {
	marks   *marks
	changes *kgo.Client // reads the change topic
	audit   *kgo.Client // reads the audit topic
	search  *searcher
	working sync.WaitGroup
	left    [2]atomic.Int64 // changes that were not seen yet, by place
	event   schema.AuditEvent
}

// watch begins to read, at the topics' ends. What goes wrong is told to fail.
func (p *pipeline) watch(ctx context.Context, m *marks, fail context.CancelCauseFunc) (*watcher, error) {
	w := &watcher{marks: m, search: newSearcher(p, m)}
	for i := range w.left {
		w.left[i].Store(int64(len(m.changes)))
	}
	for _, c := range []struct {
		client **kgo.Client
		topic  string
		take   func(*kgo.Record, int64) error
	}{{&w.changes, p.changeTopic(), w.takeChange}, {&w.audit, p.auditTopic(), w.takeAudit}} {
		client, err := p.fromTheEnd(ctx, c.topic)
		if err != nil {
			w.close()
			return nil, err
		}
		*c.client = client
		w.working.Go(func() {
			if err := follow(ctx, client, c.take); err != nil {
				fail(err)
			}
		})
	}
	w.working.Go(func() {
		if err := w.search.run(ctx); err != nil && ctx.Err() == nil {
			fail(err)
		}
	})
	return w, nil
}

// fromTheEnd returns a reader of what is written from now on to a topic, and committed.
func (p *pipeline) fromTheEnd(ctx context.Context, topic string) (*kgo.Client, error) {
	ends, err := kadm.NewClient(p.kafka).ListEndOffsets(ctx, topic)
	if err := errors.Join(err, ends.Error()); err != nil {
		return nil, fmt.Errorf("the end of %s: %w", topic, err)
	}
	return kgo.NewClient(kgo.SeedBrokers(p.servers.KafkaBrokers()...), kgo.ConsumePartitions(ends.KOffsets()), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
}

// follow hands records on, with the time at which they could be read.
func follow(ctx context.Context, client *kgo.Client, take func(r *kgo.Record, now int64) error) error {
	for ctx.Err() == nil {
		fetches := client.PollFetches(ctx)
		now := time.Now().UnixNano()
		if err := fetches.Err(); err != nil && !errors.Is(err, context.Canceled) {
			return err
		}
		var failed error
		fetches.EachRecord(func(r *kgo.Record) {
			if failed == nil {
				failed = take(r, now)
			}
		})
		if failed != nil {
			return failed
		}
	}
	return nil
}

var serialMember = []byte(`"serial":`)

// takeChange notes a record of the change topic. It is not parsed: two processors' worth of work must not be in the way of what is measured.
func (w *watcher) takeChange(r *kgo.Record, now int64) error {
	at := bytes.LastIndex(r.Value, serialMember)
	if at < 0 {
		return fmt.Errorf("no change of this load in the change topic: %.200s", r.Value)
	}
	digits := r.Value[at+len(serialMember):]
	end := 0
	for end < len(digits) && digits[end] >= '0' && digits[end] <= '9' {
		end++
	}
	serial, err := strconv.Atoi(string(digits[:end]))
	if err != nil || serial >= len(w.marks.changes) {
		return fmt.Errorf("no change of this load in the change topic: %.200s", r.Value)
	}
	w.see(serial, atTopic)
	w.marks.changes[serial].sent, w.marks.changes[serial].topic = r.Timestamp.UnixNano(), now
	return nil
}

// takeAudit notes an audit event and compares it with what the load did.
func (w *watcher) takeAudit(r *kgo.Record, now int64) error {
	e := &w.event
	if err := schema.ParseAuditEvent(r.Value, e); err != nil {
		return err
	}
	if e.Kind != schema.KindChange || len(e.Changes) != 1 || e.Changes[0].Field != "serial" {
		return fmt.Errorf("no change of this load in the audit topic: %.300s", r.Value)
	}
	serial, err := strconv.Atoi(string(e.Changes[0].Current.JSON))
	if err != nil || serial < 0 || serial >= len(w.marks.changes) {
		return fmt.Errorf("no change of this load in the audit topic: %.300s", r.Value)
	}
	c := &w.marks.changes[serial]
	w.see(serial, atAudit)
	c.audit, c.produced, c.captured = now, r.Timestamp.UnixNano(), e.Captured.UnixNano()
	c.wrong = w.wrong(serial, e)
	if serial%(w.marks.perTx*w.search.every) == 0 {
		w.search.add(serial, e.ID)
	}
	return nil
}

// see counts, and only the first time reduces what is left.
func (w *watcher) see(serial, place int) {
	times := &w.marks.changes[serial].times[place]
	if *times == 0 {
		w.left[place].Add(-1)
	}
	*times++
}

// wrong says how an audit event differs from what the load did.
func (w *watcher) wrong(serial int, e *schema.AuditEvent) error {
	previous := serial - latencyRows
	if previous < 0 {
		previous = -1
	}
	n := serial / w.marks.perTx
	want := loadContext(n)
	switch {
	case e.Entity.ID != strconv.Itoa(serial%latencyRows):
		return fmt.Errorf("it is of row %s", e.Entity.ID)
	case string(e.Changes[0].Previous.JSON) != strconv.Itoa(previous):
		return fmt.Errorf("the previous value is %s", e.Changes[0].Previous.JSON)
	case e.Context == nil || e.Context.Status != schema.StatusAttached || e.Context.User.ID != want.User.ID || e.Context.CorrelationID != want.CorrelationID:
		return fmt.Errorf("it is not by %s: %+v", want.User.ID, e.Context)
	}
	return nil
}

// wait returns when everything has come out.
func (w *watcher) wait(ctx context.Context) error {
	deadline := time.Now().Add(patienceAfterLoad)
	for {
		topic, audit, search := w.left[atTopic].Load(), w.left[atAudit].Load(), w.search.left()
		if topic == 0 && audit == 0 && search == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("after %v, %d changes are not in the change topic, %d not in the audit topic, %d samples not searchable", patienceAfterLoad, topic, audit, search)
		}
		if err := sleepUntil(ctx, time.Now().Add(50*time.Millisecond)); err != nil {
			return err
		}
	}
}

// close ends the reading; the context has ended, or ends with the clients.
func (w *watcher) close() {
	for _, c := range []*kgo.Client{w.changes, w.audit} {
		if c != nil {
			c.Close()
		}
	}
	w.working.Wait()
}
