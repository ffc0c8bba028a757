package processor

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"

	"dossier/schema"
)

// Policy is what the configuration says about the join. Durations are in milliseconds, as record times are.
type Policy struct {
	// Grace is how long after a change's record time a context may still arrive to be attached to it.
	Grace int64
	// Lookback is how much older than the change a context may be, and how much later it may still complete the change by an
	// attribution.
	Lookback int64
	// Topic says whether contexts may come by the request-context topic.
	Topic bool
}

// Facts are what the join must know of a change. Times are Unix milliseconds.
type Facts struct {
	Source     uint16 // index of the source
	TxID       uint64
	HasTx      bool
	LSN        uint64
	Order      uint64 // total order in the transaction, which breaks ties of LSN
	RecordTime int64  // the record's own time
	CommitTime int64
	Columns    *schema.Context // what the row's own columns tell; nil without
}

// from is the time of the oldest context that may belong to the change. A record on the request-context topic is as old as
// the commit, however late the connector published it; contexts in the transaction come with the change.
func (f *Facts) from(p Policy) int64 {
	if p.Topic {
		return min(f.RecordTime, f.CommitTime) - p.Lookback
	}
	return f.RecordTime - p.Lookback
}

// Decision is the outcome of the join for one change.
type Decision struct {
	// Decided is false as long as a context that would change the outcome may be unread; WaitFor is then the time that the context
	// streams must have been read past, unless the transaction's END settles it earlier.
	Decided bool
	WaitFor int64
	// Open says that a later context could still tell who it was: remember the change for an attribution.
	Open bool

	context *schema.EventContext
	// Where one message is the whole context, ref names its window entry, and it is not unpacked yet: the changes of a transaction share it.
	ref    entryRef
	window *Window
}

// Context returns the context of a decided change. It must be called before the window changes.
func (d *Decision) Context() *schema.EventContext {
	if d.context == nil && d.ref != 0 {
		var m merger
		m.add(schema.RouteMessage, unpackContext(d.window.Payload(d.ref)))
		d.context = m.result()
	}
	return d.context
}

// Joiner decides what the contexts of changes are, given the contexts in a window. Its answers depend on nothing else; it keeps
// the last transaction's contexts at hand, because its changes come together. Not safe for concurrent use.
type Joiner struct {
	Window *Window
	Policy Policy
	tx     txContexts
}

// Decide says what the context of a change is, given the time up to which every context stream has been read. Only
// records' own times decide, so the same logs give the same decisions however fast they are read:
//
//   - Contexts of the change's own transaction (messages, context rows) count up to RecordTime + Grace. They are known to be whole when
//     the counts of the END record are met, if the transaction began once, or when the streams have been read past that time.
//   - Records of the request-context topic count up to RecordTime where the transaction itself says who it was; else up to the first
//     one that is found, and the change waits for it until RecordTime + Grace.
//
// No moment of decision depends on a clock of ours, and no decision waits once the streams have been read past that time.
func (j *Joiner) Decide(f *Facts, readPast int64) Decision {
	from, until := f.from(j.Policy), f.RecordTime+j.Policy.Grace
	tx := j.contextsOfTx(f, from, until)
	if !tx.complete && readPast < until {
		return Decision{WaitFor: until}
	}
	message := tx.message(f)
	if message != nil && tx.complete && !j.Policy.Topic && f.Columns == nil && len(tx.rows) == 0 {
		return Decision{Decided: true, ref: message.ref, window: j.Window}
	}

	var m merger
	if message != nil {
		m.add(schema.RouteMessage, j.unpack(message.ref))
	}
	m.add(schema.RouteTable, j.unpackAll(tx.rows)...)
	if j.Policy.Topic {
		cut, wait := topicCut(j.Window, f, &m.context.Context, from, until, readPast)
		if wait {
			return Decision{WaitFor: cut}
		}
		m.add(schema.RouteTopic, topicContexts(j.Window, f, &m.context.Context, from, cut)...)
	}
	if f.Columns != nil {
		m.add(schema.RouteColumns, f.Columns)
	}
	context := m.result()
	open := context.User.IsZero() && context.Status != schema.StatusAmbiguous && (j.Policy.Topic || !tx.complete)
	return Decision{Decided: true, context: context, Open: open}
}

