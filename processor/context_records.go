package processor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"dossier/schema"
)

// addition is what a record of a context stream adds to the window.
type addition struct {
	offset int64
	time   int64 // the record's own, in Unix milliseconds; never for a control record
	// sound is false where the record is at fault: it is to become a dead letter.
	sound bool

	adds   bool // without it the rest means nothing
	kind   entryKind
	source uint16
	txID   uint64
	key    TopicKey     // of entryTopic
	entry  ContextEntry // of a context
	end    End          // of entryEnd
}

// addOne adds a record to the window. The caller holds mu.
func (r *contextReader) addOne(a *addition) {
	if !a.adds {
		return
	}
	switch a.kind {
	case entryBegin:
		r.window.AddBegin(a.source, a.txID, a.time)
	case entryEnd:
		r.note(txHash(a.source, a.txID))
		r.window.AddEnd(a.source, a.txID, a.end)
	case entryMessage:
		r.note(txHash(a.source, a.txID))
		r.window.AddMessage(a.source, a.txID, a.entry)
	case entryRow:
		r.note(txHash(a.source, a.txID))
		r.window.AddRow(a.source, a.txID, a.entry)
	case entryTopic:
		for _, hash := range a.key.hashes(r.window) {
			r.note(hash)
		}
		r.window.AddTopic(a.key, a.entry)
	}
}

// contextScratch is memory for the reading of context streams' records, one after the other.
type contextScratch struct {
	boundary schema.TransactionBoundary
	message  schema.Message
	change   schema.Change
	packer   quickPacker
	payloads []byte // packed contexts, until they are in the window
}

// understand fills in how a record changes the window; the context in it lies in the scratch. The error is that of a schema registry that does not answer: the record has
// to be read again.
func (r *contextReader) understand(ctx context.Context, s *stream, rec *schema.Record, a *addition, scratch *contextScratch) error {
	err := r.read(ctx, s, rec, a, scratch)
	a.sound = err == nil || errors.Is(err, schema.ErrTombstone)
	return transientOnly(err)
}

// read fills in what the record adds. The error says why the record is no context, or its context is not to be understood.
func (r *contextReader) read(ctx context.Context, s *stream, rec *schema.Record, a *addition, scratch *contextScratch) error {
	switch s.role {
	case roleTransaction:
		boundary := &scratch.boundary
		if err := s.forms.Transaction(ctx, rec, boundary); err != nil {
			return err
		}
		a.adds, a.kind, a.source, a.txID = true, entryBegin, s.source.index, boundary.TxID
		if !boundary.End {
			return nil
		}
		a.kind, a.end.Time = entryEnd, a.time
		for _, c := range boundary.Collections {
			switch {
			case r.config.Table != "" && c.Name == r.config.Table:
				a.end.Rows += int(c.Count)
			case strings.Count(c.Name, ".") != 1: // a table is schema.table; anything else that counts is a logical message
				a.end.Messages += int(c.Count)
			}
		}
		return nil

	case roleMessage:
		message := &scratch.message
		err := s.forms.Message(ctx, rec, message)
		if err != nil {
			return err
		}
		a.adds, a.kind, a.source, a.txID = message.HasTx, entryMessage, s.source.index, message.TxID
		a.entry = ContextEntry{Time: a.time, LSN: message.LSN, Order: message.TotalOrder}
		if message.Prefix != r.config.MessagePrefix {
			return nil
		}
		a.entry.Payload, err = scratch.pack(message.Content)
		return err

	case roleContextTable:
		change := &scratch.change
		err := r.decoders[s.source.index].Change(ctx, rec, change)
		if err != nil || change.Op != schema.OpCreate {
			return err
		}
		a.adds, a.kind, a.source, a.txID = change.HasTx, entryRow, s.source.index, change.TxID
		a.entry = ContextEntry{Time: a.time, LSN: change.LSN, Order: change.TotalOrder}
		c, err := schema.ContextFromRow(change.After)
		if err == nil && change.HasTx {
			a.entry.Payload = packContext(nil, &c)
		}
		return err

	case roleContextTopic:
		key, c, err := topicContext(rec, r.sources)
		if err != nil {
			return err
		}
		a.adds, a.kind, a.key = true, entryTopic, key
		a.entry = ContextEntry{Time: a.time, Payload: packContext(topicPayload(key.CorrelationID), &c)}
	}
	return nil
}

// pack packs a context, whose JSON need not be kept.
func (s *contextScratch) pack(content []byte) ([]byte, error) {
	from := len(s.payloads)
	packed, ok := s.packer.pack(s.payloads, content)
	if !ok {
		c, err := schema.ParseContext(content)
		if err != nil {
			return nil, err
		}
		packed = packContext(s.payloads, &c)
	}
	s.payloads = packed
	return packed[from:len(packed):len(packed)], nil
}

// headerSource is the header by which a record on the request-context topic says of which source its transaction number is. It is needed
// where there are several.
const headerSource = "source"

// topicContext returns the context in a record of the request-context topic, and by what it is found. The record is keyed by a transaction number or by a
// correlation id, that is the topic's contract: a number that the value does not name as a correlation id is a transaction's.
// What the value says of either goes first.
func topicContext(rec *schema.Record, sources []*sourceState) (TopicKey, schema.Context, error) {
	if rec.Value == nil {
		return TopicKey{}, schema.Context{}, schema.ErrTombstone
	}
	c, err := schema.ParseContext(rec.Value)
	if err != nil {
		return TopicKey{}, schema.Context{}, err
	}
	key := TopicKey{TxID: c.TransactionID, CorrelationID: cmp.Or(c.CorrelationID, c.RequestID)}
	if text := strings.Trim(string(rec.Key), `"`); key.TxID == nil && text != c.CorrelationID && text != c.RequestID {
		if n, err := strconv.ParseUint(text, 10, 64); err == nil {
			key.TxID = &n
		} else if key.CorrelationID == "" {
			key.CorrelationID = text
		}
	}
	if key.TxID == nil && key.CorrelationID == "" {
		return TopicKey{}, c, &schema.DecodeError{Reason: "context_without_key",
			Detail: "a record on the request-context topic needs a transaction number or a correlation id, in its value or as its key"}
	}
	if key.TxID == nil {
		return key, c, nil
	}
	name, named := rec.Header(headerSource)
	i := slices.IndexFunc(sources, func(s *sourceState) bool { return s.Name == string(name) })
	switch {
	case named && i >= 0:
		key.Source = uint16(i)
	case named:
		return TopicKey{}, c, &schema.DecodeError{Reason: "context_of_unknown_source",
			Detail: fmt.Sprintf("the header %s names %q, which is no configured source", headerSource, name)}
	case len(sources) > 1 && key.CorrelationID == "":
		return TopicKey{}, c, &schema.DecodeError{Reason: "context_without_source",
			Detail: "with several sources a transaction number means nothing by itself: name the source in the header " + headerSource}
	case len(sources) > 1:
		key.TxID = nil // the correlation id finds it
	}
	return key, c, nil
}
