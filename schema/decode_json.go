package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
)

// topicState is what a decoder remembers of a topic's JSON records, to meet the next one prepared.
type topicState struct {
	// rows is the plan of the last row without a Connect schema, key that of the last such key.
	rows, key atomic.Pointer[rowPlan]
	mu        sync.Mutex
	tables    map[tableName]*rowPlan // owned by mu: the plans of a topic that several tables share
	// valueSchemas and keySchemas are the Connect schemas last seen, latest first.
	valueSchemas, keySchemas atomic.Pointer[[]*jsonSchema]
}

type tableName struct{ schema, table string }

// jsonEnvelope reads a change event, with or without Connect's {"schema","payload"} around it.
func (d *Decoder) jsonEnvelope(topic *topicState, data []byte, w *workspace) error {
	w.scanner = NewScanner(data)
	s := &w.scanner
	schema, wrapped, err := d.unwrap(&topic.valueSchemas, s)
	if err != nil {
		return jsonError("the record's value is not valid JSON", err)
	}
	r := &w.json
	*r = jsonReader{decoder: d, topic: topic, scanner: s, envelope: &w.envelope, schema: schema, first: &w.image, work: w}
	w.image.reset()
	if err := r.members(); err != nil {
		return jsonError("the record's value is not valid JSON", err)
	}
	if wrapped {
		if err := closeWrapper(s); err != nil {
			return jsonError("the record's value is not valid JSON", err)
		}
	}
	if err := s.End(); err != nil {
		return jsonError("the record's value is not valid JSON", err)
	}
	if err := r.check(); err != nil {
		return err
	}
	return r.settle()
}

// jsonReader reads one envelope.
type jsonReader struct {
	decoder  *Decoder
	topic    *topicState
	scanner  *Scanner
	envelope *envelope
	schema   *jsonSchema // nil: no Connect schema
	plan     *rowPlan    // the plan by which rows were read, without a Connect schema
	// Where the rows begin, should they have to be read again; 0: no such row.
	beforeAt, afterAt int
	first             *image // the row image that was read first
	work              *workspace
	// What tells other formats from an envelope.
	cloudEvent, flattened bool
}

func (r *jsonReader) members() error {
	s, e := r.scanner, r.envelope
	if err := s.ObjectStart(); err != nil {
		return err
	}
	r.plan = r.topic.rows.Load()
	depth := s.depth
	rest, first := -1, false // where what follows the rows begins
	for {
		if r.work.rest.read(s, e) {
			return nil
		}
		from, isFirst := s.pos, s.first
		name, ok, err := s.Member()
		if err != nil {
			return err
		}
		if !ok {
			if rest >= 0 {
				r.work.rest.missed(s.data[rest:s.pos], depth, first, e)
			}
			return nil
		}
		switch string(name.Inner()) {
		case "before":
			rest = -1
			r.beforeAt, err = r.image(&e.change.Before, &e.change.scratch.before, true)
		case "after":
			rest = -1
			r.afterAt, err = r.image(&e.change.After, &e.change.scratch.after, false)
		case "source":
			if rest = -1; e.isBlank() {
				rest, first = from, isFirst
			}
			err = r.source()
		case "op":
			e.op, err = optionalText(s, nil)
		case "ts_ms", "ts_us", "ts_ns":
			err = optionalTime(s, &e.times, name.Inner()[3])
		case "transaction":
			err = r.transaction()
		case "message":
			rest = -1
			err = r.message()
		case "specversion":
			r.cloudEvent = true
			err = s.Skip()
		case "__op", "__deleted", "__table", "__source_ts_ms":
			r.flattened = true
			err = s.Skip()
		default:
			err = s.Skip()
		}
		if err != nil {
			return err
		}
	}
}

// check refuses what is no envelope, and says what it looks like.
func (r *jsonReader) check() error {
	e := r.envelope
	if len(e.op) > 0 && e.source.present {
		return nil
	}
	switch {
	case r.cloudEvent:
		return decodeErrorf(ReasonCloudEvent, "the record is a CloudEvents envelope; let the connector write Debezium's own envelope with JsonConverter or an Avro converter")
	case r.flattened:
		return flattenedError()
	}
	return decodeErrorf(ReasonNotAnEnvelope, "the record has no op or no source, which every Debezium change event has; a heartbeat or a foreign topic looks like this")
}

