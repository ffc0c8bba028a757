package processor

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"dossier/schema"
)

// partition is an assigned partition: the records that were read and are not decided, oldest first, and the first one
// of them decoded. Only the first is ever worked on, so the order of the log is the order of the output. It belongs to
// the processor's goroutine, or while it is drained to one worker.
type partition struct {
	topicPartition
	source  *sourceState
	role    role
	decoder *schema.Decoder

	queue   []*kgo.Record // from head on
	head    int
	bytes   int
	polls   []poll // when the queue's records were polled, oldest first
	decoded bool   // change and facts are those of the first record
	keep    bool   // something that lives on shares the first record's memory
	change  schema.Change
	facts   Facts

	next      int64 // the offset of the first undecided record: what a commit says
	committed int64 // the offset committed last; records before it are read again for their ordinals alone
	end       int64 // the partition's end when it was last fetched
	polledAt  int64 // when that was, in Unix milliseconds
	paused    bool
	followed  bool // a context topic's: not fetched, because the context reader reads it

	retryAt   time.Time // the first record is tried again then, because a service it needs is down
	lastFrom  int64     // the oldest context time that the last decided record needed
	ordinals  ordinals
	materials materializer
	joiner    Joiner
	headers   []schema.Header            // memory for the first record's
	sound     progress                   // of the context reader in a context topic's partition, as it was last asked for
	now       time.Time                  // when its first record was taken up
	boundary  schema.TransactionBoundary // of the record being checked
	out       *slab                      // while it is drained
	event     schema.AuditEvent
	named     string // the version's name that the event's row gives; it wins over a context's
}

// poll notes when the records before an offset were polled, in Unix milliseconds.
type poll struct{ before, at int64 }

func (p *partition) len() int { return len(p.queue) - p.head }

func (p *partition) push(records []*kgo.Record, now time.Time) {
	p.polledAt = now.UnixMilli()
	p.polls = append(p.polls, poll{records[len(records)-1].Offset + 1, p.polledAt})
	if p.head > 0 && p.head == len(p.queue) {
		p.queue, p.head = p.queue[:0], 0
	}
	for _, r := range records {
		p.queue = append(p.queue, r)
		p.bytes += recordBytes(r)
	}
}

// pop leaves the first record behind: its output has been handed to the transaction.
func (p *partition) pop() {
	r := p.queue[p.head]
	p.queue[p.head] = nil
	p.head++
	p.bytes -= recordBytes(r)
	p.next = r.Offset + 1
	if !p.keep {
		r.Recycle() // nothing of it is looked at any more
	}
	p.keep = false
	if p.polls[0].before <= p.next {
		p.polls = p.polls[1:]
	}
	p.decoded, p.retryAt = false, time.Time{}
	if p.head > 4096 && p.head*2 > len(p.queue) {
		p.queue = append([]*kgo.Record(nil), p.queue[p.head:]...)
		p.head = 0
	}
}

// rewind forgets everything since the last commit.
func (p *partition) rewind() {
	p.queue, p.head, p.bytes, p.polls = nil, 0, 0, nil
	p.next = p.committed
	p.decoded, p.keep, p.retryAt = false, false, time.Time{}
	p.ordinals = ordinals{}
}

// recordBytes is what a record read costs in memory: its bytes and the record's own structure.
func recordBytes(r *kgo.Record) int { return len(r.Key) + len(r.Value) + 200 }

// decode decodes the first record and gathers the facts for the join.
func (p *partition) decode(ctx context.Context, rules *Rules, now time.Time) error {
	if p.decoded {
		return nil
	}
	record := p.queue[p.head]
	rec := p.record()
	if err := p.decoder.Change(ctx, &rec, &p.change); err != nil {
		return err
	}
	c := &p.change
	if len(p.source.PartialBefore) > 0 && matchesAny(p.source.PartialBefore, c.Schema+"."+c.Table) {
		forgetUnknown(c.Before, c.Key)
	}
	p.facts = Facts{
		Source: p.source.index, TxID: c.TxID, HasTx: c.HasTx, LSN: c.LSN, Order: c.TotalOrder,
		// A record time in the future is a clock that lies: no context is waited for until then.
		RecordTime: min(record.Timestamp.UnixMilli(), now.UnixMilli()),
		CommitTime: c.CommitTime.UnixMilli(),
	}
	p.facts.Columns = rules.table(c.Source, c.Schema, c.Table).columnContext(c)
	p.decoded = true
	return nil
}

