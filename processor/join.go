package processor

import (
	"cmp"
	"encoding/binary"
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
	// Context is set when decided, and shared where cacheKey is: do not change it.
	Context *schema.EventContext
	// Open says that a later context could still tell who it was: remember the change for an attribution.
	Open bool
	// cacheKey, if not 0, names the one window entry that the whole context comes from.
	cacheKey entryRef
}

// Decide says what the context of a change is, given the contexts in the window and the time up to which every context
// stream has been read. Only records' own times decide, so the same logs give the same decisions however fast they are read:
//
//   - Contexts of the change's own transaction (messages, context rows) count up to RecordTime + Grace. They are known to be whole when
//     the END record's counts are met, or when the streams have been read past that time.
//   - Records of the request-context topic count up to RecordTime where the transaction itself says who it was; else up to the first
//     one that is found, and the change waits for it until RecordTime + Grace.
//
// No moment of decision depends on a clock of ours, and no decision waits once the streams have been read past that time.
func Decide(f *Facts, w *Window, readPast int64, p Policy) Decision {
	from, until := f.from(p), f.RecordTime+p.Grace
	tx := contextsOfTx(w, f, from, until)
	timedOut := readPast >= until
	if !tx.complete && !timedOut {
		return Decision{WaitFor: until}
	}
	message, ref := tx.message(f)
	if !p.Topic && f.Columns == nil && len(tx.rows) == 0 && message != nil {
		return Decision{Decided: true, Open: !tx.complete && message.User.IsZero(), cacheKey: ref, Context: single(schema.RouteMessage, message)}
	}

	var m merger
	if message != nil {
		m.add(schema.RouteMessage, message)
	}
	m.add(schema.RouteTable, tx.rows...)
	if p.Topic {
		cut, wait := topicCut(w, f, &m.context.Context, from, until, readPast)
		if wait {
			return Decision{WaitFor: cut}
		}
		m.add(schema.RouteTopic, topicContexts(w, f, &m.context.Context, from, cut)...)
	}
	if f.Columns != nil {
		m.add(schema.RouteColumns, f.Columns)
	}
	context := m.result()
	open := context.User.IsZero() && context.Status != schema.StatusAmbiguous && (p.Topic || !tx.complete)
	return Decision{Decided: true, Context: context, Open: open}
}

// lastLate is the time of the last context that may still complete the change.
func (f *Facts) lastLate(p Policy) int64 { return f.RecordTime + p.Grace + p.Lookback }

// DecideLate says what a context that came too late for Decide tells of a change that was left open with the known
// context. Nothing has come while both results are zero; the outcome is certain once the streams have been read past waitFor.
func DecideLate(f *Facts, known *schema.EventContext, w *Window, readPast int64, p Policy) (late *schema.EventContext, waitFor int64) {
	from, after, until := f.from(p), f.RecordTime+p.Grace, f.lastLate(p)
	first := int64(-1)
	note := func(t int64) {
		if t > after && t <= until && (first < 0 || t < first) {
			first = t
		}
	}
	for _, t := range contextsOfTx(w, f, after+1, until).times {
		note(t)
	}
	if p.Topic {
		eachTopic(w, f, &known.Context, from, until, func(t int64, _ []byte) { note(t) })
	}
	if first < 0 {
		return nil, 0
	}
	if readPast < first {
		return nil, first
	}
	m := merger{context: *known}
	m.context.Status, m.context.Candidates = "", nil
	tx := contextsOfTx(w, f, after+1, first)
	if message, _ := tx.message(f); message != nil {
		m.add(schema.RouteMessage, message)
	}
	m.add(schema.RouteTable, tx.rows...)
	if p.Topic {
		m.add(schema.RouteTopic, topicContexts(w, f, &known.Context, after+1, first)...)
	}
	context := m.result()
	if context.Status == schema.StatusAttached {
		context.Status = schema.StatusLate
	}
	return context, 0
}

