package sqlite

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"dossier/query"
)

// condition is a condition in SQL with its parameters. Whatever a caller sent stands among the parameters.
type condition struct {
	sql  string
	args []any
}

var (
	always = condition{sql: "1"}
	// A parameter, as SQLite would take a constant as a reason to leave out other conditions, and then not find its way into a partial index.
	never = condition{"?", []any{0}}
)

func join(parts []condition, operator string, empty condition) condition {
	switch len(parts) {
	case 0:
		return empty
	case 1:
		return parts[0]
	}
	var c condition
	texts := make([]string, len(parts))
	for i, p := range parts {
		texts[i] = p.sql
		c.args = append(c.args, p.args...)
	}
	c.sql = balance(texts, operator)
	return c
}

func allOf(parts ...condition) condition {
	told := make([]condition, 0, len(parts))
	for _, p := range parts {
		if p.sql != always.sql {
			told = append(told, p)
		}
	}
	return join(told, " AND ", always)
}

func anyOf(parts ...condition) condition { return join(parts, " OR ", never) }

// columnOf are the columns of the fields that are kept in one.
var columnOf = func() map[query.Field]string {
	of := map[query.Field]string{query.FieldTime: "time", query.FieldPosition: "position", query.FieldScope: "scope", query.FieldIP: "ip",
		query.FieldRowFields: "fields", query.FieldPrevNumber: "previous_number", query.FieldCurrNumber: "current_number", query.FieldPrevDate: "previous_date",
		query.FieldCurrDate: `"current_date"`, query.FieldTxID: "tx_id", query.FieldPrevText: "previous", query.FieldCurrText: "current", query.FieldMessage: "message"}
	for _, k := range keywords {
		of[k.field] = k.column
	}
	return of
}()

// compile returns the condition for a tree. It is true where the tree holds, and false or NULL elsewhere.
func compile(n node) condition {
	var c condition
	switch n.op {
	case opAll, opAny:
		parts := make([]condition, len(n.nodes))
		for i, sub := range n.nodes {
			parts[i] = compile(sub)
		}
		if n.op == opAll {
			return allOf(parts...)
		}
		return anyOf(parts...)
	case opText:
		c = n.text.condition()
	default:
		c = leafCondition(n.filter)
	}
	if f, ok := n.filter.(query.Beyond); ok && n.negated {
		return condition{"position <= ?", []any{pack(f.Bound)}} // what has no position has an empty one
	}
	if n.negated { // where the field is missing as well
		return condition{"(" + c.sql + ") IS NOT TRUE", c.args}
	}
	return c
}

// condition looks for the documents with the words first, or, where they are many, at the words of each document that comes along.
func (t *textQuery) condition() condition {
	if t.common {
		return t.alone
	}
	return condition{"seq IN (SELECT rowid FROM document_text WHERE document_text MATCH ?)", []any{t.match}}
}

// matchAlone looks for words in one document. Its values stand beside it, but for long ones, for which the full-text index is asked: that takes a thousand times as long.
func matchAlone(m query.Match, match string) condition {
	indexed := condition{"EXISTS (SELECT 1 FROM document_text WHERE rowid = document.seq AND document_text MATCH ?)", []any{match}}
	exact, state := "previous_exact", "previous_state"
	switch m.Field {
	case query.FieldMessage:
		return indexed
	case query.FieldCurrText:
		exact, state = "current_exact", "current_state"
	}
	return condition{"CASE WHEN " + exact + " IS NOT NULL THEN dossier_match(?, ?, ?, " + exact + ") WHEN " + state + " = 'present' THEN " + indexed.sql + " ELSE 0 END",
		append([]any{strings.Join(query.Words(m.Text), " "), m.Phrase, m.Prefix}, indexed.args...)}
}

func leafCondition(f query.Filter) condition {
	switch f := f.(type) {
	case query.Equal:
		return equal(f)
	case query.Like:
		return like(f)
	case query.Exists:
		if f.Field == query.FieldPosition {
			return condition{sql: "position <> x''"}
		}
		return condition{sql: columnOf[f.Field] + " IS NOT NULL"}
	case query.Compare:
		return compare(f)
	case query.Between:
		return between(f)
	case query.Beyond:
		return condition{"position > ?", []any{pack(f.Bound)}}
	}
	return never
}