// sourceName returns the source's name; the topic's where it belongs to no source.
func (p *partition) sourceName() string {
	if p.source == nil {
		return p.topic
	}
	return p.source.Name
}

// forgetUnknown makes every column of a previous row but the key's unavailable: what stands there is the connector's filling.
func forgetUnknown(before, key schema.Row) {
	for i := range before {
		if key.Get(before[i].Name).State == schema.Absent {
			before[i].Value = schema.Value{State: schema.Unavailable}
		}
	}
}

// ordinal returns the ordinal of the decoded change: 0 for a row with a key. The rows of a snapshot all stand at one place in the log;
// where they stand in their topic tells them apart, and a snapshot that is repeated has another place in the log.
//
// Each partition counts for itself, so its number is part of the ordinal: equal rows that the producer spread over several partitions stay
// several. A second delivery to another partition would be another row; from an exactly-once connector there is none.
func (p *partition) ordinal() uint64 {
	ofPartition := uint64(p.partition) << 40
	switch {
	case p.change.Key != nil || p.change.Op == schema.OpTruncate:
		return 0
	case p.change.Op == schema.OpRead:
		return ofPartition | uint64(p.queue[p.head].Offset)
	}
	p.materials.content = p.materials.appendContent(p.materials.content[:0], &p.change)
	return ofPartition | p.ordinals.next(&p.change, p.materials.content)
}

// record returns the first record. It is valid until the next call.
func (p *partition) record() schema.Record {
	rec := fromKgo(p.queue[p.head], p.headers[:0])
	p.headers = rec.Headers
	return rec
}

// fromKgo returns the record with its headers in the given memory.
func fromKgo(r *kgo.Record, headers []schema.Header) schema.Record {
	for _, h := range r.Headers {
		headers = append(headers, schema.Header{Key: h.Key, Value: h.Value})
	}
	return schema.Record{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Time: r.Timestamp, Key: r.Key, Value: r.Value, Headers: headers}
}

// isDead says whether a record can never be understood.
func isDead(err error) (*schema.DecodeError, bool) {
	if err == nil {
		return nil, false // without the allocation that follows
	}
	var dead *schema.DecodeError
	return dead, errors.As(err, &dead)
}

// renderedContexts keeps the last contexts as they stand in audit events: the changes of one transaction share it, whichever partitions
// they lie on. A window entry's reference is never used twice, so it names the context for ever. Safe for concurrent use.
type renderedContexts struct {
	mu     sync.RWMutex
	keys   [renderedEntries]entryRef
	values [renderedEntries]renderedContext
}

// The partitions of a backlog stand at different places in it, a fetch apart: so many transactions lie between the first and the last. Large contexts
// are not kept, so that memory stays bounded.
const (
	renderedEntries = 4096
	renderedBytes   = 4 << 10
)

type renderedContext struct {
	context *schema.EventContext
	text    []byte // as it stands in an audit event
}

func (r *renderedContexts) get(key entryRef) (renderedContext, bool) {
	i := r.slot(key)
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.values[i], r.keys[i] == key
}

func (r *renderedContexts) put(key entryRef, c renderedContext) {
	if len(c.text) > renderedBytes {
		return
	}
	i := r.slot(key)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keys[i], r.values[i] = key, c
}

func (r *renderedContexts) slot(key entryRef) uint64 {
	return (uint64(key) ^ uint64(key)>>32) % uint64(len(r.keys))
}