// lastLate is the time of the last context that may still complete the change.
func (f *Facts) lastLate(p Policy) int64 { return f.RecordTime + p.Grace + p.Lookback }

// DecideLate says what a context that came too late for Decide tells of a change that was left open with the known
// context. Nothing has come while both results are zero; the outcome is certain once the streams have been read past waitFor.
func (j *Joiner) DecideLate(f *Facts, known *schema.EventContext, readPast int64) (late *schema.EventContext, waitFor int64) {
	from, after, until := f.from(j.Policy), f.RecordTime+j.Policy.Grace, f.lastLate(j.Policy)
	first := int64(-1)
	// Only a context that says who it was completes the change: another one would use up its attribution.
	note := func(t int64, payload []byte) {
		if t > after && t <= until && (first < 0 || t < first) && !unpackContext(payload).User.IsZero() {
			first = t
		}
	}
	tx := j.contextsOfTx(f, after+1, until)
	for _, list := range [...][]txContext{tx.messages, tx.rows} {
		for _, c := range list {
			note(c.time, j.Window.Payload(c.ref))
		}
	}
	if j.Policy.Topic {
		eachTopic(j.Window, f, &known.Context, from, until, note)
	}
	if first < 0 {
		return nil, 0
	}
	if readPast < first {
		return nil, first
	}
	m := merger{context: *known}
	m.context.Status, m.context.Candidates = "", nil
	tx = j.contextsOfTx(f, after+1, first)
	if message := tx.message(f); message != nil {
		m.add(schema.RouteMessage, j.unpack(message.ref))
	}
	m.add(schema.RouteTable, j.unpackAll(tx.rows)...)
	if j.Policy.Topic {
		m.add(schema.RouteTopic, topicContexts(j.Window, f, &known.Context, after+1, first)...)
	}
	context := m.result()
	if context.Status == schema.StatusAttached {
		context.Status = schema.StatusLate
	}
	return context, 0
}

// txContexts are the contexts that stand in one transaction, in its order.
type txContexts struct {
	messages, rows []txContext
	complete       bool // no further one can exist

	key              uint64
	state            uint64 // of the window under the key when they were gathered; 0: nothing gathered
	oldest           uint64 // of the window's segments then: with an older one, contexts may have gone
	earliest, latest int64  // the times of all entries under the key
}

type txContext struct {
	lsn, order uint64
	time       int64
	ref        entryRef
}

// contextsOfTx returns the contexts in the change's own transaction whose records are from the given time.
func (j *Joiner) contextsOfTx(f *Facts, from, until int64) *txContexts {
	tx := &j.tx
	if !f.HasTx {
		*tx = txContexts{messages: tx.messages[:0], rows: tx.rows[:0], complete: true}
		return tx
	}
	key := txHash(f.Source, f.TxID)
	state := j.Window.state(key)
	if state != 0 && state == tx.state && key == tx.key && j.Window.firstSeq == tx.oldest && tx.earliest >= from && tx.latest <= until {
		return tx
	}
	*tx = txContexts{messages: tx.messages[:0], rows: tx.rows[:0], key: key, state: state, oldest: j.Window.firstSeq, earliest: math.MaxInt64, latest: math.MinInt64}
	begins, ended, wantMessages, wantRows := 0, false, 0, 0
	messages, contextRows := 0, 0
	j.Window.each(key, func(e windowEntry) bool {
		tx.earliest, tx.latest = min(tx.earliest, e.time), max(tx.latest, e.time)
		if e.time < from || e.time > until {
			return true
		}
		switch e.kind {
		case entryBegin:
			begins++
		case entryEnd:
			ended, wantMessages, wantRows = true, max(wantMessages, e.end.Messages), max(wantRows, e.end.Rows)
		case entryMessage:
			messages++
			if e.understood {
				tx.messages = append(tx.messages, txContext{e.lsn, e.order, e.time, e.ref})
			}
		case entryRow:
			contextRows++
			if e.understood {
				tx.rows = append(tx.rows, txContext{e.lsn, e.order, e.time, e.ref})
			}
		}
		return true
	})
	if len(tx.messages) > 1 {
		slices.SortFunc(tx.messages, comparePlaces)
	}
	if len(tx.rows) > 1 {
		slices.SortFunc(tx.rows, comparePlaces)
	}
	// After a restart within the transaction BEGIN comes again, and END counts only what came from there on: it proves nothing then.
	tx.complete = begins == 1 && ended && messages >= wantMessages && contextRows >= wantRows
	return tx
}

