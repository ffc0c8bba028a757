package web

import (
	"context"
	"crypto/sha256"
	"net/http"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"dossier/query"
)

// StoreAccess leaves it to the store to know callers: each gets the store as their own credentials open it.
type StoreAccess struct {
	// For returns the store as an Authorization header opens it. It asks nobody yet.
	For func(authorization string) query.Store
	// Who asks the store who that is.
	Who func(ctx context.Context, authorization string) (Identity, error)
	// Scopes are all that there are.
	Scopes []string
	Now    func() time.Time

	once  sync.Once
	known *lru.Cache[[sha256.Size]byte, *acquaintance]
}

const (
	// believed is for how long an answer of the store about a caller is not asked for again.
	believed = 30 * time.Second
	// mostKnown bounds the callers that are remembered.
	mostKnown = 1000
)

// acquaintance is what is known of a caller: nothing yet, or what was true at a time. The lock is not held while the store is asked: nobody waits for another's question
// beyond the end of their own. A map of scopes is not changed once it is here.
type acquaintance struct {
	mu         sync.Mutex
	identity   Identity
	identified time.Time
	scopes     map[string]bool
	scoped     time.Time
}

// Challenges names what Elasticsearch and OpenSearch take, where the store did not say.
func (a *StoreAccess) Challenges() []string {
	return []string{`Basic realm="dossier", charset="UTF-8"`, "ApiKey", `Bearer realm="dossier"`}
}

// Open passes the caller's credentials on, whatever they are: the store refuses what it does not know when it is asked.
func (a *StoreAccess) Open(r *http.Request) (Caller, error) {
	authorization, err := authorizationOf(r)
	if err != nil {
		return nil, err
	}
	a.once.Do(func() {
		a.known, _ = lru.New[[sha256.Size]byte, *acquaintance](mostKnown) // the error is of a size below 1
	})
	hash := sha256.Sum256([]byte(authorization)) // so that no credentials lie about in memory
	known := &acquaintance{}
	if before, ok, _ := a.known.PeekOrAdd(hash, known); ok {
		known = before
		a.known.Get(hash) // it was used just now
	}
	return &storeCaller{access: a, authorization: authorization, store: a.For(authorization), known: known}, nil
}

// storeCaller is whoever the store says.
type storeCaller struct {
	access        *StoreAccess
	authorization string
	store         query.Store
	known         *acquaintance
}

func (c *storeCaller) Store() query.Store { return c.store }

func (c *storeCaller) Identity(ctx context.Context) (Identity, error) {
	now := c.access.Now()
	c.known.mu.Lock()
	identity, fresh := c.known.identity, !c.known.identified.IsZero() && now.Sub(c.known.identified) < believed
	c.known.mu.Unlock()
	if fresh {
		return identity, nil
	}
	identity, err := c.access.Who(ctx, c.authorization)
	if err != nil {
		return Identity{}, err
	}
	c.known.mu.Lock()
	defer c.known.mu.Unlock()
	if !now.Before(c.known.identified) { // otherwise somebody has asked later
		c.known.identity, c.known.identified = identity, now
	}
	return identity, nil
}

// MaySee tries: a scope whose documents the store shows, the caller may see. A scope without any document is not seen until it has one.
func (c *storeCaller) MaySee(ctx context.Context, scope string) (bool, error) {
	now := c.access.Now()
	c.known.mu.Lock()
	scopes, fresh := c.known.scopes, !c.known.scoped.IsZero() && now.Sub(c.known.scoped) < believed
	c.known.mu.Unlock()
	if fresh {
		return scopes[scope], nil
	}
	searches := make([]query.Search, len(c.access.Scopes))
	for i, s := range c.access.Scopes {
		searches[i] = query.Search{Filter: query.Is(query.FieldScope, s), Limit: 1}
	}
	pages, err := c.store.Search(ctx, searches...)
	if err != nil {
		return false, err
	}
	scopes = make(map[string]bool, len(searches))
	for i, s := range c.access.Scopes {
		scopes[s] = len(pages[i].Documents) > 0
	}
	c.known.mu.Lock()
	defer c.known.mu.Unlock()
	if !now.Before(c.known.scoped) { // as above
		c.known.scopes, c.known.scoped = scopes, now
	}
	return scopes[scope], nil
}
