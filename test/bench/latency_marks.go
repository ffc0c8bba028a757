package main

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// marks are the times at which each change passed the points that are watched.
type marks struct {
	perTx        int
	transactions []transactionMark
	changes      []changeMark // by serial number
}

// transactionMark is written by the load's goroutine that ran the transaction, before run returns; committed is read meanwhile.
type transactionMark struct {
	committed atomic.Int64  // just before COMMIT was sent, in Unix nanoseconds
	commit    time.Duration // how long COMMIT took
	late      time.Duration // how much after its time it began
}

// changeMark holds Unix nanoseconds; 0 for what has not happened. Each field is written by one watcher, and read once all have ended.
type changeMark struct {
	captured int64 // Debezium read it from the log, as its event says
	sent     int64 // the time that its record has: Connect handed it to its producer
	topic    int64 // read from the change topic
	produced int64 // the time that the audit record has: the processor made it
	audit    int64 // read from the audit topic
	search   int64 // found by a search; of samples alone
	times    [2]uint8
	wrong    error // what is wrong with the audit event
}

// Places where a change is to be seen once.
const (
	atTopic = iota
	atAudit
)

func newMarks(transactions, perTx int) *marks {
	return &marks{perTx: perTx, transactions: make([]transactionMark, transactions), changes: make([]changeMark, transactions*perTx)}
}

// check says what did not come out, came out twice, or wrongly.
func (m *marks) check() error {
	var faults []error
	for serial := range m.changes {
		c := &m.changes[serial]
		if c.times != [2]uint8{1, 1} || c.wrong != nil {
			seen := fmt.Errorf("change %d was seen %d times in the change topic and %d times in the audit topic", serial, c.times[atTopic], c.times[atAudit])
			faults = append(faults, errors.Join(seen, c.wrong))
		}
	}
	if len(faults) == 0 {
		return nil
	}
	return fmt.Errorf("%d changes of %d: %w", len(faults), len(m.changes), errors.Join(faults[:min(len(faults), 5)]...))
}

// Intervals that are measured, by their names in the results.
const (
	lateStart          = "load_late"
	commitTook         = "commit"
	commitToCaptured   = "commit_to_debezium"
	capturedToSent     = "debezium_to_change_record_made"
	sentToTopic        = "change_record_made_to_visible"
	commitToTopic      = "commit_to_change_topic"
	topicToAudit       = "change_topic_to_audit_topic"
	producedToAudit    = "audit_record_made_to_visible"
	commitToAudit      = "commit_to_audit_topic"
	auditToSearchable  = "audit_topic_to_searchable"
	commitToSearchable = "commit_to_searchable"
)

// intervals lists them in the order of the table.
var intervals = []struct{ name, title string }{
	{lateStart, "the load behind its timetable"},
	{commitTook, "COMMIT itself"},
	{commitToCaptured, "commit → read by Debezium"},
	{capturedToSent, "read by Debezium → change record made"},
	{sentToTopic, "change record made → visible"},
	{commitToTopic, "commit → change topic"},
	{topicToAudit, "change topic → audit topic"},
	{producedToAudit, "of it: audit record made → visible"},
	{commitToAudit, "commit → audit topic"},
	{auditToSearchable, "audit topic → searchable"},
	{commitToSearchable, "commit → searchable"},
}

// distributions sums up the transactions from first to before end.
func (m *marks) distributions(first, end int) map[string]distribution {
	took := map[string][]time.Duration{}
	add := func(name string, from, to int64) {
		if from != 0 && to != 0 {
			took[name] = append(took[name], time.Duration(to-from))
		}
	}
	for n := first; n < end; n++ {
		t := &m.transactions[n]
		took[lateStart], took[commitTook] = append(took[lateStart], t.late), append(took[commitTook], t.commit)
		committed := t.committed.Load()
		for i := range m.perTx {
			c := &m.changes[n*m.perTx+i]
			add(commitToCaptured, committed, c.captured)
			add(capturedToSent, c.captured, c.sent)
			add(sentToTopic, c.sent, c.topic)
			add(commitToTopic, committed, c.topic)
			add(topicToAudit, c.topic, c.audit)
			add(producedToAudit, c.produced, c.audit)
			add(commitToAudit, committed, c.audit)
			add(auditToSearchable, c.audit, c.search)
			add(commitToSearchable, committed, c.search)
		}
	}
	out := map[string]distribution{}
	for name, durations := range took {
		out[name] = distributionOf(durations)
	}
	return out
}