func flattenedError() *DecodeError {
	return decodeErrorf(ReasonFlattened, "the record is a row without an envelope: ExtractNewRecordState or another transform has dropped previous values and the transaction; remove it from the connector")
}

// lookCloser finds out whether a JSON record that is no envelope is a flattened row: then its key's columns stand in its value. As it is set up
// by default, the transform leaves no other trace.
func lookCloser(err error, rec *Record) error {
	var e *DecodeError
	if !errors.As(err, &e) || e.Reason != ReasonNotAnEnvelope {
		return err
	}
	key, row := memberNames(rec.Key), memberNames(rec.Value)
	if len(key) == 0 || len(row) <= len(key) {
		return err
	}
	for _, name := range key {
		if !slices.Contains(row, name) {
			return err
		}
	}
	return flattenedError()
}

// memberNames returns the names in a JSON object, or in the payload of one with a schema; none for anything else.
func memberNames(data []byte) []string {
	var o map[string]json.RawMessage
	if json.Unmarshal(data, &o) != nil {
		return nil
	}
	if payload, ok := o["payload"]; ok && o["schema"] != nil && len(o) == 2 {
		o = nil
		if json.Unmarshal(payload, &o) != nil {
			return nil
		}
	}
	return slices.Collect(maps.Keys(o))
}

// image reads before or after, and returns where it begins.
func (r *jsonReader) image(row, spare *Row, before bool) (int, error) {
	s := r.scanner
	switch s.Peek() {
	case TokenNull:
		return 0, s.Null()
	case TokenObject:
	default:
		// A field of this name in something else than an envelope.
		return 0, s.Skip()
	}
	at := s.Offset()
	return at, r.readImage(row, spare, before)
}

func (r *jsonReader) readImage(row, spare *Row, before bool) error {
	plan := r.plan
	if r.schema != nil {
		if plan = r.schema.after; before {
			plan = r.schema.before
		}
		r.envelope.know(plan, before)
	}
	out, used, err := r.decoder.jsonRow(r.scanner, plan, (*spare)[:0], &r.envelope.change.scratch.buffer, r.first)
	if err != nil {
		return err
	}
	if r.schema == nil {
		r.plan = used
		if !before {
			r.envelope.afterColumns = used.columns
		}
	}
	*row, *spare = out, out
	return nil
}

// know notes the columns that a Connect schema tells.
func (e *envelope) know(plan *rowPlan, before bool) {
	switch {
	case plan == nil:
	case before:
		e.beforeColumns = plan.columns
	default:
		e.afterColumns = plan.columns
	}
}

// settle makes sure that rows without a Connect schema were read by their own table's plan: which table it is stands after
// them in the envelope.
func (r *jsonReader) settle() error {
	if r.schema != nil || r.plan == nil {
		return nil
	}
	name := tableName{r.envelope.source.schema, r.envelope.source.table}
	if name.schema == "" {
		name.schema = r.envelope.source.db
	}
	plan := r.plan
	if plan.tableName != name {
		// Only in a topic's first record, and in topics that several tables share.
		plan = r.topic.table(name)
		if r.decoder.cfg.Types != nil || plan.columns == nil {
			r.plan = plan
			e := r.envelope
			e.change.scratch.buffer = e.change.scratch.buffer[:0]
			r.first.reset()
			for _, image := range []struct {
				at         int
				row, spare *Row
			}{{r.beforeAt, &e.change.Before, &e.change.scratch.before}, {r.afterAt, &e.change.After, &e.change.scratch.after}} {
				if image.at == 0 {
					continue
				}
				again := *r.scanner
				again.pos = image.at
				r.scanner = &again
				if err := r.readImage(image.row, image.spare, image.at == r.beforeAt); err != nil {
					return err
				}
			}
			plan = r.plan
		}
	}
	r.topic.remember(plan)
	return nil
}

// table returns a table's plan, an empty one for a table that is new.
func (t *topicState) table(name tableName) *rowPlan {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p := t.tables[name]; p != nil {
		return p
	}
	return &rowPlan{tableName: name}
}

// maxTables bounds the plans kept per topic.
const maxTables = 1024