func single(route schema.Route, c *schema.Context) *schema.EventContext {
	var m merger
	m.add(route, c)
	return m.result()
}

// txContexts are the contexts that stand in the change's own transaction.
type txContexts struct {
	messages []txMessage
	rows     []*schema.Context
	times    []int64
	complete bool // no further one can exist
}

type txMessage struct {
	lsn, order uint64
	ref        entryRef
	payload    []byte
}

func contextsOfTx(w *Window, f *Facts, from, until int64) txContexts {
	var tx txContexts
	if !f.HasTx {
		tx.complete = true
		return tx
	}
	var rows []txMessage
	ended, wantMessages, wantRows := false, uint64(0), uint64(0)
	messages, contextRows := uint64(0), uint64(0)
	w.each(txHash(f.Source, f.TxID), func(ref entryRef, e *windowEntry, payload []byte) bool {
		if e.time < from || e.time > until {
			return true
		}
		switch e.kind {
		case entryEnd:
			// After a connector's restart within the transaction END comes again and counts from there: the first counts all.
			ended, wantMessages, wantRows = true, max(wantMessages, e.lsn), max(wantRows, e.order)
			return true
		case entryMessage:
			messages++
			if len(payload) > 0 {
				tx.messages = append(tx.messages, txMessage{e.lsn, e.order, ref, payload})
			}
		case entryRow:
			contextRows++
			if len(payload) > 0 {
				rows = append(rows, txMessage{e.lsn, e.order, ref, payload})
			}
		}
		if len(payload) > 0 {
			tx.times = append(tx.times, e.time)
		}
		return true
	})
	byPosition := func(a, b txMessage) int { return cmp.Or(cmp.Compare(a.lsn, b.lsn), cmp.Compare(a.order, b.order)) }
	slices.SortFunc(tx.messages, byPosition)
	slices.SortFunc(rows, byPosition)
	for _, r := range rows {
		tx.rows = append(tx.rows, mustParse(r.payload))
	}
	tx.complete = ended && messages >= wantMessages && contextRows >= wantRows
	return tx
}

// message returns the message that holds for the change: the last one before it, or the first of all.
func (tx *txContexts) message(f *Facts) (*schema.Context, entryRef) {
	if len(tx.messages) == 0 {
		return nil, 0
	}
	chosen := tx.messages[0]
	for _, m := range tx.messages[1:] {
		if m.lsn > f.LSN || m.lsn == f.LSN && m.order > f.Order {
			break
		}
		chosen = m
	}
	return mustParse(chosen.payload), chosen.ref
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
		contexts[i] = mustParse(t.payload)
	}
	return contexts
}

// eachTopic calls f for every record of the request-context topic that names the change's transaction or one of its
// correlation ids.
func eachTopic(w *Window, f *Facts, base *schema.Context, from, until int64, found func(time int64, payload []byte)) {
	visit := func(key uint64, correlationID string) {
		w.each(key, func(_ entryRef, e *windowEntry, payload []byte) bool {
			id, context := splitTopicPayload(payload)
			if e.kind == entryTopic && e.time >= from && e.time <= until && (correlationID == "" || id == correlationID) {
				found(e.time, context)
			}
			return true
		})
	}
	if f.HasTx {
		visit(txHash(anySource, f.TxID), "")
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

// A topic entry's payload is its correlation id, length first, and the context: a hash alone must not join two requests.
func topicPayload(correlationID string, context []byte) []byte {
	b := binary.AppendUvarint(nil, uint64(len(correlationID)))
	b = append(b, correlationID...)
	return append(b, context...)
}

func splitTopicPayload(payload []byte) (correlationID string, context []byte) {
	n, k := binary.Uvarint(payload)
	return string(payload[k : k+int(n)]), payload[k+int(n):]
}

// mustParse parses a payload that was parsed before it was put into the window.
func mustParse(payload []byte) *schema.Context {
	c, err := schema.ParseContext(payload)
	if err != nil {
		panic("a context in the window does not parse: " + err.Error())
	}
	return &c
}
