package schema

import (
	"bytes"
	"context"
)

// Names of the headers by which Debezium links the two events of a changed key.
const (
	headerNewKey = "__debezium.newkey"
	headerOldKey = "__debezium.oldkey"
)

// otherKeys reads the key that a changed key has become, or was before.
func (d *Decoder) otherKeys(ctx context.Context, topic *topicState, rec *Record, c *Change) error {
	for i := range rec.Headers {
		h := &rec.Headers[i]
		var err error
		switch h.Key {
		case headerNewKey:
			c.NewKey, err = d.headerKey(ctx, topic, rec.Key, h, c)
		case headerOldKey:
			c.OldKey, err = d.headerKey(ctx, topic, rec.Key, h, c)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// headerKey reads a key out of a header. Headers have a converter of their own: the key may be JSON where the record is Avro. What JSON
// without a schema does not tell of its columns, the record's own key does, which has the same.
func (d *Decoder) headerKey(ctx context.Context, topic *topicState, key []byte, h *Header, c *Change) (Row, error) {
	var row Row
	var err error
	switch {
	case len(h.Value) > 0 && h.Value[0] == 0:
		row, err = d.avroKey(ctx, h.Value, nil, c)
	case len(h.Value) > 0 && h.Value[0] == '{':
		var like *rowPlan
		if like, err = d.keyPlan(ctx, topic, key); err == nil {
			row, err = d.jsonKey(topic, h.Value, nil, c, like)
		}
	case bytes.HasPrefix(h.Value, []byte("Struct{")):
		var like *rowPlan
		if like, err = d.keyPlan(ctx, topic, key); err == nil {
			return structKey(h.Value, c.Key, like), nil
		}
	default:
		return nil, decodeErrorf(ReasonBadKey, "header %s is neither a JSON object nor Confluent's Avro wire format; set the connector's "+
			"header.converter to org.apache.kafka.connect.json.JsonConverter", h.Key)
	}
	if err != nil {
		return nil, badKey("header "+h.Key, err)
	}
	return row, nil
}

// keyPlan returns the columns of a record key that comes with a schema; nil without one.
func (d *Decoder) keyPlan(ctx context.Context, topic *topicState, key []byte) (*rowPlan, error) {
	switch {
	case len(key) > 0 && key[0] == 0:
		n, _, err := d.openAvro(ctx, key)
		if err != nil || n.typ != wireRecord {
			return nil, err
		}
		return &rowPlan{columns: n.columns}, nil
	case len(key) > 0 && key[0] == '{':
		s := NewScanner(key)
		schema, _, err := d.unwrap(&topic.keySchemas, &s)
		if err != nil || schema == nil {
			return nil, err
		}
		return schema.root, nil
	}
	return nil, nil
}
