package processor

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"dossier/schema"
)

// understand returns how a record changes the window; nil where it says nothing. The error is that of a schema registry that does not
// answer: the record has to be read again.
func (r *contextReader) understand(ctx context.Context, s *stream, rec *schema.Record, at int64, boundary *schema.TransactionBoundary, message *schema.Message, change *schema.Change) (func(), error) {
	switch s.role {
	case roleTransaction:
		err := r.decoders[s.source.index].Transaction(ctx, rec, boundary)
		if err != nil {
			return nil, transientOnly(err)
		}
		txID := boundary.TxID
		if !boundary.End {
			return func() { r.window.AddBegin(s.source.index, txID, at) }, nil
		}
		end := End{Time: at}
		for _, c := range boundary.Collections {
			switch {
			case r.config.Table != "" && c.Name == r.config.Table:
				end.Rows += int(c.Count)
			case strings.Count(c.Name, ".") != 1: // a table is schema.table; anything else that counts is a logical message
				end.Messages += int(c.Count)
			}
		}
		return func() { r.note(txHash(s.source.index, txID)); r.window.AddEnd(s.source.index, txID, end) }, nil

	case roleMessage:
		err := r.decoders[s.source.index].Message(ctx, rec, message)
		if err != nil || !message.HasTx {
			return nil, transientOnly(err)
		}
		txID := message.TxID
		entry := ContextEntry{Route: schema.RouteMessage, Time: at, LSN: message.LSN, Order: message.TotalOrder}
		if message.Prefix == r.config.MessagePrefix {
			if _, err := schema.ParseContext(message.Content); err == nil {
				entry.Payload = message.Content
			}
		}
		return func() { r.note(txHash(s.source.index, txID)); r.window.AddMessage(s.source.index, txID, entry) }, nil

	case roleContextTable:
		err := r.decoders[s.source.index].Change(ctx, rec, change)
		if err != nil || change.Op != schema.OpCreate || !change.HasTx {
			return nil, transientOnly(err)
		}
		txID := change.TxID
		entry := ContextEntry{Route: schema.RouteTable, Time: at, LSN: change.LSN, Order: change.TotalOrder}
		if c, err := schema.ContextFromRow(change.After); err == nil {
			entry.Payload = encodeContext(&c)
		}
		return func() { r.note(txHash(s.source.index, txID)); r.window.AddRow(s.source.index, txID, entry) }, nil

	case roleContextTopic:
		txID, correlationID, err := topicKey(rec)
		if err != nil {
			return nil, nil
		}
		entry := ContextEntry{Route: schema.RouteTopic, Time: at, Payload: topicPayload(correlationID, rec.Value)}
		return func() {
			if txID != nil {
				r.note(txHash(anySource, *txID))
			}
			if correlationID != "" {
				r.note(r.window.correlationHash(correlationID))
			}
			r.window.AddTopic(txID, correlationID, entry)
		}, nil
	}
	return nil, nil
}

// topicKey returns by what a record of the request-context topic is found: the transaction number and the correlation id in
// its value, or else its key, a number being a transaction's.
func topicKey(rec *schema.Record) (txID *uint64, correlationID string, err error) {
	c, err := schema.ParseContext(rec.Value)
	if err != nil {
		return nil, "", err
	}
	txID, correlationID = c.TransactionID, c.CorrelationID
	if correlationID == "" {
		correlationID = c.RequestID
	}
	key := strings.Trim(string(rec.Key), `"`)
	if n, err := strconv.ParseUint(key, 10, 64); err == nil && txID == nil && correlationID != key {
		txID = &n
	} else if correlationID == "" {
		correlationID = key
	}
	if txID == nil && correlationID == "" {
		return nil, "", &schema.DecodeError{Reason: "context_without_key",
			Detail: "a record on the request-context topic needs a transaction number or a correlation id, in its key or in its value"}
	}
	return txID, correlationID, nil
}

// encodeContext returns the context as the JSON that ParseContext reads.
func encodeContext(c *schema.Context) []byte {
	type wire struct {
		TransactionID *uint64         `json:"transaction_id,omitempty"`
		CorrelationID string          `json:"correlation_id,omitempty"`
		RequestID     string          `json:"request_id,omitempty"`
		TraceID       string          `json:"trace_id,omitempty"`
		User          *schema.User    `json:"user,omitempty"`
		OnBehalfOf    string          `json:"on_behalf_of,omitempty"`
		Initiator     string          `json:"initiator,omitempty"`
		Service       string          `json:"service,omitempty"`
		IP            string          `json:"ip,omitempty"`
		UserAgent     string          `json:"user_agent,omitempty"`
		Reason        string          `json:"reason,omitempty"`
		VersionName   string          `json:"version_name,omitempty"`
		Timestamp     *time.Time      `json:"timestamp,omitempty"`
		Extra         json.RawMessage `json:"extra,omitempty"`
	}
	w := wire{c.TransactionID, c.CorrelationID, c.RequestID, c.TraceID, nil, c.OnBehalfOf, c.Initiator, c.Service, c.IP, c.UserAgent, c.Reason, c.VersionName, nil, c.Extra}
	if !c.User.IsZero() {
		w.User = &c.User
	}
	if !c.Timestamp.IsZero() {
		w.Timestamp = &c.Timestamp
	}
	b, err := json.Marshal(w)
	if err != nil {
		return nil // only Extra could fail, and it was parsed
	}
	return b
}
