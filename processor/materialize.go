package processor

import (
	"slices"

	"dossier/schema"
)

// materializer turns changes into audit events. It owns the rows that it makes until its next call.
type materializer struct {
	rules         *Rules
	before, after schema.Row
	changes       []schema.FieldChange
	key           schema.Row
	content       []byte
}

// Materialize fills e with the audit event of c, except its context, and says whether there is one: a change that shows
// nothing (of a disabled table, or an update of excluded fields alone) gives none. The event shares memory with the
// change and with the materializer.
func (m *materializer) Materialize(c *schema.Change, ordinal uint64, e *schema.AuditEvent) bool {
	rule := m.rules.table(c.Source, c.Schema, c.Table)
	if rule.disabled {
		return false
	}
	before, after := c.Before, c.After
	if !rule.plain {
		m.before, m.after = rule.visible(m.before[:0], before), rule.visible(m.after[:0], after)
		before, after = keepNil(m.before, before), keepNil(m.after, after)
	}
	*e = schema.AuditEvent{
		SchemaVersion: schema.AuditSchemaVersion,
		Kind:          schema.KindChange,
		ID:            m.eventID(c, c.Key, c.Op, ordinal),
		Time:          c.CommitTime.UTC(),
		Captured:      c.Captured.UTC(),
		Scope:         rule.scope,
		CDC: schema.CDC{
			Source: c.Source, Connector: c.Connector, Schema: c.Schema, Table: c.Table, Op: c.Op,
			TxID: c.TxID, HasTx: c.HasTx, Position: c.Position, Snapshot: c.IsSnapshot(),
		},
	}
	e.Entity = rule.entity(c, m)
	m.changes = m.changes[:0]
	switch c.Op {
	case schema.OpCreate:
		e.Action = schema.ActionCreate
		if c.OldKey != nil {
			e.Action = schema.ActionRekey
			e.Entity.PreviousID = schema.EntityID(c.OldKey)
			e.PairID = m.eventID(c, c.OldKey, schema.OpDelete, 0)
		}
	case schema.OpUpdate:
		e.Action = schema.ActionUpdate
		m.changes = appendChanges(m.changes, before, after, c.Key)
		if len(m.changes) == 0 {
			return false
		}
	case schema.OpDelete:
		e.Action = schema.ActionDelete
		if c.NewKey != nil {
			e.Action = schema.ActionRekey
			e.Entity.NextID = schema.EntityID(c.NewKey)
			e.PairID = m.eventID(c, c.NewKey, schema.OpCreate, 0)
		}
	case schema.OpTruncate:
		e.Action = schema.ActionTruncate
	case schema.OpRead:
		e.Action = schema.ActionSnapshot
	}
	e.Changes, e.Before, e.After = m.changes, before, after
	if !rule.plain {
		rule.mask(e)
	}
	return true
}

// eventID identifies the change. A row without a key is told apart by its content and an ordinal.
func (m *materializer) eventID(c *schema.Change, key schema.Row, op schema.Op, ordinal uint64) string {
	if key != nil || op == schema.OpTruncate {
		return schema.EventID(c.Source, c.TxID, c.Coordinates, c.Schema, c.Table, schema.EntityID(key), op, nil, 0)
	}
	m.content = appendContent(m.content[:0], c)
	return schema.EventID(c.Source, c.TxID, c.Coordinates, c.Schema, c.Table, "", op, m.content, ordinal)
}

// appendContent appends the change's row images, unambiguously: equal bytes mean equal rows.
func appendContent(b []byte, c *schema.Change) []byte {
	for _, row := range [...]schema.Row{c.Before, c.After} {
		b = append(b, '{')
		for _, f := range row {
			b = schema.AppendString(b, f.Name)
			b = append(b, ':', byte('0'+f.Value.State))
			b = append(b, f.Value.JSON...)
			b = append(b, ',')
		}
		b = append(b, '}')
	}
	return b
}

