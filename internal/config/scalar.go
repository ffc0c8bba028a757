package config

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Duration is a length of time, written as 5s, 15m, 1h30m or 7d.
type Duration time.Duration

func (d Duration) String() string { return time.Duration(d).String() }

// Size is a number of bytes, written as 5MiB, 64MB, 512KiB or a plain number.
type Size int64

func (s Size) String() string { return strconv.FormatInt(int64(s), 10) }

// Secret is text that no log, error or dump shows. The zero value is no secret at all.
type Secret struct{ text string }

// NewSecret returns a secret that holds text.
func NewSecret(text string) Secret { return Secret{text} }

// Reveal returns the text. Hand it to a client and to nothing that prints.
func (s Secret) Reveal() string { return s.text }

// IsSet says whether there is a secret.
func (s Secret) IsSet() bool { return s.text != "" }

const hidden = "[secret]"

func (s Secret) String() string {
	if !s.IsSet() {
		return ""
	}
	return hidden
}

// Format hides the text from every verb, %#v and %x too.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, s.String()) }

// MarshalText hides the text from JSON and YAML encoders.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// The parsers return errors that say what was expected. They do not quote the text: it may have come out of a secret.

var (
	errDuration = errors.New("expected a duration such as 5s, 15m or 7d")
	errSize     = errors.New("expected a size such as 5MiB, 64MB or a number of bytes")
	errBool     = errors.New("expected true or false")
	errInt      = errors.New("expected a whole number")
)

// ParseDuration reads a duration as a configuration writes it.
func ParseDuration(text string) (Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseInt(days, 10, 64)
		if err != nil || n > math.MaxInt64/int64(24*time.Hour) || n < math.MinInt64/int64(24*time.Hour) {
			return 0, errDuration
		}
		return Duration(time.Duration(n) * 24 * time.Hour), nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, errDuration
	}
	return Duration(d), nil
}

// sizeUnits are longest suffix first, so that "MiB" is not taken for "B".
var sizeUnits = []struct {
	suffix string
	bytes  int64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1}, {"", 1}}

func parseSize(text string) (Size, error) {
	for _, u := range sizeUnits {
		digits, ok := strings.CutSuffix(text, u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
		if err != nil || n > math.MaxInt64/u.bytes || n < math.MinInt64/u.bytes {
			return 0, errSize
		}
		return Size(n * u.bytes), nil
	}
	return 0, errSize
}

func parseBool(text string) (bool, error) {
	switch text {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, errBool
}

func parseInt(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return 0, errInt
	}
	return n, nil
}
