package sqlite

import (
	"slices"

	"dossier/query"
	"dossier/schema"
)

// sorting is the order that an index gives the documents that have the same values in its fields.
type sorting uint8

const (
	unsorted sorting = iota
	byTime           // by time and position
	byCommit         // by position and time
	byGroup          // by the fields that are grouped by
)

func sortingOf(o query.Order) sorting {
	if o == query.CommitOrder || o == query.CommitOrderReverse {
		return byCommit
	}
	return byTime
}

// index is a way into the table that serves where each of its fields has one of a few values.
type index struct {
	name   string
	fields []query.Field
	sorted sorting
	// groups are the fields by which its entries are grouped, with byGroup.
	groups []query.Field
	size   size
	// rare says that a narrow index is taken also for another order, where it holds few.
	rare bool
	// eachKind says that a way is wanted for each kind of document where none is asked for, so that they come in order.
	eachKind bool
	// where is what a partial index holds, word for word, beyond that its fields have values; serves says whether all that is wanted is in it.
	where  string
	serves func(fixed) bool
}

// size is what is known of how many documents have the same values in an index's fields.
type size uint8

const (
	counted size = iota // anything: they are counted
	narrow              // little, or no other index does better, provided that their order is the wanted one
	handful             // so little that their order does not matter
)

// indexes are all ways in but by time, the better ones first.
var indexes = []index{
	{name: "document_by_event", fields: fields(query.FieldEventID), size: handful},
	{name: "document_by_feedback", fields: fields(query.FieldFeedbackEvent), size: handful},
	{name: "document_by_turn", fields: fields(query.FieldEntityID, query.FieldEntityType), sorted: byTime, size: handful,
		where: "kind = 'row_version' AND action IN ('create', 'delete', 'rekey', 'snapshot')", serves: func(f fixed) bool {
			return f.only(query.FieldKind, rowVersion) &&
				f.only(query.FieldAction, string(schema.ActionCreate), string(schema.ActionDelete), string(schema.ActionRekey), string(schema.ActionSnapshot))
		}},
	{name: "document_by_truncate", fields: fields(query.FieldEntityType), sorted: byTime, size: handful,
		where: "kind = 'truncate'", serves: func(f fixed) bool { return f.only(query.FieldKind, string(schema.DocumentTruncate)) }},
	{name: "document_by_entity_version", fields: fields(query.FieldEntityID, query.FieldEntityType), sorted: byGroup, groups: fields(query.FieldVersionName), size: narrow,
		where: "version_name IS NOT NULL AND kind <> 'field_change'", serves: noFieldChange},
	{name: "document_by_version_entity", fields: fields(query.FieldVersionName), sorted: byGroup, groups: fields(query.FieldEntityType, query.FieldEntityID), size: narrow,
		where: "kind <> 'field_change'", serves: noFieldChange},
	{name: "document_by_parent_entity", fields: fields(query.FieldParentID, query.FieldParentType), sorted: byGroup,
		groups: fields(query.FieldEntityType, query.FieldEntityID), size: narrow, where: "kind <> 'field_change'", serves: noFieldChange},
	{name: "document_by_entity_version", fields: fields(query.FieldEntityID, query.FieldEntityType, query.FieldVersionName), sorted: byTime, size: narrow,
		where: "kind <> 'field_change'", serves: noFieldChange},
	{name: "document_by_entity_field", fields: fields(query.FieldEntityID, query.FieldEntityType, query.FieldChangeField), sorted: byCommit, size: narrow, rare: true},
	{name: "document_by_commit", fields: fields(query.FieldEntityID, query.FieldEntityType), sorted: byCommit, size: narrow,
		where: "kind = 'row_version'", serves: func(f fixed) bool { return f.only(query.FieldKind, rowVersion) }},
	{name: "document_by_entity", fields: fields(query.FieldEntityID, query.FieldEntityType, query.FieldKind), sorted: byTime, size: narrow},
	{name: "document_by_entity", fields: fields(query.FieldEntityID, query.FieldEntityType), sorted: byTime, size: narrow, eachKind: true},
	{name: "document_by_entity", fields: fields(query.FieldEntityID)},
	{name: "document_by_transaction", fields: fields(query.FieldTxID, query.FieldSource, query.FieldKind), sorted: byCommit},
	{name: "document_by_transaction", fields: fields(query.FieldTxID, query.FieldSource)},
	{name: "document_by_transaction", fields: fields(query.FieldTxID)},
	{name: "document_by_request", fields: fields(query.FieldRequestID), sorted: byTime},
	{name: "document_by_correlation", fields: fields(query.FieldCorrelationID), sorted: byTime},
	{name: "document_by_trace", fields: fields(query.FieldTraceID), sorted: byTime},
	{name: "document_by_rare_kind", fields: fields(query.FieldKind), sorted: byTime, where: "kind NOT IN ('row_version', 'field_change')",
		serves: func(f fixed) bool {
			return !slices.Contains(f[query.FieldKind], rowVersion) && !slices.Contains(f[query.FieldKind], fieldChange)
		}},
	{name: "document_by_action", fields: fields(query.FieldAction), sorted: byTime, where: "kind <> 'field_change'", serves: noFieldChange},
	{name: "document_by_finding", fields: fields(query.FieldContext), sorted: byTime, where: "context <> 'attached'",
		serves: func(f fixed) bool { return !slices.Contains(f[query.FieldContext], string(schema.StatusAttached)) }},
	{name: "document_by_parent", fields: fields(query.FieldParentID, query.FieldParentType), sorted: byTime},
	{name: "document_by_parent", fields: fields(query.FieldParentID)},
	{name: "document_by_version", fields: fields(query.FieldVersionName), sorted: byTime},
	{name: "document_by_user", fields: fields(query.FieldUserID), sorted: byTime},
	{name: "document_by_user_name", fields: fields(query.FieldUserName), sorted: byTime},
	{name: "document_by_user_email", fields: fields(query.FieldUserEmail), sorted: byTime},
	{name: "document_by_field", fields: fields(query.FieldChangeField), sorted: byTime},
	{name: "document_by_type", fields: fields(query.FieldEntityType), sorted: byTime},
}

