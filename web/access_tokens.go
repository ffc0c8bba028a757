package web

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"slices"
	"strings"

	"dossier/query"
)

// TokenAccess knows callers by bearer tokens. It is for a store that knows no callers itself. Without tokens, everybody who can send a request reads everything.
type TokenAccess struct {
	Tokens []Token
	// For returns the store with nothing but some scopes in it; nil are all.
	For func(scopes []string) query.Store
}

// Token is what a caller shows. The token itself is not kept.
type Token struct {
	Identity Identity
	Hash     [sha256.Size]byte // of the token
	Scopes   []string          // what its roles may see
}

// Challenges asks for a bearer token.
func (a *TokenAccess) Challenges() []string { return []string{`Bearer realm="dossier"`} }

// Open finds the token.
func (a *TokenAccess) Open(r *http.Request) (Caller, error) {
	if len(a.Tokens) == 0 {
		return &scopedCaller{store: a.For(nil), all: true}, nil
	}
	unknown := func(detail string) error { return &query.Error{Code: query.CodeUnauthenticated, Detail: detail} }
	authorization, err := authorizationOf(r)
	if err != nil {
		return nil, err
	}
	if authorization == "" {
		return nil, unknown("no token; send Authorization: Bearer TOKEN, with a token of serve.access")
	}
	scheme, token, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return nil, unknown("credentials of another kind; send Authorization: Bearer TOKEN, with a token of serve.access")
	}
	// Hashes are compared, each with all of its bytes and every one of them, so that the time taken tells nothing of the tokens.
	hash := sha256.Sum256([]byte(strings.TrimSpace(token)))
	var found *Token
	for i := range a.Tokens {
		if subtle.ConstantTimeCompare(hash[:], a.Tokens[i].Hash[:]) == 1 {
			found = &a.Tokens[i]
		}
	}
	if found == nil {
		return nil, unknown("the token is none of serve.access")
	}
	scopes := found.Scopes
	if scopes == nil {
		scopes = []string{} // nil would be all
	}
	return &scopedCaller{store: a.For(scopes), identity: found.Identity, scopes: scopes}, nil
}

// authorizationOf returns the Authorization header; "" where there is none. With two, nobody could say whose request it is.
func authorizationOf(r *http.Request) (string, error) {
	values := r.Header.Values("Authorization")
	if len(values) > 1 {
		return "", newProblem(kindInvalid, "several Authorization headers; send one")
	}
	return r.Header.Get("Authorization"), nil
}

// scopedCaller may see the scopes that the configuration gives.
type scopedCaller struct {
	store    query.Store
	identity Identity
	all      bool
	scopes   []string
}

func (c *scopedCaller) Store() query.Store { return c.store }

func (c *scopedCaller) Identity(context.Context) (Identity, error) { return c.identity, nil }

// MaySee knows of scopes without any document, too.
func (c *scopedCaller) MaySee(_ context.Context, scope string) (bool, error) {
	return c.all || slices.Contains(c.scopes, scope), nil
}
