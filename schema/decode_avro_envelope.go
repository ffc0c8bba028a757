package schema

import (
	"context"
	"strings"
)

// avroEnvelope reads a change event in Avro.
func (d *Decoder) avroEnvelope(ctx context.Context, data []byte, e *envelope) error {
	n, r, err := d.openAvro(ctx, data)
	if err != nil {
		return err
	}
	if n.typ != wireRecord {
		return decodeErrorf(ReasonNotAnEnvelope, "the record's schema is no Avro record")
	}
	if n.field("op") == nil || n.field("source") == nil {
		// Debezium names its rows' schemas so.
		if n.field("__op") != nil || n.field("__deleted") != nil || strings.HasSuffix(n.name, ".Value") {
			return flattenedError()
		}
		if n.field("specversion") != nil {
			return decodeErrorf(ReasonCloudEvent, "the record is a CloudEvents envelope; let the connector write Debezium's own envelope")
		}
		return decodeErrorf(ReasonNotAnEnvelope, "the record's schema %s has no op or no source, which every Debezium change event has", n.name)
	}
	c := e.change
	for i := range n.fields {
		f := &n.fields[i]
		node, err := r.branch(f.node)
		if err != nil {
			return err
		}
		switch {
		case node.typ == wireNull:
		case f.name == "before" && node.typ == wireRecord:
			c.Before, err = d.avroRow(&r, node, c.scratch.before[:0], &c.scratch.buffer)
			c.scratch.before, e.beforeColumns = c.Before, node.columns
		case f.name == "after" && node.typ == wireRecord:
			c.After, err = d.avroRow(&r, node, c.scratch.after[:0], &c.scratch.buffer)
			c.scratch.after, e.afterColumns = c.After, node.columns
		case f.name == "source" && node.typ == wireRecord:
			err = d.avroSource(&r, node, &e.source)
		case f.name == "op" && node.typ == wireString:
			e.op, err = r.text()
		case isTimeField(f.name) && node.typ == wireInt:
			err = r.time(&e.times, f.name)
		case f.name == "transaction" && node.typ == wireRecord:
			err = avroTransaction(&r, node, &e.tx)
		case f.name == "message" && node.typ == wireRecord:
			err = d.avroMessage(&r, node, e)
		default:
			err = r.skip(node)
		}
		if err != nil {
			return err
		}
	}
	return r.end()
}

// end checks that the record holds nothing more.
func (r *avroScanner) end() error {
	if r.pos != len(r.data) {
		return r.invalid("bytes left over")
	}
	return nil
}

func isTimeField(name string) bool { return name == "ts_ms" || name == "ts_us" || name == "ts_ns" }

func (r *avroScanner) time(t *eventTimes, name string) error {
	n, err := r.long()
	t.set(name[3], n)
	return err
}

// uint reads a number that is never negative.
func (r *avroScanner) uint() (uint64, error) {
	n, err := r.long()
	if err == nil && n < 0 {
		err = r.invalid("a negative number where none can be")
	}
	return uint64(n), err
}

