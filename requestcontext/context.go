package requestcontext

import (
	"context"
	"maps"
	"slices"
	"time"
)

// Initiator values: a person at the other end, or a program acting by itself (a scheduled job, a queue's worker).
const (
	InitiatorUser   = "user"
	InitiatorSystem = "system"
)

// Context is who asked for a transaction, from where and why. Every field is optional; the JSON names are those that
// Dossier reads from messages, from the context table and from the request-context topic.
type Context struct {
	// TransactionID is the database's number of the transaction, as txid_current() gives it. Only a record of the
	// request-context topic needs it: a message and a context row lie in their transaction already. 0 is none.
	TransactionID uint64 `json:"transaction_id,omitempty"`
	// CorrelationID names everything that one request caused, over all services that took part.
	CorrelationID string `json:"correlation_id,omitempty"`
	// RequestID names this one HTTP request. [Middleware] gives both ids the same value.
	RequestID string `json:"request_id,omitempty"`
	// TraceID is the W3C trace id: 32 lower-case hexadecimal digits.
	TraceID string `json:"trace_id,omitempty"`
	User    User   `json:"user,omitzero"`
	// OnBehalfOf is the id of the user for whom User acts: support staff in a customer's account, a deputy.
	OnBehalfOf string `json:"on_behalf_of,omitempty"`
	// Initiator is [InitiatorUser], [InitiatorSystem], or empty where it is not known.
	Initiator string `json:"initiator,omitempty"`
	// Service is the name of the application that writes.
	Service string `json:"service,omitempty"`
	// IP is the client's address, without port or zone.
	IP        string `json:"ip,omitempty"`
	UserAgent string `json:"user_agent,omitempty"`
	// Reason is why, in the user's words.
	Reason string `json:"reason,omitempty"`
	// VersionName names the version that the transaction's changes belong to.
	VersionName string `json:"version_name,omitempty"`
	// Timestamp is when the request came in.
	Timestamp time.Time `json:"timestamp,omitzero"`
	// Extra is anything else that an auditor should see. Its values must be what encoding/json can write.
	Extra map[string]any `json:"extra,omitempty"`
}

// User is a person or account as the application knows it.
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

type key struct{}

// With returns a copy of ctx that carries c. It holds a copy of c: changing c's roles or extra afterwards changes
// nothing in ctx.
//
// A handler that learns more than the middleware knew takes what is there and puts it back:
//
//	c, _ := requestcontext.From(ctx)
//	c.Reason = form.Reason
//	ctx = requestcontext.With(ctx, c)
func With(ctx context.Context, c Context) context.Context {
	return context.WithValue(ctx, key{}, c.clone())
}

// From returns the request context that ctx carries, and false where it carries none. The result is the caller's own.
func From(ctx context.Context) (Context, bool) {
	c, ok := ctx.Value(key{}).(Context)
	return c.clone(), ok
}

// clone copies what c and its copy would otherwise share: one request's goroutines may each add to their own.
func (c Context) clone() Context {
	c.User.Roles = slices.Clone(c.User.Roles)
	c.Extra = maps.Clone(c.Extra)
	return c
}
