package query

import (
	"encoding/json"

	"dossier/schema"
)

// Kinds of Change.
const (
	KindChange       = "change"
	KindTruncate     = "truncate"
	KindNamedVersion = "named_version"
	KindFeedback     = "feedback"
)

// changeOf returns what a document tells, as a Change. A row version gives the whole change, a field change that one field's. pair is the other half of a changed key, if
// d is the new half and the other is known: without it nobody knows what else changed. Values share memory with the documents.
func changeOf(d, pair *schema.Document) Change {
	c := Change{
		Kind:        KindChange,
		EventID:     d.EventID,
		Time:        d.Time,
		Action:      d.Action,
		Entity:      entityOf(d),
		Scope:       d.Scope,
		Context:     contextOf(d),
		VersionName: d.VersionName,
		CDC:         cdcOf(d),
	}
	switch d.Kind {
	case schema.DocumentTruncate:
		c.Kind = KindTruncate
	case schema.DocumentNamedVersion:
		c.Kind = KindNamedVersion
		c.VersionName = ""
		c.Version = markOf(d)
	case schema.DocumentFeedback:
		c.Kind = KindFeedback
		if f := d.Feedback; f != nil {
			c.Feedback = &Feedback{f.Application, f.Status, f.Message, f.Payload, f.EventID}
		}
	case schema.DocumentFieldChange:
		c.Changes = []FieldChange{fieldChangeOf(d.Change)}
	case schema.DocumentRowVersion:
		c.Changes = rowChanges(d, pair)
	}
	return c
}

// markOf returns which state a document names; nil for no document.
func markOf(naming *schema.Document) *VersionMark {
	if naming == nil {
		return nil
	}
	mark := &VersionMark{Name: naming.VersionName}
	if v := naming.NamedVersion; v != nil {
		mark.ID, mark.AsOf, mark.EventID = v.ID, v.AsOf, v.EventID
	}
	return mark
}

// rowChanges returns what a row version changed: the fields it names, in its order.
func rowChanges(d, pair *schema.Document) []FieldChange {
	switch d.Action {
	case schema.ActionRekey:
		return rekeyChanges(pair, d)
	case schema.ActionCreate, schema.ActionUpdate:
	default:
		return nil
	}
	changes := make([]FieldChange, 0, len(d.Fields))
	for _, name := range d.Fields {
		change := schema.FieldChange{Field: name, Current: d.After.Get(name)}
		if d.Action == schema.ActionUpdate {
			change.Previous = d.Before.Get(name)
			if change.Previous.State == schema.Absent {
				// A changed field that the image before lacks was not recorded: there is no change from nothing within an update.
				change.Previous.State = schema.Unavailable
			}
		}
		changes = append(changes, fieldChangeOf(change))
	}
	return changes
}

// rekeyChanges returns what a changed key changed, key columns included, as the documents of its field changes say it: a column that only one row has came or
// went by ALTER TABLE, and of values that are masked on both sides, or unavailable since unchanged, nobody knows.
func rekeyChanges(from, to *schema.Document) []FieldChange {
	if from == nil || to.Entity.PreviousID == "" || from.EventID != to.PairID {
		return nil
	}
	var changes []FieldChange
	for _, f := range to.After {
		previous := from.Before.Get(f.Name)
		switch {
		case previous.State == schema.Absent, f.Value.State == schema.Absent, f.Value.State == schema.Unavailable:
		case previous.State == schema.Masked && f.Value.State == schema.Masked:
		case previous.Equal(f.Value):
		default:
			changes = append(changes, fieldChangeOf(schema.FieldChange{Field: f.Name, Previous: previous, Current: f.Value}))
		}
	}
	return changes
}

func fieldChangeOf(c schema.FieldChange) FieldChange {
	change := FieldChange{Field: c.Field}
	change.Previous, change.PreviousState = statedOf(c.Previous)
	change.Current, change.CurrentState = statedOf(c.Current)
	return change
}

// statedOf returns one side of a change: the value where there is one, else its state.
func statedOf(v schema.Value) (json.RawMessage, string) {
	if known(v) {
		return rawOf(v), ""
	}
	return nil, v.State.String()
}

func entityOf(d *schema.Document) Entity {
	e := Entity{
		Ref:        Ref{Type: d.Entity.Type, ID: d.Entity.ID},
		NextID:     d.Entity.NextID,
		PreviousID: d.Entity.PreviousID,
	}
	if p := d.Entity.Parent; p != nil {
		e.Parent = &Ref{Type: p.Type, ID: p.ID}
	}
	return e
}

// contextOf returns a document's context as the audit event has it; nil without one.
func contextOf(d *schema.Document) json.RawMessage {
	if d.Context == nil {
		return nil
	}
	return d.Context.AppendJSON(nil)
}

// cdcOf returns where a document came from; nil for what did not come from a database.
func cdcOf(d *schema.Document) *CDC {
	if d.CDC.Source == "" {
		return nil
	}
	c := &CDC{Source: d.CDC.Source, Schema: d.CDC.Schema, Table: d.CDC.Table, Position: d.CDC.Position}
	if d.CDC.Op != 0 {
		c.Op = string(rune(d.CDC.Op))
	}
	if d.CDC.HasTx {
		tx := d.CDC.TxID
		c.TxID = &tx
	}
	return c
}
