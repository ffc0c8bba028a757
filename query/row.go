package query

import "encoding/json"

// Row is a row's present and null values, in the row's order.
type Row []RowField

// RowField is one value: its JSON, or null.
type RowField struct {
	Name  string
	Value json.RawMessage
}
