package schema

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// form is how the JSON of a record is laid out: slots, in which records of its kind differ from one another, and the text before each and after the last, in which they
// don't. A record whose text is the same but for what stands in the slots has the same members in the same places; so what a decoder says of it follows from
// what it said of the record that the form was learned from, and from the slots.
type form struct {
	slots []slot
	tail  []byte
	// What does not stand in slots.
	message  Message
	boundary TransactionBoundary
}

type slot struct {
	before []byte // the text between the slot before and this one
	of     slotKind
}

// slotKind says what stands in a slot. A value of another type, or null, makes another form.
type slotKind uint8

const (
	slotNumber          slotKind = iota + 1 // a whole number that nobody asks for
	slotText                                // a string that nobody asks for
	slotTxID                                // source.txId
	slotLSN                                 // source.lsn
	slotOrder                               // transaction.total_order
	slotContent                             // message.content
	slotID                                  // a boundary's id
	slotEventCount                          // a boundary's event_count
	slotNanos                               // a boundary's ts_ns
	slotMicros                              // its ts_us
	slotMillis                              // its ts_ms
	slotCollections                         // a boundary's data_collections, an array
	slotPos                                 // source.pos
	slotRow                                 // source.row
	slotGTID                                // source.gtid
	slotSequence                            // source.sequence, of two numbers
	slotCollectionOrder                     // transaction.data_collection_order
	slotOp                                  // a change's op
	slotCapturedNanos                       // a change's own ts_ns
	slotCapturedMicros                      // its ts_us
	slotCapturedMillis                      // its ts_ms
)

// messageSlots and boundarySlots say what stands in slots, by the path of names. An object in which there are slots has an entry of its own.
var (
	messageSlots = map[string]slotKind{
		"ts_ms": slotNumber, "ts_us": slotNumber, "ts_ns": slotNumber,
		"source": 0, "source.ts_ms": slotNumber, "source.ts_us": slotNumber, "source.ts_ns": slotNumber, "source.sequence": slotText,
		"source.txId": slotTxID, "source.lsn": slotLSN, "source.xmin": slotNumber,
		"transaction": 0, "transaction.id": slotText, "transaction.total_order": slotOrder, "transaction.data_collection_order": slotNumber,
		"message": 0, "message.content": slotContent,
	}
	boundarySlots = map[string]slotKind{
		"id": slotID, "event_count": slotEventCount, "ts_ms": slotMillis, "ts_us": slotMicros, "ts_ns": slotNanos, "data_collections": slotCollections,
	}
)

// maxFormSize bounds what is kept of a record, in bytes. One with a schema in it has a few thousand.
const maxFormSize = 64 << 10

// learnForm returns the form of a record that could be decoded; the scanner stands at the object that has the slots. It returns nil where a
// member stands twice, of which decoders take the last. The form shares memory with the record.
func learnForm(s Scanner, kinds map[string]slotKind) *form {
	if s.Peek() != TokenObject || s.ObjectStart() != nil {
		return nil
	}
	return learnMembers(s, 0, kinds)
}

// learnMembers returns the form of the members that are left of an object that could be decoded: of the text from that offset on.
func learnMembers(s Scanner, from int, kinds map[string]slotKind) *form {
	l := formLearner{data: s.data, from: from, kinds: kinds, form: new(form), seen: make(map[string]bool)}
	if !l.members(&s, "") {
		return nil
	}
	l.form.tail = l.data[l.from:]
	return l.form
}

// has says whether the form has all these slots.
func (f *form) has(slots []slotKind) bool {
	for _, kind := range slots {
		if !slices.ContainsFunc(f.slots, func(s slot) bool { return s.of == kind }) {
			return false
		}
	}
	return true
}

type formLearner struct {
	data  []byte
	kinds map[string]slotKind
	form  *form
	from  int // where the last slot ended
	seen  map[string]bool
}

