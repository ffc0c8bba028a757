package processor

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"dossier/internal/topics"
	"dossier/schema"
)

// pendingChange is a change that was published without a user and that a late context may still complete.
type pendingChange struct {
	origin topicPartition
	source string
	facts  Facts
	known  schema.EventContext // what was published
	event  schema.AuditEvent   // the attribution event to be, but for its context: its version's name is the row's alone
}

// pendingStore keeps the pending changes of the assigned partitions, by the window's keys under which a context for them would come. The
// pending topic holds them across restarts and rebalances: a change is written to it in the transaction that publishes
// the change, and deleted in the one that publishes its attribution. Safe for concurrent use.
type pendingStore struct {
	limit int

	mu      sync.Mutex
	byID    map[string]*pendingChange
	byKey   map[uint64][]string
	order   []string // ids in the order in which they came, gone ones among them
	expired []string // pushed out by the limit, to be deleted from the topic
}

func newPendingStore(limit int) *pendingStore {
	return &pendingStore{limit: limit, byID: make(map[string]*pendingChange), byKey: make(map[uint64][]string)}
}

func (s *pendingStore) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.byID)
}

// keys returns the window's keys under which a context for the change would come.
func (c *pendingChange) keys(w *Window) []uint64 {
	var keys []uint64
	if c.facts.HasTx {
		keys = append(keys, txHash(c.facts.Source, c.facts.TxID), topicTxHash(c.facts.Source, c.facts.TxID))
	}
	for _, id := range [...]string{c.known.CorrelationID, c.known.RequestID, columnOf(&c.facts, true), columnOf(&c.facts, false)} {
		if id != "" {
			keys = append(keys, w.correlationHash(id))
		}
	}
	return keys
}

// add adds a change. At the limit the oldest one makes room: it stays as it was published.
func (s *pendingStore) add(c *pendingChange, w *Window) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := c.event.Attribution.EventID
	if s.byID[id] != nil {
		return
	}
	if len(s.byID) >= s.limit {
		oldest := s.first()
		s.remove(oldest, w)
		s.expired = append(s.expired, oldest)
	}
	s.byID[id] = c
	s.order = append(s.order, id)
	for _, key := range c.keys(w) {
		s.byKey[key] = append(s.byKey[key], id)
	}
}

// first returns the id that has been here longest. There is one.
func (s *pendingStore) first() string {
	for s.byID[s.order[0]] == nil {
		s.order = s.order[1:]
	}
	return s.order[0]
}

// expire returns the changes that no context can complete any more, at most so many, oldest first.
func (s *pendingStore) expire(readPast int64, p Policy, limit int) []*pendingChange {
	s.mu.Lock()
	defer s.mu.Unlock()
	var over []*pendingChange
	s.order = slices.DeleteFunc(s.order, func(id string) bool {
		c := s.byID[id]
		if c != nil && c.facts.lastLate(p) < readPast && len(over) < limit {
			over = append(over, c)
		}
		return c == nil
	})
	return over
}

// oldest returns the record time of the oldest change, math.MaxInt64 without any.
func (s *pendingStore) oldest() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	oldest := int64(math.MaxInt64)
	for _, c := range s.byID {
		oldest = min(oldest, c.facts.RecordTime)
	}
	return oldest
}

// forget removes a change: its attribution is published, or it has expired.
func (s *pendingStore) forget(c *pendingChange, w *Window) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(c.event.Attribution.EventID, w)
}

func (s *pendingStore) remove(id string, w *Window) {
	c := s.byID[id]
	if c == nil {
		return
	}
	delete(s.byID, id)
	for _, key := range c.keys(w) {
		ids := slices.DeleteFunc(s.byKey[key], func(other string) bool { return other == id })
		if len(ids) == 0 {
			delete(s.byKey, key)
		} else {
			s.byKey[key] = ids
		}
	}
}

// under returns the changes under the keys, or all of them, in a fixed order.
func (s *pendingStore) under(keys []uint64, all bool) []*pendingChange {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := make(map[string]*pendingChange)
	if all {
		for id, c := range s.byID {
			found[id] = c
		}
	}
	for _, key := range keys {
		for _, id := range s.byKey[key] {
			found[id] = s.byID[id]
		}
	}
	list := make([]*pendingChange, 0, len(found))
	for _, c := range found {
		list = append(list, c)
	}
	slices.SortFunc(list, comparePosition)
	return list
}