const (
	rowVersion  = string(schema.DocumentRowVersion)
	fieldChange = string(schema.DocumentFieldChange)
)

func fields(f ...query.Field) []query.Field { return f }

// fixed are the values that fields must have.
type fixed map[query.Field][]string

// maxFixed bounds the values that alternatives are taken to have together.
const maxFixed = 64

// fix adds what a condition fixes: an equality, or alternatives of which each fixes the same field.
func (f fixed) fix(n node) {
	narrow := func(field query.Field, values []string) {
		if before, ok := f[field]; !ok || len(values) < len(before) {
			f[field] = values
		}
	}
	switch n.op {
	case opLeaf:
		if equal, ok := n.filter.(query.Equal); ok && !n.negated {
			narrow(equal.Field, equal.Values)
		}
	case opAll:
		for _, sub := range n.nodes {
			f.fix(sub)
		}
	case opAny:
		var each []fixed
		for _, sub := range n.nodes {
			own := make(fixed)
			own.fix(sub)
			each = append(each, own)
		}
		if len(each) == 0 {
			return
		}
		for field, values := range each[0] {
			together := slices.Clone(values)
			for _, other := range each[1:] {
				if _, ok := other[field]; !ok {
					together = nil
					break
				}
				for _, v := range other[field] {
					if !slices.Contains(together, v) {
						together = append(together, v)
					}
				}
			}
			if together != nil && len(together) <= maxFixed {
				narrow(field, together)
			}
		}
	}
}

// only says whether a field must have one of some values.
func (f fixed) only(field query.Field, values ...string) bool {
	return len(f[field]) > 0 && !slices.ContainsFunc(f[field], func(v string) bool { return !slices.Contains(values, v) })
}

func noFieldChange(f fixed) bool {
	return len(f[query.FieldKind]) > 0 && !slices.Contains(f[query.FieldKind], fieldChange)
}
