package web

import (
	"net/http"
	"slices"
	"strings"
)

// cors lets browsers show answers to pages of the origins configured, and answers their question in advance (preflight), which it says with true. Credentials
// of the browser's own (cookies) are never allowed: a page has to know the Authorization header that it sends.
func (a *API) cors(w http.ResponseWriter, r *http.Request) (answered bool) {
	if len(a.CORSOrigins) == 0 {
		return false
	}
	h := w.Header()
	h.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if origin == "" || !a.allowsOrigin(origin) {
		return false
	}
	h.Set("Access-Control-Allow-Origin", origin)
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		h.Set("Access-Control-Expose-Headers", "ETag, Location, Retry-After, WWW-Authenticate, "+requestIDHeader)
		return false
	}
	h.Add("Vary", "Access-Control-Request-Method")
	h.Add("Vary", "Access-Control-Request-Headers")
	h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, OPTIONS")
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Idempotency-Key, If-None-Match, Last-Event-ID, "+requestIDHeader)
	h.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
	return true
}

func (a *API) allowsOrigin(origin string) bool {
	return slices.ContainsFunc(a.CORSOrigins, func(o string) bool {
		return o == "*" || strings.EqualFold(o, origin) // schemes and hosts know no upper and lower case
	})
}
