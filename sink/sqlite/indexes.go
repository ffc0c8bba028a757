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
	// narrow says that what has the same values is little, or that no other index is better: it is taken without a count. unique says that it is a handful of documents.
	narrow, unique bool
	// eachKind says that a way is wanted for each kind where none is asked for.
	eachKind bool
	// where is what a partial index holds, word for word, beyond that its fields have values; serves says whether that is so for the wanted kinds.
	where  string
	serves func(kinds []string) bool
}

// indexes are all ways in but by time, the better ones first.
var indexes = []index{
	{name: "document_by_event", fields: []query.Field{query.FieldEventID}, narrow: true, unique: true},
	{name: "document_by_feedback", fields: []query.Field{query.FieldFeedbackEvent}, narrow: true, unique: true},
	{name: "document_by_next", fields: []query.Field{query.FieldEntityType, query.FieldNextID}, sorted: byTime, narrow: true},
	{name: "document_by_previous", fields: []query.Field{query.FieldEntityType, query.FieldPreviousID}, sorted: byTime, narrow: true},
	{name: "document_by_entity_field", fields: []query.Field{query.FieldEntityType, query.FieldEntityID, query.FieldChangeField}, sorted: byTime, narrow: true},
	{name: "document_by_commit", fields: []query.Field{query.FieldEntityType, query.FieldEntityID}, sorted: byCommit, narrow: true,
		where: "kind = 'row_version'", serves: func(kinds []string) bool { return only(kinds, schema.DocumentRowVersion) }},
	{name: "document_by_entity", fields: []query.Field{query.FieldEntityType, query.FieldEntityID, query.FieldKind}, sorted: byTime, narrow: true},
	{name: "document_by_entity", fields: []query.Field{query.FieldEntityType, query.FieldEntityID}, sorted: byTime, narrow: true, eachKind: true},
	{name: "document_by_truncate", fields: []query.Field{query.FieldEntityType}, sorted: byTime, narrow: true,
		where: "kind = 'truncate'", serves: func(kinds []string) bool { return only(kinds, schema.DocumentTruncate) }},
	{name: "document_by_transaction", fields: []query.Field{query.FieldSource, query.FieldTxID}, sorted: byCommit},
	{name: "document_by_request", fields: []query.Field{query.FieldRequestID}, sorted: byTime},
	{name: "document_by_correlation", fields: []query.Field{query.FieldCorrelationID}, sorted: byTime},
	{name: "document_by_trace", fields: []query.Field{query.FieldTraceID}, sorted: byTime},
	{name: "document_by_rare_kind", fields: []query.Field{query.FieldKind}, sorted: byTime, where: "kind NOT IN ('row_version', 'field_change')",
		serves: func(kinds []string) bool {
			return !slices.Contains(kinds, string(schema.DocumentRowVersion)) && !slices.Contains(kinds, string(schema.DocumentFieldChange))
		}},
	{name: "document_by_parent", fields: []query.Field{query.FieldParentType, query.FieldParentID}, sorted: byTime},
	{name: "document_by_version", fields: []query.Field{query.FieldVersionName}, sorted: byTime},
	{name: "document_by_user", fields: []query.Field{query.FieldUserID}, sorted: byTime},
	{name: "document_by_user_name", fields: []query.Field{query.FieldUserName}, sorted: byTime},
	{name: "document_by_user_email", fields: []query.Field{query.FieldUserEmail}, sorted: byTime},
	{name: "document_by_field", fields: []query.Field{query.FieldChangeField}, sorted: byTime},
	{name: "document_by_type", fields: []query.Field{query.FieldEntityType}, sorted: byTime},
}

func only(kinds []string, kind schema.DocumentKind) bool {
	return len(kinds) > 0 && !slices.ContainsFunc(kinds, func(k string) bool { return k != string(kind) })
}
