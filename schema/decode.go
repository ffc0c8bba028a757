package schema

import (
	"context"
	"maps"
	"sync"
	"sync/atomic"
)

// Format is how a source's records are written.
type Format string

const (
	FormatJSON Format = "json"
	FormatAvro Format = "avro" // in Confluent's wire format
	// FormatAuto tells by the first byte: 0x00 begins Confluent's wire format, "{" JSON.
	FormatAuto Format = "auto"
)

// DefaultPlaceholder is what Debezium puts in place of an unchanged TOASTed value unless unavailable.value.placeholder says otherwise.
const DefaultPlaceholder = "__debezium_unavailable_value"

// SchemaSource finds the writer's schemas of Avro records by the id in them.
type SchemaSource interface {
	// SchemaByID returns the Avro schema with that id, as JSON. The error wraps ErrRegistryUnavailable where asking again later
	// may help, and is a *DecodeError with ReasonUnknownSchemaID where there is no such schema.
	SchemaByID(ctx context.Context, id int) (string, error)
}

// DecoderConfig says what a decoder has to know about its source.
type DecoderConfig struct {
	// Source is the connector's topic.prefix. Change.Source is the record's own source.name; this one stands in where a record has none.
	Source string
	Format Format // FormatAuto if empty
	// Placeholder is the connector's unavailable.value.placeholder; DefaultPlaceholder if empty.
	Placeholder string
	// Types gives the types of columns of JSON records without Connect schemas; false or a nil function keeps values as they came. It is
	// asked once per column and must always answer the same.
	Types func(schema, table, column string) (ColumnType, bool)
	// Schemas finds Avro schemas. Without it Avro records are refused.
	Schemas SchemaSource
	// FullBefore says which tables have REPLICA IDENTITY FULL: their previous rows are taken as they stand. Of other tables' deletes, a row
	// that holds nothing but nulls, zeros and defaults beside the key is not believed. Nil: none is known to.
	FullBefore func(schema, table string) bool
}

// Decoder reads Debezium's records. It keeps caches of schemas and names, bounded, and nothing else: what it returns depends on the
// record alone. It is safe for concurrent use.
type Decoder struct {
	cfg          DecoderConfig
	placeholders placeholders
	names        interner
	topics       sync.Map // topic name -> *topicState
	avro         avroPlans
	messages     changePool
}

// changePool keeps Changes to decode into.
type changePool struct{ pool sync.Pool }

func (p *changePool) get() *Change {
	if c, ok := p.pool.Get().(*Change); ok {
		return c
	}
	return new(Change)
}

func (p *changePool) put(c *Change) { p.pool.Put(c) }

// NewDecoder returns a decoder for one source.
func NewDecoder(cfg DecoderConfig) *Decoder {
	if cfg.Format == "" {
		cfg.Format = FormatAuto
	}
	if cfg.Placeholder == "" {
		cfg.Placeholder = DefaultPlaceholder
	}
	return &Decoder{cfg: cfg, placeholders: newPlaceholders(cfg.Placeholder)}
}

// Change decodes a record of a table's topic into c, which it overwrites; c's rows are used again. Names are the
// caller's to keep; values share memory with rec or with c and are valid until c is decoded into again or rec's bytes change.
//
// The error is ErrTombstone for a record without a value, a *DecodeError for a record that can never be decoded, and wraps
// ErrRegistryUnavailable where a later attempt may succeed. A logical message is no change: ReasonNotAnEnvelope. After an error c is of no use.
func (d *Decoder) Change(ctx context.Context, rec *Record, c *Change) error {
	if rec.Value == nil {
		return ErrTombstone
	}
	c.reset()
	isAvro, err := d.isAvro(rec.Value, "value")
	if err != nil {
		return err
	}
	e := &c.scratch.work.envelope
	topic := d.topic(rec.Topic)
	if isAvro {
		err = d.avroEnvelope(ctx, rec.Value, e)
	} else {
		err = d.jsonEnvelope(topic, rec.Value, c.scratch.work)
	}
	if err != nil {
		return lookCloser(err, rec)
	}
	if err := e.finish(d); err != nil {
		return err
	}
	if c.Op == OpMessage {
		return decodeErrorf(ReasonNotAnEnvelope, "a logical decoding message (op m), where a table's changes were expected")
	}
	if c.Key, err = d.key(ctx, topic, rec.Key, c.scratch.key, c); err != nil {
		return err
	}
	if c.Key != nil {
		c.scratch.key = c.Key
	}
	e.markUnknown(d)
	return d.otherKeys(ctx, topic, rec, c)
}

// Transaction decodes a record of the transaction topic into t, which it overwrites. Errors are those of Change.
func (d *Decoder) Transaction(ctx context.Context, rec *Record, t *TransactionBoundary) error {
	if rec.Value == nil {
		return ErrTombstone
	}
	*t = TransactionBoundary{EventCount: -1, Collections: t.Collections[:0]}
	isAvro, err := d.isAvro(rec.Value, "value")
	if err != nil {
		return err
	}
	var b boundary
	if isAvro {
		err = d.avroBoundary(ctx, rec.Value, t, &b)
	} else {
		err = d.jsonBoundary(d.topic(rec.Topic), rec.Value, t, &b)
	}
	if err != nil {
		return err
	}
	return b.finish(t)
}

