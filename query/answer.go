package query

import (
	"encoding/json"
	"time"

	"dossier/schema"
)

// The answers in the form that programs get, see docs/http-api.md. They decode what they encode.

// Ref names an entity.
type Ref struct {
	Type string `json:"type"`
	ID   string `json:"id"`
}

// Entity is what a change or a state concerns.
type Entity struct {
	Ref
	Parent     *Ref   `json:"parent,omitempty"`
	NextID     string `json:"next_id,omitempty"`
	PreviousID string `json:"previous_id,omitempty"`
}

// Change is one change of one row, or what else stands in a history.
type Change struct {
	Kind        string          `json:"kind"` // change, truncate, named_version, feedback
	EventID     string          `json:"event_id"`
	Time        time.Time       `json:"time"` // commit time
	Action      schema.Action   `json:"action,omitempty"`
	Entity      Entity          `json:"entity"`
	Scope       string          `json:"scope"`
	Context     json.RawMessage `json:"context,omitempty"` // the audit event's context object; nil on snapshot rows
	VersionName string          `json:"version_name,omitempty"`
	Version     *VersionMark    `json:"version,omitempty"`  // on a named version
	Feedback    *Feedback       `json:"feedback,omitempty"` // on feedback
	Changes     []FieldChange   `json:"changes,omitempty"`
	CDC         *CDC            `json:"cdc,omitempty"`
}

// CDC says where a change came from.
type CDC struct {
	Source   string  `json:"source"`
	Schema   string  `json:"schema,omitempty"`
	Table    string  `json:"table,omitempty"`
	Op       string  `json:"op,omitempty"`
	TxID     *uint64 `json:"tx_id,omitempty"`
	Position string  `json:"position,omitempty"`
}

// FieldChange is one field's change. A value is nil where the state is neither present nor null; the state stands beside it then, and only then.
type FieldChange struct {
	Field               string          `json:"field"`
	Previous            json.RawMessage `json:"previous,omitempty"`
	Current             json.RawMessage `json:"current,omitempty"`
	PreviousState       string          `json:"previous_state,omitempty"`
	CurrentState        string          `json:"current_state,omitempty"`
	PreviousDerivedFrom string          `json:"previous_derived_from,omitempty"`
	CurrentDerivedFrom  string          `json:"current_derived_from,omitempty"`
}

// VersionMark says which state of an entity a named version holds.
type VersionMark struct {
	Name    string    `json:"name"`
	ID      string    `json:"id,omitempty"`
	AsOf    time.Time `json:"as_of"`
	EventID string    `json:"event_id,omitempty"`
}

// Feedback is what a connected application or a person reported.
type Feedback struct {
	Application string          `json:"application"`
	Status      string          `json:"status"`
	Message     string          `json:"message,omitempty"`
	Payload     json.RawMessage `json:"payload,omitempty"`
	EventID     string          `json:"event_id,omitempty"`
}

// Status says whether an entity was there.
type Status string

const (
	StatusPresent   Status = "present"
	StatusDeleted   Status = "deleted"
	StatusTruncated Status = "truncated"
	StatusMoved     Status = "moved"   // its key changed: State.MovedTo
	StatusNotYet    Status = "not_yet" // it was created later
	StatusUnknown   Status = "unknown" // before the first version that is known, which is no creation
)

// State is an entity as it was.
type State struct {
	Entity  Entity            `json:"entity"`
	Scope   string            `json:"scope,omitempty"`
	Status  Status            `json:"status"`
	AsOf    *time.Time        `json:"as_of,omitempty"`
	MovedTo string            `json:"moved_to,omitempty"`
	Row     Row               `json:"row,omitzero"`      // the present and null values; nil unless present
	States  map[string]string `json:"states,omitempty"`  // fields in other states
	Derived map[string]string `json:"derived,omitempty"` // fields whose value was taken from another version: its event id
	Version *StateVersion     `json:"version,omitempty"` // the change that made it so
	Blame   map[string]Blame  `json:"blame,omitempty"`
	// Changes is what differed from the version before, and Named who gave the name, where it was not the change itself; on the entities of a named version alone.
	Changes []FieldChange `json:"changes,omitempty"`
	Named   *Naming       `json:"named,omitempty"`
	// ComparedWith is the version before, where that has another name.
	ComparedWith *VersionMark `json:"compared_with,omitempty"`
}

// Naming is what gave a version's name to a state: a row of a table that is a source of named versions, or a request.
type Naming struct {
	EventID string          `json:"event_id"`
	Time    time.Time       `json:"time"`
	Context json.RawMessage `json:"context,omitempty"`
}

