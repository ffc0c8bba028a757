package intake

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"dossier/schema"
)

// Limits of one request that names a version.
const (
	MaxVersionRequest  = 1 << 20 // bytes of its JSON
	MaxVersionName     = maxName // characters
	MaxVersionEntities = 10_000
	maxIdempotencyKey  = 200 // characters
)

// VersionRequest asks that the states of entities at a time be given a name.
type VersionRequest struct {
	Name   string
	Reason string
	// AsOf is the time at which the states are meant; the zero time is when the request arrives.
	AsOf time.Time
	// Entities, or a Query in the language of searches whose changes up to AsOf name them; exactly one of the two.
	Entities []schema.EntityRef
	Query    string
	// NewEdition takes a name that has been given before once more, as another edition.
	NewEdition bool
	User       schema.User
}

// ParseVersionRequest reads a request from JSON. The error is Faults, with everything that is wrong with it by itself: whether the entities exist is
// not known here.
func ParseVersionRequest(data []byte) (VersionRequest, error) {
	var faults Faults
	var v VersionRequest
	b, ok := openBody(data, MaxVersionRequest, &faults)
	if !ok {
		return v, faults
	}
	v.Name = b.name()
	v.Reason = b.text("reason", textRule{chars: maxReason, lines: true})
	v.AsOf = b.time("as_of")
	entities, query := b.take("entities"), b.members["query"]
	v.Entities = b.entities(entities)
	v.Query = b.text("query", textRule{chars: 4 << 10, lines: true})
	switch hasQuery := query != nil && string(query) != "null"; {
	case entities != nil && hasQuery:
		faults.add("", "has both entities and query; expected one of them")
	case entities == nil && !hasQuery:
		faults.add("", "names no entities; expected entities or query")
	case hasQuery && strings.TrimSpace(v.Query) == "":
		faults.add("/query", "is empty, and would name everything")
	}
	v.NewEdition = b.flag("new_edition")
	v.User = b.user("user")
	b.rest("name, reason, as_of, entities, query, new_edition or user")
	return v, faults.orNil()
}

// name takes the version's name, without the white space around it.
func (b *body) name() string {
	raw := b.take("name")
	if raw == nil {
		b.faults.add("/name", "is missing")
		return ""
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		b.faults.add("/name", "is no string")
		return ""
	}
	s = strings.TrimSpace(s)
	b.checkText("/name", s, textRule{required: true, chars: MaxVersionName})
	return s
}

// time takes a time, or a day, which stands for its first moment in UTC.
func (b *body) time(name string) time.Time {
	text := b.text(name, textRule{chars: maxName})
	if text == "" {
		return time.Time{}
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC()
		}
	}
	b.faults.add(pointerTo(b.pointer, name), "is no time; expected RFC 3339, such as 2026-11-23T02:43:54Z, or a day")
	return time.Time{}
}

func (b *body) entities(raw json.RawMessage) []schema.EntityRef {
	if raw == nil {
		return nil
	}
	var items []json.RawMessage
	if json.Unmarshal(raw, &items) != nil {
		b.faults.add("/entities", "is no list of objects with type and id")
		return nil
	}
	switch n := len(items); {
	case n == 0:
		b.faults.add("/entities", "is empty")
	case n > MaxVersionEntities:
		b.faults.add("/entities", "has %d entities, at most %d are taken at once", n, MaxVersionEntities)
		return nil
	}
	refs := make([]schema.EntityRef, len(items))
	for i, item := range items {
		inner := body{pointer: fmt.Sprintf("/entities/%d", i), faults: b.faults}
		if json.Unmarshal(item, &inner.members) != nil || inner.members == nil {
			b.faults.add(inner.pointer, "is no object with type and id")
			continue
		}
		refs[i] = inner.entity()
	}
	return refs
}

// CheckIdempotencyKey says whether the text can be an idempotency key: up to 200 printable ASCII characters. "" is none.
func CheckIdempotencyKey(key string) error {
	for i := range len(key) {
		if key[i] < 0x20 || key[i] > 0x7e {
			return Faults{{"", "Idempotency-Key holds a character that is not printable ASCII"}}
		}
	}
	if utf8.RuneCountInString(key) > maxIdempotencyKey {
		return Faults{{"", fmt.Sprintf("Idempotency-Key is longer than %d characters", maxIdempotencyKey)}}
	}
	return nil
}

// NamedState is a state that a request names.
type NamedState struct {
	Target
	// EventID is the change that had made it.
	EventID string
}

// Events returns the audit events of a request, one for each state. id is the request's, at when it came, asOf the time at which the states are
// meant.
func (v *VersionRequest) Events(id string, at, asOf time.Time, states []NamedState, who Caller) []schema.AuditEvent {
	context := who.context(v.User, v.Reason, "")
	context.VersionName = v.Name
	events := make([]schema.AuditEvent, len(states))
	for i, s := range states {
		e := event(schema.KindNamedVersion, schema.NamedVersionEventID(id, s.Entity), at, s.Target)
		e.Context, e.VersionName = context, v.Name
		e.NamedVersion = &schema.NamedVersion{ID: id, AsOf: asOf, EventID: s.EventID}
		events[i] = e
	}
	return events
}
