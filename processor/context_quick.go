package processor

import (
	"encoding/binary"
	"time"

	"dossier/schema"
)

// quickPacker packs contexts straight from their JSON, those that have nothing but the usual: it knows what it can read, and leaves everything else, sound or not, to
// schema.ParseContext. What it packs is, to the byte, what packContext makes of that. Not safe for concurrent use.
type quickPacker struct {
	texts   [packedTextCount][]byte // in the order of packedFields
	roles   [][]byte
	time    time.Time
	fields  uint64 // those that are there
	seen    uint64 // those whose names have been read; null is none
	buffer  []byte // texts that had escapes
	scanner schema.Scanner
}

// Places among packedFields.
const (
	textCorrelationID = iota
	textRequestID
	textTraceID
	textUserID
	textUserName
	textUserEmail
	textUserAccountID
	textOnBehalfOf
	textInitiator
	textService
	textIP
	textUserAgent
	textReason
	textVersionName
	packedTextCount
)

// packedUser is a bit for the user as a whole, which has none among the packed fields.
const packedUser = packedTexts << packedTextCount

// pack appends the packed context to b; ok is false where schema.ParseContext has to have a look.
func (q *quickPacker) pack(b, data []byte) (_ []byte, ok bool) {
	if len(data) > schema.MaxContextSize {
		return b, false
	}
	q.fields, q.seen, q.roles, q.buffer = 0, 0, q.roles[:0], q.buffer[:0]
	q.scanner = schema.NewScanner(data)
	if !q.object(q.member) || q.scanner.End() != nil {
		return b, false
	}
	b = binary.AppendUvarint(b, q.fields)
	if q.fields&packedTimestamp != 0 {
		b = binary.AppendUvarint(b, uint64(q.time.Unix()))
		b = binary.AppendUvarint(b, uint64(q.time.Nanosecond()))
	}
	if q.fields&packedRoles != 0 {
		b = binary.AppendUvarint(b, uint64(len(q.roles)))
		for _, role := range q.roles {
			b = appendPacked(b, role)
		}
	}
	for i, text := range q.texts {
		if q.fields&(packedTexts<<i) != 0 {
			b = appendPacked(b, text)
		}
	}
	return b, true
}

// object reads an object by its members, which are never twice.
func (q *quickPacker) object(member func(name []byte) bool) bool {
	if q.scanner.ObjectStart() != nil {
		return false
	}
	for {
		name, ok, err := q.scanner.Member()
		if err != nil || !ok {
			return err == nil
		}
		if !name.IsPlain() || !member(name.Inner()) {
			return false
		}
	}
}

func (q *quickPacker) member(name []byte) bool {
	switch string(name) {
	case "correlation_id":
		return q.text(textCorrelationID)
	case "request_id":
		return q.text(textRequestID)
	case "trace_id":
		return q.text(textTraceID)
	case "on_behalf_of":
		return q.text(textOnBehalfOf)
	case "initiator":
		return q.text(textInitiator)
	case "service":
		return q.text(textService)
	case "ip":
		return q.text(textIP)
	case "user_agent":
		return q.text(textUserAgent)
	case "reason":
		return q.text(textReason)
	case "version_name":
		return q.text(textVersionName)
	case "user":
		return q.first(packedUser) && q.scanner.Peek() == schema.TokenObject && q.object(q.user)
	case "timestamp":
		return q.timestamp()
	}
	return false
}

func (q *quickPacker) user(name []byte) bool {
	switch string(name) {
	case "id":
		return q.text(textUserID)
	case "name":
		return q.text(textUserName)
	case "email":
		return q.text(textUserEmail)
	case "account_id":
		return q.text(textUserAccountID)
	case "roles":
		return q.userRoles()
	}
	return false
}

// first says whether the field's name has not been read before.
func (q *quickPacker) first(field uint64) bool {
	if q.seen&field != 0 {
		return false
	}
	q.seen |= field
	return true
}

func (q *quickPacker) text(i int) bool {
	field := uint64(packedTexts) << i
	if !q.first(field) {
		return false
	}
	text, ok := q.content()
	if ok && len(text) > 0 {
		q.texts[i] = text
		q.fields |= field
	}
	return ok
}

// content reads a string.
func (q *quickPacker) content() ([]byte, bool) {
	text, err := q.scanner.String()
	if err != nil {
		return nil, false
	}
	if text.IsPlain() {
		return text.Inner(), true
	}
	from := len(q.buffer)
	q.buffer = text.Append(q.buffer) // where it moves, what others have of it stays as it is
	return q.buffer[from:], true
}

func (q *quickPacker) userRoles() bool {
	if !q.first(packedRoles) || q.scanner.ArrayStart() != nil {
		return false
	}
	for {
		ok, err := q.scanner.Element()
		if err != nil {
			return false
		}
		if !ok {
			break
		}
		role, ok := q.content()
		if !ok {
			return false
		}
		q.roles = append(q.roles, role)
	}
	if len(q.roles) > 0 { // no roles are none at all
		q.fields |= packedRoles
	}
	return true
}

func (q *quickPacker) timestamp() bool {
	if !q.first(packedTimestamp) {
		return false
	}
	text, ok := q.content()
	if !ok {
		return false
	}
	t, err := time.Parse(time.RFC3339Nano, string(text))
	if err != nil {
		return false
	}
	if q.time = t.UTC(); !q.time.IsZero() {
		q.fields |= packedTimestamp
	}
	return true
}