// Message decodes a record of the message topic, a logical decoding message, into m, which it overwrites. Content may share memory with
// rec. Errors are those of Change; an event with another op is ReasonNotAnEnvelope.
func (d *Decoder) Message(ctx context.Context, rec *Record, m *Message) error {
	if rec.Value == nil {
		return ErrTombstone
	}
	isAvro, err := d.isAvro(rec.Value, "value")
	if err != nil {
		return err
	}
	c := d.messages.get()
	defer d.messages.put(c) // nothing of m lies in its memory
	c.reset()
	e := &c.scratch.work.envelope
	if isAvro {
		err = d.avroEnvelope(ctx, rec.Value, e)
	} else {
		err = d.jsonEnvelope(d.topic(rec.Topic), rec.Value, c.scratch.work)
	}
	if err != nil {
		return err
	}
	if err := e.finish(d); err != nil {
		return err
	}
	if c.Op != OpMessage || !e.hasMessage {
		return decodeErrorf(ReasonNotAnEnvelope, "op %q, where a logical decoding message (op m) was expected", string(rune(c.Op)))
	}
	*m = Message{
		Source: c.Source, Prefix: e.prefix, Content: e.content, TxID: c.TxID, HasTx: c.HasTx, LSN: c.LSN,
		Position: c.Position, TotalOrder: c.TotalOrder, CommitTime: c.CommitTime,
	}
	return nil
}

// isAvro says how data is written; what names it in the error for neither.
func (d *Decoder) isAvro(data []byte, what string) (bool, error) {
	magic := len(data) > 0 && data[0] == 0
	switch d.cfg.Format {
	case FormatAvro:
		if !magic {
			return false, decodeErrorf(ReasonNotAvro, "the record's %s does not begin with the magic byte of Confluent's Avro wire format; if it is JSON, set the source's format to json or auto", what)
		}
		return true, nil
	case FormatJSON:
		if magic {
			return false, decodeErrorf(ReasonNotJSON, "the record's %s begins with the magic byte of Confluent's Avro wire format, where JSON was expected; set the source's format to avro or auto", what)
		}
		return false, nil
	}
	if magic {
		return true, nil
	}
	if s := NewScanner(data); s.Peek() == TokenObject {
		return false, nil
	}
	if len(data) == 0 {
		return false, decodeErrorf(ReasonTruncated, "the record's %s is empty", what)
	}
	return false, decodeErrorf(ReasonNotJSON, "the record's %s is neither a JSON object nor Confluent's Avro wire format", what)
}

// key decodes a record key; nil for none.
func (d *Decoder) key(ctx context.Context, topic *topicState, data []byte, spare Row, c *Change) (Row, error) {
	if data == nil {
		return nil, nil
	}
	isAvro, err := d.isAvro(data, "key")
	if err != nil {
		return nil, badKey("the record's key", err)
	}
	var row Row
	if isAvro {
		row, err = d.avroKey(ctx, data, spare, c)
	} else {
		row, err = d.jsonKey(topic, data, spare, c, nil)
	}
	if err != nil {
		return nil, badKey("the record's key", err)
	}
	return row, nil
}

// topic returns what is remembered of a topic.
func (d *Decoder) topic(name string) *topicState {
	if t, ok := d.topics.Load(name); ok {
		return t.(*topicState)
	}
	t, _ := d.topics.LoadOrStore(name, &topicState{})
	return t.(*topicState)
}

// interner gives equal names one string, so that names cost no allocation per record. It maps names as they stand in records to proper ones.
type interner struct {
	// known is read without a lock and never changed. New names gather in fresh, until copying known is worth it.
	known atomic.Pointer[map[string]string]
	mu    sync.Mutex
	fresh map[string]string // owned by mu
}

// maxNames bounds the interner; names beyond it are allocated each time.
const maxNames = 1 << 16

func (in *interner) get(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	var known map[string]string
	if m := in.known.Load(); m != nil {
		known = *m
	}
	if s, ok := known[string(b)]; ok {
		return s
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if s, ok := in.fresh[string(b)]; ok {
		return s
	}
	raw := string(b)
	s := properName(raw)
	if len(known)+len(in.fresh) >= maxNames {
		return s
	}
	if in.fresh == nil {
		in.fresh = make(map[string]string)
	}
	in.fresh[raw] = s
	if len(in.fresh) > len(known)/4 {
		next := make(map[string]string, len(known)+len(in.fresh))
		if m := in.known.Load(); m != nil {
			maps.Copy(next, *m)
		}
		maps.Copy(next, in.fresh)
		in.known.Store(&next)
		in.fresh = nil
	}
	return s
}
