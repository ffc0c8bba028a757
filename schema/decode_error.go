package schema

import (
	"errors"
	"fmt"
)

// ErrTombstone is returned for a record without a value: Debezium sends one after each delete, so that a compacted topic forgets the key. It
// says nothing new: advance the offset.
var ErrTombstone = errors.New("tombstone: a record without a value")

// ErrRegistryUnavailable is wrapped by errors of a schema registry that cannot be asked now. It says nothing about the
// record: wait and decode it again, don't dead-letter it.
var ErrRegistryUnavailable = errors.New("schema registry unavailable")

// Reasons why a record cannot be decoded: short, stable codes for dead letters and metrics.
const (
	ReasonNotAnEnvelope    = "not_an_envelope"    // decodes, but is no Debezium envelope
	ReasonFlattened        = "flattened"          // an envelope flattened by a transform: before and source are lost
	ReasonCloudEvent       = "cloud_event"        // a CloudEvents envelope instead of Debezium's
	ReasonNotJSON          = "not_json"           // neither JSON nor what the configured format expects
	ReasonNotAvro          = "not_avro"           // not in Confluent's Avro wire format, or not what its schema says
	ReasonTruncated        = "truncated"          // ends before it is complete
	ReasonUnknownSchemaID  = "unknown_schema_id"  // the registry has no such schema
	ReasonBadSchema        = "bad_schema"         // the record's schema cannot be understood
	ReasonBadValue         = "bad_value"          // a column's value does not have its type's form
	ReasonBadKey           = "bad_key"            // the record's key is no row of key columns
	ReasonTooLarge         = "too_large"          // over a size limit
	ReasonContextNotJSON   = "context_not_json"   // a request context that is no JSON object
	ReasonContextWrongType = "context_wrong_type" // a field of a request context has another type than documented
)

// DecodeError says why a record can never be decoded: it belongs into the dead-letter topic. Its text names fields and
// offsets, never values.
type DecodeError struct {
	Reason string // a short stable code, one of the Reason constants
	Detail string // a sentence: what was expected, where, and what stands there
	Err    error  // the cause; nil if there is none
}

func (e *DecodeError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %s: %v", e.Reason, e.Detail, e.Err)
	}
	return e.Reason + ": " + e.Detail
}

// Unwrap returns the cause.
func (e *DecodeError) Unwrap() error { return e.Err }

func decodeErrorf(reason, format string, args ...any) *DecodeError {
	return &DecodeError{Reason: reason, Detail: fmt.Sprintf(format, args...)}
}

// jsonError turns a scanner's error into one that says what was being read.
func jsonError(what string, err error) error {
	var known *DecodeError
	if errors.As(err, &known) {
		return err
	}
	reason := ReasonNotJSON
	var at *ScanError
	if errors.As(err, &at) && at.Truncated {
		reason = ReasonTruncated
	}
	return &DecodeError{Reason: reason, Detail: what, Err: err}
}
