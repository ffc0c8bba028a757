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
	masked        []string // names of the fields, as they appear, whose values must not
	content       []byte
}

// Materialize fills e with the audit event of c, except its context and a version's name that the context gives, and says whether there is one: a change that shows
// nothing (of a disabled table, or an update of excluded fields alone) gives none. The event shares memory with the
// change and with the materializer. The error is a DecodeError: the configuration forbids to show what identifies the row.
func (m *materializer) Materialize(c *schema.Change, ordinal uint64, e *schema.AuditEvent) (bool, error) {
	rule := m.rules.table(c.Source, c.Schema, c.Table)
	if rule.disabled {
		return false, nil
	}
	before, after := c.Before, c.After
	m.masked = m.masked[:0]
	if !rule.plain {
		m.before, m.after = m.visible(rule, m.before[:0], before), m.visible(rule, m.after[:0], after)
		before, after = keepNil(m.before, before), keepNil(m.after, after)
	}
	keys, err := rule.keysOf(c)
	if err != nil {
		return false, err
	}
	*e = schema.AuditEvent{
		SchemaVersion: schema.AuditSchemaVersion,
		Kind:          schema.KindChange,
		ID:            m.eventID(c, keys.key, c.Op, ordinal),
		Time:          c.CommitTime.UTC(),
		Captured:      c.Captured.UTC(),
		Entity:        rule.entity(c, &keys),
		Scope:         rule.scope,
		CDC: schema.CDC{
			Source: c.Source, Connector: c.Connector, Schema: c.Schema, Table: c.Table, Op: c.Op,
			TxID: c.TxID, HasTx: c.HasTx, Position: c.Position, Snapshot: c.IsSnapshot(),
		},
	}
	m.changes = m.changes[:0]
	switch c.Op {
	case schema.OpCreate:
		e.Action = schema.ActionCreate
		if keys.old != nil {
			e.Action = schema.ActionRekey
			e.Entity.PreviousID = rule.linkedID(keys.old)
			e.PairID = m.eventID(c, keys.old, schema.OpDelete, 0)
		}
	case schema.OpUpdate:
		e.Action = schema.ActionUpdate
		m.changes = appendChanges(m.changes, before, after, c.Key)
		if len(m.changes) == 0 {
			return false, nil
		}
	case schema.OpDelete:
		e.Action = schema.ActionDelete
		if keys.new != nil {
			e.Action = schema.ActionRekey
			e.Entity.NextID = rule.linkedID(keys.new)
			e.PairID = m.eventID(c, keys.new, schema.OpCreate, 0)
		}
	case schema.OpTruncate:
		e.Action = schema.ActionTruncate
	case schema.OpRead:
		e.Action = schema.ActionSnapshot
	}
	e.Changes, e.Before, e.After = m.changes, before, after
	m.mask(e)
	e.VersionName = rule.versionName(c.Op, e.Before, e.After)
	if e.VersionName != "" && e.Entity.Parent != nil {
		e.VersionOf, e.NamedVersion = e.Entity.Parent, &schema.NamedVersion{AsOf: e.Time}
	}
	return true, nil
}

// eventID identifies the change. A row without a key is told apart by its content and an ordinal.
func (m *materializer) eventID(c *schema.Change, key schema.Row, op schema.Op, ordinal uint64) string {
	if key != nil || op == schema.OpTruncate {
		return schema.EventID(c.Source, c.TxID, c.Coordinates, c.Schema, c.Table, schema.EntityID(key), op, nil, 0)
	}
	m.content = m.appendContent(m.content[:0], c)
	return schema.EventID(c.Source, c.TxID, c.Coordinates, c.Schema, c.Table, "", op, m.content, ordinal)
}

// appendContent appends the change's row images, unambiguously: equal bytes mean equal rows. Masked columns are no part of it, because a
// short secret could be found by trying its hash; rows that differ in nothing else are told apart by their ordinals.
func (m *materializer) appendContent(b []byte, c *schema.Change) []byte {
	rule := m.rules.table(c.Source, c.Schema, c.Table)
	for _, row := range [...]schema.Row{c.Before, c.After} {
		b = append(b, '{')
		for _, f := range row {
			if !rule.plain && rule.field(f.Name).secret() {
				continue
			}
			b = schema.AppendString(b, f.Name)
			b = append(b, ':', byte('0'+f.Value.State))
			b = append(b, f.Value.JSON...)
			b = append(b, ',')
		}
		b = append(b, '}')
	}
	return b
}

// rowKeys are the record keys of a change, transformed as the configuration says; nil where there is none.
type rowKeys struct{ key, old, new schema.Row }

