package requestcontext

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/netip"
	"time"
)

// RequestIDHeader carries the request's id, in and out.
const RequestIDHeader = "X-Request-Id"

// Middleware reads the request context from HTTP requests. Its Handler method is a middleware of the common shape:
//
//	m := requestcontext.Middleware{Service: "shop", User: user}
//	http.ListenAndServe(addr, m.Handler(mux))
//
// The zero value gives each request an id, its trace, address and user agent, and no user.
type Middleware struct {
	// Service is this application's name.
	Service string

	// User tells who asks: from a verified token (dossier/requestcontext/jwtuser), from a session, from what an
	// authentication middleware left in r.Context(). It must return only what has been verified; the zero User
	// where nobody is logged in.
	// Its error leaves the user unknown and goes to OnError; the request goes on, since turning it away is the
	// application's own authentication's business. Nil gives no user.
	User func(r *http.Request) (User, error)

	// OnError, if set, learns of the errors of User, to log them.
	OnError func(r *http.Request, err error)

	// TrustedProxies are the addresses of the proxies in front of this service. Only a request whose peer is one of
	// them may say by X-Forwarded-For for whom it comes.
	TrustedProxies []netip.Prefix

	// RequestIDFromProxies takes X-Request-Id from TrustedProxies alone. By default any client's is taken if it is
	// well formed, as is common; but then a client can put its changes under an id that it has seen elsewhere. Set
	// this where a proxy makes the ids, and wherever records of the request-context topic are found by them.
	RequestIDFromProxies bool

	// ReasonHeader names a header with the user's reason, such as "X-Change-Reason". Empty reads none.
	ReasonHeader string

	// Now is the clock for the context's timestamp; time.Now if nil.
	Now func() time.Time
}

// Handler returns a handler that calls next with the request context in r.Context(), and answers with the request's id in
// [RequestIDHeader].
//
//   - X-Request-Id, if it is given once and has 1 to 128 characters of A-Z a-z 0-9 . _ ~ : + / = @ -, is the request id and
//     the correlation id. Anything else is replaced by a random UUID.
//   - traceparent, if well formed (W3C Trace Context), gives the trace id.
//   - The client's address is the peer's. If the peer is a trusted proxy, it is the last address of X-Forwarded-For
//     that is not one: whatever stands before it, the client may have made up. An entry that is no address ends the search at
//     the proxy that wrote it.
//   - User-Agent and the reason are taken as they are, and cut when they are encoded.
//
// A request that already carries a context (an outer Middleware) keeps what that has found; only what it left empty is
// filled.
func (m Middleware) Handler(next http.Handler) http.Handler {
	now := m.Now
	if now == nil {
		now = time.Now
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := m.read(r, now())
		w.Header().Set(RequestIDHeader, c.RequestID)
		next.ServeHTTP(w, r.WithContext(With(r.Context(), c)))
	})
}

func (m Middleware) read(r *http.Request, now time.Time) Context {
	c, _ := From(r.Context())
	peer, trusted := m.peer(r)
	if c.RequestID == "" {
		if ids := r.Header.Values(RequestIDHeader); len(ids) == 1 && validID(ids[0]) && (trusted || !m.RequestIDFromProxies) {
			c.RequestID = ids[0]
		} else {
			c.RequestID = newUUID()
		}
	}
	if c.CorrelationID == "" {
		c.CorrelationID = c.RequestID
	}
	if c.TraceID == "" {
		if parents := r.Header.Values("Traceparent"); len(parents) == 1 {
			c.TraceID = traceID(parents[0])
		}
	}
	if c.User.IsZero() && m.User != nil {
		user, err := m.User(r)
		switch {
		case err == nil:
			c.User = user
		case m.OnError != nil:
			m.OnError(r, err)
		}
	}
	if c.Initiator == "" && !c.User.IsZero() {
		c.Initiator = InitiatorUser
	}
	if c.Service == "" {
		c.Service = m.Service
	}
	if c.IP == "" && peer.IsValid() {
		if trusted {
			peer = m.client(peer, r.Header.Values("X-Forwarded-For"))
		}
		c.IP = peer.String()
	}
	if c.UserAgent == "" {
		c.UserAgent = cut(r.UserAgent(), MaxUserAgent)
	}
	if c.Reason == "" && m.ReasonHeader != "" {
		c.Reason = cut(r.Header.Get(m.ReasonHeader), MaxReason)
	}
	if c.Timestamp.IsZero() {
		c.Timestamp = now.UTC()
	}
	return c
}

// validID keeps ids to what is safe in headers, URLs, logs and record keys.
func validID(id string) bool {
	if id == "" || len(id) > 128 {
		return false
	}
	for _, b := range []byte(id) {
		switch {
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9':
		case b == '.', b == '_', b == '~', b == ':', b == '+', b == '/', b == '=', b == '@', b == '-':
		default:
			return false
		}
	}
	return true
}

// newUUID returns a random (version 4) UUID.
func newUUID() string {
	var u [16]byte
	rand.Read(u[:]) // never fails: it ends the program where the system has no randomness
	u[6] = u[6]&0x0f | 0x40
	u[8] = u[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}

// traceID returns the trace id of a traceparent header, or "" where the header is not well formed. Versions after 00 may
// append fields, and are read by the same first four.
func traceID(parent string) string {
	if len(parent) < 55 || parent[2] != '-' || parent[35] != '-' || parent[52] != '-' {
		return ""
	}
	version, trace, span, flags := parent[:2], parent[3:35], parent[36:52], parent[53:55]
	for _, field := range []string{version, trace, span, flags} {
		if !lowerHex(field) {
			return ""
		}
	}
	if version == "ff" || version == "00" && len(parent) != 55 || len(parent) > 55 && parent[55] != '-' {
		return ""
	}
	if zeros(trace) || zeros(span) {
		return ""
	}
	return trace
}

func lowerHex(s string) bool {
	for _, b := range []byte(s) {
		if (b < '0' || b > '9') && (b < 'a' || b > 'f') {
			return false
		}
	}
	return true
}

func zeros(s string) bool {
	for _, b := range []byte(s) {
		if b != '0' {
			return false
		}
	}
	return true
}
