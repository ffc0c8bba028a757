package processor

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"

	"dossier/internal/deadletter"
	"dossier/schema"
)

// decide decides the partition's first change and produces its audit event; done is false when it has to wait.
func (s *session) decide(ctx context.Context, p *partition) (done bool, err error) {
	if !p.decoded {
		if done, err := s.prepare(ctx, p); done || err != nil || !p.decoded {
			return done, err
		}
	}
	if p.event.Action == schema.ActionSnapshot {
		s.observer.Snapshot(p.source.Name)
		_, done, err := s.publish(ctx, p, nil)
		return done, err
	}
	from := p.facts.from(s.policy)
	if !s.contexts.require(from - coverSlack) {
		return false, nil
	}
	decision, rendered := s.join(p)
	if !decision.Decided {
		return false, nil
	}
	p.lastFrom = from
	p.event.Context, p.event.VersionName = rendered.context, cmp.Or(p.named, rendered.context.VersionName)
	dead, done, err := s.publish(ctx, p, rendered.text)
	if err != nil || !done {
		return false, err
	}
	s.observer.Decided(p.source.Name, rendered.context.Status, p.now.Sub(p.change.CommitTime))
	if decision.Open && !dead {
		return true, s.await(p)
	}
	return true, nil
}

// join decides the first change's context and renders it, unless the transaction's other changes had it rendered.
func (s *session) join(p *partition) (Decision, renderedContext) {
	s.contexts.mu.RLock()
	decision := p.joiner.Decide(&p.facts, s.contexts.readPast(p.polls[0].at))
	if !decision.Decided {
		s.contexts.mu.RUnlock()
		return decision, renderedContext{}
	}
	if decision.ref != 0 {
		if rendered, ok := s.rendered.get(decision.ref); ok {
			s.contexts.mu.RUnlock()
			return decision, rendered
		}
	}
	context := decision.Context()
	s.contexts.mu.RUnlock()
	context.UserAgent = s.userAgent(context.Context.UserAgent)
	rendered := s.render(context)
	if decision.ref != 0 {
		s.rendered.put(decision.ref, rendered)
	}
	return decision, rendered
}

// prepare decodes the first change and makes its audit event, but for the context. A record that needs no more than that is done.
func (s *session) prepare(ctx context.Context, p *partition) (done bool, err error) {
	err = p.decode(ctx, s.rules, p.now)
	switch dead, isDead := isDead(err); {
	case errors.Is(err, schema.ErrTombstone):
		return true, s.begin()
	case isDead:
		return s.deadLetter(ctx, p, "processor", dead.Reason, dead.Detail)
	case err != nil:
		return s.retryLater(p, err)
	}
	visible, err := p.materials.Materialize(&p.change, p.ordinal(), &p.event)
	if dead, ok := isDead(err); ok {
		p.decoded = false // there is no event: where the dead letter has to wait, this is to be found again
		return s.deadLetter(ctx, p, "processor", dead.Reason, dead.Detail)
	}
	p.named = p.event.VersionName
	for _, name := range s.rules.unmatched(&p.change) {
		s.log.Warn("the configuration names a field that the table does not have; if it was to be masked, its true name is not", zap.String("table", p.change.Schema+"."+p.change.Table), zap.String("field", name))
	}
	if !visible {
		s.observer.Invisible(p.source.Name)
		return true, s.begin()
	}
	return false, nil
}

// publish produces the partition's event; one that is larger than the audit topic takes becomes a dead letter.
func (s *session) publish(ctx context.Context, p *partition, context []byte) (dead, done bool, err error) {
	e := &p.event
	p.out = p.out.room()
	b := e.AppendKey(p.out.start())
	keyEnd := len(b)
	b = s.appendEvent(b, e, context)
	valueEnd := len(b)
	if size := valueEnd + recordOverhead; size > s.maxRecord {
		done, err = s.deadLetter(ctx, p, "processor", "audit_event_too_large",
			"the audit event has "+strconv.Itoa(size)+" bytes and the audit topic takes "+strconv.Itoa(s.maxRecord)+
				"; raise max.message.bytes of the topic and audit.max_record_bytes, or exclude a field")
		return true, done, err
	}
	b = append(b, e.ID...)
	p.out.keep(b)
	return false, true, s.produce(s.auditRecord(p.out.record(), e.Kind, b[valueEnd:len(b):len(b)], b[:keyEnd:keyEnd], b[keyEnd:valueEnd:valueEnd]))
}

// render encodes a context in the audit topic's format.
func (s *session) render(c *schema.EventContext) renderedContext {
	if s.config.Audit.Avro {
		return renderedContext{c, c.AppendAvro(make([]byte, 0, 256))}
	}
	return renderedContext{c, c.AppendJSON(make([]byte, 0, 256))}
}

// appendEvent appends the event in the audit topic's format, with its context already rendered; an event without one has none.
func (s *session) appendEvent(b []byte, e *schema.AuditEvent, context []byte) []byte {
	if !s.config.Audit.Avro {
		return e.AppendJSONWithContext(b, context)
	}
	// Confluent's wire format: a zero byte and the schema's id.
	b = binary.BigEndian.AppendUint32(append(b, 0), uint32(s.config.Audit.AvroSchemaID))
	return e.AppendAvroWithContext(b, context)
}

// auditRecord fills in a record, which has the place for its headers.
func (s *session) auditRecord(r *kgo.Record, kind schema.Kind, id, key, value []byte) *kgo.Record {
	r.Topic, r.Key, r.Value = s.config.Audit.Topic, key, value
	kindText := kindChange
	if kind != schema.KindChange {
		kindText = []byte(kind)
	}
	r.Headers[0] = kgo.RecordHeader{Key: schema.HeaderEventID, Value: id}
	r.Headers[1] = kgo.RecordHeader{Key: schema.HeaderKind, Value: kindText}
	r.Headers[2] = kgo.RecordHeader{Key: schema.HeaderSchemaVersion, Value: schemaVersion}
	return r
}

// Headers' values that are the same in all records.
var (
	kindChange    = []byte(schema.KindChange)
	schemaVersion = strconv.AppendInt(nil, schema.AuditSchemaVersion, 10)
)

// produce adds a record to the transaction. A record that cannot be produced fails the transaction.
func (s *session) produce(r *kgo.Record) error {
	if err := s.begin(); err != nil {
		return err
	}
	s.kafka.Produce(s.finish, r, s.promise)
	return nil
}

// produced notes a record that could not be produced, and lets go of the memory of one that was.
func (s *session) produced(r *kgo.Record, err error) {
	if err != nil {
		failed := err // a variable of its own: the parameter would be allocated for every record
		s.failure.CompareAndSwap(nil, &failed)
		return
	}
	if memory, ok := r.Context.(*slab); ok {
		memory.release()
	}
}

// deadLetter produces the partition's first record as a dead letter. One that is too large for the dead-letter topic stays where it is:
// nothing is dropped, and the partition waits until the topic takes it.
func (s *session) deadLetter(ctx context.Context, p *partition, stage, reason, detail string) (done bool, err error) {
	p.keep = true // the letter holds the record's own bytes
	rec := p.record()
	letter := deadletter.New(s.config.DeadLetterTopic, &rec, stage, reason, detail, s.now())
	if size := recordSize(letter); size > s.maxLetter {
		limit := s.maxLetter
		if configs, err := s.admin.DescribeTopicConfigs(ctx, s.config.DeadLetterTopic); err == nil {
			if now, err := largestRecord(configs, s.config.DeadLetterTopic, deadletter.MaxRecordBytes); err == nil && now > limit {
				return false, fmt.Errorf("%s takes larger records now", s.config.DeadLetterTopic) // the client learns it when we join again
			}
		}
		return s.retryLater(p, fmt.Errorf("dead letter of %s/%d at %d has about %d bytes, and %s takes %d; raise its max.message.bytes (%s: %s)",
			p.topic, p.partition, rec.Offset, size, s.config.DeadLetterTopic, limit, reason, detail))
	}
	s.observer.DeadLettered(rec.Topic, rec.Partition, rec.Offset, reason)
	return true, s.produce(letter)
}

// recordSize is at least what a record takes in a batch.
func recordSize(r *kgo.Record) int {
	size := len(r.Key) + len(r.Value) + recordOverhead
	for _, h := range r.Headers {
		size += len(h.Key) + len(h.Value) + 2*binary.MaxVarintLen32
	}
	return size
}

// await remembers a change that was published without a user, in case a context comes late.
func (s *session) await(p *partition) error {
	p.keep = true
	c := &pendingChange{origin: p.topicPartition, source: p.source.Name, facts: p.facts, known: *p.event.Context, event: attributionOf(&p.event, p.named)}
	value, err := encodePending(c)
	if err != nil {
		return err
	}
	s.pending.add(c, s.contexts.window)
	s.txn.Lock()
	s.recheck[c] = true
	s.txn.Unlock()
	return s.producePending(c.event.Attribution.EventID, value)
}

// producePending writes a pending change to the pending topic; without a value it deletes it there.
func (s *session) producePending(eventID string, value []byte) error {
	return s.produce(&kgo.Record{Topic: s.config.Audit.PendingTopic, Key: []byte(eventID), Value: value})
}

// expireRecords is how many pending changes are let go at once.
const expireRecords = 10_000

// attribute publishes what late contexts tell of pending changes, and lets go of those that none can complete any more.
func (s *session) attribute() error {
	// Read before the notes are taken: what came up to this time is among them.
	s.contexts.mu.RLock()
	past := s.contexts.readPast(0)
	s.contexts.mu.RUnlock()
	keys, all := s.contexts.takeAdded()
	for _, c := range s.pending.under(keys, all) {
		s.recheck[c] = true
	}
	for _, c := range sortedByPosition(s.recheck) {
		if !s.contexts.require(c.facts.RecordTime + s.policy.Grace - coverSlack) {
			continue
		}
		s.contexts.mu.RLock()
		late, waitFor := s.late.DecideLate(&c.facts, &c.known, s.contexts.readPast(0))
		s.contexts.mu.RUnlock()
		if waitFor == 0 {
			delete(s.recheck, c)
		}
		if late == nil {
			continue
		}
		late.UserAgent = s.userAgent(late.Context.UserAgent)
		event := c.event
		event.Context, event.VersionName = late, cmp.Or(event.VersionName, late.VersionName)
		value := s.appendEvent(nil, &event, s.render(late).text)
		if err := s.produce(s.auditRecord(&kgo.Record{Headers: make([]kgo.RecordHeader, slabHeaders)}, event.Kind, []byte(event.ID), event.AppendKey(nil), value)); err != nil {
			return err
		}
		if err := s.forget(c); err != nil {
			return err
		}
		s.observer.Attributed(c.source)
	}
	if s.now().Sub(s.expiredAt) < time.Second {
		return nil
	}
	s.expiredAt = s.now()
	s.pendingFrom = s.pending.oldest()
	for _, c := range s.pending.expire(past, s.policy, expireRecords) {
		if s.recheck[c] {
			continue // a context for it has come
		}
		if err := s.forget(c); err != nil {
			return err
		}
	}
	for _, id := range s.pending.takeExpired() {
		if err := s.producePending(id, nil); err != nil {
			return err
		}
	}
	return nil
}

// forget removes a pending change here and on the pending topic.
func (s *session) forget(c *pendingChange) error {
	delete(s.recheck, c)
	s.pending.forget(c, s.contexts.window)
	return s.producePending(c.event.Attribution.EventID, nil)
}

func sortedByPosition(set map[*pendingChange]bool) []*pendingChange {
	list := make([]*pendingChange, 0, len(set))
	for c := range set {
		list = append(list, c)
	}
	slices.SortFunc(list, comparePosition)
	return list
}