func (t *tableRule) keysOf(c *schema.Change) (keys rowKeys, err error) {
	if t.plain {
		return rowKeys{c.Key, c.OldKey, c.NewKey}, nil
	}
	for _, k := range [...]struct {
		to   *schema.Row
		from schema.Row
	}{{&keys.key, c.Key}, {&keys.old, c.OldKey}, {&keys.new, c.NewKey}} {
		if k.from == nil {
			continue
		}
		*k.to = make(schema.Row, 0, len(k.from))
		for _, f := range k.from {
			v, err := t.keyValue(f)
			if err != nil {
				return rowKeys{}, err
			}
			*k.to = append(*k.to, schema.Field{Name: f.Name, Value: v})
		}
	}
	return keys, nil
}

// keyValue returns a column's value as it may stand in an entity's id.
func (t *tableRule) keyValue(f schema.Field) (schema.Value, error) {
	if t.plain {
		return f.Value, nil
	}
	rule := t.field(f.Name)
	if rule.masked {
		return schema.Value{}, &schema.DecodeError{Reason: "masked_key", Detail: "column " + f.Name + " of " + t.entityType +
			" is masked, and is part of its identity; hash it by a transform instead, or identify the entity by other columns (entities[].key)"}
	}
	if transformed := applyTransforms(nil, f, rule.transforms); len(transformed) == 1 {
		return transformed[0].Value, nil
	}
	return f.Value, nil
}

// entity names what the change concerns: by the configured columns, else by the record's key. A row whose configured columns are not all
// known has no id.
func (t *tableRule) entity(c *schema.Change, keys *rowKeys) schema.Entity {
	entity := schema.Entity{Type: t.entityType, Key: keys.key}
	row := c.After
	if row == nil {
		row = c.Before
	}
	if len(t.key) > 0 && row != nil {
		entity.Key = t.configuredKey(row)
	}
	if entity.Key != nil {
		entity.ID = schema.EntityID(entity.Key)
	}
	if t.parent == nil {
		return entity
	}
	f := schema.Field{Name: t.parent.Field, Value: row.Get(t.parent.Field)}
	if v, err := t.keyValue(f); err == nil && v.State == schema.Present {
		entity.Parent = &schema.EntityRef{Type: t.parent.Type, ID: schema.EntityID(schema.Row{{Name: f.Name, Value: v}})}
	}
	return entity
}

// configuredKey returns the columns that the configuration identifies the entity by; nil where one of them is not known or must not show.
func (t *tableRule) configuredKey(row schema.Row) schema.Row {
	key := make(schema.Row, 0, len(t.key))
	for _, name := range t.key {
		v, err := t.keyValue(schema.Field{Name: name, Value: row.Get(name)})
		if err != nil || v.State != schema.Present {
			return nil
		}
		key = append(key, schema.Field{Name: name, Value: v})
	}
	return key
}

// linkedID returns the entity id that the other record key of a changed key stands for; "" where the configured columns are not in it.
func (t *tableRule) linkedID(key schema.Row) string {
	if len(t.key) > 0 {
		key = t.configuredKey(key)
	}
	return schema.EntityID(key)
}

// visible appends the row's fields that may be seen, transformed, and notes which of them are masked.
func (m *materializer) visible(t *tableRule, to, row schema.Row) schema.Row {
	for _, f := range row {
		rule := t.field(f.Name)
		if rule.hidden {
			continue
		}
		start := len(to)
		if len(rule.transforms) == 0 {
			to = append(to, f)
		} else {
			to = applyTransforms(to, f, rule.transforms)
		}
		kept := to[:start]
		for _, r := range to[start:] {
			switch {
			case rule.masked, rule.guarded && r.Name == f.Name && r.Value.State == schema.Present:
				m.masked = append(m.masked, r.Name)
			case r.Name != f.Name:
				result := t.field(r.Name)
				if result.excluded {
					continue
				}
				if result.masked {
					m.masked = append(m.masked, r.Name)
				}
			}
			kept = append(kept, r)
		}
		to = kept
	}
	return to
}

func keepNil(row, original schema.Row) schema.Row {
	if original == nil {
		return nil
	}
	return row
}

// mask takes masked values out of the whole event, once they have been compared.
func (m *materializer) mask(e *schema.AuditEvent) {
	if len(m.masked) == 0 {
		return
	}
	for _, row := range [...]schema.Row{e.Before, e.After} {
		for i := range row {
			if slices.Contains(m.masked, row[i].Name) {
				row[i].Value = masked(row[i].Value)
			}
		}
	}
	for i := range e.Changes {
		if c := &e.Changes[i]; slices.Contains(m.masked, c.Field) {
			c.Previous, c.Current = masked(c.Previous), masked(c.Current)
		}
	}
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
