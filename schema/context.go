package schema

import (
	"encoding/json"
	"time"
)

// Context is the request context that an application sends, by whichever route: who asked for a transaction, from where
// and why. All fields are optional.
type Context struct {
	// TransactionID is the application's own number of the transaction (txid_current(), 64 bits, or source.txId, 32 bits). Nil where it
	// gave none.
	TransactionID *uint64
	CorrelationID string
	RequestID     string
	TraceID       string
	User          User
	OnBehalfOf    string // the user whom the acting user stands in for
	Initiator     string // "user" or "system"
	Service       string // the application that acted
	IP            string
	UserAgent     string
	Reason        string
	VersionName   string // the named version that this transaction's changes belong to
	Timestamp     time.Time
	Extra         json.RawMessage // a JSON object, kept as it came; nil without
}

// User is who acted.
type User struct {
	ID        string   `json:"id,omitempty"`
	Name      string   `json:"name,omitempty"`
	Email     string   `json:"email,omitempty"`
	AccountID string   `json:"account_id,omitempty"`
	Roles     []string `json:"roles,omitempty"`
}

// IsZero says whether nothing is known of the user.
func (u User) IsZero() bool {
	return u.ID == "" && u.Name == "" && u.Email == "" && u.AccountID == "" && len(u.Roles) == 0
}

// Route is the way by which a context reached its change.
type Route string

const (
	RouteMessage Route = "message" // a transactional logical decoding message
	RouteTable   Route = "table"   // a row of the context table in the same transaction
	RouteTopic   Route = "topic"   // a record on the request-context topic
	RouteColumns Route = "columns" // columns of the row itself
	RouteHTTP    Route = "http"    // the HTTP API, by which versions are named and feedback is given
)

// ContextStatus says how sure the join is.
type ContextStatus string

const (
	StatusAttached     ContextStatus = "attached"     // context found in time
	StatusLate         ContextStatus = "late"         // context found after the change had been published
	StatusUnattributed ContextStatus = "unattributed" // no context: a finding, not an error
	StatusAmbiguous    ContextStatus = "ambiguous"    // two different users by the same route; Candidates has both
)
