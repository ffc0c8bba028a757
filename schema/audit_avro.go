package schema

import (
	_ "embed"
	"encoding/binary"
	"time"
	"unicode/utf8"
)

// AuditAvroSchema is the Avro schema of the audit event, as it is registered.
//
// A row's values have the types of whichever table it is from, and one schema serves all tables: so a value stands there as its JSON
// text, exact, beside its state. Times are RFC 3339 text, because Debezium gives nanoseconds and no Avro type that readers commonly
// know holds them; time_micros repeats the commit time for readers that want a typed one.
//
//go:embed audit.avsc
var AuditAvroSchema string

// AppendAvro appends the event in Avro's binary form, by AuditAvroSchema. It doesn't write the wire format's header (zero byte
// and schema id): the caller does, before it.
func (e *AuditEvent) AppendAvro(b []byte) []byte {
	b = e.appendAvroHead(b)
	if e.Context == nil {
		b = append(b, avroNull)
	} else {
		b = e.Context.AppendAvro(append(b, avroSome))
	}
	return e.appendAvroTail(b)
}

// AppendAvroWithContext is AppendAvro with the context already rendered by EventContext.AppendAvro: the many changes of one
// transaction share one context. An empty context is null; e.Context is then looked at for the version name alone.
func (e *AuditEvent) AppendAvroWithContext(b, context []byte) []byte {
	b = e.appendAvroHead(b)
	if len(context) == 0 {
		b = append(b, avroNull)
	} else {
		b = append(append(b, avroSome), context...)
	}
	return e.appendAvroTail(b)
}

func (e *AuditEvent) appendAvroHead(b []byte) []byte {
	b = binary.AppendVarint(b, int64(e.SchemaVersion))
	b = appendAvroString(b, string(e.Kind))
	b = appendAvroString(b, e.ID)
	b = appendAvroTime(b, e.Time)
	if e.Time.IsZero() {
		b = append(b, avroNull)
	} else {
		b = binary.AppendVarint(append(b, avroSome), e.Time.UnixMicro())
	}
	b = appendAvroTime(b, e.Captured)
	b = appendAvroOptional(b, string(e.Action))
	b = e.Entity.appendAvro(b)
	return appendAvroOptional(b, e.Scope)
}

func (e *AuditEvent) appendAvroTail(b []byte) []byte {
	b = appendAvroOptional(b, e.versionName())
	b = appendAvroCount(b, len(e.Changes))
	for i := range e.Changes {
		c := &e.Changes[i]
		b = appendAvroString(b, c.Field)
		b = appendAvroValue(b, c.Previous)
		b = appendAvroValue(b, c.Current)
	}
	b = appendAvroEnd(b)
	b = appendAvroRow(b, e.Before)
	b = appendAvroRow(b, e.After)
	b = appendAvroOptional(b, e.PairID)
	if a := e.Attribution; a == nil {
		b = append(b, avroNull)
	} else {
		b = appendAvroString(append(b, avroSome), a.EventID)
		b = appendAvroOptional(b, string(a.Action))
		b = appendAvroStrings(b, a.Fields)
	}
	b = e.CDC.appendAvro(b)
	return e.appendAvroKinds(b)
}

// appendAvroKinds appends the fields that stand behind cdc, because they came after it.
func (e *AuditEvent) appendAvroKinds(b []byte) []byte {
	if v := e.NamedVersion; v == nil {
		b = append(b, avroNull)
	} else {
		b = appendAvroOptional(append(b, avroSome), v.ID)
		b = appendAvroTime(b, v.AsOf)
		b = appendAvroOptional(b, v.EventID)
		b = e.VersionOf.appendAvroOptional(b)
	}
	if f := e.Feedback; f == nil {
		b = append(b, avroNull)
	} else {
		b = appendAvroOptional(append(b, avroSome), f.Application)
		b = appendAvroOptional(b, f.Status)
		b = appendAvroOptional(b, f.Message)
		b = appendAvroOptional(b, string(f.Payload))
		b = appendAvroOptional(b, f.EventID)
	}
	a := e.Access
	if a == nil {
		return append(b, avroNull)
	}
	b = appendAvroOptional(append(b, avroSome), a.Caller)
	b = appendAvroOptional(b, a.Method)
	b = appendAvroOptional(b, a.Path)
	b = appendAvroOptional(b, a.Query)
	b = binary.AppendVarint(b, int64(a.Status))
	return binary.AppendVarint(b, a.Items)
}

func (r *EntityRef) appendAvroOptional(b []byte) []byte {
	if r == nil {
		return append(b, avroNull)
	}
	b = appendAvroString(append(b, avroSome), r.Type)
	return appendAvroString(b, r.ID)
}

func (n *Entity) appendAvro(b []byte) []byte {
	b = appendAvroString(b, n.Type)
	b = appendAvroOptional(b, n.ID)
	b = appendAvroRow(b, n.Key)
	b = n.Parent.appendAvroOptional(b)
	b = appendAvroOptional(b, n.NextID)
	return appendAvroOptional(b, n.PreviousID)
}

