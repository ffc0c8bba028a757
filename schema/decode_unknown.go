package schema

// Some values that stand in an event are not in the database: Debezium fills rows that the log does not carry whole. What can be
// told is told here, after the event has been read.
//
//   - A delete without REPLICA IDENTITY FULL carries the key alone. Debezium puts null into the other columns, and into those that are
//     NOT NULL the column's default or a zero. So a deleted row in which every column outside the key is null, default or zero
//     tells nothing of them: they are Unavailable. (A row that was full of nulls and zeros looks the same; to say
//     "unavailable" of it is less, but not wrong. DecoderConfig.FullBefore names the tables that need no such caution.)
//   - An array that lies out of line and was not changed has no placeholder unless its elements are text, 32 or 64 bit integers, dates,
//     bytes or UUIDs: it is sent as null, or as an empty array where the column is NOT NULL. With REPLICA IDENTITY FULL
//     Debezium takes the value from the old row instead. So such a null in an update that has no old row is Unavailable.

// markUnknown applies these rules. Without a schema a column's type is not known, and only the first rule can be.
func (e *envelope) markUnknown(d *Decoder) {
	c := e.change
	switch {
	case c.Op == OpDelete && c.Key != nil:
		if d.fullBefore(c.Schema, c.Table) || !e.onlyKeyIsKnown() {
			return
		}
		for i := range c.Before {
			if !isKeyColumn(c.Key, c.Before[i].Name) {
				c.Before[i].Value = Value{State: Unavailable}
			}
		}
	case c.Op == OpUpdate && c.Before == nil:
		for i := range c.After {
			if i >= len(e.afterColumns) {
				return
			}
			col, f := &e.afterColumns[i], &c.After[i]
			if col.name == f.Name && col.losesArrays() && (f.Value.State == Null || col.required && string(f.Value.JSON) == "[]") {
				f.Value = Value{State: Unavailable}
			}
		}
	}
}

func (d *Decoder) fullBefore(schema, table string) bool {
	return d.cfg.FullBefore != nil && d.cfg.FullBefore(schema, table)
}

func (e *envelope) onlyKeyIsKnown() bool {
	c := e.change
	for i := range c.Before {
		f := &c.Before[i]
		if f.Value.State != Present || isKeyColumn(c.Key, f.Name) {
			continue
		}
		known := i < len(e.beforeColumns) && e.beforeColumns[i].name == f.Name
		if known {
			col := &e.beforeColumns[i]
			if col.def != nil && string(col.def) == string(f.Value.JSON) {
				continue
			}
			if !col.required {
				return false
			}
		}
		if !isZero(f.Value.JSON) {
			return false
		}
	}
	return true
}

func isKeyColumn(key Row, name string) bool {
	for i := range key {
		if key[i].Name == name {
			return true
		}
	}
	return false
}

// isZero says whether canonical JSON is what Debezium puts into a NOT NULL column of which it knows nothing.
func isZero(json []byte) bool {
	switch string(json) {
	case `0`, `false`, `""`, `[]`, `{}`, `"{}"`, `"1970-01-01"`, `"1970-01-01Z"`, `"1970-01-01T00:00:00"`, `"1970-01-01T00:00:00Z"`,
		`"00:00:00"`, `"00:00:00Z"`, `"PT0S"`, `"P0Y0M0DT0H0M0S"`:
		return true
	}
	// A decimal's zero has its scale: "0.00".
	if len(json) < 3 || json[0] != '"' {
		return false
	}
	for i, c := range json[1 : len(json)-1] {
		if c != '0' && !(c == '.' && i == 1) {
			return false
		}
	}
	return true
}

// losesArrays says whether an unchanged array out of line comes without a placeholder.
func (c *column) losesArrays() bool {
	if c.typ.kind != kindArray || c.typ.elem == nil {
		return false
	}
	elem := c.typ.elem
	switch elem.kind {
	case kindInteger:
		return elem.name == "int8" || elem.name == "int16"
	case kindText:
		return elem.name != "" && elem.name != "io.debezium.data.Json" && elem.name != "io.debezium.data.Uuid"
	case kindDate, kindBytes, kindAny:
		return false
	}
	return true
}
