package query

import (
	"encoding/json"
	"slices"

	"dossier/schema"
)

// Row is a row's present and null values, in the row's order.
type Row []RowField

// RowField is one value: its JSON, or null.
type RowField struct {
	Name  string
	Value json.RawMessage
}

// Get returns the value of a field, and whether the row has it.
func (r Row) Get(name string) (json.RawMessage, bool) {
	for i := range r {
		if r[i].Name == name {
			return r[i].Value, true
		}
	}
	return nil, false
}

// MarshalJSON writes the row as an object, its members in the row's order, its values byte for byte. An Encoder keeps them so too only with SetEscapeHTML(false).
func (r Row) MarshalJSON() ([]byte, error) {
	if r == nil {
		return []byte("null"), nil
	}
	b := []byte{'{'}
	for i := range r {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(schema.AppendString(b, r[i].Name), ':')
		if r[i].Value == nil {
			b = append(b, "null"...)
		} else {
			b = append(b, r[i].Value...)
		}
	}
	return append(b, '}'), nil
}

// UnmarshalJSON reads what MarshalJSON wrote, in order and byte for byte.
func (r *Row) UnmarshalJSON(data []byte) error {
	s := schema.NewScanner(slices.Clone(data))
	if s.Peek() == schema.TokenNull {
		*r = nil
		return s.Null()
	}
	if err := s.ObjectStart(); err != nil {
		return err
	}
	row := Row{}
	for {
		name, more, err := s.Member()
		if err != nil {
			return err
		}
		if !more {
			*r = row
			return s.End()
		}
		value, err := s.Raw()
		if err != nil {
			return err
		}
		row = append(row, RowField{Name: name.String(), Value: json.RawMessage(value)})
	}
}

var rawNull = json.RawMessage("null")

// rawOf returns a present or null value as JSON; nil otherwise.
func rawOf(v schema.Value) json.RawMessage {
	switch v.State {
	case schema.Present:
		return json.RawMessage(v.JSON)
	case schema.Null:
		return rawNull
	}
	return nil
}

// known says whether a value is known: there, or null.
func known(v schema.Value) bool { return v.State == schema.Present || v.State == schema.Null }