// StateVersion is the change that made a state.
type StateVersion struct {
	EventID     string          `json:"event_id"`
	Time        time.Time       `json:"time"`
	Action      schema.Action   `json:"action"`
	Context     json.RawMessage `json:"context,omitempty"`
	Source      string          `json:"source"`
	Position    string          `json:"position"`
	VersionName string          `json:"version_name,omitempty"`
}

// Blame is the change that gave a field its value.
type Blame struct {
	EventID       string          `json:"event_id"`
	Time          time.Time       `json:"time"`
	Action        schema.Action   `json:"action"`
	Context       json.RawMessage `json:"context,omitempty"`
	Previous      json.RawMessage `json:"previous,omitempty"`
	PreviousState string          `json:"previous_state,omitempty"`
}

// History is a page of what happened to an entity.
type History struct {
	Entity struct {
		Ref
		Also []string `json:"also,omitempty"` // ids that it had before or has had since
	} `json:"entity"`
	Items []Change `json:"items"`
	Next  string   `json:"next,omitempty"`
}

// Diff compares two states.
type Diff struct {
	A       State         `json:"a"` // without its row
	B       State         `json:"b"`
	Changes []FieldChange `json:"changes"` // in the row's order; what is in a alone has the current state "absent"
}

// States is a page of entities as they were.
type States struct {
	Items []State `json:"items"`
	Next  string  `json:"next,omitempty"`
}

// Changes is a page of changes.
type Changes struct {
	Items []Change `json:"items"`
	Next  string   `json:"next,omitempty"`
}

// CountsAnswer counts changes.
type CountsAnswer struct {
	By    string        `json:"by"`
	Total int64         `json:"total"`
	Items []CountedItem `json:"items"`
	Other int64         `json:"other"`
}

// CountedItem is one value and how often it occurs. Key is a text, or a Ref where entities are counted.
type CountedItem struct {
	Key   any   `json:"key"`
	Count int64 `json:"count"`
}

// Transaction is what one database transaction changed.
type Transaction struct {
	Source  string          `json:"source"`
	TxID    *uint64         `json:"tx_id,omitempty"`
	Time    time.Time       `json:"time"`
	Context json.RawMessage `json:"context,omitempty"` // the first change's
	// Also is when other transactions had the same number: the first days, the latest first. Numbers come round again.
	Also  []time.Time `json:"also,omitempty"`
	Items []Change    `json:"items"`
	// Complete says whether everything that the database reports for the transaction is stored; nil: not known, for Reason.
	Complete *bool        `json:"complete"`
	Tables   []TableCount `json:"tables,omitempty"`
	Reason   string       `json:"reason,omitempty"`
	Next     string       `json:"next,omitempty"`
}

// TableCount compares what the database reports with what is stored. Reported is nil where it is not known.
type TableCount struct {
	Table    string `json:"table"` // schema.table
	Reported *int64 `json:"reported"`
	Stored   int64  `json:"stored"`
}

// Request is what one request changed.
type Request struct {
	ID           string        `json:"id"`
	Transactions []Transaction `json:"transactions"`
	Complete     *bool         `json:"complete"`
	Reason       string        `json:"reason,omitempty"`
	Next         string        `json:"next,omitempty"`
}

// Edition is one taking of a version's name.
type Edition struct {
	Edition  int             `json:"edition"` // from 1, by the time of the first
	ID       string          `json:"id"`      // "" for the edition that changes themselves name
	By       string          `json:"by"`      // changes, request
	First    time.Time       `json:"first"`
	Last     time.Time       `json:"last"`
	Entities int64           `json:"entities"`
	More     bool            `json:"more,omitempty"` // there are more entities than counted
	User     json.RawMessage `json:"user,omitempty"`
	Reason   string          `json:"reason,omitempty"`
}

// NamedVersion is a name with its editions.
type NamedVersion struct {
	Name     string    `json:"name"`
	Editions []Edition `json:"editions"`
}

// NamedVersions is a page of names, in their order.
type NamedVersions struct {
	Items []NamedVersion `json:"items"`
	Next  string         `json:"next,omitempty"`
}

// VersionContent is a page of the entities of one edition, as they were.
type VersionContent struct {
	Name     string    `json:"name"`
	Edition  Edition   `json:"edition"`
	Editions []Edition `json:"editions"`
	Items    []State   `json:"items"`
	Next     string    `json:"next,omitempty"`
}
