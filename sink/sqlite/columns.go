package sqlite

import (
	"math"
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"

	"dossier/schema"
)

// columnNames are those that follow from the document, in the order of columns.
var columnNames = []string{"hash", "kind", "time", "scope", "event_id", "action", "context", "initiator", "user_id", "user_name", "on_behalf_of", "request_id",
	"correlation_id", "trace_id", "ip", "version_name", "entity_type", "entity_id", "parent_type", "parent_id", "field", "source", "table_schema", "table_name", "tx_id",
	"position", "json"}

var (
	insertDocument = "INSERT INTO document (id, index_name, revision, " + strings.Join(columnNames, ", ") + ") VALUES (?, ?, 1" +
		strings.Repeat(", ?", len(columnNames)) + ") ON CONFLICT (id, index_name) DO NOTHING"
	updateDocument = "UPDATE document SET revision = revision + 1, " + strings.Join(columnNames, " = ?, ") + " = ? WHERE id = ? AND index_name = ? AND revision = ? RETURNING seq"
)

const (
	selectHash     = "SELECT hash FROM document WHERE id = ? AND index_name = ?"
	selectDocument = "SELECT revision, json FROM document WHERE id = ? AND index_name = ?"
	insertText     = "INSERT INTO document_text (rowid, previous, current) VALUES (?, ?, ?)"
	deleteText     = "DELETE FROM document_text WHERE rowid = ?"
)

// columns appends a document's values for columnNames.
func columns(args []any, d *schema.Document, json []byte, hash string) []any {
	var none schema.EventContext
	c := d.Context
	if c == nil {
		c = &none
	}
	scope := d.Scope
	if scope == "" {
		scope = schema.DefaultScope
	}
	var parent schema.EntityRef
	if d.Entity.Parent != nil {
		parent = *d.Entity.Parent
	}
	var field any // a column may have an empty name
	if d.Kind == schema.DocumentFieldChange {
		field = d.Change.Field
	}
	var tx any
	if d.CDC.HasTx {
		tx = int64(d.CDC.TxID)
	}
	return append(args, hash, string(d.Kind), nanoseconds(d.Time), scope, d.EventID, string(d.Action), text(string(c.Status)), text(c.Initiator), text(c.User.ID),
		text(c.User.Name), text(c.OnBehalfOf), text(c.RequestID), text(c.CorrelationID), text(c.TraceID), text(address(c.IP)), text(d.VersionName), d.Entity.Type, d.Entity.ID,
		text(parent.Type), text(parent.ID), field, d.CDC.Source, text(d.CDC.Schema), text(d.CDC.Table), tx, d.CDC.Position, string(json))
}

// text is NULL where there is none, so that it takes no place in an index.
func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// address returns an IP address in its standard form; "" where the text is none.
func address(text string) string {
	a, err := netip.ParseAddr(text)
	if err != nil {
		return ""
	}
	return a.WithZone("").String()
}

// nanoseconds returns a time in nanoseconds since 1970. Times before 1678 and after 2262, which only a clock that lies gives, become the least and the
// greatest; the document holds them exactly.
func nanoseconds(t time.Time) int64 {
	switch {
	case t.Before(time.Unix(0, math.MinInt64)):
		return math.MinInt64
	case t.After(time.Unix(0, math.MaxInt64)):
		return math.MaxInt64
	}
	return t.UnixNano()
}

// searchable returns the text of a field change's values for the full-text index; both nil where there is none.
func searchable(d *schema.Document) (previous, current any) {
	if d.Kind != schema.DocumentFieldChange {
		return nil, nil
	}
	return text(cut(d.Change.Previous.Text())), text(cut(d.Change.Current.Text()))
}

// cut shortens a text to what is searched of it, between two characters.
func cut(s string) string {
	if len(s) <= schema.TextLimit {
		return s
	}
	end := schema.TextLimit
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end]
}
