package schema

import "errors"

// ErrRegistryUnavailable is wrapped by every error that comes from a schema registry that cannot be reached or does not answer as
// one. The record is not at fault: wait and try again, don't dead-letter it.
var ErrRegistryUnavailable = errors.New("schema registry unavailable")

// DecodeError says that a record can't be read, now or ever: it belongs into the dead-letter topic.
type DecodeError struct {
	Reason string // a short stable code such as "not_an_envelope"
	Detail string // a sentence: what was expected, where, and what stands there; it never shows values
	Err    error  // the cause, where there is one
}

func (e *DecodeError) Error() string { return e.Reason + ": " + e.Detail }

// Unwrap returns the cause.
func (e *DecodeError) Unwrap() error { return e.Err }