func comparePlaces(a, b txContext) int {
	return cmp.Or(cmp.Compare(a.lsn, b.lsn), cmp.Compare(a.order, b.order))
}

// message returns the message that holds for the change: the last one before it, or the first of all; nil without any.
func (tx *txContexts) message(f *Facts) *txContext {
	if len(tx.messages) == 0 {
		return nil
	}
	after, _ := slices.BinarySearchFunc(tx.messages, f, func(m txContext, f *Facts) int {
		if m.lsn > f.LSN || m.lsn == f.LSN && m.order > f.Order {
			return 1
		}
		return -1
	})
	return &tx.messages[max(after-1, 0)]
}

func (j *Joiner) unpack(ref entryRef) *schema.Context { return unpackContext(j.Window.Payload(ref)) }

func (j *Joiner) unpackAll(contexts []txContext) []*schema.Context {
	if len(contexts) == 0 {
		return nil
	}
	unpacked := make([]*schema.Context, len(contexts))
	for i, c := range contexts {
		unpacked[i] = j.unpack(c.ref)
	}
	return unpacked
}

// topicCut returns the time up to which records of the request-context topic count for the change, and whether the
// streams must first be read past it.
func topicCut(w *Window, f *Facts, base *schema.Context, from, until, readPast int64) (cut int64, wait bool) {
	if !base.User.IsZero() {
		return f.RecordTime, readPast < f.RecordTime
	}
	first := int64(-1)
	eachTopic(w, f, base, from, until, func(t int64, _ []byte) {
		if first < 0 || t < first {
			first = t
		}
	})
	if first < 0 {
		return until, readPast < until
	}
	cut = max(f.RecordTime, first)
	return cut, readPast < cut
}

func topicContexts(w *Window, f *Facts, base *schema.Context, from, until int64) []*schema.Context {
	type timed struct {
		time    int64
		payload []byte
	}
	var found []timed
	eachTopic(w, f, base, from, until, func(t int64, payload []byte) { found = append(found, timed{t, payload}) })
	slices.SortStableFunc(found, func(a, b timed) int {
		return cmp.Or(cmp.Compare(a.time, b.time), slices.Compare(a.payload, b.payload))
	})
	contexts := make([]*schema.Context, len(found))
	for i, t := range found {
		contexts[i] = unpackContext(t.payload)
	}
	return contexts
}

// eachTopic calls f for every record of the request-context topic that names the change's transaction or one of its
// correlation ids.
func eachTopic(w *Window, f *Facts, base *schema.Context, from, until int64, found func(time int64, payload []byte)) {
	visit := func(key uint64, correlationID string) {
		w.each(key, func(e windowEntry) bool {
			if e.kind == entryTopic && e.time >= from && e.time <= until {
				if id, context := splitTopicPayload(w.Payload(e.ref)); correlationID == "" || id == correlationID {
					found(e.time, context)
				}
			}
			return true
		})
	}
	if f.HasTx && f.TxID < 1<<32 {
		visit(topicTxHash(f.Source, f.TxID), "")
	}
	var ids [4]string
	n := 0
	for _, id := range [...]string{base.CorrelationID, base.RequestID, columnOf(f, true), columnOf(f, false)} {
		if id != "" && !slices.Contains(ids[:n], id) {
			ids[n] = id
			n++
			visit(w.correlationHash(id), id)
		}
	}
}

func columnOf(f *Facts, correlation bool) string {
	if f.Columns == nil {
		return ""
	}
	if correlation {
		return f.Columns.CorrelationID
	}
	return f.Columns.RequestID
}

// A topic entry's payload is its correlation id, length first, and the context: a hash alone must not join two requests. The context is to be appended.
func topicPayload(correlationID string) []byte {
	return appendPacked(nil, correlationID)
}

func splitTopicPayload(payload []byte) (correlationID string, context []byte) {
	n, k := binary.Uvarint(payload)
	return string(payload[k : k+int(n)]), payload[k+int(n):]
}
