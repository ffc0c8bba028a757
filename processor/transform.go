package processor

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"dossier/schema"
)

// Transform is one step that a column's values go through before they are compared and published. Exactly one field is set.
type Transform struct {
	// Rename gives the field another name.
	Rename string
	// Truncate cuts a time's precision: "seconds", "millis" or "micros".
	Truncate string
	// Scale cuts a decimal's or a float's digits after the point, towards zero, to that many. -1 unset.
	Scale *int
	// HashKey replaces a value by HMAC-SHA-256 under this key, in hex: equal values stay recognisable as equal, and no more.
	HashKey []byte
	// Expand replaces a column that holds a JSON object by its members, as fields "column.member".
	Expand bool
}

func (t Transform) validate() error {
	set := 0
	for _, is := range []bool{t.Rename != "", t.Truncate != "", t.Scale != nil, t.HashKey != nil, t.Expand} {
		if is {
			set++
		}
	}
	switch {
	case set != 1:
		return errors.New("a transform does exactly one of rename, truncate, scale, hash, expand")
	case t.Truncate != "" && truncatedDigits(t.Truncate) < 0:
		return fmt.Errorf("truncate: %q is none of seconds, millis, micros", t.Truncate)
	case t.Scale != nil && *t.Scale < 0:
		return fmt.Errorf("scale: %d is negative", *t.Scale)
	case t.HashKey != nil && len(t.HashKey) < 16:
		return fmt.Errorf("hash: the key has %d bytes; give at least 16", len(t.HashKey))
	}
	return nil
}

// applyTransforms appends the field, changed by every step, to row. Values in other states than present only take part in renames.
func applyTransforms(row schema.Row, field schema.Field, steps []Transform) schema.Row {
	for i, t := range steps {
		present := field.Value.State == schema.Present
		switch {
		case t.Rename != "":
			field.Name = t.Rename
		case t.Truncate != "" && present:
			field.Value.JSON = truncateTime(field.Value.JSON, truncatedDigits(t.Truncate))
		case t.Scale != nil && present:
			field.Value.JSON = cutScale(field.Value.JSON, *t.Scale)
		case t.HashKey != nil && present:
			field.Value.JSON = hashValue(field.Value.JSON, t.HashKey)
		case t.Expand && present:
			members, ok := expandObject(field)
			if !ok {
				continue
			}
			for _, m := range members {
				row = applyTransforms(row, m, steps[i+1:])
			}
			return row
		}
	}
	return append(row, field)
}

func truncatedDigits(precision string) int {
	switch precision {
	case "seconds":
		return 0
	case "millis":
		return 3
	case "micros":
		return 6
	}
	return -1
}

// truncateTime cuts the fraction of a second in an ISO 8601 string to so many digits; what is no time stays as it is.
func truncateTime(text []byte, digits int) []byte {
	if len(text) < 2 || text[0] != '"' {
		return text
	}
	point := slices.Index(text, '.')
	if point < 0 || !isTime(text[1:point]) {
		return text
	}
	end := point + 1
	for end < len(text) && text[end] >= '0' && text[end] <= '9' {
		end++
	}
	cut := min(end, point+1+digits)
	if digits == 0 {
		cut = point
	}
	return append(slices.Clone(text[:cut]), text[end:]...)
}

// isTime says whether text ends in hh:mm:ss.
func isTime(text []byte) bool {
	if len(text) < 8 {
		return false
	}
	for i, c := range text[len(text)-8:] {
		if i == 2 || i == 5 {
			if c != ':' {
				return false
			}
		} else if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// cutScale cuts the digits after the point of a decimal, in a JSON string or a JSON number; what is no plain decimal stays as it is.
func cutScale(text []byte, scale int) []byte {
	point := slices.Index(text, '.')
	if point < 0 {
		return text
	}
	end := point + 1
	for end < len(text) && text[end] >= '0' && text[end] <= '9' {
		end++
	}
	rest := text[end:]
	if len(rest) > 1 || len(rest) == 1 && rest[0] != '"' {
		return text
	}
	cut := min(end, point+1+scale)
	if scale == 0 {
		cut = point
	}
	return append(slices.Clone(text[:cut]), rest...)
}

func hashValue(text, key []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write(text)
	return []byte(`"` + hex.EncodeToString(mac.Sum(nil)) + `"`)
}

// expandObject returns the members of a JSON object that a column holds as text, in their order.
func expandObject(field schema.Field) ([]schema.Field, bool) {
	text := field.Value.Text()
	if !strings.HasPrefix(strings.TrimLeft(text, " \t\r\n"), "{") {
		return nil, false
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	if _, err := decoder.Token(); err != nil {
		return nil, false
	}
	var members []schema.Field
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil, false
		}
		var raw json.RawMessage
		if err := decoder.Decode(&raw); err != nil {
			return nil, false
		}
		value, err := schema.CanonicalJSON(raw)
		if err != nil {
			return nil, false
		}
		members = append(members, schema.Field{Name: field.Name + "." + name.(string), Value: value})
	}
	return members, true
}