// AppendAvro appends the context of an audit event in Avro's binary form. The version name is no part of it: it is the event's.
func (c *EventContext) AppendAvro(b []byte) []byte {
	b = appendAvroString(b, string(c.Status))
	b = appendAvroOptional(b, string(c.Route))
	if c.TransactionID == nil {
		b = append(b, avroNull)
	} else {
		b = binary.AppendVarint(append(b, avroSome), int64(*c.TransactionID))
	}
	b = appendAvroOptional(b, c.CorrelationID)
	b = appendAvroOptional(b, c.RequestID)
	b = appendAvroOptional(b, c.TraceID)
	b = c.User.appendAvroOptional(b)
	b = appendAvroOptional(b, c.OnBehalfOf)
	b = appendAvroOptional(b, c.Initiator)
	b = appendAvroOptional(b, c.Service)
	b = appendAvroOptional(b, c.IP)
	if agent := c.userAgent(); agent == (UserAgent{}) {
		b = append(b, avroNull)
	} else {
		b = appendAvroOptional(append(b, avroSome), agent.Original)
		b = appendAvroOptional(b, agent.Name)
		b = appendAvroOptional(b, agent.OS)
		b = appendAvroOptional(b, agent.Device)
	}
	b = appendAvroOptional(b, c.Reason)
	b = appendAvroTime(b, c.Timestamp)
	b = appendAvroOptional(b, string(c.Extra))
	b = appendAvroCount(b, len(c.Candidates))
	for i := range c.Candidates {
		candidate := &c.Candidates[i]
		b = appendAvroString(b, string(candidate.Route))
		b = candidate.User.appendAvroOptional(b)
		b = appendAvroOptional(b, candidate.CorrelationID)
	}
	return appendAvroEnd(b)
}

func (u *User) appendAvroOptional(b []byte) []byte {
	if u.IsZero() {
		return append(b, avroNull)
	}
	b = appendAvroOptional(append(b, avroSome), u.ID)
	b = appendAvroOptional(b, u.Name)
	b = appendAvroOptional(b, u.Email)
	b = appendAvroOptional(b, u.AccountID)
	return appendAvroStrings(b, u.Roles)
}

func (c *CDC) appendAvro(b []byte) []byte {
	b = appendAvroString(b, c.Source)
	b = appendAvroOptional(b, c.Connector)
	b = appendAvroOptional(b, c.Schema)
	b = appendAvroOptional(b, c.Table)
	if c.Op == 0 {
		b = append(b, avroNull)
	} else {
		b = append(b, avroSome, 2, byte(c.Op))
	}
	if c.HasTx {
		b = binary.AppendVarint(append(b, avroSome), int64(c.TxID))
	} else {
		b = append(b, avroNull)
	}
	b = appendAvroOptional(b, c.Position)
	if c.Snapshot {
		return append(b, 1)
	}
	return append(b, 0)
}

// The branches of the unions ["null", T], as Avro writes their indices.
const (
	avroNull = 0
	avroSome = 2
)

// appendAvroString writes a string. Avro's strings are UTF-8: what is none becomes U+FFFD, byte by byte, as it does in JSON.
func appendAvroString(b []byte, s string) []byte {
	if !utf8.ValidString(s) {
		s = string([]rune(s))
	}
	b = binary.AppendVarint(b, int64(len(s)))
	return append(b, s...)
}

func appendAvroOptional(b []byte, s string) []byte {
	if s == "" {
		return append(b, avroNull)
	}
	return appendAvroString(append(b, avroSome), s)
}

func appendAvroTime(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return append(b, avroNull)
	}
	var stack [len(time.RFC3339Nano)]byte
	text := appendTime(stack[:0], t)
	b = append(b, avroSome)
	b = binary.AppendVarint(b, int64(len(text)))
	return append(b, text...)
}

// appendAvroCount begins an array that is written as one block; appendAvroEnd ends it. An empty array is its end alone.
func appendAvroCount(b []byte, n int) []byte {
	if n == 0 {
		return b
	}
	return binary.AppendVarint(b, int64(n))
}

func appendAvroEnd(b []byte) []byte { return append(b, 0) }

func appendAvroStrings(b []byte, list []string) []byte {
	b = appendAvroCount(b, len(list))
	for _, s := range list {
		b = appendAvroString(b, s)
	}
	return appendAvroEnd(b)
}

func appendAvroRow(b []byte, row Row) []byte {
	if row == nil {
		return append(b, avroNull)
	}
	b = appendAvroCount(append(b, avroSome), len(row))
	for i := range row {
		b = appendAvroString(b, row[i].Name)
		b = appendAvroValue(b, row[i].Value)
	}
	return appendAvroEnd(b)
}

func appendAvroValue(b []byte, v Value) []byte {
	b = binary.AppendVarint(b, int64(v.State))
	if v.State != Present {
		return append(b, avroNull)
	}
	b = binary.AppendVarint(append(b, avroSome), int64(len(v.JSON)))
	return append(b, v.JSON...)
}
