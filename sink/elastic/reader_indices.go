package elastic

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"dossier/query"
)

// everyIndex are the indices of every question. In Elasticsearch, a wildcard names what the caller may read and nothing else; documents that are behind an alias and in an
// index of their own right are found once.
const everyIndex = aliasPrefix + "*,dossier-*-v1-*"

// OpenSearch refuses a question as a whole if it names one index that the caller may not read, wildcards included. Whoever is refused so is asked about, and the question is put
// again to the aliases of their roles. That decides nothing: the store checks each question as before.

// answered puts a question, once more to the aliases of the caller's roles where it is refused.
func (v view) answered(ctx context.Context, question func(view) error) error {
	v.indices = v.names.of(v.authorization)
	err := question(v)
	if !refused(err) || v.product.get() == elasticsearch {
		return readFault(err)
	}
	caller, whoErr := v.who(ctx)
	if whoErr != nil || v.product.get() != openSearch {
		return readFault(err)
	}
	var aliases []string
	for _, role := range caller.Roles {
		if strings.HasPrefix(role, aliasPrefix) {
			aliases = append(aliases, role)
		}
	}
	slices.Sort(aliases)
	indices := strings.Join(aliases, ",")
	if indices == "" {
		indices = everyIndex
	}
	v.names.remember(v.authorization, indices)
	if indices == v.indices {
		return readFault(err)
	}
	v.indices = indices
	return readFault(question(v))
}

func refused(err error) bool {
	var api *apiError
	return errors.As(err, &api) && api.Status == http.StatusForbidden
}

const (
	// namesKept bounds the callers whose indices are remembered, and namesFresh how long.
	namesKept  = 1000
	namesFresh = time.Minute
)

// names remembers which indices' names a caller of OpenSearch is to ask for. The zero value remembers nothing.
type names struct {
	mu sync.Mutex
	by map[[sha256.Size]byte]remembered // guarded by mu
}

type remembered struct {
	indices string
	until   time.Time
}

func (n *names) of(authorization string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if r, ok := n.by[sha256.Sum256([]byte(authorization))]; ok && time.Now().Before(r.until) {
		return r.indices
	}
	return everyIndex
}

func (n *names) remember(authorization, indices string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.by == nil || len(n.by) >= namesKept {
		n.by = map[[sha256.Size]byte]remembered{}
	}
	n.by[sha256.Sum256([]byte(authorization))] = remembered{indices, time.Now().Add(namesFresh)}
}

var _ query.Store = view{}
