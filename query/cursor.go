package query

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"time"

	"dossier/schema"
)

// maxCursor bounds a cursor's text. There is room for a place behind an entity whose type and id are as long as can be asked for.
const maxCursor = 24 << 10

// cursorVersion begins each cursor, so that a later release can tell its own from those that callers kept.
const cursorVersion = 1

// page is where a page of a list begins and how long it is.
type page struct {
	limit int
	// now is what relative times refer to. It is that of the first page on all pages, so that "-7d" does not move while somebody turns them.
	now   time.Time
	after place
	asked [sha256.Size]byte // the question
}

// place is where a page ended: at a document, at a group, or at both. The zero place is the beginning.
type place struct {
	key   *Key
	group []string // the values of a group, see Groups.After
}

// page checks a page's parameters. question is the call's name and all its parameters but those of the page: a cursor belongs to one question, and to no other.
func (s *Service) page(q PageQuery, question ...string) (page, error) {
	limit, err := pageLimit(q.Limit)
	if err != nil {
		return page{}, err
	}
	p := page{limit: limit, now: s.now(), asked: fingerprint(question)}
	if q.Cursor == "" {
		return p, nil
	}
	if len(q.Cursor) > maxCursor {
		return page{}, invalid("cursor", "it has %d characters, and no cursor has more than %d: give the \"next\" of the page before", len(q.Cursor), maxCursor)
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(q.Cursor)
	if err != nil {
		return page{}, invalid("cursor", "it is damaged: give the \"next\" of the page before, as it is")
	}
	if !p.read(raw) {
		return page{}, invalid("cursor", "it is damaged, or belongs to another question: give the \"next\" of the page before, with the same other parameters")
	}
	return p, nil
}

func pageLimit(limit int) (int, error) {
	switch {
	case limit == 0:
		return DefaultLimit, nil
	case limit < 0 || limit > MaxLimit:
		return 0, invalid("limit", "expected 1 to %d, not %d", MaxLimit, limit)
	}
	return limit, nil
}

// next returns the cursor of the page that continues behind a place.
func (p *page) next(at place) string {
	b := append(make([]byte, 0, 256), cursorVersion)
	body := appendTime(nil, p.now)
	if k := at.key; k != nil {
		body = append(body, 1)
		body = appendTime(body, k.Time)
		for _, s := range []string{k.Position, k.EventID, string(k.Kind), k.Field} {
			body = appendText(body, s)
		}
	} else {
		body = append(body, 0)
	}
	body = binary.AppendUvarint(body, uint64(len(at.group)))
	for _, s := range at.group {
		body = appendText(body, s)
	}
	sum := p.sum(body)
	b = append(b, sum[:]...)
	return base64.RawURLEncoding.EncodeToString(append(b, body...))
}

// sum ties a cursor's content to its question, and shows damage. It is no signature: whoever makes up a cursor gets a page that he could have asked for anyway.
func (p *page) sum(body []byte) (short [12]byte) {
	h := sha256.New()
	h.Write(p.asked[:])
	h.Write(body)
	copy(short[:], h.Sum(nil))
	return short
}

// read takes the place from a cursor, and says whether it is one of this question.
func (p *page) read(raw []byte) bool {
	const head = 1 + 12
	if len(raw) < head || raw[0] != cursorVersion || p.sum(raw[head:]) != [12]byte(raw[1:head]) {
		return false
	}
	r := cursorReader{rest: raw[head:]}
	p.now = r.time()
	if r.byte() == 1 {
		p.after.key = &Key{Time: r.time(), Position: r.text(), EventID: r.text(), Kind: schema.DocumentKind(r.text()), Field: r.text()}
	}
	n := r.uvarint()
	for i := uint64(0); i < n && !r.failed; i++ {
		p.after.group = append(p.after.group, r.text())
	}
	return !r.failed && len(r.rest) == 0
}

func fingerprint(question []string) [sha256.Size]byte {
	var b []byte
	for _, s := range question {
		b = appendText(b, s)
	}
	return sha256.Sum256(b)
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendTime(b []byte, t time.Time) []byte {
	b = binary.AppendVarint(b, t.Unix())
	return binary.AppendUvarint(b, uint64(t.Nanosecond()))
}

// cursorReader takes a cursor apart. After the first fault it gives nothing more.
type cursorReader struct {
	rest   []byte
	failed bool
}

func (r *cursorReader) fail() { r.rest, r.failed = nil, true }

func (r *cursorReader) byte() byte {
	if len(r.rest) == 0 {
		r.fail()
		return 0
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b
}

func (r *cursorReader) uvarint() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *cursorReader) time() time.Time {
	seconds, n := binary.Varint(r.rest)
	if n <= 0 {
		r.fail()
		return time.Time{}
	}
	r.rest = r.rest[n:]
	nanoseconds := r.uvarint()
	t := time.Unix(seconds, int64(nanoseconds)).UTC()
	if nanoseconds >= uint64(time.Second) || t.Year() < 0 || t.Year() > 9999 { // no clock and no document has such a time, and JSON cannot say it
		r.fail()
	}
	return t
}

func (r *cursorReader) text() string {
	n := r.uvarint()
	if n > uint64(len(r.rest)) {
		r.fail()
		return ""
	}
	s := string(r.rest[:n])
	r.rest = r.rest[n:]
	return s
}
