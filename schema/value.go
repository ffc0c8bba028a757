package schema

import "bytes"

// State tells what is known of a column's value. An absent, a null and an unavailable value are three different facts;
// none of them may stand in for another.
type State uint8

const (
	// Absent: the row has no such column (as before ALTER TABLE ADD COLUMN).
	Absent State = iota
	// Null: the column holds SQL NULL.
	Null
	// Present: the column holds the value in Value.JSON.
	Present
	// Unavailable: the column holds a value that the event does not carry, such as an unchanged TOASTed value, or a
	// previous value without REPLICA IDENTITY FULL.
	Unavailable
	// Masked: there is a value, and the configuration forbids showing it.
	Masked
	// Erased: there was a value, and it has been erased on request.
	Erased
)

var stateNames = [...]string{"absent", "null", "present", "unavailable", "masked", "erased"}

// String returns the state's name as it stands in documents, such as "unavailable".
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return "invalid"
}

// ParseState returns the state with the given name.
func ParseState(name string) (State, bool) {
	for i, n := range stateNames {
		if n == name {
			return State(i), true
		}
	}
	return Absent, false
}

// Value is one column's value: its state and, when Present, its canonical JSON text. Two values are the same exactly if
// their states and texts are: canonical means that one value has one text, whichever format it came in.
//
//   - integers: JSON numbers with all their digits
//   - floating point: the shortest JSON number that gives the same float; NaN and infinities are the strings "NaN", "Infinity", "-Infinity"
//   - decimals: JSON strings with their scale, "99.50"
//   - binary: JSON strings in base64
//   - dates and times: JSON strings in ISO 8601 (RFC 3339 in UTC where the column has a zone) with full precision
//   - json columns: a JSON string holding the text that the database holds
//   - strings: JSON strings with the escapes \" \\ \b \f \n \r \t and \u00XX (upper case) for other control characters, all else as UTF-8
//   - arrays and composite values: compact JSON of such values
//
// JSON may share memory with the record it was decoded from: it is valid as long as that record is.
type Value struct {
	State State
	JSON  []byte
}

// NullValue is SQL NULL.
var NullValue = Value{State: Null}

// Equal says whether two values are known to be the same. Unavailable, masked and erased values equal nothing, not even each other:
// nobody knows.
func (v Value) Equal(o Value) bool {
	if v.State != o.State {
		return false
	}
	switch v.State {
	case Absent, Null:
		return true
	case Present:
		return bytes.Equal(v.JSON, o.JSON)
	}
	return false
}

// Field is a named column value.
type Field struct {
	Name  string
	Value Value
}

// Row is a row image: its columns in the order in which the record has them. A nil Row is no image at all; an empty
// one is an image without columns.
type Row []Field

// Get returns the value of the column with that name; Absent if the row has none.
func (r Row) Get(name string) Value {
	for i := range r {
		if r[i].Name == name {
			return r[i].Value
		}
	}
	return Value{}
}
