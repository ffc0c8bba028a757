package web

import "net/http"

// Parameters that several calls take.
var pageParameters = []string{"limit", "cursor"}

func with(more ...string) []string { return append(more, pageParameters...) }

// routes are all calls of the API. openapi.yaml describes each, which a test makes sure of.
var routes = []route{
	{method: http.MethodGet, pattern: "/openapi.json", public: (*API).openAPI},

	{method: http.MethodGet, pattern: "/v1/entities/{type}/{id}", parameters: []string{"as_of", "version", "edition", "position", "event", "blame"}, read: (*API).state},
	{method: http.MethodGet, pattern: "/v1/entities/{type}/{id}/history", parameters: with("from", "to", "field", "user"), read: (*API).history},
	{method: http.MethodGet, pattern: "/v1/entities/{type}/{id}/diff", parameters: []string{"a", "b"}, read: (*API).diff},
	{method: http.MethodGet, pattern: "/v1/entities/{type}/{id}/children", parameters: with("type", "as_of"), read: (*API).children},

	{method: http.MethodGet, pattern: "/v1/changes", parameters: with("q", "from", "to", "order"), read: (*API).changes},
	{method: http.MethodGet, pattern: "/v1/counts", parameters: []string{"by", "q", "from", "to", "limit"}, read: (*API).counts},
	{method: http.MethodGet, pattern: "/v1/requests/{id}", parameters: with(), read: (*API).request},
	{method: http.MethodGet, pattern: "/v1/transactions/{source}/{tx_id}", parameters: with("time"), read: (*API).transaction},

	{method: http.MethodGet, pattern: "/v1/versions", parameters: with(), read: (*API).versions},
	{method: http.MethodPost, pattern: "/v1/versions", write: (*API).nameVersion},
	{method: http.MethodGet, pattern: "/v1/versions/{name}", parameters: with("edition", "type"), read: (*API).version},
	{method: http.MethodPost, pattern: "/v1/feedback", write: (*API).giveFeedback},

	{method: http.MethodGet, pattern: "/v1/tail", parameters: []string{"q"}, stream: (*API).tail},
}