// members takes in the members of an object that are left.
func (l *formLearner) members(s *Scanner, path string) bool {
	for {
		name, ok, err := s.Member()
		if err != nil || !ok {
			return err == nil
		}
		at := path + string(name.Inner())
		kind, known := l.kinds[at]
		if known && l.seen[at] {
			return false
		}
		l.seen[at] = known
		switch t := s.Peek(); {
		case known && kind == 0 && t == TokenObject:
			if s.ObjectStart() != nil || !l.members(s, at+".") {
				return false
			}
		case known && kind != 0 && t == kind.token():
			start := s.pos
			if s.Skip() != nil {
				return false
			}
			l.form.slots = append(l.form.slots, slot{l.data[l.from:start], kind})
			l.from = s.pos
		default:
			if s.Skip() != nil {
				return false
			}
		}
	}
}

func (k slotKind) token() Token {
	switch k {
	case slotText, slotContent, slotID, slotGTID, slotSequence, slotOp:
		return TokenString
	case slotCollections:
		return TokenArray
	}
	return TokenNumber
}

// filled is what stands in the slots of a record.
type filled struct {
	txID, lsn, order uint64
	id               []byte
	content          []byte // in base64, which is not checked
	count            uint64
	hasCount         bool
	times            eventTimes
	pos, row         uint64
	collectionOrder  uint64
	gtid, op         []byte
	sequence         logSequence
	captured         eventTimes
}

// fits says whether the record has this form, and reads its slots. Collections are put into t, which is nil for a message.
func (f *form) fits(data []byte, in *filled, t *TransactionBoundary) bool {
	s := Scanner{data: data}
	return f.read(&s, in, t) && s.pos == len(data)
}

// read reads what has this form from the scanner's place on; false if something else stands there.
func (f *form) read(s *Scanner, in *filled, t *TransactionBoundary) bool {
	for i := range f.slots {
		slot := &f.slots[i]
		if !s.slotConstant(slot.before) {
			return false
		}
		ok := true
		switch slot.of {
		case slotNumber:
			_, ok = s.slotNumber()
		case slotText:
			_, ok = s.slotText()
		case slotTxID:
			in.txID, ok = s.slotNumber()
		case slotLSN:
			in.lsn, ok = s.slotNumber()
		case slotOrder:
			in.order, ok = s.slotNumber()
		case slotContent:
			in.content, ok = s.slotBase64()
		case slotID:
			in.id, ok = s.slotPlain()
		case slotEventCount:
			in.count, ok = s.slotNumber()
			in.hasCount = true
		case slotNanos:
			ok = s.slotTime(&in.times, 'n')
		case slotMicros:
			ok = s.slotTime(&in.times, 'u')
		case slotMillis:
			ok = s.slotTime(&in.times, 'm')
		case slotCollections:
			ok = s.slotCollections(t)
		case slotPos:
			in.pos, ok = s.slotNumber()
		case slotRow:
			in.row, ok = s.slotNumber()
		case slotGTID:
			in.gtid, ok = s.slotPlain()
		case slotSequence:
			in.sequence, ok = s.slotSequence()
		case slotCollectionOrder:
			in.collectionOrder, ok = s.slotNumber()
		case slotOp:
			in.op, ok = s.slotPlain()
		case slotCapturedNanos:
			ok = s.slotTime(&in.captured, 'n')
		case slotCapturedMicros:
			ok = s.slotTime(&in.captured, 'u')
		case slotCapturedMillis:
			ok = s.slotTime(&in.captured, 'm')
		}
		if !ok {
			return false
		}
	}
	return s.slotConstant(f.tail)
}

// slotNumber reads a whole number from 0 to 2^63-1 that stands right here: such a number is one wherever the decoder takes a number.
func (s *Scanner) slotNumber() (n uint64, ok bool) {
	data, i := s.data, s.pos
	for i+8 <= len(data) {
		eight, ok := eightDigits(binary.LittleEndian.Uint64(data[i:]))
		if !ok {
			break
		}
		n = n*1e8 + eight
		i += 8
	}
	for i < len(data) {
		d := data[i] - '0'
		if d > 9 {
			break
		}
		n = n*10 + uint64(d)
		i++
	}
	length := i - s.pos
	// 19 digits do not overflow. JSON has no zeros before a number.
	if length == 0 || length > 19 || length > 1 && data[s.pos] == '0' || n > 1<<63-1 {
		return 0, false
	}
	s.pos = i
	return n, true
}