func (d *Decoder) avroSource(r *avroScanner, n *avroNode, s *sourceBlock) error {
	s.present = true
	for i := range n.fields {
		f := &n.fields[i]
		node, err := r.branch(f.node)
		if err != nil {
			return err
		}
		switch node.typ {
		case wireNull:
		case wireString:
			var text []byte
			if text, err = r.text(); err == nil {
				d.sourceText(s, f.name, text)
			}
		case wireInt:
			switch f.name {
			case "ts_ms", "ts_us", "ts_ns":
				err = r.time(&s.times, f.name)
			case "txId":
				s.txID, err = r.uint()
				s.hasTx = true
			case "lsn":
				s.lsn, err = r.uint()
				s.hasLSN = true
			case "pos":
				s.pos, err = r.uint()
				s.hasPos = true
			case "row":
				s.row, err = r.uint()
			default:
				err = r.skip(node)
			}
		case wireEnum:
			var symbol []byte
			if symbol, err = r.symbol(node); err == nil && f.name == "snapshot" {
				s.snapshot = d.names.get(symbol[1 : len(symbol)-1])
			}
		default:
			err = r.skip(node)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (d *Decoder) sourceText(s *sourceBlock, field string, text []byte) {
	switch field {
	case "connector":
		s.connector = d.names.get(text)
	case "name":
		s.name = d.names.get(text)
	case "db":
		s.db = d.names.get(text)
	case "schema":
		s.schema = d.names.get(text)
	case "table":
		s.table = d.names.get(text)
	case "snapshot":
		s.snapshot = d.names.get(text)
	case "sequence":
		s.sequence = readSequence(text)
	case "file":
		s.file = text
	case "gtid":
		s.gtid = text
	}
}

func avroTransaction(r *avroScanner, n *avroNode, tx *txBlock) error {
	tx.present = true
	for i := range n.fields {
		f := &n.fields[i]
		node, err := r.branch(f.node)
		if err != nil {
			return err
		}
		switch {
		case f.name == "id" && node.typ == wireString:
			tx.id, err = r.text()
		case f.name == "total_order" && node.typ == wireInt:
			tx.totalOrder, err = r.uint()
		case f.name == "data_collection_order" && node.typ == wireInt:
			tx.collectionOrder, err = r.uint()
		default:
			err = r.skip(node)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (d *Decoder) avroMessage(r *avroScanner, n *avroNode, e *envelope) error {
	e.hasMessage = true
	for i := range n.fields {
		f := &n.fields[i]
		node, err := r.branch(f.node)
		if err != nil {
			return err
		}
		var text []byte
		switch {
		case f.name == "prefix" && node.typ == wireString:
			text, err = r.text()
			e.prefix = string(text)
		case f.name == "content" && node.typ == wireBytes:
			e.content, err = r.bytes()
		case f.name == "content" && node.typ == wireString: // binary.handling.mode base64
			if text, err = r.text(); err == nil {
				err = e.decodeContent(text)
			}
		default:
			err = r.skip(node)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// avroKey reads a record key in Avro.
func (d *Decoder) avroKey(ctx context.Context, data []byte, spare Row, c *Change) (Row, error) {
	n, r, err := d.openAvro(ctx, data)
	if err != nil {
		return nil, err
	}
	if n, err = r.branch(n); err != nil {
		return nil, err
	}
	switch n.typ {
	case wireNull:
		return nil, r.end()
	case wireRecord:
	default:
		return nil, decodeErrorf(ReasonBadKey, "expected a record of key columns; a transform that extracts the key must be removed from the connector")
	}
	row, err := d.avroRow(&r, n, spare[:0], &c.scratch.buffer)
	if err != nil {
		return nil, err
	}
	if err := r.end(); err != nil {
		return nil, err
	}
	if len(row) == 0 {
		return nil, nil
	}
	return row, nil
}

// avroBoundary reads a transaction record in Avro.
func (d *Decoder) avroBoundary(ctx context.Context, data []byte, t *TransactionBoundary, b *boundary) error {
	n, r, err := d.openAvro(ctx, data)
	if err != nil {
		return err
	}
	if n.typ != wireRecord || n.field("status") == nil || n.field("id") == nil {
		return decodeErrorf(ReasonNotAnEnvelope, "the record's schema is none of a transaction record, which has status and id")
	}
	var times eventTimes
	for i := range n.fields {
		f := &n.fields[i]
		node, err := r.branch(f.node)
		if err != nil {
			return err
		}
		switch {
		case f.name == "status" && node.typ == wireString:
			b.status, err = r.text()
		case f.name == "id" && node.typ == wireString:
			b.id, err = r.text()
		case f.name == "event_count" && node.typ == wireInt:
			t.EventCount, err = r.long()
		case isTimeField(f.name) && node.typ == wireInt:
			err = r.time(&times, f.name)
		case f.name == "data_collections" && node.typ == wireArray:
			err = avroCollections(&r, node, t)
		default:
			err = r.skip(node)
		}
		if err != nil {
			return err
		}
	}
	t.Time, _ = times.time()
	return r.end()
}

func avroCollections(r *avroScanner, n *avroNode, t *TransactionBoundary) error {
	for {
		count, err := r.block()
		if err != nil || count == 0 {
			return err
		}
		for range count {
			item, err := r.branch(n.elem)
			if err != nil {
				return err
			}
			if item.typ != wireRecord {
				return r.invalid("data_collections does not hold records")
			}
			var c CollectionCount
			for i := range item.fields {
				f := &item.fields[i]
				node, err := r.branch(f.node)
				if err != nil {
					return err
				}
				switch {
				case f.name == "data_collection" && node.typ == wireString:
					var text []byte
					text, err = r.text()
					c.Name = properName(string(text))
				case f.name == "event_count" && node.typ == wireInt:
					c.Count, err = r.long()
				default:
					err = r.skip(node)
				}
				if err != nil {
					return err
				}
			}
			t.Collections = append(t.Collections, c)
		}
	}
}
