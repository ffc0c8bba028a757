package schema

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"math/bits"
	"strconv"
	"strings"
	"time"
)

// EventID returns a change's identity: a hash of what cannot differ between two deliveries of it. keyText is EntityID of
// the record key; for a row without a key it is empty and the row's content and an ordinal tell equal rows apart. The
// hash is SHA-256 over the length-prefixed parts, cut to 128 bits, in unpadded base64url: 22 characters.
func EventID(source string, txID uint64, coordinates, schema, table, keyText string, op Op, content []byte, ordinal uint64) string {
	var stack [512]byte
	b := stack[:0]
	b = appendPart(b, source)
	b = binary.BigEndian.AppendUint64(b, txID)
	b = appendPart(b, coordinates)
	b = appendPart(b, schema)
	b = appendPart(b, table)
	b = appendPart(b, keyText)
	b = append(b, byte(op))
	if content != nil {
		sum := sha256.Sum256(content)
		b = append(b, sum[:]...)
		b = binary.BigEndian.AppendUint64(b, ordinal)
	}
	return shortHash(b)
}

// DerivedID returns the identity of something derived from identified things, such as an attribution or a version
// document: the same parts give the same id, and differently cut parts another.
func DerivedID(parts ...string) string {
	var stack [512]byte
	b := stack[:0]
	for _, p := range parts {
		b = appendPart(b, p)
	}
	return shortHash(b)
}

// NamedVersionEventID returns the id of the event by which a request, known by the version's id, names an entity's state.
func NamedVersionEventID(versionID string, entity EntityRef) string {
	return DerivedID("named_version", versionID, entity.Type, entity.ID)
}

// FeedbackEventID returns the id of the event of feedback that its application gave an id of its own.
func FeedbackEventID(application, id string) string { return DerivedID("feedback", application, id) }

// AccessEventID returns the id of the event of one read. A request's id alone would not do: a caller may choose it, and choose it again.
func AccessEventID(caller, requestID string, at time.Time) string {
	return DerivedID("access", caller, requestID, at.UTC().Format(time.RFC3339Nano))
}

func appendPart(b []byte, s string) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
	return append(b, s...)
}

func shortHash(b []byte) string {
	sum := sha256.Sum256(b)
	var text [22]byte // on the stack: the string is the only allocation
	base64.RawURLEncoding.Encode(text[:], sum[:16])
	return string(text[:])
}

// EntityID returns the key's values as text, in the key's order, joined by "/"; "%" and "/" inside a value are percent-encoded, so
// that different keys give different ids. JSON strings stand unquoted and unescaped, other values as their JSON text, null as "".
func EntityID(key Row) string {
	if len(key) == 1 {
		return escapeIDPart(valueText(key[0].Value))
	}
	var b strings.Builder
	for i, f := range key {
		if i > 0 {
			b.WriteByte('/')
		}
		b.WriteString(escapeIDPart(valueText(f.Value)))
	}
	return b.String()
}

func escapeIDPart(s string) string {
	if !strings.ContainsAny(s, "%/") {
		return s
	}
	return strings.NewReplacer("%", "%25", "/", "%2F").Replace(s)
}

func valueText(v Value) string {
	if v.State != Present {
		return ""
	}
	return v.Text()
}

// Text returns a present value as plain text: a JSON string's content, any other JSON as it stands; "" otherwise.
func (v Value) Text() string {
	if v.State != Present {
		return ""
	}
	if len(v.JSON) >= 2 && v.JSON[0] == '"' {
		return unquoteCanonical(v.JSON)
	}
	return string(v.JSON)
}

// FormatPosition returns a position that sorts as text in commit order: the LSN of the last commit before the
// transaction, the change's own LSN, and its order in the transaction, each in upper-case hexadecimal, zero-padded. LSN order alone is not
// commit order. Hexadecimal is how databases write an LSN, and the text changes in fewer places from one change to the next.
func FormatPosition(lastCommit, lsn, totalOrder uint64) string {
	var stack [16 + 1 + 16 + 1 + 10]byte
	return string(appendPosition(stack[:0], lastCommit, lsn, totalOrder))
}

func appendPosition(b []byte, lastCommit, lsn, totalOrder uint64) []byte {
	b = appendHex(b, lastCommit, 16)
	b = append(b, '-')
	b = appendHex(b, lsn, 16)
	b = append(b, '-')
	return appendHex(b, totalOrder, 10)
}

// appendHex appends a number in hexadecimal, in so many digits at least.
func appendHex(b []byte, n uint64, width int) []byte {
	width = max(width, (bits.Len64(n)+3)/4)
	for shift := 4 * (width - 1); shift >= 0; shift -= 4 {
		b = append(b, "0123456789ABCDEF"[n>>shift&15])
	}
	return b
}

func appendPadded(b []byte, n uint64, width int) []byte {
	var digits [20]byte
	d := strconv.AppendUint(digits[:0], n, 10)
	for i := len(d); i < width; i++ {
		b = append(b, '0')
	}
	return append(b, d...)
}
