// Package tail gives the audit topic's events live to many clients at once.
//
//	audit topic ──> Hub (one consumer, while anybody listens) ──> recent events ──> Stream, Stream, …
//	      └───────> a consumer of its own, for a Stream that resumes before them, until it has caught up
//
// What a client that does not keep up can hold is bounded: its stream ends, and says where to go on. Nothing is left out in silence: a Stream gives every event behind its
// position, or a Gap, or ends.
package tail
