package schema

import "bytes"

// changeSlots says what differs in what follows a change's rows.
var changeSlots = map[string]slotKind{
	"source": 0, "source.ts_ms": slotMillis, "source.ts_us": slotMicros, "source.ts_ns": slotNanos, "source.sequence": slotSequence,
	"source.txId": slotTxID, "source.lsn": slotLSN, "source.xmin": slotNumber, "source.pos": slotPos, "source.row": slotRow, "source.gtid": slotGTID,
	"transaction": 0, "transaction.id": slotID, "transaction.total_order": slotOrder, "transaction.data_collection_order": slotCollectionOrder,
	"op": slotOp, "ts_ms": slotCapturedMillis, "ts_us": slotCapturedMicros, "ts_ns": slotCapturedNanos,
}

const (
	// maxChangeForm is how large, in bytes, what follows the rows may be if its form is to be learnt.
	maxChangeForm = 4 << 10
	// formPatience is how many changes in a row may have another form before theirs is learnt: in a topic of several tables each record would else bring another.
	formPatience = 8
)

// changeForm is the form of what follows the rows in changes: source, transaction, op and times, which connectors write the same way each time.
type changeForm struct {
	form   *form // nil: none is known
	misses int   // changes since the last that had it
	// How deep the envelope lies, and whether its members begin with these.
	depth int
	first bool
	// What does not stand in slots.
	source         sourceBlock
	hasTransaction bool
	in             filled
}

// read reads what is left of the envelope, if it has the form; else the scanner stays where it is.
func (f *changeForm) read(s *Scanner, e *envelope) bool {
	if f.form == nil || f.depth != s.depth || f.first != s.first || !e.isBlank() {
		return false
	}
	rest := Scanner{data: s.data, pos: s.pos}
	f.in = filled{}
	if !f.form.read(&rest, &f.in, nil) {
		return false
	}
	f.misses = 0
	s.pos, s.first = rest.pos, false
	s.depth-- // the envelope is closed
	f.fill(e)
	return true
}

// isBlank says whether nothing has been read yet of what follows the rows. A member may stand twice, and the last one counts: what a form says would then be
// mixed with what was read before.
func (e *envelope) isBlank() bool {
	return !e.source.present && !e.tx.present && e.op == nil && e.times == eventTimes{}
}

// fill fills in what the slots hold, and what does not differ. A member that is read and has no slot was null or is not there, as zero is in the slots' place.
func (f *changeForm) fill(e *envelope) {
	in, src := &f.in, &e.source
	*src = f.source
	src.times, src.txID, src.lsn, src.pos, src.row = in.times, in.txID, in.lsn, in.pos, in.row
	src.gtid, src.sequence = in.gtid, in.sequence
	e.tx = txBlock{present: f.hasTransaction, id: in.id, totalOrder: in.order, collectionOrder: in.collectionOrder}
	e.op, e.times = in.op, in.captured
}

// missed takes note of a change that was read member by member, and learns its form if it is time. rest is the text that follows the rows, up to the envelope's end.
func (f *changeForm) missed(rest []byte, depth int, first bool, e *envelope) {
	f.misses++
	if f.misses%formPatience != 1 || f.form != nil && f.misses == 1 || len(rest) > maxChangeForm || !e.source.present || len(e.op) == 0 {
		return
	}
	s := Scanner{data: bytes.Clone(rest), depth: 1, first: first}
	if f.form = learnMembers(s, 0, changeSlots); f.form == nil || !f.form.has([]slotKind{slotOp}) {
		f.form = nil
		return
	}
	f.depth, f.first = depth, first
	f.source, f.hasTransaction = e.source, e.tx.present
	f.source.file = bytes.Clone(e.source.file) // it shares the record's memory
	f.source.gtid = nil                        // as does this, which has a slot
}
