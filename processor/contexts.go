package processor

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"

	"dossier/schema"
)

// contextReader reads every partition of the context streams into the window: each processor instance needs all of
// them, whichever changes are assigned to it. It knows up to which record time it has read them all.
//
// It never commits an offset: where it starts follows from the oldest undecided change. Records that cannot be understood are
// passed over here; the consumer group, which reads the same topics once, makes them dead letters.
type contextReader struct {
	options  []kgo.Opt
	admin    *kadm.Client
	decoders []*schema.Decoder // by source index
	sources  []*sourceState
	config   ContextConfig
	log      *zap.Logger
	now      func() time.Time

	// horizon returns the time of the oldest context that an undecided change may need, in Unix milliseconds.
	horizon func() int64
	// wake tells that something was read, or that the end was reached.
	wake chan struct{}

	mu       sync.RWMutex // guards what follows
	window   *Window
	streams  map[topicPartition]*stream
	covered  int64 // the window holds every context from this time on, up to where the streams have been read
	caughtUp int64 // the ends that every stream has been read to were listed at this time
	added    []uint64
	overflow bool // added was full: which keys have come is unknown
	wanted   bool // somebody waits for the streams to be read past a time

	target     map[topicPartition]int64 // ends that were listed last and are not reached yet
	targetTime int64
	restart    chan int64 // asks to read again from a time on
}

type topicPartition struct {
	topic     string
	partition int32
}

// stream is one partition of a context topic.
type stream struct {
	source *sourceState
	role   role
	next   int64 // the offset to be read next
	newest int64 // the newest record time read, in Unix milliseconds
}

// never is a record time before all others, with room to subtract from it.
const never = math.MinInt64 / 2

// addedLimit bounds the notes about what has come; beyond it, everything pending is looked at.
const addedLimit = 10_000

// endsInterval is the shortest time between two listings of the streams' ends.
const endsInterval = 10 * time.Millisecond

func (r *contextReader) run(ctx context.Context) error {
	var from int64
	select {
	case from = <-r.restart:
	case <-ctx.Done():
		return nil
	}
	for {
		next, err := r.readFrom(ctx, from)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			r.log.Warn("reading contexts", zap.Error(err))
			if !sleep(ctx, time.Second) {
				return nil
			}
		default:
			from = next
		}
	}
}

// require makes sure that the window covers every context from that time on; the streams are read again where it does not. It says whether it
// does.
func (r *contextReader) require(from int64) bool {
	r.mu.RLock()
	ok := from >= r.covered
	r.mu.RUnlock()
	if ok {
		return true
	}
	select {
	case r.restart <- from:
	default: // already asked for
	}
	return false
}

// readFrom reads the streams from that record time on, until it is asked to start from another one.
func (r *contextReader) readFrom(ctx context.Context, from int64) (next int64, err error) {
	starts, err := r.list(ctx, func(ctx context.Context, topics ...string) (kadm.ListedOffsets, error) {
		return r.admin.ListOffsetsAfterMilli(ctx, max(from, 0), topics...)
	})
	if err != nil {
		return 0, err
	}
	client, err := kgo.NewClient(append(r.options,
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(), kgo.ConsumePartitions(kgoOffsets(starts)),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(100*time.Millisecond))...)
	if err != nil {
		return 0, err
	}
	defer client.Close()

	r.mu.Lock()
	r.window.Reset()
	r.streams, r.covered, r.caughtUp, r.target = make(map[topicPartition]*stream), from, never, nil
	for at, offset := range starts {
		r.addStream(at, offset)
	}
	r.mu.Unlock()

	// Both end with this function: a listing must not outlive the streams that it speaks of.
	ctx, cancel := context.WithCancel(ctx)
	var listing sync.WaitGroup
	defer listing.Wait()
	defer cancel()
	listing.Go(func() { r.followEnds(ctx, client) })

	for {
		select {
		case next = <-r.restart:
			return min(next, from), nil
		case <-ctx.Done():
			return 0, nil
		default:
		}
		if !r.makeRoom(ctx) {
			continue
		}
		poll, stop := context.WithTimeout(ctx, 200*time.Millisecond)
		fetches := client.PollRecords(poll, 5000)
		stop()
		if err := fetchError(fetches); err != nil {
			return 0, err
		}
		if err := r.take(ctx, fetches); err != nil {
			return 0, err
		}
	}
}

