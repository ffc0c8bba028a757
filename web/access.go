package web

import (
	"context"
	"net/http"

	"dossier/query"
)

// Access says who asks and what they may see.
type Access interface {
	// Open returns the caller of a request. The error is a *query.Error: CodeUnauthenticated where it has to be known who asks and is not.
	Open(r *http.Request) (Caller, error)
	// Challenges are the values of WWW-Authenticate for a caller who is not known, where the error holds none.
	Challenges() []string
}

// Caller is whoever sent a request. A Caller is for that request, and safe for concurrent use.
type Caller interface {
	// Store shows what the caller may see, and nothing else.
	Store() query.Store
	// Identity says who it is. It may have to ask the store. The error is a *query.Error or the context's.
	Identity(ctx context.Context) (Identity, error)
	// MaySee says whether the caller may see a scope. It is for what does not go through Store, such as live events and what is written; the answer may be half a
	// minute old. The error is a *query.Error or the context's.
	MaySee(ctx context.Context, scope string) (bool, error)
}

// Identity is who somebody is, as far as access goes.
type Identity struct {
	Name  string // "" is anybody: nobody has asked
	Roles []string
}