// entity names what the change concerns: by the configured columns, else by the record's key.
func (t *tableRule) entity(c *schema.Change, m *materializer) schema.Entity {
	entity := schema.Entity{Type: t.entityType}
	row := c.After
	if row == nil {
		row = c.Before
	}
	entity.Key = c.Key
	if len(t.key) > 0 && row != nil {
		m.key = m.key[:0]
		for _, name := range t.key {
			m.key = append(m.key, schema.Field{Name: name, Value: row.Get(name)})
		}
		entity.Key = m.key
	}
	if entity.Key != nil {
		entity.ID = schema.EntityID(entity.Key)
	}
	if t.parent != nil {
		if v := row.Get(t.parent.Field); v.State == schema.Present {
			id := schema.EntityID(schema.Row{{Name: t.parent.Field, Value: v}})
			entity.Parent = &schema.EntityRef{Type: t.parent.Type, ID: id}
		}
	}
	return entity
}

// visible appends the row's fields that may be seen, transformed.
func (t *tableRule) visible(to, row schema.Row) schema.Row {
	for _, f := range row {
		rule := t.field(f.Name)
		switch {
		case rule.hidden:
		case len(rule.transforms) > 0:
			to = applyTransforms(to, f, rule.transforms)
		default:
			to = append(to, f)
		}
	}
	return to
}

func keepNil(row, original schema.Row) schema.Row {
	if original == nil {
		return nil
	}
	return row
}

// mask takes masked values out of the whole event, once they have been compared. A key column's value stands in the entity's id and
// key, and cannot be masked there: it is hidden from the rows and changes alone.
func (t *tableRule) mask(e *schema.AuditEvent) {
	if len(t.fields.Mask) == 0 {
		return
	}
	for _, row := range [...]schema.Row{e.Before, e.After} {
		for i := range row {
			if t.masks(row[i].Name) {
				row[i].Value = masked(row[i].Value)
			}
		}
	}
	for i := range e.Changes {
		if t.masks(e.Changes[i].Field) {
			e.Changes[i].Previous, e.Changes[i].Current = masked(e.Changes[i].Previous), masked(e.Changes[i].Current)
		}
	}
}

// masks says whether the field, as it is named after renaming and expanding, is masked.
func (t *tableRule) masks(name string) bool {
	if matchesAny(t.fields.Mask, name) {
		return true
	}
	for column, steps := range t.fields.Transform {
		if !matchesAny(t.fields.Mask, column) {
			continue
		}
		for _, s := range steps {
			if s.Rename == name {
				return true
			}
			if s.Expand && len(name) > len(column) && name[:len(column)+1] == column+"." {
				return true
			}
		}
	}
	return false
}

func masked(v schema.Value) schema.Value {
	if v.State == schema.Present {
		return schema.Value{State: schema.Masked}
	}
	return v
}

// appendChanges compares an update's row images. A column that only one image has came or went with ALTER TABLE, and an
// unavailable current value is an unchanged one: neither is a change. Without the previous row (no REPLICA IDENTITY FULL) nobody
// knows which columns changed: each but the key's is said to be, from an unavailable value.
func appendChanges(changes []schema.FieldChange, before, after, key schema.Row) []schema.FieldChange {
	unknownBefore := before == nil || isKeyOnly(before, after, key)
	for i, f := range after {
		if f.Value.State == schema.Unavailable {
			continue
		}
		var previous schema.Value
		if i < len(before) && before[i].Name == f.Name {
			previous = before[i].Value
		} else {
			previous = before.Get(f.Name)
		}
		if previous.State == schema.Absent {
			if !unknownBefore || key.Get(f.Name).State != schema.Absent {
				continue
			}
			previous.State = schema.Unavailable
		}
		if !previous.Equal(f.Value) {
			changes = append(changes, schema.FieldChange{Field: f.Name, Previous: previous, Current: f.Value})
		}
	}
	return changes
}

// isKeyOnly says whether the previous row holds nothing but the key, as without REPLICA IDENTITY FULL.
func isKeyOnly(before, after, key schema.Row) bool {
	return len(key) > 0 && len(before) <= len(key) && len(before) < len(after) &&
		!slices.ContainsFunc(before, func(f schema.Field) bool { return key.Get(f.Name).State == schema.Absent })
}