func (t *topicState) remember(p *rowPlan) {
	if t.rows.Load() == p {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rows.Store(p)
	if t.tables == nil || len(t.tables) >= maxTables {
		t.tables = make(map[tableName]*rowPlan)
	}
	t.tables[p.tableName] = p
}

func (r *jsonReader) source() error {
	s, src, d, names := r.scanner, &r.envelope.source, r.decoder, &r.work.names
	if s.Peek() != TokenObject {
		return s.Skip()
	}
	src.present = true
	if err := s.ObjectStart(); err != nil {
		return err
	}
	for {
		name, ok, err := s.Member()
		if err != nil || !ok {
			return err
		}
		switch string(name.Inner()) {
		case "connector":
			src.connector, err = d.optionalName(s, &names.connector)
		case "name":
			src.name, err = d.optionalName(s, &names.name)
		case "db":
			src.db, err = d.optionalName(s, &names.db)
		case "schema":
			src.schema, err = d.optionalName(s, &names.schema)
		case "table":
			src.table, err = d.optionalName(s, &names.table)
		case "snapshot":
			if s.Peek() == TokenBool { // older connectors
				_, err = s.Bool()
			} else {
				src.snapshot, err = d.optionalName(s, &names.snapshot)
			}
		case "ts_ms", "ts_us", "ts_ns":
			err = optionalTime(s, &src.times, name.Inner()[3])
		case "txId":
			src.txID, src.hasTx, err = optionalUint(s, "source.txId")
		case "lsn":
			src.lsn, src.hasLSN, err = optionalUint(s, "source.lsn")
		case "pos":
			src.pos, src.hasPos, err = optionalUint(s, "source.pos")
		case "row":
			src.row, _, err = optionalUint(s, "source.row")
		case "sequence":
			var stack [64]byte
			var text []byte
			text, err = optionalText(s, stack[:0])
			src.sequence = readSequence(text)
		case "file":
			src.file, err = optionalText(s, nil)
		case "gtid":
			src.gtid, err = optionalText(s, nil)
		default:
			err = s.Skip()
		}
		if err != nil {
			return err
		}
	}
}

func (r *jsonReader) transaction() error {
	s, tx := r.scanner, &r.envelope.tx
	if s.Peek() != TokenObject {
		return s.Skip()
	}
	tx.present = true
	if err := s.ObjectStart(); err != nil {
		return err
	}
	for {
		name, ok, err := s.Member()
		if err != nil || !ok {
			return err
		}
		switch string(name.Inner()) {
		case "id":
			tx.id, err = optionalText(s, nil)
		case "total_order":
			tx.totalOrder, _, err = optionalUint(s, "transaction.total_order")
		case "data_collection_order":
			tx.collectionOrder, _, err = optionalUint(s, "transaction.data_collection_order")
		default:
			err = s.Skip()
		}
		if err != nil {
			return err
		}
	}
}

func (r *jsonReader) message() error {
	s, e := r.scanner, r.envelope
	if s.Peek() != TokenObject {
		return s.Skip()
	}
	e.hasMessage = true
	if err := s.ObjectStart(); err != nil {
		return err
	}
	for {
		name, ok, err := s.Member()
		if err != nil || !ok {
			return err
		}
		switch string(name.Inner()) {
		case "prefix":
			// Not interned: applications choose it.
			var text []byte
			text, err = optionalText(s, nil)
			e.prefix = string(text)
		case "content":
			var text []byte
			if text, err = optionalText(s, nil); err == nil {
				err = e.decodeContent(text)
			}
		default:
			err = s.Skip()
		}
		if err != nil {
			return err
		}
	}
}

// jsonBoundary reads a transaction record.
func (d *Decoder) jsonBoundary(topic *topicState, data []byte, t *TransactionBoundary, b *boundary) error {
	s := NewScanner(data)
	err := func() error {
		_, wrapped, err := d.unwrap(&topic.valueSchemas, &s)
		if err != nil {
			return err
		}
		if err := d.jsonBoundaryMembers(&s, t, b); err != nil {
			return err
		}
		if wrapped {
			if err := closeWrapper(&s); err != nil {
				return err
			}
		}
		return s.End()
	}()
	if err != nil {
		return jsonError("the transaction record is not valid JSON", err)
	}
	return nil
}

func (d *Decoder) jsonBoundaryMembers(s *Scanner, t *TransactionBoundary, b *boundary) error {
	if err := s.ObjectStart(); err != nil {
		return err
	}
	var times eventTimes
	for {
		name, ok, err := s.Member()
		if err != nil {
			return err
		}
		if !ok {
			t.Time, _ = times.time()
			return nil
		}
		switch string(name.Inner()) {
		case "status":
			b.status, err = optionalText(s, nil)
		case "id":
			b.id, err = optionalText(s, nil)
		case "event_count":
			var n uint64
			var has bool
			if n, has, err = optionalUint(s, "event_count"); has {
				t.EventCount = int64(n)
			}
		case "ts_ms", "ts_us", "ts_ns":
			err = optionalTime(s, &times, name.Inner()[3])
		case "data_collections":
			err = d.jsonCollections(s, t)
		default:
			err = s.Skip()
		}
		if err != nil {
			return err
		}
	}
}

func (d *Decoder) jsonCollections(s *Scanner, t *TransactionBoundary) error {
	if s.Peek() == TokenNull {
		return s.Null()
	}
	if err := s.ArrayStart(); err != nil {
		return err
	}
	for {
		ok, err := s.Element()
		if err != nil || !ok {
			return err
		}
		if err := s.ObjectStart(); err != nil {
			return err
		}
		var c CollectionCount
		for {
			name, ok, err := s.Member()
			if err != nil {
				return err
			}
			if !ok {
				break
			}
			switch string(name.Inner()) {
			case "data_collection":
				// Not interned: a message's name has an object's address in it, another one each time.
				var text []byte
				text, err = optionalText(s, nil)
				c.Name = properName(string(text))
			case "event_count":
				var n uint64
				n, _, err = optionalUint(s, "event_count")
				c.Count = int64(n)
			default:
				err = s.Skip()
			}
			if err != nil {
				return err
			}
		}
		t.Collections = append(t.Collections, c)
	}
}

// jsonKey reads a key. Where it has no Connect schema, its columns are those of like, if that is not nil.
func (d *Decoder) jsonKey(topic *topicState, data []byte, spare Row, c *Change, like *rowPlan) (Row, error) {
	s := NewScanner(data)
	schema, wrapped, err := d.unwrap(&topic.keySchemas, &s)
	if err != nil {
		return nil, jsonError("not valid JSON", err)
	}
	if s.Peek() == TokenNull {
		// {"schema":null,"payload":null} is how a converter with schemas writes no key at all.
		if err := s.Null(); err != nil {
			return nil, jsonError("not valid JSON", err)
		}
		return nil, closeKey(&s, wrapped)
	}
	if s.Peek() != TokenObject {
		return nil, decodeErrorf(ReasonBadKey, "expected an object of key columns, found %s; a transform that extracts the key must be removed from the connector", s.Peek())
	}
	plan := topic.key.Load()
	if schema != nil {
		plan = schema.root
	} else if like != nil {
		plan = like
	} else if plan == nil || plan.tableName != (tableName{c.Schema, c.Table}) {
		plan = &rowPlan{tableName: tableName{c.Schema, c.Table}}
	}
	row, used, err := d.jsonRow(&s, plan, spare[:0], &c.scratch.buffer, nil)
	if err != nil {
		return nil, jsonError("not valid JSON", err)
	}
	if schema == nil && like == nil && used != plan {
		topic.key.Store(used)
	}
	if err := closeKey(&s, wrapped); err != nil {
		return nil, err
	}
	if len(row) == 0 {
		return nil, nil
	}
	return row, nil
}

func closeKey(s *Scanner, wrapped bool) error {
	if wrapped {
		if err := closeWrapper(s); err != nil {
			return jsonError("not valid JSON", err)
		}
	}
	if err := s.End(); err != nil {
		return jsonError("not valid JSON", err)
	}
	return nil
}

// optionalName reads a string or null as an interned name. Last is the one that stood there the last time.
func (d *Decoder) optionalName(s *Scanner, last *string) (string, error) {
	var stack [64]byte
	b, err := optionalText(s, stack[:0])
	if err != nil || string(b) == *last {
		return *last, err
	}
	name := d.names.get(b)
	if name == string(b) { // else it stands otherwise in records
		*last = name
	}
	return name, nil
}

// optionalText reads a string or null and returns its content, nil for null. The content shares memory with the record if it has no escapes.
func optionalText(s *Scanner, buffer []byte) ([]byte, error) {
	if s.Peek() == TokenNull {
		return nil, s.Null()
	}
	t, err := s.String()
	if err != nil {
		return nil, err
	}
	if t.IsPlain() {
		return t.Inner(), nil
	}
	return t.Append(buffer), nil
}

// optionalUint reads a whole number or null.
func optionalUint(s *Scanner, what string) (uint64, bool, error) {
	if s.Peek() == TokenNull {
		return 0, false, s.Null()
	}
	text, err := s.Number()
	if err != nil {
		return 0, false, err
	}
	n, ok := parseUint(text)
	if !ok {
		return 0, false, decodeErrorf(ReasonNotAnEnvelope, "%s is no whole number from 0 to 2^64-1", what)
	}
	return n, true, nil
}

func optionalTime(s *Scanner, t *eventTimes, unit byte) error {
	if s.Peek() != TokenNumber {
		return s.Skip()
	}
	text, err := s.Number()
	if err != nil {
		return err
	}
	n, ok := parseInt(text)
	if !ok {
		return decodeErrorf(ReasonNotAnEnvelope, "ts_%cs is no whole number of 64 bits", unit)
	}
	t.set(unit, n)
	return nil
}

// unwrap enters Connect's {"schema":…,"payload":…} where there is one, and leaves the scanner before the payload's value. Without a
// wrapper the scanner stays at the start. The schema is nil where there is none, be it that a wrapper says null.
func (d *Decoder) unwrap(recent *atomic.Pointer[[]*jsonSchema], s *Scanner) (schema *jsonSchema, wrapped bool, err error) {
	start := *s
	if s.Peek() != TokenObject || !mayBeWrapper(s.data[s.pos:]) {
		return nil, false, nil
	}
	if err := s.ObjectStart(); err != nil {
		return nil, false, err
	}
	first, ok, err := s.Member()
	if err != nil {
		return nil, false, err
	}
	payload := *s
	switch {
	case ok && first.Is("schema") && isSchema(s.Peek()):
		if schema, err = d.schemaAt(recent, s); err != nil {
			return nil, false, err
		}
		second, ok, err := s.Member()
		if err != nil {
			return nil, false, err
		}
		if ok && second.Is("payload") {
			return schema, true, nil
		}
	case ok && first.Is("payload"):
		// The payload before its schema: no known converter writes it, but JSON objects have no order. It is read twice.
		if err := s.Skip(); err != nil {
			return nil, false, err
		}
		second, ok, err := s.Member()
		if err != nil {
			return nil, false, err
		}
		if ok && second.Is("schema") && isSchema(s.Peek()) {
			schema, err = d.schemaAt(recent, s)
			*s = payload
			return schema, true, err
		}
	}
	*s = start
	return nil, false, nil
}

// mayBeWrapper says whether an object may begin with the member schema or payload: whether its first name begins with their letters, or with an escape, or
// white space comes before it.
func mayBeWrapper(object []byte) bool {
	if len(object) < 3 || object[1] != '"' {
		return true
	}
	c := object[2]
	return c == 's' || c == 'p' || c == '\\'
}

func isSchema(t Token) bool { return t == TokenObject || t == TokenNull }

// closeWrapper reads what follows the payload.
func closeWrapper(s *Scanner) error {
	for {
		_, ok, err := s.Member()
		if err != nil || !ok {
			return err
		}
		if err := s.Skip(); err != nil {
			return err
		}
	}
}

// maxRecentSchemas is how many Connect schemas are kept per topic: the current one, and some around an ALTER TABLE.
const maxRecentSchemas = 8

// schemaAt reads the Connect schema at the scanner. A schema that was seen before is recognised by its bytes, without reading it again:
// no JSON object is the beginning of another.
func (d *Decoder) schemaAt(recent *atomic.Pointer[[]*jsonSchema], s *Scanner) (*jsonSchema, error) {
	if s.Peek() == TokenNull {
		return nil, s.Null()
	}
	var known []*jsonSchema
	if p := recent.Load(); p != nil {
		known = *p
	}
	for _, k := range known {
		if bytes.HasPrefix(s.data[s.pos:], k.raw) {
			s.pos += len(k.raw)
			s.first = false
			return k, nil
		}
	}
	raw, err := s.Raw()
	if err != nil {
		return nil, err
	}
	schema, err := parseJSONSchema(raw)
	if err != nil {
		return nil, err
	}
	next := append([]*jsonSchema{schema}, known...)
	if len(next) > maxRecentSchemas {
		next = next[:maxRecentSchemas]
	}
	recent.Store(&next)
	return schema, nil
}
