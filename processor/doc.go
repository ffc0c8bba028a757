// Package processor joins each database change with the request that caused it and publishes the audit topic.
//
// The thinking is pure: Window keeps the contexts that were read, Decide says what a change's context is and when that
// is certain, Materialize turns a change into an audit event. None of them reads a clock or a network. Around them,
// Processor runs the loop that consumes change topics and produces audit events exactly once.
//
// It refuses to be a general stream processor, to guess, and to know where documents are stored.
package processor
