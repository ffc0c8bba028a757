package query

import (
	"strings"
	"time"
)

// span is what a text says of a time: a year, a month, a day, a minute, a second or a part of one, from its first moment to before the next one's.
type span struct {
	from, to time.Time
	relative bool // to now: a moment without a length of its own
	zoned    bool // it is clear in which time zone: a day or more is UTC's, where a time of day needs a zone
}

// spanForms are the forms of absolute times, the longest first, and how the next one of the same kind is found. A zone may follow where there is an
// hour; without one it is UTC.
var spanForms = []struct {
	layout string
	next   func(time.Time) time.Time
}{
	{"2006-01-02T15:04:05", func(t time.Time) time.Time { return t.Add(time.Second) }},
	{"2006-01-02T15:04", func(t time.Time) time.Time { return t.Add(time.Minute) }},
	{"2006-01-02", func(t time.Time) time.Time { return t.AddDate(0, 0, 1) }},
	{"2006-01", func(t time.Time) time.Time { return t.AddDate(0, 1, 0) }},
	{"2006", func(t time.Time) time.Time { return t.AddDate(1, 0, 0) }},
}

// parseSpan reads a time, and otherwise says why it is none.
func parseSpan(text string, now time.Time) (_ span, why string) {
	if strings.HasPrefix(text, "-") {
		at, why := relativeTime(text, now)
		return span{from: at, to: at.Add(1), relative: true, zoned: true}, why
	}
	if text == "now" {
		return span{from: now, to: now.Add(1), relative: true, zoned: true}, ""
	}
	for _, form := range spanForms {
		layout := form.layout
		if len(text) < len(layout) {
			continue
		}
		t, fraction, ok := parseForm(layout, text)
		if !ok {
			continue
		}
		zoned := !strings.Contains(layout, "T") || strings.HasSuffix(text, "Z") || strings.LastIndexAny(text, "+-") > len("2006-01-02")
		if t = t.UTC(); t.IsZero() {
			t = t.Add(-1) // the zero time means none
		}
		if fraction > 0 {
			return span{from: t, to: t.Add(fraction), zoned: zoned}, ""
		}
		return span{from: t, to: form.next(t), zoned: zoned}, ""
	}
	return span{}, "this is no time"
}

// parseForm reads a time in one of the forms. fraction is the length of the unit that its last digit stands for, where there is a fraction of a second.
func parseForm(layout, text string) (t time.Time, fraction time.Duration, ok bool) {
	rest := text[len(layout):]
	if strings.HasSuffix(layout, "05") && len(layout) > len("2006-01-02") && strings.HasPrefix(rest, ".") {
		digits := len(rest[1:]) - len(strings.TrimLeft(rest[1:], "0123456789"))
		if digits == 0 || digits > 9 {
			return t, 0, false
		}
		fraction = time.Second
		for range digits {
			fraction /= 10
		}
		layout += "." + strings.Repeat("0", digits)
		rest = rest[1+digits:]
	}
	if rest != "" {
		if !strings.Contains(layout, "T") || rest != "Z" && (len(rest) != len("+00:00") || rest[0] != '+' && rest[0] != '-') {
			return t, 0, false
		}
		layout += "Z07:00"
	}
	t, err := time.Parse(layout, text)
	return t, fraction, err == nil
}
