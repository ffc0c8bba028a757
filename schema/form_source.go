package schema

import "bytes"

// sourceSlots and transactionSlots say what differs in a change's source and transaction.
var (
	sourceSlots = map[string]slotKind{
		"ts_ms": slotMillis, "ts_us": slotMicros, "ts_ns": slotNanos, "sequence": slotSequence,
		"txId": slotTxID, "lsn": slotLSN, "xmin": slotNumber, "pos": slotPos, "row": slotRow, "gtid": slotGTID,
	}
	transactionSlots = map[string]slotKind{"id": slotID, "total_order": slotOrder, "data_collection_order": slotCollectionOrder}
)

const (
	// maxBlockForm is how large, in bytes, a source or transaction may be that is remembered.
	maxBlockForm = 4 << 10
	// formPatience is how many blocks in a row may have another form before theirs is learnt: in a topic of several tables each record would else bring another.
	formPatience = 8
)

// blockForm is the form of one of a change's blocks, of which most are written like the one before.
type blockForm struct {
	form   *form // nil: none is known
	depth  int   // how deep the block lies
	misses int   // blocks since the last that had it
	in     filled
}

// read reads the block that the scanner stands before, if it has the form, and leaves the scanner where it stands if not.
func (b *blockForm) read(s *Scanner) bool {
	if b.form == nil || b.depth != s.depth {
		return false
	}
	ahead := *s
	b.in = filled{}
	if !b.form.read(&ahead, &b.in, nil) {
		return false
	}
	b.misses = 0
	s.pos, s.first = ahead.pos, false
	return true
}

// missed takes note of a block that was read otherwise, the text of which this is, and says whether its form was learnt.
func (b *blockForm) missed(block []byte, depth int, kinds map[string]slotKind) bool {
	b.misses++
	if b.misses%formPatience != 1 || b.form != nil && b.misses == 1 || len(block) > maxBlockForm {
		return false
	}
	b.form, b.depth = learnForm(NewScanner(bytes.Clone(block)), kinds), depth
	return b.form != nil
}

// sourceForm is the form of a change's source.
type sourceForm struct {
	blockForm
	constant sourceBlock // what does not stand in slots
}

// learn takes note of a source that was read otherwise.
func (f *sourceForm) learn(block []byte, depth int, src *sourceBlock) {
	if f.missed(block, depth, sourceSlots) {
		f.constant = *src
		f.constant.file, f.constant.gtid = bytes.Clone(src.file), bytes.Clone(src.gtid) // they share the record's memory
	}
}

// source reads a source that has the form.
func (f *sourceForm) source(s *Scanner, src *sourceBlock) bool {
	if !f.read(s) {
		return false
	}
	in, c := &f.in, &f.constant
	*src = *c
	src.times = in.times
	for _, slot := range f.form.slots {
		switch slot.of {
		case slotTxID:
			src.txID = in.txID
		case slotLSN:
			src.lsn = in.lsn
		case slotPos:
			src.pos = in.pos
		case slotRow:
			src.row = in.row
		case slotGTID:
			src.gtid = in.gtid
		case slotSequence:
			src.sequence = in.sequence
		}
	}
	return true
}

// transaction reads a transaction that has the form.
func (b *blockForm) transaction(s *Scanner, tx *txBlock) bool {
	if !b.read(s) {
		return false
	}
	*tx = txBlock{present: true, id: b.in.id, totalOrder: b.in.order, collectionOrder: b.in.collectionOrder}
	return true
}