func comparePosition(a, b *pendingChange) int {
	return strings.Compare(a.event.CDC.Position, b.event.CDC.Position)
}

// drop removes the changes that a condition names, without a trace in the topic: they are another instance's now, or read again.
func (s *pendingStore) drop(which func(*pendingChange) bool, w *Window) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, c := range s.byID {
		if which(c) {
			s.remove(id, w)
		}
	}
}

func (s *pendingStore) takeExpired() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	expired := s.expired
	s.expired = nil
	return expired
}

// pendingRecord is a pending change on the pending topic, keyed by the change's event id.
type pendingRecord struct {
	Topic      string          `json:"topic"`
	Partition  int32           `json:"partition"`
	Source     string          `json:"source"`
	TxID       uint64          `json:"tx_id"`
	HasTx      bool            `json:"has_tx"`
	LSN        uint64          `json:"lsn"`
	Order      uint64          `json:"order"`
	RecordTime int64           `json:"record_time"`
	CommitTime int64           `json:"commit_time"`
	Columns    json.RawMessage `json:"columns,omitempty"`
	Named      string          `json:"named,omitempty"` // the version's name that the row gives
	Event      json.RawMessage `json:"event"`
}

func encodePending(c *pendingChange) ([]byte, error) {
	r := pendingRecord{
		Topic: c.origin.topic, Partition: c.origin.partition, Source: c.source,
		TxID: c.facts.TxID, HasTx: c.facts.HasTx, LSN: c.facts.LSN, Order: c.facts.Order, RecordTime: c.facts.RecordTime, CommitTime: c.facts.CommitTime,
		Named: c.event.VersionName,
	}
	if c.facts.Columns != nil {
		r.Columns = encodeContext(c.facts.Columns)
	}
	event := c.event
	event.Context, event.VersionName = &c.known, c.known.VersionName
	r.Event = event.AppendJSON(nil)
	return json.Marshal(r)
}

func decodePending(data []byte, sourceIndex func(string) (uint16, bool)) (*pendingChange, error) {
	var r pendingRecord
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("pending change: %w", err)
	}
	index, ok := sourceIndex(r.Source)
	if !ok {
		return nil, fmt.Errorf("pending change of source %q, which is not configured", r.Source)
	}
	c := &pendingChange{origin: topicPartition{r.Topic, r.Partition}, source: r.Source, facts: Facts{
		Source: index, TxID: r.TxID, HasTx: r.HasTx, LSN: r.LSN, Order: r.Order, RecordTime: r.RecordTime, CommitTime: r.CommitTime,
	}}
	if r.Columns != nil {
		columns, err := schema.ParseContext(r.Columns)
		if err != nil {
			return nil, fmt.Errorf("pending change: %w", err)
		}
		c.facts.Columns = &columns
	}
	if err := schema.ParseAuditEvent(r.Event, &c.event); err != nil {
		return nil, fmt.Errorf("pending change: %w", err)
	}
	if c.event.Context == nil || c.event.Attribution == nil {
		return nil, fmt.Errorf("pending change of %s: the event has no context or attribution", c.event.Entity.Type)
	}
	c.known, c.event.Context, c.event.VersionName = *c.event.Context, nil, r.Named
	return c, nil
}

// attributionOf returns the attribution event that would complete e: everything but its context. named is the version's name that e's row gives. It
// shares no memory with e.
func attributionOf(e *schema.AuditEvent, named string) schema.AuditEvent {
	a := schema.AuditEvent{
		SchemaVersion: schema.AuditSchemaVersion, Kind: schema.KindAttribution, ID: schema.DerivedID("attribution", e.ID),
		Time: e.Time, Captured: e.Captured, Action: e.Action, Entity: e.Entity, Scope: e.Scope, CDC: e.CDC, PairID: e.PairID,
		VersionName: named, NamedVersion: e.NamedVersion, VersionOf: e.VersionOf,
		Attribution: &schema.Attribution{EventID: e.ID, Action: e.Action, Fields: documentedFields(e)},
	}
	a.Entity.Key = cloneRow(e.Entity.Key)
	return a
}

