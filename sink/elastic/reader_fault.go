package elastic

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"dossier/query"
)

// defaultRetryAfter is when to ask again where the store does not say.
const defaultRetryAfter = 5 * time.Second

// retryAfter reads how long a server wants to be left alone, where it says so in seconds.
func retryAfter(header http.Header) time.Duration {
	seconds, err := strconv.Atoi(header.Get("Retry-After"))
	if err != nil || seconds < 0 || seconds > 3600 {
		return 0
	}
	return time.Duration(seconds) * time.Second
}

// tooBroad are the types of errors that say that a question costs too much.
var tooBroad = map[string]bool{
	"too_many_clauses":                     true,
	"too_many_nested_clauses":              true,
	"too_many_buckets_exception":           true,
	"too_complex_to_determinize_exception": true,
}

// tooBroadReasons are what errors of a general type say of a question that costs too much.
var tooBroadReasons = []string{"too complex", "too_many_clauses", "maxClauseCount", "Trying to create too many buckets", "has exceeded the allowed maximum of [65536]",
	"expands to too many terms", "index.max_terms_count"}

// costs looks through an error and its causes for one that says that the question costs too much.
func (e *apiError) costs() bool {
	if e == nil {
		return false
	}
	if tooBroad[e.Type] || e.Durability == "PERMANENT" {
		return true
	}
	for _, reason := range tooBroadReasons {
		if strings.Contains(e.Reason, reason) {
			return true
		}
	}
	for i := range e.RootCause {
		if e.RootCause[i].costs() {
			return true
		}
	}
	for i := range e.FailedShards {
		if e.FailedShards[i].Reason.costs() {
			return true
		}
	}
	return e.CausedBy.costs()
}

// readFault turns what went wrong into what the caller may do about it. What the store said is kept for the log alone: it may name what the caller may
// not see.
func readFault(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	var already *query.Error
	if errors.As(err, &already) {
		return err
	}
	fault := &query.Error{Code: query.CodeUnavailable, Detail: "the store does not answer", RetryAfter: defaultRetryAfter, Err: err}
	var api *apiError
	switch {
	case !errors.As(err, &api):
		if errors.Is(err, context.DeadlineExceeded) {
			fault.Detail = "the store did not answer in time"
		}
		return fault
	case api.Status == http.StatusUnauthorized:
		return &query.Error{Code: query.CodeUnauthenticated, Detail: "the store asks who you are: send an Authorization header that it knows", Err: err}
	case api.Status == http.StatusForbidden:
		return &query.Error{Code: query.CodeForbidden, Detail: "the store refuses this to you", Err: err}
	case api.costs():
		return &query.Error{Code: query.CodeTooBroad, Detail: "this question costs the store too much: narrow it, by a time, a type or a longer text", Err: err}
	case api.Status == http.StatusTooManyRequests:
		fault.Detail = "the store has too much to do"
	case api.Status < http.StatusInternalServerError:
		fault.Detail = "the store cannot answer this question"
	}
	if api.RetryAfter > 0 {
		fault.RetryAfter = api.RetryAfter
	}
	return fault
}

// incomplete is the fault of an answer of which a part is missing. It is never taken for a whole one.
func incomplete(format string, args ...any) error {
	return &query.Error{Code: query.CodeUnavailable, Detail: "a part of the store does not answer", RetryAfter: defaultRetryAfter, Err: fmt.Errorf(format, args...)}
}
