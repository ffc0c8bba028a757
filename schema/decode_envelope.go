package schema

import (
	"encoding/base64"
	"strconv"
	"time"
)

// changeScratch is memory that a Change keeps from one decoding to the next.
type changeScratch struct {
	buffer             []byte // values that had to be rewritten
	before, after, key Row
	work               *workspace
}

// maxKeptBuffer is the largest buffer, in bytes, that a Change keeps for the next record.
const maxKeptBuffer = 1 << 20

// workspace is what the decoding of one record needs; kept, so that it costs no allocation per record.
type workspace struct {
	envelope envelope
	json     jsonReader
	scanner  Scanner
	image    image
	names    sourceNames
	rest     changeForm
}

// sourceNames are the names that the last record's source block had: nearly always the next one's too.
type sourceNames struct{ connector, name, db, schema, table, snapshot string }

func (c *Change) reset() {
	s := c.scratch
	if cap(s.buffer) > maxKeptBuffer {
		s.buffer = nil // a large record now and then must not be remembered for ever
	}
	s.buffer = s.buffer[:0]
	if s.work == nil {
		s.work = new(workspace)
	}
	*c = Change{scratch: s}
	s.work.envelope = envelope{change: c}
}

// envelope collects what Debezium's envelope says, in whatever order its fields come.
type envelope struct {
	change *Change
	op     []byte
	source sourceBlock
	times  eventTimes
	tx     txBlock

	// The columns of before and after as a schema tells them; nil without one.
	beforeColumns, afterColumns []column

	hasMessage bool
	prefix     string
	content    []byte
}

// eventTimes are the times that Debezium gives in three resolutions; the finest counts.
type eventTimes struct {
	ns, us, ms          int64
	hasNs, hasUs, hasMs bool
}

func (t *eventTimes) time() (time.Time, bool) {
	switch {
	case t.hasNs:
		return time.Unix(split(t.ns, 1)).UTC(), true
	case t.hasUs:
		return time.UnixMicro(t.us).UTC(), true
	case t.hasMs:
		return time.UnixMilli(t.ms).UTC(), true
	}
	return time.Time{}, false
}

// set takes over one of ts_ms, ts_us and ts_ns.
func (t *eventTimes) set(unit byte, n int64) {
	switch unit {
	case 'n':
		t.ns, t.hasNs = n, true
	case 'u':
		t.us, t.hasUs = n, true
	case 'm':
		t.ms, t.hasMs = n, true
	}
}

// sourceBlock is the envelope's source.
type sourceBlock struct {
	present                 bool
	connector, name, db     string
	schema, table, snapshot string
	times                   eventTimes
	txID, lsn, pos, row     uint64
	hasTx, hasLSN, hasPos   bool
	sequence                logSequence
	file, gtid              []byte
}

// txBlock is the envelope's transaction.
type txBlock struct {
	present                     bool
	id                          []byte
	totalOrder, collectionOrder uint64
}

// finish checks the envelope and computes what the change takes from it.
func (e *envelope) finish(d *Decoder) error {
	c, s := e.change, &e.source
	if len(e.op) != 1 || !s.present {
		return decodeErrorf(ReasonNotAnEnvelope, "the record has no op or no source, which every Debezium change event has")
	}
	switch Op(e.op[0]) {
	case OpCreate, OpUpdate, OpDelete, OpRead, OpTruncate, OpMessage:
		c.Op = Op(e.op[0])
	default:
		return decodeErrorf(ReasonNotAnEnvelope, "op is none of c, u, d, r, t and m")
	}
	c.Source = s.name
	if c.Source == "" {
		c.Source = d.cfg.Source
	}
	c.Connector, c.Database, c.Schema, c.Table = s.connector, s.db, s.schema, s.table
	if c.Schema == "" {
		// MariaDB and MySQL have databases and no schemas.
		c.Schema = s.db
	}
	if s.snapshot != "false" {
		c.Snapshot = s.snapshot
	}
	c.CommitTime, _ = s.times.time()
	c.Captured, _ = e.times.time()
	if s.hasTx {
		c.TxID, c.HasTx = s.txID, true
	}
	if e.tx.present {
		c.TotalOrder, c.CollectionOrder = e.tx.totalOrder, e.tx.collectionOrder
		if !c.HasTx && len(e.tx.id) > 0 {
			id, err := transactionNumber(e.tx.id)
			if err != nil {
				return err
			}
			c.TxID, c.HasTx = id, true
		}
	}
	if !c.HasTx && len(s.gtid) > 0 {
		if id, err := transactionNumber(s.gtid); err == nil {
			c.TxID, c.HasTx = id, true
		}
	}
	e.place()
	switch {
	case c.Table == "" && c.Op != OpMessage:
		return decodeErrorf(ReasonNotAnEnvelope, "source.table is missing")
	case c.CommitTime.IsZero():
		return decodeErrorf(ReasonNotAnEnvelope, "source has none of ts_ms, ts_us and ts_ns")
	}
	return nil
}

