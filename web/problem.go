package web

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"dossier/query"
)

// Problem is an error as a caller gets it (RFC 9457). Its texts are for the person who asked: nothing internal, and nothing that the caller may not see.
type Problem struct {
	Type      string  `json:"type"`
	Title     string  `json:"title"`
	Status    int     `json:"status"`
	Detail    string  `json:"detail"`
	Parameter string  `json:"parameter,omitempty"`
	Position  int     `json:"position,omitempty"` // character in the parameter, from 1
	Errors    []Fault `json:"errors,omitempty"`   // one for each fault of a body

	retryAfter time.Duration // with 503
	challenges []string      // with 401
	allow      string        // with 405
	cause      error         // for the log alone
}

// Fault is one fault of a body.
type Fault struct {
	Pointer string `json:"pointer"` // JSON pointer into the body; "" is the whole of it
	Detail  string `json:"detail"`
}

// Error says what is wrong, and for the log why.
func (p *Problem) Error() string {
	if p.cause != nil {
		return p.Detail + ": " + p.cause.Error()
	}
	return p.Detail
}

// Unwrap returns the cause.
func (p *Problem) Unwrap() error { return p.cause }

// problemKind is a type of problem. The code is part of the contract: programs branch by it.
type problemKind struct {
	code   string
	title  string
	status int
}

var (
	kindInvalid          = problemKind{"invalid", "The question cannot be understood", http.StatusBadRequest}
	kindTooBroad         = problemKind{"too_broad", "The question is too broad", http.StatusBadRequest}
	kindUnauthenticated  = problemKind{"unauthenticated", "Who asks is not known", http.StatusUnauthorized}
	kindForbidden        = problemKind{"forbidden", "Not allowed", http.StatusForbidden}
	kindReadOnly         = problemKind{"read_only", "Nothing can be written here", http.StatusForbidden}
	kindNotFound         = problemKind{"not_found", "Not found", http.StatusNotFound}
	kindMethodNotAllowed = problemKind{"method_not_allowed", "Method not allowed", http.StatusMethodNotAllowed}
	kindConflict         = problemKind{"conflict", "It is there already", http.StatusConflict}
	kindTooLarge         = problemKind{"too_large", "The body is too large", http.StatusRequestEntityTooLarge}
	kindMediaType        = problemKind{"media_type", "The body is not of a type that is understood", http.StatusUnsupportedMediaType}
	kindMisdirected      = problemKind{"misdirected", "Another server is meant", http.StatusMisdirectedRequest}
	kindFaults           = problemKind{"faults", "The body has faults", http.StatusUnprocessableEntity}
	kindInternal         = problemKind{"internal", "Something went wrong here", http.StatusInternalServerError}
	kindUnavailable      = problemKind{"unavailable", "Not available at the moment", http.StatusServiceUnavailable}
)

// problemTypePrefix begins the type of every problem.
const problemTypePrefix = "urn:problem-type:dossier:"

func newProblem(k problemKind, detail string) *Problem {
	return &Problem{Type: problemTypePrefix + k.code, Title: k.title, Status: k.status, Detail: detail}
}

// badParameter is a parameter that cannot be understood.
func badParameter(name, detail string) *Problem {
	p := newProblem(kindInvalid, detail)
	p.Parameter = name
	return p
}

// defaultRetry is when to ask again where nobody knows better.
const defaultRetry = 5 * time.Second

func unavailable(detail string, retry time.Duration, cause error) *Problem {
	p := newProblem(kindUnavailable, detail)
	p.retryAfter, p.cause = retry, cause
	return p
}

// internal hides what went wrong from the caller; the log has it, under the request's id.
func internal(cause error) *Problem {
	p := newProblem(kindInternal, "an internal error, which the server's log describes under this answer's X-Request-Id")
	p.cause = cause
	return p
}

// kinds maps the codes of package query.
var kinds = map[query.Code]problemKind{
	query.CodeInvalid:         kindInvalid,
	query.CodeTooBroad:        kindTooBroad,
	query.CodeNotFound:        kindNotFound,
	query.CodeConflict:        kindConflict,
	query.CodeUnauthenticated: kindUnauthenticated,
	query.CodeForbidden:       kindForbidden,
	query.CodeUnavailable:     kindUnavailable,
}

// problemOf turns any error into what the caller gets to know of it.
func problemOf(err error) *Problem {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	var q *query.Error
	if errors.As(err, &q) {
		kind, known := kinds[q.Code]
		if !known {
			return internal(err)
		}
		p := newProblem(kind, q.Detail)
		p.Parameter, p.Position, p.retryAfter, p.cause = q.Parameter, q.Position, q.RetryAfter, q.Err
		p.challenges = challengesOf(err)
		return p
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return unavailable("the answer took too long; narrow the question, or ask again later", defaultRetry, err)
	}
	return internal(err)
}

// challenger is an error that knows how the store wants to be told who asks.
type challenger interface{ Challenges() []string }

func challengesOf(err error) []string {
	var c challenger
	if errors.As(err, &c) {
		return c.Challenges()
	}
	return nil
}

// writeProblem answers with a problem. Whatever the answer's headers said of a body's caching is taken back.
func (a *API) writeProblem(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil && errors.Is(err, context.Canceled) {
		// The caller has gone, and nobody reads this; the status is for the metrics.
		w.WriteHeader(statusClientGone)
		return
	}
	p := problemOf(err)
	h := w.Header()
	h.Del("ETag")
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	switch p.Status {
	case http.StatusUnauthorized:
		challenges := p.challenges
		if len(challenges) == 0 {
			challenges = a.Access.Challenges()
		}
		for _, c := range challenges {
			h.Add("WWW-Authenticate", c)
		}
	case http.StatusMethodNotAllowed:
		h.Set("Allow", p.allow)
	case http.StatusServiceUnavailable:
		h.Set("Retry-After", retrySeconds(p.retryAfter))
	}
	a.logProblem(r, p)
	body, err := json.Marshal(p)
	if err != nil { // strings and numbers alone
		body = []byte(`{"type":"about:blank","title":"Internal Server Error","status":500}`)
	}
	w.WriteHeader(p.Status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // a client that has gone away is no fault of ours
	}
}

// statusClientGone counts requests whose caller left before the answer. It is never sent.
const statusClientGone = 499

func (a *API) logProblem(r *http.Request, p *Problem) {
	fields := []zap.Field{zap.String("request_id", requestID(r.Context())), zap.String("route", routeOf(r.Context())), zap.Int("status", p.Status)}
	switch {
	case p.Status == http.StatusInternalServerError:
		a.Log.Error("request failed", append(fields, zap.Error(p.cause))...)
	case p.cause != nil:
		a.Log.Warn("request not answered", append(fields, zap.Error(p.cause))...)
	default:
		a.Log.Debug("request refused", append(fields, zap.String("type", strings.TrimPrefix(p.Type, problemTypePrefix)), zap.String("parameter", p.Parameter))...)
	}
}

func retrySeconds(d time.Duration) string {
	if d <= 0 {
		d = defaultRetry
	}
	return strconv.Itoa(max(1, int(math.Ceil(d.Seconds()))))
}
