package schema

import (
	"encoding/binary"
	"fmt"
	"time"
	"unicode/utf8"
	"unsafe"
)

// ParseAvro reads an audit event from its Avro binary form, without the wire format's header, into e. Errors, memory and lifetimes are
// as with ParseAuditEvent; rows keep their order whole.
//
// It reads by position and asks no registry: the schema's rules make that safe. schema_version is the first field for ever, and
// within one version fields are only added at the very end, so bytes that follow what this release knows are left unread.
func ParseAvro(data []byte, e *AuditEvent) error {
	r := avroReader{data: data}
	old := *e
	*e = AuditEvent{}
	version := r.long("schema_version")
	if r.err == nil && version > AuditSchemaVersion {
		return laterVersionError(int(version))
	}
	e.SchemaVersion = int(version)
	r.event(e, &old)
	err := r.err
	if err == nil {
		err = checkAuditEvent(e)
	}
	if err != nil {
		return &DecodeError{Reason: ReasonNotAuditEvent, Detail: "audit event in Avro: " + err.Error()}
	}
	return nil
}

// DecodeAudit reads an audit event from a record of the audit topic into e, in whichever form the record has it: JSON, or Avro after
// the Confluent wire header. Errors, memory and lifetimes are as with ParseAuditEvent.
func DecodeAudit(rec *Record, e *AuditEvent) error {
	const headerLen = 5 // a zero byte and the schema's id
	data := rec.Value
	switch {
	case len(data) == 0:
		return &DecodeError{Reason: ReasonNotAuditEvent, Detail: "audit event: the record has no value; the audit topic holds no tombstones"}
	case data[0] != 0:
		return ParseAuditEvent(data, e)
	case len(data) < headerLen:
		return &DecodeError{Reason: ReasonNotAuditEvent, Detail: "audit event in Avro: the record ends within the header of the wire format"}
	}
	return ParseAvro(data[headerLen:], e)
}

// avroReader reads Avro's primitives. The first error stays, and everything read after it is empty.
type avroReader struct {
	data []byte
	pos  int
	err  error
}

func (r *avroReader) event(e, old *AuditEvent) {
	e.Kind = Kind(r.string("kind"))
	e.ID = r.string("id")
	e.Time = r.time("time")
	if r.some("time_micros") {
		r.long("time_micros")
	}
	e.Captured = r.time("captured")
	e.Action = Action(r.optional("action"))
	r.entity(&e.Entity, &old.Entity)
	e.Scope = r.optional("scope")
	if r.some("context") {
		if e.Context = old.Context; e.Context == nil {
			e.Context = new(EventContext)
		}
		r.context(e.Context)
	}
	e.VersionName = r.optional("version_name")
	if e.Context != nil {
		e.Context.VersionName = e.VersionName
	}
	e.Changes = old.Changes[:0]
	for left := int64(0); r.more("changes", &left); {
		e.Changes = append(e.Changes, FieldChange{Field: r.string("changes.field"), Previous: r.value("changes.previous"),
			Current: r.value("changes.current")})
	}
	e.Before = r.row("before", old.Before)
	e.After = r.row("after", old.After)
	e.PairID = r.optional("pair_id")
	if r.some("attribution") {
		if e.Attribution = old.Attribution; e.Attribution == nil {
			e.Attribution = new(Attribution)
		}
		fields := e.Attribution.Fields
		*e.Attribution = Attribution{EventID: r.string("attribution.event_id"), Action: Action(r.optional("attribution.action"))}
		e.Attribution.Fields = r.strings("attribution.fields", fields)
	}
	r.cdc(&e.CDC)
	if r.err == nil && r.pos < len(r.data) { // the writer knew the fields that came after cdc
		r.kinds(e, old)
	}
}

