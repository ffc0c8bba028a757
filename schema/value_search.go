package schema

import "time"

// Exact returns the form of the value for exact search; false where it is not present or too long for one.
func (v Value) Exact() (string, bool) {
	if v.State != Present {
		return "", false
	}
	return exactForm(v.Text())
}

// SearchText returns the form of the value for full-text search; false where it is not present.
func (v Value) SearchText() (string, bool) {
	if v.State != Present {
		return "", false
	}
	return textForm(v.Text()), true
}

// Number returns the form of the value for the comparison of numbers; false where it is none that a double can hold.
func (v Value) Number() (float64, bool) {
	if v.State != Present {
		return 0, false
	}
	return numberForm(v.Text())
}

// Date returns the form of the value for the comparison of times; false where it is none. What says no zone is taken as UTC.
func (v Value) Date() (time.Time, bool) {
	if v.State != Present {
		return time.Time{}, false
	}
	text := v.Text()
	if !isDate(text) {
		return time.Time{}, false
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}
