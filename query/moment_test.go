package query

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestParseTime(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 5, time.UTC)
	for _, test := range []struct{ text, want string }{
		{"now", "2026-11-23T12:00:00.000000005Z"},
		{"2026-11-23", "2026-11-23T00:00:00Z"},
		{"2026-11-23T02:43:54.384552001Z", "2026-11-23T02:43:54.384552001Z"},
		{"2026-11-23T02:43:54+02:00", "2026-11-23T00:43:54Z"},
		{"-15m", "2026-11-23T11:45:00.000000005Z"},
		{"-0s", "2026-11-23T12:00:00.000000005Z"},
		{"-7d", "2026-11-16T12:00:00.000000005Z"},
		{"-2w", "2026-11-09T12:00:00.000000005Z"},
		{"-36h", "2026-11-22T00:00:00.000000005Z"},
		{"0000-01-01", "0000-01-01T00:00:00Z"},
		{"9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"},
		{"-15250w", "1734-08-16T12:00:00.000000005Z"},
	} {
		got, err := parseTime(test.text, now)
		if err != nil || got.Format(time.RFC3339Nano) != test.want || got.Location() != time.UTC {
			t.Errorf("%s: got %v, %v, want %s", test.text, got, err, test.want)
		}
	}
	for _, test := range []struct{ text, says string }{
		{"", "expected RFC 3339"},
		{"-", "expected RFC 3339"},
		{"-d", "expected RFC 3339"},
		{"--7d", "expected RFC 3339"},
		{"-7", "expected RFC 3339"},
		{"-7y", "count days"},
		{"-7M", "count days"},
		{"-99999999999999999999d", "too long ago"},
		{"-99999999w", "too long ago"},
		{"7d", "expected RFC 3339"},
		{"yesterday", "expected RFC 3339"},
		{"2026-13-01", "expected RFC 3339"},
		{"2026-11-23T02:43:54", "no time zone"},
		{"9999-12-31T23:59:59-01:00", "outside the years"},
		{"0000-01-01T00:00:00+01:00", "outside the years"},
		{"2026-11-23T02:43:54 02:00", "%2B"},
		{strings.Repeat("9", 1000), "this is no time"},
	} {
		got, err := parseTime(test.text, now)
		if err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%q: got %v, error %v, want one that says %q", test.text, got, err, test.says)
		}
	}
}

func TestTimeRange(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	day := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		from, to string
		want     Filter
	}{
		{"", "", nil},
		{"2026-11-01", "", Between{FieldTime, day, time.Time{}}},
		{"", "now", Between{FieldTime, time.Time{}, now}},
		{"", "0001-01-01T00:00:00Z", Between{FieldTime, time.Time{}, earliest}}, // and not the zero time, which would be no bound
		{"2026-11-01", "9999-01-01", Between{FieldTime, day, latest}},
	} {
		if got, err := timeRange(test.from, test.to, now); got != test.want || err != nil {
			t.Errorf("%q to %q: got %v, %v, want %v", test.from, test.to, got, err, test.want)
		}
	}
	for _, test := range []struct{ from, to, parameter string }{{"x", "", "from"}, {"", "x", "to"}, {"now", "-1d", "to"}} {
		_, err := timeRange(test.from, test.to, now)
		var e *Error
		if !errors.As(err, &e) || e.Code != CodeInvalid || e.Parameter != test.parameter {
			t.Errorf("%q to %q: got %v, want an error for %s", test.from, test.to, err, test.parameter)
		}
	}
}
