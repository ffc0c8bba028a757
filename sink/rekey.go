package sink

import "dossier/schema"

// RekeyChanges returns the field changes of a changed key, key columns included. one and other are the row versions of its two halves,
// in any order: whichever half reaches the store second makes the same documents. They stand under the new id and carry the
// new half's event id and context. Two row versions that are not two halves of one change give none.
//
// Values of which nobody knows whether they are the same (masked on both sides, unavailable since unchanged) give no document,
// nor does a column that only one of the rows has: it came or went by ALTER TABLE.
func RekeyChanges(one, other *schema.Document) []schema.Document {
	from, to := one, other
	if from.Entity.PreviousID != "" {
		from, to = to, from
	}
	if !isHalf(from) || !isHalf(to) || to.Entity.PreviousID == "" || from.Entity.NextID == "" ||
		from.EventID != to.PairID || to.EventID != from.PairID {
		return nil
	}
	var docs []schema.Document
	for _, f := range to.After {
		previous := from.Before.Get(f.Name)
		if knownToDiffer(previous, f.Value) {
			docs = append(docs, fieldChange(*to, schema.FieldChange{Field: f.Name, Previous: previous, Current: f.Value}))
		}
	}
	return docs
}

func isHalf(d *schema.Document) bool {
	return d.Kind == schema.DocumentRowVersion && d.Action == schema.ActionRekey && d.PairID != ""
}

// knownToDiffer says whether two values of one column differ, or may: a previous value that was not recorded is told as such.
func knownToDiffer(previous, current schema.Value) bool {
	switch {
	case previous.State == schema.Absent || current.State == schema.Absent || current.State == schema.Unavailable:
		return false
	case previous.State == schema.Masked && current.State == schema.Masked:
		return false
	}
	return !previous.Equal(current)
}