func (r *avroReader) kinds(e, old *AuditEvent) {
	if r.some("version") {
		if e.NamedVersion = old.NamedVersion; e.NamedVersion == nil {
			e.NamedVersion = new(NamedVersion)
		}
		*e.NamedVersion = NamedVersion{ID: r.optional("version.id"), AsOf: r.time("version.as_of"), EventID: r.optional("version.event_id")}
		e.VersionOf = r.ref("version.entity", old.VersionOf)
	}
	if r.some("feedback") {
		if e.Feedback = old.Feedback; e.Feedback == nil {
			e.Feedback = new(Feedback)
		}
		*e.Feedback = Feedback{Application: r.optional("feedback.application"), Status: r.optional("feedback.status"), Message: r.optional("feedback.message")}
		if payload := r.optionalBytes("feedback.payload"); payload != nil {
			r.json("feedback.payload", payload, TokenObject)
			e.Feedback.Payload = payload
		}
		e.Feedback.EventID = r.optional("feedback.event_id")
	}
	if r.some("access") {
		if e.Access = old.Access; e.Access == nil {
			e.Access = new(Access)
		}
		*e.Access = Access{Caller: r.optional("access.caller"), Method: r.optional("access.method"), Path: r.optional("access.path"),
			Query: r.optional("access.query"), Status: int(r.natural("access.status", 1<<31-1)), Items: r.natural("access.items", 1<<63-1)}
	}
}

// ref reads a ["null", EntityRef] into the memory of an old one.
func (r *avroReader) ref(name string, old *EntityRef) *EntityRef {
	if !r.some(name) {
		return nil
	}
	if old == nil {
		old = new(EntityRef)
	}
	*old = EntityRef{Type: r.string(name), ID: r.string(name)}
	return old
}

// natural reads a number that is neither negative nor greater than most.
func (r *avroReader) natural(name string, most int64) int64 {
	n := r.long(name)
	if n < 0 || n > most {
		r.fail(name, "expected a number that is neither negative nor so large")
		return 0
	}
	return n
}

func (r *avroReader) entity(n, old *Entity) {
	n.Type = r.string("entity.type")
	n.ID = r.optional("entity.id")
	n.Key = r.row("entity.key", old.Key)
	n.Parent = r.ref("entity.parent", old.Parent)
	n.NextID = r.optional("entity.next_id")
	n.PreviousID = r.optional("entity.previous_id")
}

func (r *avroReader) context(c *EventContext) {
	old := *c
	*c = EventContext{}
	c.Status = ContextStatus(r.string("context.status"))
	c.Route = Route(r.optional("context.route"))
	if r.some("context.transaction_id") {
		if c.TransactionID = old.TransactionID; c.TransactionID == nil {
			c.TransactionID = new(uint64)
		}
		*c.TransactionID = uint64(r.long("context.transaction_id"))
	}
	c.CorrelationID = r.optional("context.correlation_id")
	c.RequestID = r.optional("context.request_id")
	c.TraceID = r.optional("context.trace_id")
	r.user("context.user", &c.User, old.User.Roles)
	c.OnBehalfOf = r.optional("context.on_behalf_of")
	c.Initiator = r.optional("context.initiator")
	c.Service = r.optional("context.service")
	c.IP = r.optional("context.ip")
	if r.some("context.user_agent") {
		c.UserAgent = UserAgent{Original: r.optional("context.user_agent.original"), Name: r.optional("context.user_agent.name"),
			OS: r.optional("context.user_agent.os"), Device: r.optional("context.user_agent.device")}
		c.Context.UserAgent = c.UserAgent.Original
	}
	c.Reason = r.optional("context.reason")
	c.Timestamp = r.time("context.timestamp")
	if extra := r.optionalBytes("context.extra"); extra != nil {
		r.json("context.extra", extra, TokenObject)
		c.Extra = extra
	}
	c.Candidates = old.Candidates[:0]
	for left := int64(0); r.more("context.candidates", &left); {
		candidate := Candidate{Route: Route(r.string("context.candidates.route"))}
		r.user("context.candidates.user", &candidate.User, nil)
		candidate.CorrelationID = r.optional("context.candidates.correlation_id")
		c.Candidates = append(c.Candidates, candidate)
	}
}

func (r *avroReader) user(name string, u *User, roles []string) {
	if r.some(name) {
		*u = User{ID: r.optional(name), Name: r.optional(name), Email: r.optional(name), AccountID: r.optional(name), Roles: r.strings(name, roles)}
	}
}

func (r *avroReader) cdc(c *CDC) {
	c.Source = r.string("cdc.source")
	c.Connector = r.optional("cdc.connector")
	c.Schema = r.optional("cdc.schema")
	c.Table = r.optional("cdc.table")
	switch op := r.optional("cdc.op"); {
	case len(op) == 1:
		c.Op = Op(op[0])
	case op != "":
		r.fail("cdc.op", "expected one letter")
	}
	if c.HasTx = r.some("cdc.tx_id"); c.HasTx {
		c.TxID = uint64(r.long("cdc.tx_id"))
	}
	c.Position = r.optional("cdc.position")
	switch b := r.take("cdc.snapshot", 1); {
	case b == nil:
	case b[0] > 1:
		r.fail("cdc.snapshot", "expected a boolean")
	default:
		c.Snapshot = b[0] == 1
	}
}

