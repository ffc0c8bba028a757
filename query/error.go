package query

import (
	"fmt"
	"time"
)

// Code says what kind of fault it is, and so whose.
type Code string

const (
	// CodeInvalid: the question cannot be understood or is not allowed; asking again is of no use. Parameter says which part.
	CodeInvalid Code = "invalid"
	// CodeTooBroad: the question would cost too much; narrow it.
	CodeTooBroad Code = "too_broad"
	// CodeNotFound: there is no such thing, or the caller may not see it, which look the same.
	CodeNotFound Code = "not_found"
	// CodeConflict: it is there already.
	CodeConflict Code = "conflict"
	// CodeUnauthenticated: the store wants to know who asks.
	CodeUnauthenticated Code = "unauthenticated"
	// CodeForbidden: the store knows who asks and refuses.
	CodeForbidden Code = "forbidden"
	// CodeUnavailable: the store is down or overloaded; RetryAfter says when to ask again.
	CodeUnavailable Code = "unavailable"
)

// Error is a question that has no answer. Its text is for the person who asked: it says what is wrong and what to do, and holds nothing that the caller may
// not see.
type Error struct {
	Code Code
	// Parameter is the parameter at fault, such as "q" or "as_of"; "" where it is none.
	Parameter string
	// Position is where in the parameter's text the fault lies, in characters from 1; 0 where that says nothing.
	Position int
	Detail   string
	// RetryAfter is when to ask again, with CodeUnavailable.
	RetryAfter time.Duration
	// Err is the cause, for the log alone.
	Err error
}

// Error says what is wrong and where.
func (e *Error) Error() string {
	switch {
	case e.Parameter == "":
		return e.Detail
	case e.Position > 0:
		return fmt.Sprintf("%s, at character %d: %s", e.Parameter, e.Position, e.Detail)
	}
	return e.Parameter + ": " + e.Detail
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }
