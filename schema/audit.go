package schema

import "time"

// AuditSchemaVersion is the version of the audit event's format that this package writes.
const AuditSchemaVersion = 1

// Kind is the kind of an audit event.
type Kind string

const (
	// KindChange is a change of one row, or the emptying of a table.
	KindChange Kind = "change"
	// KindAttribution completes a change whose context came late.
	KindAttribution Kind = "attribution"
	// KindNamedVersion says that an entity, as it was at a time, belongs to a named version.
	KindNamedVersion Kind = "named_version"
	// KindFeedback is what a connected application or a person reports.
	KindFeedback Kind = "feedback"
	// KindAccess says who read what. It becomes no document.
	KindAccess Kind = "access"
)

// Action is what happened to an entity.
type Action string

const (
	ActionCreate   Action = "create"
	ActionUpdate   Action = "update"
	ActionDelete   Action = "delete"
	ActionRekey    Action = "rekey"
	ActionTruncate Action = "truncate"
	ActionSnapshot Action = "snapshot"
)

// Names of the headers of records on the audit topic.
const (
	HeaderEventID       = "event_id"
	HeaderKind          = "kind"
	HeaderSchemaVersion = "schema_version"
)

// AuditEvent is one record of the audit topic, Dossier's public contract.
type AuditEvent struct {
	SchemaVersion int
	Kind          Kind
	ID            string    // see EventID
	Time          time.Time // commit time, UTC
	Captured      time.Time // when the connector read the change
	Action        Action
	Entity        Entity
	Scope         string
	// Context is nil on snapshot rows: a baseline was made by nobody.
	Context     *EventContext
	VersionName string
	Changes     []FieldChange
	// Before and After hold the values that are present or null. A field in another state (unavailable, masked, erased) stands
	// there with that state; in JSON it is left out of the row and named in "states".
	Before, After Row
	CDC           CDC
	// PairID is the event id of the other half of a rekey; "" otherwise.
	PairID string
	// Attribution is set on KindAttribution alone.
	Attribution *Attribution

	// NamedVersion is set on KindNamedVersion, and with VersionOf on a change and its attribution: which state VersionName holds.
	NamedVersion *NamedVersion
	// VersionOf is the entity whose state the change names by its row, where the row's table is a source of named versions and the entity is another
	// than the event's own; nil otherwise.
	VersionOf *EntityRef
	// Feedback is set on KindFeedback alone.
	Feedback *Feedback
	// Access is set on KindAccess alone.
	Access *Access
}

// EntityRef names an entity.
type EntityRef struct {
	Type string
	ID   string
}

// Entity is what a change concerns.
type Entity struct {
	Type string
	// ID is the key's values as text, joined by "/" (see EntityID). "" for a truncate, and for a row without a key.
	ID     string
	Key    Row
	Parent *EntityRef
	// NextID and PreviousID link the two events of a changed key.
	NextID, PreviousID string
}

// EventContext is a Context as it was attached to an event.
type EventContext struct {
	Status    ContextStatus
	Route     Route // the first route that gave anything; "" when unattributed
	Context         // the merged context
	UserAgent UserAgent
	// Candidates are the contexts that contradict each other, when ambiguous: the fields on which they differ are left empty above.
	Candidates []Candidate
}

// UserAgent is a User-Agent header and what it tells.
type UserAgent struct {
	Original string
	Name     string // browser, such as "Firefox"
	OS       string // such as "Linux"
	Device   string // desktop, mobile, tablet, bot; "" unknown
}

// Candidate is one of several contradicting contexts.
type Candidate struct {
	Route         Route
	User          User
	CorrelationID string
}

// FieldChange is one attribute's change.
type FieldChange struct {
	Field             string
	Previous, Current Value
}

// CDC says where the change came from.
type CDC struct {
	Source    string
	Connector string
	Schema    string
	Table     string
	Op        Op
	TxID      uint64
	HasTx     bool
	Position  string
	Snapshot  bool
}

// Attribution completes an earlier change event whose context came late.
type Attribution struct {
	EventID string   // the change event
	Action  Action   // its action
	Fields  []string // the fields of its changes, so that its documents' ids can be computed
}

// Access is one question that was answered, or refused. From where it was asked stands in the event's context.
type Access struct {
	Caller string // by which name the store or the configuration knows who asked; "" where nobody asks that
	Method string // of HTTP
	Path   string // as it was asked, percent-encoded
	Query  string // the text after "?", as it was asked; "" without
	Status int    // of HTTP: 200 answered, 403 refused, and so on
	Items  int64  // how many things the answer shows
}