// place computes where in the log the change stands.
func (e *envelope) place() {
	c, s := e.change, &e.source
	var stack [192]byte
	b := stack[:0]
	switch {
	case s.hasLSN:
		c.LSN = s.lsn
		last := s.sequence.last
		if !s.sequence.known {
			last = s.lsn // no sequence: the best there is is the log's own order
		}
		b = appendPosition(b, last, s.lsn, c.TotalOrder)
	case s.hasPos:
		// The binlog is written at commit, so its order is commit order; row tells the rows of one binlog event apart.
		b = appendPosition(b, fileNumber(s.file), s.pos, s.row)
	default:
		// A row of an incremental snapshot stands nowhere in the log: it was read beside it, and published in its place in the order of what comes from the
		// log, which the sequence tells.
		b = appendPosition(b, s.sequence.last, s.sequence.own, c.TotalOrder)
	}
	n := len(b)
	switch {
	case s.hasLSN:
		b = appendPadded(b, s.lsn, 1)
	case s.hasPos:
		b = append(b, s.file...)
		b = append(b, ':')
		b = appendPadded(b, s.pos, 1)
		b = append(b, ':')
		b = appendPadded(b, s.row, 1)
	case !c.CommitTime.IsZero():
		// Each reading of such a row is another event: the time of the reading, which its record keeps however often it is delivered, tells them apart.
		b = append(b, "read:"...)
		b = strconv.AppendInt(b, c.CommitTime.UnixNano(), 10)
	}
	both := string(b) // one allocation for two strings
	c.Position, c.Coordinates = both[:n], both[n:]
}

// logSequence is source.sequence: the LSN of the last commit before an event, and the event's own or, where it has none, that of what was read last.
type logSequence struct {
	last, own uint64
	known     bool // the first could be read
}

// readSequence reads source.sequence, ["26375504","26375672"] or [null,"26375672"]. A null is 0: nothing was committed before.
func readSequence(text []byte) (q logSequence) {
	if len(text) == 0 {
		return q
	}
	s := NewScanner(text)
	if s.ArrayStart() != nil {
		return q
	}
	if q.last, q.known = sequenceElement(&s); q.known {
		q.own, _ = sequenceElement(&s)
	}
	return q
}

// sequenceElement reads the next of a sequence's numbers.
func sequenceElement(s *Scanner) (uint64, bool) {
	if ok, err := s.Element(); err != nil || !ok {
		return 0, false
	}
	switch s.Peek() {
	case TokenNull:
		return 0, s.Null() == nil
	case TokenString:
		t, err := s.String()
		if err != nil {
			return 0, false
		}
		return parseUint(t.Inner())
	}
	return 0, false
}

// fileNumber is the number at the end of a binlog's name, such as 3 of "mariadb-bin.000003".
func fileNumber(file []byte) uint64 {
	i := len(file)
	for i > 0 && file[i-1] >= '0' && file[i-1] <= '9' {
		i--
	}
	n, _ := parseUint(file[i:])
	return n
}

// transactionNumber reads the number of a transaction out of transaction.id: "728:26375504" of PostgreSQL is the transaction
// and an LSN that differs per event, "0-1-234" of MariaDB a GTID of domain, server and sequence, "3E11…:23" of MySQL a
// server's UUID and a sequence, "file=mysql-bin.000003,pos=154" a place in the binlog.
func transactionNumber(id []byte) (uint64, error) {
	for i, c := range id {
		if c == ':' {
			if n, ok := parseUint(id[:i]); ok {
				return n, nil
			}
			break
		}
	}
	if n, ok := parseUint(id); ok {
		return n, nil
	}
	if n, ok := mariadbGTID(id); ok {
		return n, nil
	}
	if len(id) == 0 {
		return 0, decodeErrorf(ReasonNotAnEnvelope, "transaction.id is empty")
	}
	// Other forms are one text per transaction: any number that is as unique as the text will do (FNV-1a).
	h := uint64(14695981039346656037)
	for _, c := range id {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return h, nil
}

// mariadbGTID returns the sequence number of domain 0, where nearly everybody's transactions are; in other domains the number
// is made unique by the domain in its upper bits.
func mariadbGTID(id []byte) (uint64, bool) {
	var parts [3]uint64
	n, start := 0, 0
	for i := 0; i <= len(id); i++ {
		if i < len(id) && id[i] != '-' {
			continue
		}
		v, ok := parseUint(id[start:i])
		if !ok || n == len(parts) {
			return 0, false
		}
		parts[n] = v
		n++
		start = i + 1
	}
	return parts[0]<<40 ^ parts[2], n == len(parts)
}

// decodeContent decodes a message's base64 content.
func (e *envelope) decodeContent(text []byte) error {
	b, err := base64.StdEncoding.AppendDecode(nil, text)
	if err != nil {
		return &DecodeError{Reason: ReasonBadValue, Detail: "message.content is not base64", Err: err}
	}
	e.content = b
	return nil
}

// boundary collects a transaction record's fields that need a look at the whole.
type boundary struct {
	status, id []byte
}

func (b *boundary) finish(t *TransactionBoundary) error {
	switch string(b.status) {
	case "BEGIN":
	case "END":
		t.End = true
	default:
		return decodeErrorf(ReasonNotAnEnvelope, "status is neither BEGIN nor END: this is no transaction record")
	}
	id, err := transactionNumber(b.id)
	if err != nil {
		return err
	}
	t.TxID = id
	return nil
}

// badKey marks errors that come from a key.
func badKey(where string, err error) error {
	if e, ok := err.(*DecodeError); ok {
		if e.Reason == ReasonUnknownSchemaID || e.Reason == ReasonBadSchema {
			return err
		}
		return &DecodeError{Reason: ReasonBadKey, Detail: where + ": " + e.Detail, Err: e.Err}
	}
	return err
}
