package main

import "encoding/json"

// Event is an audit event, as far as this consumer cares. It is written by hand from the description of the topic: a consumer
// needs none of Dossier's packages.
//
// Row values are json.RawMessage, because decoding them into float64 would lose digits of large numbers. RawMessage makes null,
// which is a value, differ from a member that is not there.
type Event struct {
	SchemaVersion int          `json:"schema_version"`
	Kind          string       `json:"kind"`
	ID            string       `json:"id"`
	Time          string       `json:"time,omitempty"`
	Captured      string       `json:"captured,omitempty"`
	Action        string       `json:"action,omitempty"`
	Entity        Entity       `json:"entity"`
	Scope         string       `json:"scope,omitempty"`
	Context       *Context     `json:"context,omitempty"`
	VersionName   string       `json:"version_name,omitempty"`
	Version       *Version     `json:"version,omitempty"`
	Changes       []Change     `json:"changes,omitempty"`
	Before        Row          `json:"before,omitzero"`
	After         Row          `json:"after,omitzero"`
	States        *States      `json:"states,omitempty"`
	PairID        string       `json:"pair_id,omitempty"`
	Attribution   *Attribution `json:"attribution,omitempty"`
	Feedback      *Feedback    `json:"feedback,omitempty"`
	Access        *Access      `json:"access,omitempty"`
	CDC           CDC          `json:"cdc"`
}

// Row is a row image, by column.
type Row map[string]json.RawMessage

// Entity is what a change concerns.
type Entity struct {
	Type       string `json:"type"`
	ID         string `json:"id,omitempty"`
	Key        Row    `json:"key,omitzero"`
	Parent     *Ref   `json:"parent,omitempty"`
	NextID     string `json:"next_id,omitempty"`
	PreviousID string `json:"previous_id,omitempty"`
}

// Ref names another entity, such as the one that an entity belongs to.
type Ref struct {
	Type string `json:"type"`
	ID   string `json:"id"`
}

// Context says who asked for the change.
type Context struct {
	Status        string          `json:"status"`
	Route         string          `json:"route,omitempty"`
	TransactionID *uint64         `json:"transaction_id,omitempty"`
	CorrelationID string          `json:"correlation_id,omitempty"`
	RequestID     string          `json:"request_id,omitempty"`
	TraceID       string          `json:"trace_id,omitempty"`
	User          *User           `json:"user,omitempty"`
	OnBehalfOf    string          `json:"on_behalf_of,omitempty"`
	Initiator     string          `json:"initiator,omitempty"`
	Service       string          `json:"service,omitempty"`
	IP            string          `json:"ip,omitempty"`
	UserAgent     *UserAgent      `json:"user_agent,omitempty"`
	Reason        string          `json:"reason,omitempty"`
	Timestamp     string          `json:"timestamp,omitempty"`
	Extra         json.RawMessage `json:"extra,omitempty"`
	Candidates    []Candidate     `json:"candidates,omitempty"`
}

// User is who acted.
type User struct {
	ID        string   `json:"id,omitempty"`
	Name      string   `json:"name,omitempty"`
	Email     string   `json:"email,omitempty"`
	AccountID string   `json:"account_id,omitempty"`
	Roles     []string `json:"roles,omitempty"`
}

// UserAgent is the program that the user acted with.
type UserAgent struct {
	Original string `json:"original,omitempty"`
	Name     string `json:"name,omitempty"`
	OS       string `json:"os,omitempty"`
	Device   string `json:"device,omitempty"`
}

// Candidate is one of several contexts that contradict each other.
type Candidate struct {
	Route         string `json:"route"`
	User          *User  `json:"user,omitempty"`
	CorrelationID string `json:"correlation_id,omitempty"`
}

// Change is one attribute's change: each side is a value, null, or a state.
type Change struct {
	Field         string          `json:"field"`
	Previous      json.RawMessage `json:"previous,omitempty"`
	PreviousState string          `json:"previous_state,omitempty"`
	Current       json.RawMessage `json:"current,omitempty"`
	CurrentState  string          `json:"current_state,omitempty"`
}

// States names the columns that hold neither a value nor null, by row image.
type States struct {
	Key    map[string]string `json:"key,omitempty"`
	Before map[string]string `json:"before,omitempty"`
	After  map[string]string `json:"after,omitempty"`
}

// Attribution names the earlier change event whose context came late.
type Attribution struct {
	EventID string   `json:"event_id"`
	Action  string   `json:"action,omitempty"`
	Fields  []string `json:"fields,omitempty"`
}

// Version says which state the event's version_name holds, and of whom where that is not the event's own entity.
type Version struct {
	ID      string `json:"id,omitempty"`
	AsOf    string `json:"as_of,omitempty"`
	EventID string `json:"event_id,omitempty"`
	Entity  *Ref   `json:"entity,omitempty"`
}

// Feedback is what a connected application or a person reports.
type Feedback struct {
	Application string          `json:"application,omitempty"`
	Status      string          `json:"status,omitempty"`
	Message     string          `json:"message,omitempty"`
	Payload     json.RawMessage `json:"payload,omitempty"`
	EventID     string          `json:"event_id,omitempty"`
}

// Access is one read of the audit trail.
type Access struct {
	Caller string `json:"caller,omitempty"`
	Method string `json:"method,omitempty"`
	Path   string `json:"path,omitempty"`
	Query  string `json:"query,omitempty"`
	Status int    `json:"status"`
	Items  int64  `json:"items"`
}

// CDC says where in the database's log the change stands.
type CDC struct {
	Source    string  `json:"source"`
	Connector string  `json:"connector,omitempty"`
	Schema    string  `json:"schema,omitempty"`
	Table     string  `json:"table,omitempty"`
	Op        string  `json:"op,omitempty"`
	TxID      *uint64 `json:"tx_id,omitempty"`
	Position  string  `json:"position,omitempty"`
	Snapshot  bool    `json:"snapshot"`
}
