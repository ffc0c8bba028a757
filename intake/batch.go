package intake

import (
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"dossier/internal/deadletter"
	"dossier/schema"
)

// Reasons for which a record of the feedback topic becomes a dead letter.
const (
	// ReasonInvalidFeedback: the record is no feedback, or has faults; the detail names each.
	ReasonInvalidFeedback = "invalid_feedback"
	// ReasonUnknownScope: it names a scope that is not configured.
	ReasonUnknownScope = "unknown_scope"
)

// batch is what the records of one transaction become.
type batch struct {
	out     []*kgo.Record // audit events and dead letters, in the order of their records
	events  int
	letters []letter
}

type letter struct {
	record *kgo.Record
	reason string
}

// add decides what a record becomes. It depends on the record and the configuration alone.
func (b *batch) add(r *kgo.Record, c *Config, now time.Time) {
	original := schema.Record{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Time: r.Timestamp, Key: r.Key, Value: r.Value}
	for _, h := range r.Headers {
		original.Headers = append(original.Headers, schema.Header{Key: h.Key, Value: h.Value})
	}
	f, err := ParseFeedback(r.Value)
	reason := ReasonInvalidFeedback
	if err == nil {
		if err = c.Scopes.checkScope(&f); err != nil {
			reason = ReasonUnknownScope
		}
	}
	if r.Value == nil {
		err = errors.New("the record has no value; feedback is never withdrawn")
	}
	if err != nil {
		b.out = append(b.out, deadletter.New(c.DeadLetterTopic, &original, deadletter.StageFeedback, reason, fmt.Sprintf("feedback: %v", err), now))
		b.letters = append(b.letters, letter{r, reason})
		return
	}
	id := f.FeedbackID()
	if id == "" {
		id = recordID(&original)
	}
	e := f.Event(id, believable(r.Timestamp, now), c.Scopes.target(&f), Caller{Route: schema.RouteTopic})
	e.Captured = now.UTC()
	b.out = append(b.out, c.Audit.record(&e))
	b.events++
}

// believable returns a record's time, by which feedback is ordered and found; or now, where the producer's clock lies: it tells of a time
// more than a day ahead, or of one before there was such a topic.
func believable(t, now time.Time) time.Time {
	if t.After(now.Add(24*time.Hour)) || t.Year() < 2000 {
		return now
	}
	return t
}

// tell tells the observer of a batch that was committed.
func (b *batch) tell(o Observer) {
	if b.events > 0 {
		o.Published(schema.KindFeedback, b.events)
	}
	for _, l := range b.letters {
		o.DeadLettered(l.record.Topic, l.record.Partition, l.record.Offset, l.reason)
	}
}
