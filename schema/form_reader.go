package schema

import (
	"bytes"
	"context"
	"encoding/base64"
	"time"
)

// FormReader reads records of a transaction or a message topic and says of each what its Decoder says, faster where a record looks like an earlier one: Debezium
// writes one like the other. What does not is left to the Decoder. Records of the two topics need readers of their own. Not safe for concurrent use.
type FormReader struct {
	decoder *Decoder
	forms   [maxForms]*form
	next    int    // the form that is replaced next
	content []byte // memory for a message's
	// How many forms were learned and how many records had a known one: where none is like another, learning is of no use.
	learned, fitted int
}

const (
	// maxForms is how many forms are known at the same time: BEGIN and END, and messages of several prefixes.
	maxForms = 4
	// Forms beyond the first learnedFreely are learned only if each so far served so many records.
	learnedFreely = 64
	servedByForm  = 8
)

// NewFormReader returns a reader that has seen no record.
func NewFormReader(d *Decoder) *FormReader { return &FormReader{decoder: d} }

// Transaction reads a record of the transaction topic: see Decoder.Transaction.
func (r *FormReader) Transaction(ctx context.Context, rec *Record, t *TransactionBoundary) error {
	if rec.Value == nil {
		return ErrTombstone
	}
	var in filled
	if f := r.formOf(rec.Value, &in, t); f != nil {
		if number, err := transactionNumber(in.id); err == nil {
			r.fitted++
			t.TxID, t.End, t.EventCount = number, f.boundary.End, f.boundary.EventCount
			if in.hasCount {
				t.EventCount = int64(in.count)
			}
			t.Time, _ = in.times.time()
			return nil
		}
	}
	if err := r.decoder.Transaction(ctx, rec, t); err != nil {
		return err
	}
	if f := r.learn(rec, boundarySlots, slotID); f != nil {
		f.boundary = TransactionBoundary{End: t.End, EventCount: -1}
	}
	return nil
}

// Message reads a record of the message topic: see Decoder.Message. Position and CommitTime are left out, and Content is valid until the next call.
func (r *FormReader) Message(ctx context.Context, rec *Record, m *Message) error {
	if rec.Value == nil {
		return ErrTombstone
	}
	var in filled
	if f := r.formOf(rec.Value, &in, nil); f != nil && r.decodeContent(in.content) {
		r.fitted++
		*m = f.message
		m.TxID, m.LSN, m.TotalOrder, m.Content = in.txID, in.lsn, in.order, r.content
		return nil
	}
	if err := r.decoder.Message(ctx, rec, m); err != nil {
		return err
	}
	m.Position, m.CommitTime = "", time.Time{}
	if f := r.learn(rec, messageSlots, slotTxID, slotContent); f != nil {
		f.message = Message{Source: m.Source, Prefix: m.Prefix, HasTx: true}
	}
	return nil
}

// formOf returns the known form that a record has, and reads its slots; nil if it has none. Collections are put into t, which is nil for a message.
func (r *FormReader) formOf(data []byte, in *filled, t *TransactionBoundary) *form {
	for _, f := range r.forms {
		if f == nil {
			break
		}
		*in = filled{}
		if t != nil {
			t.Collections = t.Collections[:0]
		}
		if f.fits(data, in, t) {
			return f
		}
	}
	return nil
}

// decodeContent decodes a message's content, unless there is more or less in it than base64: line breaks, which it may have and JSON strings may not, or escapes.
func (r *FormReader) decodeContent(text []byte) bool {
	if cap(r.content) > maxKeptBuffer {
		r.content = nil
	}
	var err error
	r.content, err = base64.StdEncoding.AppendDecode(r.content[:0], text)
	padding := len(text) - len(bytes.TrimRight(text, "="))
	return err == nil && len(text)%4 == 0 && len(r.content) == len(text)/4*3-padding
}

// learn remembers the form of a record that was decoded, and returns it; nil if it is not in JSON or lacks one of the slots.
func (r *FormReader) learn(rec *Record, kinds map[string]slotKind, slots ...slotKind) *form {
	if r.learned >= learnedFreely && r.fitted < r.learned*servedByForm || len(rec.Value) > maxFormSize || rec.Value[0] == 0 {
		return nil
	}
	r.learned++
	s := NewScanner(bytes.Clone(rec.Value))
	if _, _, err := r.decoder.unwrap(&r.decoder.topic(rec.Topic).valueSchemas, &s); err != nil {
		return nil
	}
	f := learnForm(s, kinds)
	if f == nil || !f.has(slots) {
		return nil
	}
	r.forms[r.next] = f
	r.next = (r.next + 1) % maxForms
	return f
}