func equal(f query.Equal) condition {
	values := storedValues(f)
	column := columnOf[f.Field]
	switch {
	case f.Field == query.FieldIP:
		return networks(f.Values)
	case len(values) == 0:
		return never
	case f.Field == query.FieldRowFields:
		parts := make([]condition, len(values))
		for i, v := range values {
			parts[i] = condition{"instr(fields, ?) > 0", []any{nameAmong(v.(string))}}
		}
		return anyOf(parts...)
	}
	return condition{column + in(len(values)), values}
}

// in returns the comparison with one of n parameters.
func in(n int) string {
	if n == 1 {
		return " = ?"
	}
	return " IN (?" + strings.Repeat(", ?", n-1) + ")"
}

// storedValues returns values as their column holds them, each once, without those that no document can have.
func storedValues(f query.Equal) []any {
	texts := slices.Clone(f.Values)
	slices.Sort(texts)
	values := make([]any, 0, len(texts))
	for _, s := range slices.Compact(texts) {
		switch query.Fields[f.Field] {
		case query.FormPosition:
			if s != "" {
				values = append(values, pack(s))
			}
		case query.FormInteger:
			if n, err := strconv.ParseUint(s, 10, 64); err == nil {
				values = append(values, int64(n))
			}
		default:
			values = append(values, s)
		}
	}
	return values
}

func networks(texts []string) condition {
	var parts []condition
	for _, s := range texts {
		if first, last, ok := query.AddressRange(s); ok {
			parts = append(parts, condition{"ip BETWEEN ? AND ?", []any{first[:], last[:]}})
		}
	}
	return anyOf(parts...)
}

func like(f query.Like) condition {
	column := columnOf[f.Field]
	if f.Field == query.FieldRowFields {
		fits := likeColumn("value", f.Pattern)
		return condition{"EXISTS (SELECT 1 FROM " + eachName + " WHERE " + fits.sql + ")", fits.args}
	}
	return likeColumn(column, f.Pattern)
}

// likeColumn compares with the literal beginning first, which an index may serve.
func likeColumn(column string, p query.Pattern) condition {
	fits := condition{column + " IS NOT NULL AND dossier_fits(?, " + column + ")", []any{encodePattern(p)}}
	if prefix := literalPrefix(p); prefix != "" {
		return allOf(beginning(column, prefix), fits)
	}
	return condition{"(" + fits.sql + ")", fits.args}
}

// beginning holds for texts that begin with a prefix. No text holds the byte 0xFF, so none lies between those and the upper bound.
func beginning(column, prefix string) condition {
	return condition{column + " >= ? AND " + column + " < ?", []any{prefix, prefix + "\xff"}}
}

func literalPrefix(p query.Pattern) string {
	var b strings.Builder
	for _, part := range p {
		if part.Any || part.One {
			break
		}
		b.WriteString(part.Literal)
	}
	return b.String()
}

func compare(f query.Compare) condition {
	column := columnOf[f.Field]
	parts := []condition{{sql: column + " IS NOT NULL"}}
	for _, end := range []struct {
		bound    *query.NumberBound
		operator string
	}{{f.Above, ">"}, {f.Below, "<"}} {
		if end.bound == nil {
			continue
		}
		operator := end.operator
		if end.bound.Inclusive {
			operator += "="
		}
		parts = append(parts, condition{column + " " + operator + " ?", []any{end.bound.Value}})
	}
	return allOf(parts...)
}

func between(f query.Between) condition {
	column := columnOf[f.Field]
	var parts []condition
	if f.From.IsZero() && f.To.IsZero() {
		return condition{sql: column + " IS NOT NULL"}
	}
	if !f.From.IsZero() {
		parts = append(parts, condition{column + " >= ?", []any{moment(f.Field, f.From)}})
	}
	if !f.To.IsZero() {
		parts = append(parts, condition{column + " < ?", []any{moment(f.Field, f.To)}})
	}
	return allOf(parts...)
}

// moment returns a time as the field's column holds it.
func moment(field query.Field, t time.Time) any {
	if field == query.FieldTime {
		return nanoseconds(t)
	}
	return sortable(t)
}