func (r *contextReader) addStream(at topicPartition, offset int64) {
	source, role, _ := classify(at.topic, r.sources, r.config)
	r.streams[at] = &stream{source: source, role: role, next: offset, newest: never}
}

// makeRoom keeps the window within its limits: it drops what no undecided change can need; waits, while the streams are read further than
// the undecided changes need; and otherwise gives up the oldest contexts, because waiting would be for ever.
func (r *contextReader) makeRoom(ctx context.Context) bool {
	horizon := r.horizon()
	r.mu.Lock()
	defer r.mu.Unlock()
	if before := r.window.Len(); before > 0 {
		r.window.Evict(horizon)
		if r.window.Len() < before {
			r.covered = max(r.covered, horizon)
		}
	}
	if !r.window.Full() {
		return true
	}
	if !r.wanted {
		r.mu.Unlock()
		sleep(ctx, 20*time.Millisecond)
		r.mu.Lock()
		return false
	}
	for r.window.Full() && r.window.EvictOldest() {
	}
	return true
}

// take adds what was fetched to the window.
func (r *contextReader) take(ctx context.Context, fetches kgo.Fetches) error {
	if fetches.NumRecords() == 0 {
		return nil
	}
	now := r.now().UnixMilli()
	var boundary schema.TransactionBoundary
	var message schema.Message
	var change schema.Change
	var failed error
	fetches.EachPartition(func(p kgo.FetchTopicPartition) {
		r.mu.RLock()
		s := r.streams[topicPartition{p.Topic, p.Partition}]
		r.mu.RUnlock()
		if s == nil || failed != nil {
			return
		}
		for _, record := range p.Records {
			if record.Offset < s.next {
				continue
			}
			var add func()
			if !record.Attrs.IsControl() {
				rec := fromKgo(record)
				// A record time in the future is a clock that lies: it must not make the rest of the stream look read.
				at := min(record.Timestamp.UnixMilli(), now)
				var err error
				if add, err = r.understand(ctx, s, &rec, at, &boundary, &message, &change); err != nil {
					failed = err
					return
				}
			}
			r.mu.Lock()
			if add != nil {
				add()
			}
			s.next = record.Offset + 1
			if !record.Attrs.IsControl() {
				s.newest = max(s.newest, min(record.Timestamp.UnixMilli(), now))
			}
			r.mu.Unlock()
		}
	})
	r.reachEnds()
	r.signal()
	return failed
}