// eightDigits returns the number that eight bytes of text, the first in the lowest bits, are in decimal; false if one is no digit. Neighbours are joined to numbers of two
// digits, these to four, and these to eight.
func eightDigits(text uint64) (n uint64, ok bool) {
	const each = 0x0101010101010101
	// Of a digit, '0' to '9', the upper half is 3, and stays 3 when 6 is added.
	if text&(each*0xF0) != each*0x30 || (text+each*0x06)&(each*0xF0) != each*0x30 {
		return 0, false
	}
	n = text & (each * 0x0F)
	n = (n*10 + n>>8) & 0x00FF00FF00FF00FF
	n = (n*100 + n>>16) & 0x0000FFFF0000FFFF
	return (n*10000 + n>>32) & 0xFFFFFFFF, true
}

func (s *Scanner) slotTime(t *eventTimes, unit byte) bool {
	n, ok := s.slotNumber()
	t.set(unit, int64(n))
	return ok
}

// slotText reads a string that stands right here.
func (s *Scanner) slotText() (Text, bool) {
	if s.pos >= len(s.data) || s.data[s.pos] != '"' {
		return Text{}, false
	}
	t, err := s.String()
	return t, err == nil
}

// slotPlain reads the inside of a string without escapes that stands right here.
func (s *Scanner) slotPlain() ([]byte, bool) {
	t, ok := s.slotText()
	return t.Inner(), ok && t.IsPlain()
}

// slotSequence reads a source.sequence of two numbers, "[\"26375504\",\"26375672\"]".
func (s *Scanner) slotSequence() (q logSequence, ok bool) {
	if !s.slotConstant([]byte(`"[\"`)) {
		return q, false
	}
	if q.last, ok = s.slotNumber(); !ok || !s.slotConstant([]byte(`\",\"`)) {
		return q, false
	}
	if q.own, ok = s.slotNumber(); !ok || !s.slotConstant([]byte(`\"]"`)) {
		return q, false
	}
	q.known = true
	return q, true
}

// slotBase64 reads a string that stands right here, and is to be base64: what it holds is checked by whoever decodes it.
func (s *Scanner) slotBase64() ([]byte, bool) {
	if !s.slotByte('"') {
		return nil, false
	}
	n := bytes.IndexByte(s.data[s.pos:], '"')
	if n < 0 {
		return nil, false
	}
	text := s.data[s.pos : s.pos+n]
	s.pos += n + 1
	return text, true
}

// The members of an element of data_collections, as Debezium writes them.
const (
	collectionStart = `{"data_collection":`
	collectionCount = `,"event_count":`
)

// slotCollections reads data_collections, if they have no white space and no names with escapes.
func (s *Scanner) slotCollections(t *TransactionBoundary) bool {
	if !s.slotByte('[') {
		return false
	}
	for first := true; !s.slotByte(']'); first = false {
		if !first && !s.slotByte(',') || !s.slotConstant([]byte(collectionStart)) {
			return false
		}
		name, ok := s.slotText()
		if !ok || !name.IsPlain() || !s.slotConstant([]byte(collectionCount)) {
			return false
		}
		n, ok := s.slotNumber()
		if !ok || !s.slotByte('}') || !t.count(name.Inner(), int64(n)) {
			return false
		}
	}
	return true
}

func (s *Scanner) slotByte(c byte) bool {
	if s.pos >= len(s.data) || s.data[s.pos] != c {
		return false
	}
	s.pos++
	return true
}

func (s *Scanner) slotConstant(text []byte) bool {
	if len(s.data)-s.pos < len(text) || string(s.data[s.pos:s.pos+len(text)]) != string(text) {
		return false
	}
	s.pos += len(text)
	return true
}

// count adds a collection, unless its name may not be the proper one. Most transactions have the collections of the one before: their names are used again.
func (t *TransactionBoundary) count(name []byte, n int64) bool {
	if bytes.IndexByte(name, 0xEF) >= 0 { // see properName
		return false
	}
	i := len(t.Collections)
	if i == cap(t.Collections) {
		t.Collections = append(t.Collections, CollectionCount{})
	}
	t.Collections = t.Collections[:i+1]
	if c := &t.Collections[i]; c.Name == string(name) {
		c.Count = n
	} else {
		*c = CollectionCount{string(name), n}
	}
	return true
}