// documentedFields names the fields whose changes the event documents: the changed ones, and those that a new row fills.
func documentedFields(e *schema.AuditEvent) []string {
	var fields []string
	for _, c := range e.Changes {
		fields = append(fields, c.Field)
	}
	if len(fields) == 0 && (e.Action == schema.ActionCreate || e.Action == schema.ActionRekey) {
		for _, f := range e.After {
			if f.Value.State != schema.Null {
				fields = append(fields, f.Name)
			}
		}
	}
	return fields
}

func cloneRow(row schema.Row) schema.Row {
	clone := slices.Clone(row)
	for i := range clone {
		clone[i].Value.JSON = slices.Clone(clone[i].Value.JSON)
	}
	return clone
}

// loadPending reads the pending topic and hands over what is still pending: the last record of each key that is no deletion. The topic is
// compacted and what expires is deleted from it, so it is short; and however long an outage was, a context that came in time still counts. It holds at most limit of them at once, and returns how many more there were.
func loadPending(ctx context.Context, options []kgo.Opt, admin *kadm.Client, topic string, limit int, take func(key string, value []byte)) (beyond int, err error) {
	starts, err := admin.ListStartOffsets(ctx, topic)
	if err != nil {
		return 0, fmt.Errorf("pending topic %s: %w", topic, err)
	}
	ends, err := topics.VisibleEnds(ctx, admin, topic)
	if err != nil {
		return 0, fmt.Errorf("pending topic %s: %w", topic, err)
	}
	from, remaining := make(map[int32]kgo.Offset), make(map[int32]int64)
	var failed error
	ends.Each(func(end kadm.ListedOffset) {
		start, ok := starts.Lookup(topic, end.Partition)
		switch {
		case isUnknownTopic(end.Err):
		case end.Err != nil:
			failed = end.Err
		case !ok || start.Err != nil:
			failed = start.Err
		case start.Offset < end.Offset:
			from[end.Partition], remaining[end.Partition] = kgo.NewOffset().At(start.Offset), end.Offset
		}
	})
	if failed != nil || len(from) == 0 {
		return 0, failed
	}
	client, err := kgo.NewClient(append(slices.Clone(options), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: from}))...)
	if err != nil {
		return 0, err
	}
	defer client.Close()
	latest := make(map[string][]byte)
	for len(remaining) > 0 {
		fetches := client.PollFetches(ctx)
		if err := fetchError(fetches); err != nil {
			return 0, fmt.Errorf("pending topic %s: %w", topic, err)
		}
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if r.Offset+1 >= remaining[r.Partition] {
				delete(remaining, r.Partition)
			}
			switch {
			case r.Attrs.IsControl():
			case r.Value == nil:
				delete(latest, string(r.Key))
			case len(latest) >= limit && latest[string(r.Key)] == nil:
				beyond++
			default:
				latest[string(r.Key)] = r.Value
			}
		})
	}
	for key, value := range latest {
		take(key, value)
	}
	return beyond, nil
}

// encodeContext returns the context as the JSON that ParseContext reads.
func encodeContext(c *schema.Context) []byte {
	type wire struct {
		TransactionID *uint64         `json:"transaction_id,omitempty"`
		CorrelationID string          `json:"correlation_id,omitempty"`
		RequestID     string          `json:"request_id,omitempty"`
		TraceID       string          `json:"trace_id,omitempty"`
		User          *schema.User    `json:"user,omitempty"`
		OnBehalfOf    string          `json:"on_behalf_of,omitempty"`
		Initiator     string          `json:"initiator,omitempty"`
		Service       string          `json:"service,omitempty"`
		IP            string          `json:"ip,omitempty"`
		UserAgent     string          `json:"user_agent,omitempty"`
		Reason        string          `json:"reason,omitempty"`
		VersionName   string          `json:"version_name,omitempty"`
		Timestamp     *time.Time      `json:"timestamp,omitempty"`
		Extra         json.RawMessage `json:"extra,omitempty"`
	}
	w := wire{c.TransactionID, c.CorrelationID, c.RequestID, c.TraceID, nil, c.OnBehalfOf, c.Initiator, c.Service, c.IP, c.UserAgent, c.Reason, c.VersionName, nil, c.Extra}
	if !c.User.IsZero() {
		w.User = &c.User
	}
	if !c.Timestamp.IsZero() {
		w.Timestamp = &c.Timestamp
	}
	b, err := json.Marshal(w)
	if err != nil {
		return nil // only Extra could fail, and it was parsed
	}
	return b
}