// understand returns how a record changes the window; nil where it says nothing. The error is that of a schema registry that does not
// answer: the record has to be read again.
func (r *contextReader) understand(ctx context.Context, s *stream, rec *schema.Record, at int64, boundary *schema.TransactionBoundary, message *schema.Message, change *schema.Change) (func(), error) {
	switch s.role {
	case roleTransaction:
		err := r.decoders[s.source.index].Transaction(ctx, rec, boundary)
		if err != nil || !boundary.End {
			return nil, transientOnly(err)
		}
		txID := boundary.TxID
		end := End{Time: at}
		for _, c := range boundary.Collections {
			switch {
			case r.config.Table != "" && c.Name == r.config.Table:
				end.Rows += int(c.Count)
			case strings.Count(c.Name, ".") != 1: // a table is schema.table; anything else that counts is a logical message
				end.Messages += int(c.Count)
			}
		}
		return func() { r.note(txHash(s.source.index, txID)); r.window.AddEnd(s.source.index, txID, end) }, nil

	case roleMessage:
		err := r.decoders[s.source.index].Message(ctx, rec, message)
		if err != nil || !message.HasTx {
			return nil, transientOnly(err)
		}
		txID := message.TxID
		entry := ContextEntry{Route: schema.RouteMessage, Time: at, LSN: message.LSN, Order: message.TotalOrder}
		if message.Prefix == r.config.MessagePrefix {
			if _, err := schema.ParseContext(message.Content); err == nil {
				entry.Payload = message.Content
			}
		}
		return func() { r.note(txHash(s.source.index, txID)); r.window.AddMessage(s.source.index, txID, entry) }, nil

	case roleContextTable:
		err := r.decoders[s.source.index].Change(ctx, rec, change)
		if err != nil || change.Op != schema.OpCreate || !change.HasTx {
			return nil, transientOnly(err)
		}
		txID := change.TxID
		entry := ContextEntry{Route: schema.RouteTable, Time: at, LSN: change.LSN, Order: change.TotalOrder}
		if c, err := schema.ContextFromRow(change.After); err == nil {
			entry.Payload = encodeContext(&c)
		}
		return func() { r.note(txHash(s.source.index, txID)); r.window.AddRow(s.source.index, txID, entry) }, nil

	case roleContextTopic:
		txID, correlationID, err := topicKey(rec)
		if err != nil {
			return nil, nil
		}
		entry := ContextEntry{Route: schema.RouteTopic, Time: at, Payload: topicPayload(correlationID, rec.Value)}
		return func() {
			if txID != nil {
				r.note(txHash(anySource, *txID))
			}
			if correlationID != "" {
				r.note(r.window.correlationHash(correlationID))
			}
			r.window.AddTopic(txID, correlationID, entry)
		}, nil
	}
	return nil, nil
}

// topicKey returns by what a record of the request-context topic is found: the transaction number and the correlation id in
// its value, or else its key, a number being a transaction's.
func topicKey(rec *schema.Record) (txID *uint64, correlationID string, err error) {
	c, err := schema.ParseContext(rec.Value)
	if err != nil {
		return nil, "", err
	}
	txID, correlationID = c.TransactionID, c.CorrelationID
	if correlationID == "" {
		correlationID = c.RequestID
	}
	key := strings.Trim(string(rec.Key), `"`)
	if n, err := strconv.ParseUint(key, 10, 64); err == nil && txID == nil && correlationID != key {
		txID = &n
	} else if correlationID == "" {
		correlationID = key
	}
	if txID == nil && correlationID == "" {
		return nil, "", &schema.DecodeError{Reason: "context_without_key",
			Detail: "a record on the request-context topic needs a transaction number or a correlation id, in its key or in its value"}
	}
	return txID, correlationID, nil
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

// note remembers that something has come under a key, for those who wait for late contexts. The caller holds mu.
func (r *contextReader) note(key uint64) {
	if len(r.added) >= addedLimit {
		r.overflow = true
		return
	}
	r.added = append(r.added, key)
}

// takeAdded returns the keys under which something has come since the last call; all is true where they were too many to note.
func (r *contextReader) takeAdded() (keys []uint64, all bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	keys, all = r.added, r.overflow
	r.added, r.overflow = nil, false
	return keys, all
}

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
func (r *contextReader) followEnds(ctx context.Context, client *kgo.Client) {
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
		needed := r.wanted && r.target == nil
		r.mu.RUnlock()
		if !needed && time.Since(lastListing) < time.Second {
			continue
		}
		at := r.now().UnixMilli()
		lastListing = time.Now()
		ends, err := r.list(ctx, r.admin.ListCommittedOffsets)
		if err != nil {
			if ctx.Err() == nil {
				r.log.Warn("listing the ends of the context topics", zap.Error(err))
				sleep(ctx, time.Second)
			}
			continue
		}
		r.mu.Lock()
		var found map[string]map[int32]kgo.Offset
		for p := range ends {
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

// transientOnly returns err where waiting can help, and nil where the record is at fault.
func transientOnly(err error) error {
	if errors.Is(err, schema.ErrRegistryUnavailable) || errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// sleep waits and says whether it was for the whole time.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
