package query

import (
	"bytes"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"dossier/schema"
)

// Holds says whether a filter holds for a document. It is what the filters mean, in so many words: stores answer by other means, and the same.
func Holds(f Filter, d *schema.Document) bool {
	switch f := f.(type) {
	case nil:
		return true
	case And:
		return !slices.ContainsFunc(f, func(f Filter) bool { return !Holds(f, d) })
	case Or:
		return slices.ContainsFunc(f, func(f Filter) bool { return Holds(f, d) })
	case Not:
		return !Holds(f.Filter, d)
	case Equal:
		return equals(f, d)
	case Like:
		return slices.ContainsFunc(Texts(f.Field, d), f.Pattern.Fits)
	case Exists:
		return len(Texts(f.Field, d)) > 0
	case Match:
		return f.holds(d)
	case Compare:
		n, ok := numberOf(f.Field, d)
		return ok && !f.Above.excludes(n, true) && !f.Below.excludes(n, false)
	case Between:
		t, ok := timeOf(f.Field, d)
		return ok && (f.From.IsZero() || !t.Before(f.From)) && (f.To.IsZero() || t.Before(f.To))
	case Beyond:
		return slices.ContainsFunc(Texts(f.Field, d), func(s string) bool { return s > f.Bound })
	}
	return false
}

func equals(f Equal, d *schema.Document) bool {
	switch Fields[f.Field] {
	case FormInteger:
		return d.CDC.HasTx && slices.ContainsFunc(f.Values, func(s string) bool {
			n, err := strconv.ParseUint(s, 10, 64)
			return err == nil && n == d.CDC.TxID
		})
	case FormAddress:
		ip, ok := addressOf(d)
		at := ip.As16()
		return ok && slices.ContainsFunc(f.Values, func(s string) bool {
			first, last, ok := AddressRange(s)
			return ok && bytes.Compare(at[:], first[:]) >= 0 && bytes.Compare(at[:], last[:]) <= 0
		})
	}
	return slices.ContainsFunc(Texts(f.Field, d), func(s string) bool { return slices.Contains(f.Values, s) })
}

func (m Match) holds(d *schema.Document) bool {
	text, ok := searchText(m.Field, d)
	return ok && m.Fits(text)
}

// Fits says whether a text contains the words.
func (m Match) Fits(text string) bool {
	wanted := Words(m.Text)
	if len(wanted) == 0 {
		return false
	}
	has := Words(text)
	last := len(wanted) - 1
	same := func(i int, word string) bool {
		return word == wanted[i] || m.Prefix && i == last && strings.HasPrefix(word, wanted[i])
	}
	if !m.Phrase {
		for i := range wanted {
			if !slices.ContainsFunc(has, func(word string) bool { return same(i, word) }) {
				return false
			}
		}
		return true
	}
	for at := 0; at+len(wanted) <= len(has); at++ {
		i := 0
		for i < len(wanted) && same(i, has[at+i]) {
			i++
		}
		if i == len(wanted) {
			return true
		}
	}
	return false
}

// excludes says whether a number lies outside the bound; none excludes nothing.
func (b *NumberBound) excludes(n float64, lower bool) bool {
	switch {
	case b == nil || b.Inclusive && n == b.Value:
		return false
	case lower:
		return !(n > b.Value)
	}
	return !(n < b.Value)
}

// Fits says whether a whole text fits the pattern.
func (p Pattern) Fits(text string) bool {
	// Behind the last "any text" that was met, the rest is tried at each place in turn; earlier ones need not be tried again.
	at, again, from := 0, -1, 0
	for i := 0; ; {
		if i == len(p) {
			if at == len(text) {
				return true
			}
		} else if part := p[i]; part.Any {
			again, from = i, at
			i++
			continue
		} else if part.One && at < len(text) {
			_, size := utf8.DecodeRuneInString(text[at:])
			at, i = at+size, i+1
			continue
		} else if !part.One && strings.HasPrefix(text[at:], part.Literal) {
			at, i = at+len(part.Literal), i+1
			continue
		}
		if again < 0 || from == len(text) {
			return false
		}
		_, size := utf8.DecodeRuneInString(text[from:])
		from += size
		at, i = from, again+1
	}
}

// AddressRange returns the first and the last address of a network, or twice an address, as IPv6 addresses in the order of their bytes; false where the text is
// neither. IPv4 addresses are those of ::ffff:0:0/96.
func AddressRange(text string) (first, last [16]byte, ok bool) {
	if a, err := netip.ParseAddr(text); err == nil {
		return a.As16(), a.As16(), true
	}
	network, err := netip.ParsePrefix(text)
	if err != nil {
		return first, last, false
	}
	bits := network.Bits()
	if network.Addr().Is4() {
		bits += 96
	}
	first = network.Addr().As16()
	last = first
	for i := bits; i < 128; i++ {
		mask := byte(1) << (7 - i%8)
		first[i/8] &^= mask
		last[i/8] |= mask
	}
	return first, last, true
}

func addressOf(d *schema.Document) (netip.Addr, bool) {
	if d.Context == nil {
		return netip.Addr{}, false
	}
	a, err := netip.ParseAddr(d.Context.IP)
	return a.WithZone(""), err == nil
}

func searchText(f Field, d *schema.Document) (string, bool) {
	if f != FieldMessage {
		return valueOf(f == FieldPrevText, d).SearchText()
	}
	if d.Feedback == nil || d.Feedback.Message == "" {
		return "", false
	}
	return d.Feedback.Message, true
}

func numberOf(f Field, d *schema.Document) (float64, bool) {
	return valueOf(f == FieldPrevNumber, d).Number()
}

func timeOf(f Field, d *schema.Document) (time.Time, bool) {
	if f == FieldTime {
		return d.Time, true
	}
	return valueOf(f == FieldPrevDate, d).Date()
}

// valueOf returns a field change's previous or current value; an absent one on other documents.
func valueOf(previous bool, d *schema.Document) schema.Value {
	switch {
	case d.Kind != schema.DocumentFieldChange:
		return schema.Value{}
	case previous:
		return d.Change.Previous
	}
	return d.Change.Current
}
