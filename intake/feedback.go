package intake

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"

	"dossier/schema"
)

// Limits of one piece of feedback, in bytes but for the message, which is in characters.
const (
	MaxFeedback = 512 << 10 // all of it, as JSON
	MaxMessage  = 32 << 10
	MaxPayload  = 256 << 10
)

// Feedback is what a connected application or a person reports on an entity, a named version or a change, as it is sent. See docs/feedback.md.
type Feedback struct {
	// ID is the application's own id for it; "" without. The same application and id are the same feedback, however often it is sent; the first
	// that arrives counts.
	ID          string
	Application string
	Status      string
	Message     string
	Payload     json.RawMessage // an object; nil without
	// At least one of these three says what it is on.
	Entity  *schema.EntityRef
	Version string // a named version
	EventID string // a change
	// Scope is where feedback lies that no entity's type says the scope of; "" for the default scope.
	Scope  string
	User   schema.User
	Reason string
}

// ParseFeedback reads feedback from JSON. The error is Faults, with everything that is wrong with it. The result shares no memory with data.
func ParseFeedback(data []byte) (Feedback, error) {
	var faults Faults
	var f Feedback
	b, ok := openBody(data, MaxFeedback, &faults)
	if !ok {
		return f, faults
	}
	f.Application = b.text("application", textRule{required: true, chars: maxName})
	f.Status = b.text("status", textRule{required: true, chars: maxName})
	f.Message = b.text("message", textRule{chars: MaxMessage, lines: true})
	f.Payload = b.payload()
	if e, ok := b.object("entity"); ok {
		ref := e.entity()
		f.Entity = &ref
	}
	f.Version = b.text("version", textRule{chars: maxReference})
	f.EventID = b.text("event_id", textRule{chars: maxName})
	f.ID = b.text("id", textRule{chars: maxName})
	f.Scope = b.text("scope", textRule{chars: maxName})
	f.User = b.user("user")
	f.Reason = b.text("reason", textRule{chars: maxReason, lines: true})
	b.rest("application, status, message, payload, entity, version, event_id, id, scope, user or reason")
	if len(faults) == 0 && f.Entity == nil && f.Version == "" && f.EventID == "" {
		faults.add("", "names nothing that it is on; expected at least one of entity, version and event_id")
	}
	return f, faults.orNil()
}

func (b *body) payload() json.RawMessage {
	raw := b.take("payload")
	switch {
	case raw == nil:
		return nil
	case raw[0] != '{':
		b.faults.add("/payload", "is no object")
		return nil
	case len(raw) > MaxPayload:
		b.faults.add("/payload", "has %d bytes, at most %d are taken", len(raw), MaxPayload)
		return nil
	}
	return bytes.Clone(raw)
}

// FeedbackID returns the id of the event that a piece of feedback becomes; "" where the application gave it no id of its own.
func (f *Feedback) FeedbackID() string {
	if f.ID == "" {
		return ""
	}
	return schema.FeedbackEventID(f.Application, f.ID)
}

// recordID is the id of feedback without one that came as a record: where it stands in the topic. The time tells a topic from one of the same name that was there before.
func recordID(r *schema.Record) string {
	return schema.DerivedID("feedback", "", r.Topic, strconv.Itoa(int(r.Partition)), strconv.FormatInt(r.Offset, 10), strconv.FormatInt(r.Time.UnixMilli(), 10))
}

// Target is what is known of that which something is written on.
type Target struct {
	Entity schema.EntityRef
	Parent *schema.EntityRef
	Scope  string
}

// Event returns the audit event of the feedback. id is its identity, at when it was given, and target what it is on: without an entity, on a
// version or a change alone.
func (f *Feedback) Event(id string, at time.Time, target Target, who Caller) schema.AuditEvent {
	e := event(schema.KindFeedback, id, at, target)
	e.Context = who.context(f.User, f.Reason, f.Application)
	e.VersionName = f.Version
	e.Feedback = &schema.Feedback{Application: f.Application, Status: f.Status, Message: f.Message, Payload: f.Payload, EventID: f.EventID}
	return e
}
