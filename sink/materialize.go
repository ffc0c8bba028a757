package sink

import (
	"fmt"
	"time"

	"dossier/schema"
)

// FieldChanges says which changes get a document per changed attribute.
type FieldChanges string

const (
	// FieldChangesAll: on an update the changed attributes, on a create every attribute that is not null, so that whoever first
	// entered a value can be found.
	FieldChangesAll FieldChanges = "all"
	// FieldChangesUpdates: on updates and changed keys only, which saves the space of one document per attribute of each created row.
	FieldChangesUpdates FieldChanges = "updates"
)

// Options say how events become documents. The zero value is the default.
type Options struct {
	FieldChanges FieldChanges // "" means FieldChangesAll
}

// Reasons for which an event becomes no documents.
const (
	ReasonUnsupportedKind = "unsupported_kind"
	ReasonInvalidEvent    = "invalid_event"
)

// earliest and latest bound the commit times that a store can hold with nanoseconds (64 bits of them since 1970).
var (
	earliest = time.Unix(0, 0)
	latest   = time.Date(2262, 1, 1, 0, 0, 0, 0, time.UTC)
)

// Materialize returns the documents that an audit event becomes, the row version first. They share memory with the event.
//
// A change gives a row version and its field changes, and where its row names a version of another entity, that entity's named version. A truncate gives
// its one document, as do an attribution (the document that proves it; completing the earlier ones needs a store: see Complete), a named version and
// feedback. An update that changes nothing visible gives none, and so does an access, which stays on the audit topic. One half of a changed key gives its
// row version alone: RekeyChanges needs both halves.
//
// The error is a *schema.DecodeError: this event will never become documents.
func Materialize(e *schema.AuditEvent, o Options) ([]schema.Document, error) {
	if err := check(e); err != nil {
		return nil, err
	}
	if e.Kind == schema.KindAccess {
		return nil, nil
	}
	base := document(e)
	switch {
	case e.Kind == schema.KindNamedVersion:
		base.Kind, base.NamedVersion = schema.DocumentNamedVersion, e.NamedVersion
		return []schema.Document{base}, nil
	case e.Kind == schema.KindFeedback:
		base.Kind, base.Feedback = schema.DocumentFeedback, e.Feedback
		return []schema.Document{base}, nil
	case e.Kind == schema.KindAttribution:
		base.Kind = schema.DocumentAttribution
		base.EventID = e.Attribution.EventID
		base.Action = e.Attribution.Action
		base.Fields = e.Attribution.Fields
		return []schema.Document{base}, nil
	case e.Action == schema.ActionTruncate:
		base.Kind = schema.DocumentTruncate
		return []schema.Document{base}, nil
	case e.Action == schema.ActionUpdate && len(e.Changes) == 0:
		return nil, nil
	}

	changes := fieldChanges(e)
	row := base
	row.Kind = schema.DocumentRowVersion
	row.Before, row.After = e.Before, e.After
	row.Fields = make([]string, len(changes))
	for i := range changes {
		row.Fields[i] = changes[i].Field
	}
	docs := make([]schema.Document, 1, 2+len(changes))
	docs[0] = row
	if e.VersionOf != nil {
		docs = append(docs, namedVersion(base, e))
	}
	if e.Action == schema.ActionCreate && o.FieldChanges == FieldChangesUpdates {
		return docs, nil
	}
	for i := range changes {
		docs = append(docs, fieldChange(base, changes[i]))
	}
	return docs, nil
}

// invalid says that an event will never become documents.
func invalid(e *schema.AuditEvent, format string, args ...any) error {
	return &schema.DecodeError{Reason: ReasonInvalidEvent, Detail: fmt.Sprintf("audit event %s: ", e.ID) + fmt.Sprintf(format, args...)}
}

func check(e *schema.AuditEvent) error {
	switch e.Kind {
	case schema.KindAccess:
		return nil
	case schema.KindChange:
		switch e.Action {
		case schema.ActionCreate, schema.ActionUpdate, schema.ActionDelete, schema.ActionRekey, schema.ActionTruncate, schema.ActionSnapshot:
		default:
			return invalid(e, "action is %q, expected create, update, delete, rekey, truncate or snapshot", e.Action)
		}
		if err := checkVersionOf(e); err != nil {
			return err
		}
	case schema.KindAttribution:
		if e.Attribution == nil || e.Attribution.EventID == "" {
			return invalid(e, "an attribution without the id of the event that it completes")
		}
		if e.Context == nil {
			return invalid(e, "an attribution without a context")
		}
		if err := checkVersionOf(e); err != nil {
			return err
		}
	case schema.KindNamedVersion:
		if err := checkNamedVersion(e); err != nil {
			return err
		}
	case schema.KindFeedback:
		if err := checkFeedback(e); err != nil {
			return err
		}
	default:
		return &schema.DecodeError{Reason: ReasonUnsupportedKind, Detail: fmt.Sprintf(
			"audit event %s is of kind %q, which this release keeps no documents for: upgrade, then replay the dead letter", e.ID, e.Kind)}
	}
	switch {
	case e.ID == "":
		return invalid(e, "id is missing")
	case e.Scope != "" && !schema.ValidScope(e.Scope):
		return invalid(e, "scope %q cannot name an index: expected lower-case letters, digits, - and _", e.Scope)
	case !storable(e.Time):
		return invalid(e, "commit time %s is not between 1970 and 2262, which is what a store can hold", e.Time.Format(time.RFC3339))
	}
	return nil
}

// document returns what all documents of an event have in common.
func document(e *schema.AuditEvent) schema.Document {
	d := schema.Document{
		Time:        e.Time,
		Created:     e.Captured,
		EventID:     e.ID,
		Action:      e.Action,
		Scope:       e.Scope,
		PairID:      e.PairID,
		Context:     e.Context,
		VersionName: e.VersionName,
		CDC:         e.CDC,
		Entity: schema.DocumentEntity{
			EntityRef:  schema.EntityRef{Type: e.Entity.Type, ID: e.Entity.ID},
			Parent:     e.Entity.Parent,
			NextID:     e.Entity.NextID,
			PreviousID: e.Entity.PreviousID,
		},
	}
	if d.Scope == "" {
		d.Scope = schema.DefaultScope
	}
	if d.VersionName == "" && e.Context != nil {
		d.VersionName = e.Context.VersionName
	}
	return d
}

// fieldChanges returns the attribute changes of one event.
func fieldChanges(e *schema.AuditEvent) []schema.FieldChange {
	switch e.Action {
	case schema.ActionUpdate:
		return e.Changes
	case schema.ActionCreate:
		changes := make([]schema.FieldChange, 0, len(e.After))
		for _, f := range e.After {
			if f.Value.State != schema.Null && f.Value.State != schema.Absent {
				changes = append(changes, schema.FieldChange{Field: f.Name, Current: f.Value})
			}
		}
		return changes
	}
	return nil
}

func fieldChange(base schema.Document, change schema.FieldChange) schema.Document {
	base.Kind = schema.DocumentFieldChange
	base.Change = change
	base.Fields, base.Before, base.After = nil, nil, nil
	return base
}