func (r *avroReader) row(name string, old Row) Row {
	if !r.some(name) {
		return nil
	}
	row := old[:0]
	if row == nil {
		row = Row{}
	}
	for left := int64(0); r.more(name, &left); {
		row = append(row, Field{Name: r.string(name), Value: r.value(name)})
	}
	return row
}

func (r *avroReader) value(name string) Value {
	state := r.long(name)
	text := r.optionalBytes(name)
	switch {
	case r.err != nil:
	case state < 0 || state > int64(Erased):
		r.fail(name, "expected the index of a state")
	case (State(state) == Present) != (text != nil):
		r.fail(name, "expected a JSON text where the state is present, and there alone")
	case text != nil:
		r.json(name, text, TokenInvalid)
		return Value{State: Present, JSON: text}
	default:
		return Value{State: State(state)}
	}
	return Value{}
}

// json checks that a text is JSON, of that kind unless the kind is TokenInvalid: what is written from it splices it in.
func (r *avroReader) json(name string, text []byte, kind Token) {
	s := NewScanner(text)
	if kind != TokenInvalid && s.Peek() != kind {
		r.fail(name, "expected the text of "+kind.String())
		return
	}
	err := s.Skip()
	if err == nil {
		err = s.End()
	}
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("%s: %w", name, err)
	}
}

func (r *avroReader) fail(name, detail string) {
	if r.err == nil {
		r.err = fmt.Errorf("%s: %s, at offset %d", name, detail, r.pos)
	}
}

func (r *avroReader) long(name string) int64 {
	if r.err != nil {
		return 0
	}
	n, size := binary.Varint(r.data[r.pos:])
	if size <= 0 {
		r.fail(name, "expected a number")
		return 0
	}
	r.pos += size
	return n
}

// some reads the index of a union ["null", T], and says whether a T follows.
func (r *avroReader) some(name string) bool {
	branch := r.long(name)
	if branch != 0 && branch != 1 {
		r.fail(name, "expected null or a value")
	}
	return r.err == nil && branch == 1
}

// more says whether an array has another item; left counts those of the current block.
func (r *avroReader) more(name string, left *int64) bool {
	if *left == 0 {
		n := r.long(name)
		if n < 0 { // the block's size in bytes follows
			n = -n
			r.long(name)
		}
		if n < 0 {
			r.fail(name, "expected the number of items")
		}
		*left = n
	}
	if r.err != nil || *left == 0 {
		return false
	}
	*left--
	return true
}

// take reads n bytes; nil where there are fewer.
func (r *avroReader) take(name string, n int64) []byte {
	if r.err != nil {
		return nil
	}
	if n < 0 || n > int64(len(r.data)-r.pos) {
		r.fail(name, "cut off")
		return nil
	}
	end := r.pos + int(n)
	b := r.data[r.pos:end:end]
	r.pos = end
	return b
}

// bytes reads a string's bytes; nil only after an error.
func (r *avroReader) bytes(name string) []byte {
	b := r.take(name, r.long(name))
	if b != nil && !utf8.Valid(b) {
		r.fail(name, "expected UTF-8")
	}
	return b
}

func (r *avroReader) string(name string) string {
	b := r.bytes(name)
	return unsafe.String(unsafe.SliceData(b), len(b))
}

// optionalBytes reads a ["null", "string"]; nil where it is null.
func (r *avroReader) optionalBytes(name string) []byte {
	if !r.some(name) {
		return nil
	}
	return r.bytes(name)
}

func (r *avroReader) optional(name string) string {
	b := r.optionalBytes(name)
	return unsafe.String(unsafe.SliceData(b), len(b))
}

func (r *avroReader) strings(name string, old []string) []string {
	list := old[:0]
	for left := int64(0); r.more(name, &left); {
		list = append(list, r.string(name))
	}
	return list
}

func (r *avroReader) time(name string) time.Time {
	text := r.optional(name)
	if text == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		r.fail(name, "expected an RFC 3339 time")
	}
	return t.UTC()
}
