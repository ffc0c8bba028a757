package tail

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"dossier/query"
	"dossier/schema"
	"dossier/sink"
)

// Event is one audit event of the topic. It is shared by all who listen and never changed.
type Event struct {
	*schema.AuditEvent
	// JSON is the event in the audit topic's JSON form, whichever form it came in.
	JSON []byte
	// Partition and Offset say where it stands.
	Partition int32
	Offset    int64

	documents []schema.Document
}

// size is about what an event holds in memory: its JSON, what was taken out of it, and its documents, of which a row of many short fields has many.
func (e *Event) size() int { return 2*len(e.JSON) + 512 + cap(e.documents)*documentSize }

// documentSize is about how many bytes a document has beside the values that it shares with its event.
const documentSize = 600

// decode reads a record. The error is a *schema.DecodeError: somebody else has written to the topic, or a later release.
func decode(r *kgo.Record) (*Event, error) {
	record := schema.Record{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Key: r.Key, Value: r.Value, Time: r.Timestamp}
	e := &Event{AuditEvent: new(schema.AuditEvent), Partition: r.Partition, Offset: r.Offset, JSON: r.Value}
	if err := schema.DecodeAudit(&record, e.AuditEvent); err != nil {
		return nil, err
	}
	if r.Value[0] == 0 || bytes.ContainsAny(r.Value, "\r\n") { // Avro; or a foreign hand, and a stream's lines need an event on one
		e.JSON = e.AppendJSON(nil)
	}
	switch e.Kind {
	case schema.KindChange, schema.KindAttribution, schema.KindNamedVersion, schema.KindFeedback:
	default: // such as who read what, which is for auditors of the readers
		return nil, errNotShown
	}
	documents, err := sink.Materialize(e.AuditEvent, sink.Options{})
	if err != nil {
		return nil, fmt.Errorf("%s, partition %d, offset %d: %w", r.Topic, r.Partition, r.Offset, err)
	}
	e.documents = documents
	return e, nil
}

// errNotShown is an event that is none of a tail's.
var errNotShown = errors.New("not shown")

// Matches says whether a search's filter would find the event once it is stored, by any of its documents. A nil filter finds every event that tells anything. An
// attribution is found where the change that it completes would be, as far as what it knows of the change goes: its context above all.
func (e *Event) Matches(filter query.Filter) bool {
	for i := range e.documents {
		d := e.documents[i]
		if d.Kind == schema.DocumentAttribution {
			d.Kind = schema.DocumentRowVersion
		}
		if query.Holds(filter, &d) {
			return true
		}
	}
	return false
}
