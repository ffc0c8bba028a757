package query

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// timeForms is what a time may look like, for error messages.
const timeForms = `expected RFC 3339 such as 2026-11-23T02:43:54Z, a day such as 2026-11-23, "now", or a time before now such as -15m or -7d (units s, m, h, d, w)`

// units are the units of relative times. Months and years are none: they differ in length, and a day says what is meant.
var units = map[byte]time.Duration{
	's': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour,
}

// parseTime reads a time: RFC 3339, a day (its first moment in UTC), "now", or one before now such as "-7d". The error says what is expected.
func parseTime(text string, now time.Time) (time.Time, error) {
	switch {
	case text == "now":
		return now, nil
	case strings.HasPrefix(text, "-"):
		t, why := relativeTime(text, now)
		if why != "" {
			return time.Time{}, errors.New(why)
		}
		return t, nil
	}
	if t, err := time.Parse(time.DateOnly, text); err == nil {
		return t, nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err == nil {
		if t = t.UTC(); t.Year() < 0 || t.Year() > 9999 { // by its offset; no answer could repeat it
			return time.Time{}, fmt.Errorf("%s lies outside the years 0000 to 9999 in UTC", shown(text))
		}
		return t, nil
	}
	if _, err := time.Parse(time.RFC3339Nano, strings.Replace(text, " ", "+", 1)); err == nil {
		return time.Time{}, errors.New("a blank stands where the time zone's + should: in a URL, write %2B for +")
	}
	if _, err := time.Parse("2006-01-02T15:04:05.999999999", text); err == nil {
		return time.Time{}, fmt.Errorf("%q has no time zone: add Z for UTC, or an offset such as +02:00", text)
	}
	return time.Time{}, fmt.Errorf("%s is no time: %s", shown(text), timeForms)
}

// shown quotes what a caller sent, for an error message; what is too long to be anything meant is not repeated.
func shown(text string) string {
	if len(text) > 64 {
		return "this"
	}
	return strconv.Quote(text)
}

// relativeTime reads a time before now, such as "-7d", and otherwise says why it is none.
func relativeTime(text string, now time.Time) (_ time.Time, why string) {
	last := len(text) - 1
	n, err := strconv.ParseUint(text[1:max(last, 1)], 10, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return time.Time{}, fmt.Sprintf("%s is no time: %s", shown(text), timeForms)
	}
	unit, ok := units[text[last]]
	if !ok {
		return time.Time{}, fmt.Sprintf("%s has no unit that is known: %s; months and years have no fixed length, so count days", shown(text), timeForms)
	}
	// The bound keeps the product from overflowing.
	if n > uint64((1<<63-1)/int64(unit)) {
		return time.Time{}, fmt.Sprintf("%s is too long ago: %s", shown(text), timeForms)
	}
	return now.Add(-time.Duration(n) * unit), ""
}

// timeParameter is parseTime for a parameter: the error is a *Error. "" is the zero time, no bound; any other is brought within what a document can have, so
// that it is never the zero time.
func timeParameter(parameter, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := parseTime(text, now)
	if err != nil {
		return time.Time{}, invalid(parameter, "%v", err)
	}
	return storable(t), nil
}

// earliest and latest bound the times that documents can have: 64 bits of nanoseconds since 1970.
var (
	earliest = time.Unix(0, 0).UTC()
	latest   = time.Date(2262, 1, 1, 0, 0, 0, 0, time.UTC)
)

// storable brings a time within what a document can have: a bound beyond means the same as the outermost.
func storable(t time.Time) time.Time {
	switch {
	case t.Before(earliest):
		return earliest
	case t.After(latest):
		return latest
	}
	return t
}

// timeRange reads the bounds of a question, from included, to not; nil where neither is given.
func timeRange(from, to string, now time.Time) (Filter, error) {
	begin, err := timeParameter("from", from, now)
	if err != nil {
		return nil, err
	}
	end, err := timeParameter("to", to, now)
	switch {
	case err != nil:
		return nil, err
	case begin.IsZero() && end.IsZero():
		return nil, nil
	case !begin.IsZero() && !end.IsZero() && end.Before(begin):
		return nil, invalid("to", "it is before from: a range begins at from and ends before to")
	}
	return Between{Field: FieldTime, From: begin, To: end}, nil
}

// committedBy holds for what was committed at a time or before it.
func committedBy(t time.Time) Filter {
	return Between{Field: FieldTime, To: storable(t).Add(time.Nanosecond)}
}
