package requestcontext

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// Bounds, in bytes.
const (
	// MaxMessage is the largest message that [Context.Encode] gives.
	MaxMessage = 32 << 10
	// MaxUserAgent and MaxReason are where these two, which a client chooses freely, are cut; a cut text ends in "…".
	MaxUserAgent = 1 << 10
	MaxReason    = 4 << 10
)

// ErrTooLarge is a context that does not fit into [MaxMessage] even without its extra and its user's roles.
var ErrTooLarge = errors.New("request context is too large")

// leftOut is the key in extra that names what was left out for size.
const leftOut = "left_out"

// Encode returns c as JSON, in pure ASCII and of at most [MaxMessage] bytes.
//
// The size rule: UserAgent and Reason are cut at their bounds. If that is not enough, Extra is left out, then the
// user's roles; extra.left_out then names them, so that the audit trail says what it lacks. Other fields are never
// shortened, since half an id is another id: if they alone are over the bound, the error is [ErrTooLarge].
// An Extra that encoding/json cannot write is an error too.
//
// NUL characters, which PostgreSQL's text cannot hold, and invalid UTF-8 become U+FFFD.
func (c Context) Encode() ([]byte, error) {
	_, b, err := c.fit()
	return b, err
}

// fit returns c within the bounds, and its encoding.
func (c Context) fit() (Context, []byte, error) {
	c.UserAgent = cut(c.UserAgent, MaxUserAgent)
	c.Reason = cut(c.Reason, MaxReason)
	b, err := c.marshal()
	if err != nil || len(b) <= MaxMessage {
		return c, b, err
	}
	var out []string
	if len(c.Extra) > 0 {
		out = append(out, "extra")
		c.Extra = map[string]any{leftOut: out}
		if b, err = c.marshal(); err != nil || len(b) <= MaxMessage {
			return c, b, err
		}
	}
	if len(c.User.Roles) > 0 {
		out = append(out, "user.roles")
		c.User.Roles = nil
		c.Extra = map[string]any{leftOut: out}
		if b, err = c.marshal(); err != nil || len(b) <= MaxMessage {
			return c, b, err
		}
	}
	return c, nil, fmt.Errorf("%w: %d bytes without extra and roles, at most %d: shorten the ids and names given to it",
		ErrTooLarge, len(b), MaxMessage)
}

func (c Context) marshal() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(c); err != nil {
		return nil, fmt.Errorf("encode request context: %w; extra must hold plain JSON values", err)
	}
	return asciiJSON(bytes.TrimSuffix(b.Bytes(), []byte("\n"))), nil
}

// cut shortens s to at most max bytes, at a character's edge.
func cut(s string, max int) string {
	if len(s) <= max {
		return s
	}
	const mark = "…"
	n := max - len(mark)
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + mark
}

// asciiJSON escapes what is not ASCII, so that the message does not depend on the encodings of client and database, and
// replaces escaped NULs: a jsonb column further on would refuse them.
func asciiJSON(in []byte) []byte {
	out := make([]byte, 0, len(in)+16)
	for i := 0; i < len(in); {
		switch b := in[i]; {
		case b == '\\' && bytes.HasPrefix(in[i:], []byte(`\u0000`)):
			out = append(out, `\ufffd`...)
			i += 6
		case b == '\\': // the encoder never ends in a lone backslash
			out = append(out, in[i:i+2]...)
			i += 2
		case b < utf8.RuneSelf:
			out = append(out, b)
			i++
		default:
			r, n := utf8.DecodeRune(in[i:])
			if hi, lo := utf16.EncodeRune(r); hi != utf8.RuneError {
				out = fmt.Appendf(out, `\u%04x\u%04x`, hi, lo)
			} else {
				out = fmt.Appendf(out, `\u%04x`, r)
			}
			i += n
		}
	}
	return out
}
