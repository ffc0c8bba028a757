package elastic

import (
	"errors"
	"net/http"
	"sync/atomic"
)

// What Elasticsearch and OpenSearch do differently stands in this file, and in security_opensearch.go how roles are written down. Documents, templates, aliases, bulk requests and searches
// are the same, and the mapping but for what fitTimes says.

// product is the store's make.
type product int32

const (
	unknownProduct product = iota
	elasticsearch
	openSearch
)

// String returns the product's name.
func (p product) String() string {
	return [...]string{"an unknown store", "Elasticsearch", "OpenSearch"}[p]
}

// Headers by which answers tell whose they are. OpenSearch has had its own since version 3.
const (
	elasticsearchHeader = "X-Elastic-Product"
	openSearchHeader    = "X-Opensearch-Version"
)

// productOf tells the product by the answer to GET /, whether it is a good one or not.
func productOf(a answer, err error) (product, error) {
	if a.header.Get(elasticsearchHeader) != "" {
		return elasticsearch, nil
	}
	version, _ := decode(a.body)["version"].(object)
	if a.header.Get(openSearchHeader) != "" || version["distribution"] == "opensearch" {
		return openSearch, nil
	}
	var api *apiError
	switch {
	case errors.As(err, &api) && api.Status == http.StatusForbidden:
		return openSearch, nil // an older one, and somebody who may not know
	case err != nil:
		return unknownProduct, err
	}
	return unknownProduct, errors.New("what answers is neither Elasticsearch nor OpenSearch: the answer to GET / names neither")
}

// productMemory remembers what answers told.
type productMemory struct{ known atomic.Int32 }

func (m *productMemory) learn(header http.Header) {
	if p, err := productOf(answer{header: header}, nil); err == nil && m.get() != p {
		m.known.Store(int32(p))
	}
}

func (m *productMemory) get() product { return product(m.known.Load()) }

// fitTimes gives the fields of a mapping that hold nanoseconds a format that holds them, too. Elasticsearch does so by itself. OpenSearch writes a time in milliseconds
// unless it is told otherwise, and does that also with the last place of a page that some shards have filled: from it, it decides which of the other shards can have
// anything better, and leaves out those whose documents lie before the page's last one in the same millisecond.
func (p product) fitTimes(mapping object) {
	if p != openSearch {
		return
	}
	for _, field := range properties(mapping) {
		field := field.(object)
		if field["type"] == "date_nanos" {
			field["format"] = "strict_date_optional_time_nanos||epoch_millis"
		}
		p.fitTimes(field)
	}
}

// security is how a product's security API is spoken.
type security struct {
	roles, users, who string                    // paths; entries are below the first two
	readRole          func(alias string) object // may read its alias and nothing else
	sinkRole          func() object             // see sinkRole
	sameRole          func(current, wanted object) bool
	userRoles         string // the member of a user that lists their roles
}

func (p product) security() security {
	if p == openSearch {
		return security{"/_plugins/_security/api/roles", "/_plugins/_security/api/internalusers", "/_plugins/_security/authinfo",
			openSearchReadRole, openSearchSinkRole, sameOpenSearchRole, "opendistro_security_roles"}
	}
	return security{"/_security/role", "/_security/user", "/_security/_authenticate", readRole, sinkRole, sameRole, "roles"}
}

// newRoles is the request that changes the roles of a user who is there already, and leaves their password alone.
func (p product) newRoles(roles []any) (method string, body any) {
	if p == openSearch {
		return http.MethodPatch, []any{object{"op": "add", "path": "/opendistro_security_roles", "value": roles}}
	}
	return http.MethodPut, object{"roles": roles}
}

// noSecurity says whether an error means that the store's security is switched off or not installed: the path then belongs to nobody.
func noSecurity(err error) bool {
	var api *apiError
	return errors.As(err, &api) && (api.Status == http.StatusBadRequest || api.Status == http.StatusNotFound || api.Status == http.StatusMethodNotAllowed)
}

// identity is the answer to the question who asks, of either product.
type identity struct {
	Username string   `json:"username"`  // Elasticsearch
	UserName string   `json:"user_name"` // OpenSearch
	Roles    []string `json:"roles"`
}

func (i identity) caller() Caller {
	if i.UserName != "" {
		return Caller{i.UserName, i.Roles}
	}
	return Caller{i.Username, i.Roles}
}
