package sqlite

import (
	"math"
	"net/netip"
	"strings"
	"time"

	"dossier/query"
	"dossier/schema"
)

// keywords are the columns that hold a field's text, or NULL where a document lacks it.
var keywords = []struct {
	column string
	field  query.Field
}{
	{"event_id", query.FieldEventID}, {"kind", query.FieldKind}, {"field", query.FieldChangeField}, {"action", query.FieldAction},
	{"context", query.FieldContext}, {"route", query.FieldRoute}, {"initiator", query.FieldInitiator}, {"reason", query.FieldReason},
	{"user_id", query.FieldUserID}, {"user_name", query.FieldUserName}, {"user_email", query.FieldUserEmail}, {"on_behalf_of", query.FieldEffectiveUser},
	{"account", query.FieldAccount}, {"service", query.FieldService}, {"request_id", query.FieldRequestID}, {"correlation_id", query.FieldCorrelationID},
	{"trace_id", query.FieldTraceID}, {"version_name", query.FieldVersionName}, {"version_id", query.FieldVersionID},
	{"entity_type", query.FieldEntityType}, {"entity_id", query.FieldEntityID}, {"next_id", query.FieldNextID}, {"previous_id", query.FieldPreviousID},
	{"parent_type", query.FieldParentType}, {"parent_id", query.FieldParentID}, {"previous_state", query.FieldPrevState},
	{"current_state", query.FieldCurrState}, {"previous_exact", query.FieldPrevExact}, {"current_exact", query.FieldCurrExact},
	{"application", query.FieldApplication}, {"status", query.FieldStatus}, {"feedback_event", query.FieldFeedbackEvent}, {"source", query.FieldSource},
	{"table_schema", query.FieldSchema}, {"table_name", query.FieldTable},
}

// columnNames are those that follow from the document, in the order of columns.
var columnNames = func() []string {
	names := []string{"hash", "time", "position", "scope", "ip", "fields", "previous_number", "current_number", "previous_date", `"current_date"`, "tx_id"}
	for _, k := range keywords {
		names = append(names, k.column)
	}
	return names
}()

var (
	insertDocument = "INSERT INTO document (id, index_name, revision, " + strings.Join(columnNames, ", ") + ") VALUES (?, ?, 1" +
		strings.Repeat(", ?", len(columnNames)) + ") ON CONFLICT (id, index_name) DO NOTHING"
	updateDocument = "UPDATE document SET revision = revision + 1, " + strings.Join(columnNames, " = ?, ") + " = ? WHERE id = ? AND index_name = ? AND revision = ? RETURNING seq"
)

const (
	selectHash     = "SELECT hash FROM document WHERE id = ? AND index_name = ?"
	selectDocument = "SELECT revision, json FROM document JOIN document_json USING (seq) WHERE id = ? AND index_name = ?"
	insertJSON     = "INSERT INTO document_json (seq, json) VALUES (?, ?)"
	updateJSON     = "UPDATE document_json SET json = ? WHERE seq = (SELECT seq FROM document WHERE id = ? AND index_name = ? AND revision = ?)"
	removeDocument = "DELETE FROM document WHERE seq = ?"
	insertText     = "INSERT INTO document_text (rowid, previous, current, message) VALUES (?, ?, ?, ?)"
	deleteText     = "DELETE FROM document_text WHERE rowid = ?"
)

// columns appends a document's values for columnNames.
func columns(args []any, d *schema.Document, hash string) []any {
	scope := d.Scope
	if scope == "" {
		scope = schema.DefaultScope
	}
	var tx any
	if d.CDC.HasTx {
		tx = int64(d.CDC.TxID)
	}
	var ip any
	if d.Context != nil {
		ip = address(d.Context.IP)
	}
	change := &d.Change
	args = append(args, hash, nanoseconds(d.Time), pack(d.CDC.Position), scope, ip, names(query.Texts(query.FieldRowFields, d)), number(change.Previous), number(change.Current), date(change.Previous),
		date(change.Current), tx)
	for _, k := range keywords {
		args = append(args, keyword(k.field, d))
	}
	return args
}

// keyword returns a field's text, NULL where the document lacks it.
func keyword(f query.Field, d *schema.Document) any {
	if s, ok := query.Text(f, d); ok {
		return s
	}
	return nil
}

// separator stands before, between and behind the names of fields in their column. Names stand there as JSON strings, which hold no such character.
const separator = "\x1f"

// names returns names of fields for their column, NULL for none.
func names(fields []string) any {
	if len(fields) == 0 {
		return nil
	}
	b := []byte(separator)
	for _, name := range fields {
		b = append(schema.AppendString(b, name), separator...)
	}
	return string(b)
}

// nameAmong returns what the column of names contains if it holds a name.
func nameAmong(name string) string { return names([]string{name}).(string) }

// eachName is a table of the names in a document's column; none where it is NULL.
const eachName = "json_each('[' || replace(trim(document.fields, char(31)), char(31), ',') || ']')"

// address returns an IP address as the 16 bytes of IPv6, NULL where the text is none.
func address(text string) any {
	a, err := netip.ParseAddr(text)
	if err != nil {
		return nil
	}
	bytes := a.As16()
	return bytes[:]
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

func number(v schema.Value) any {
	if f, ok := v.Number(); ok {
		return f
	}
	return nil
}

func date(v schema.Value) any {
	if t, ok := v.Date(); ok {
		return sortable(t)
	}
	return nil
}

// sortable returns a time of the years that databases know as a text that sorts as times do: what would only be zeros at its end is left out, as the beginning of
// a text sorts before it.
func sortable(t time.Time) string {
	t = t.UTC()
	switch year := t.Year(); {
	case year < 0:
		return ""
	case year > 9999:
		return ":" // behind all digits
	}
	s := t.Format("2006-01-02T15:04:05.999999999")
	return strings.TrimSuffix(s, "T00:00:00")
}

// indexed returns a text for the full-text index, in which nothing but ASCII letters and digits and what is not ASCII counts as part of a word.
func indexed(s string, ok bool) any {
	if !ok || s == "" {
		return nil
	}
	for i := range len(s) {
		if s[i] >= 0x80 {
			return strings.Join(query.Words(s), " ")
		}
	}
	return s
}

// searchable returns the texts of a document for the full-text index; all nil where there is none.
func searchable(d *schema.Document) (previous, current, message any) {
	if d.Kind == schema.DocumentFieldChange {
		previous, current = indexed(d.Change.Previous.SearchText()), indexed(d.Change.Current.SearchText())
	}
	if d.Feedback != nil {
		message = indexed(d.Feedback.Message, true)
	}
	return previous, current, message
}
