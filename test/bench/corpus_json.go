package main

import (
	"encoding/base64"
	"fmt"
	"strconv"
)

// jsonEncoder writes JSON without schemas, as a connector with the settings of connectors/ does: decimals as strings.
type jsonEncoder struct{ corpus corpus }

func (j jsonEncoder) transactionKey(id string) []byte { return fmt.Appendf(nil, `{"id":"%s"}`, id) }
func (j jsonEncoder) messageKey() []byte              { return []byte(`{"prefix":"dossier.context"}`) }
func (j jsonEncoder) changeKey(id int) []byte         { return fmt.Appendf(nil, `{"id":%d}`, id) }

func (j jsonEncoder) boundary(b boundary) []byte {
	ms := b.at.UnixMilli()
	if !b.end {
		return fmt.Appendf(nil, `{"status":"BEGIN","id":"%s","event_count":null,"data_collections":null,"ts_ms":%d}`, b.id, ms)
	}
	out := fmt.Appendf(nil, `{"status":"END","id":"%s","event_count":%d,"data_collections":[`, b.id, b.events())
	for i, c := range b.collections {
		if i > 0 {
			out = append(out, ',')
		}
		out = fmt.Appendf(out, `{"data_collection":"%s","event_count":%d}`, c.name, c.events)
	}
	return fmt.Appendf(out, `],"ts_ms":%d}`, ms)
}

func (j jsonEncoder) origin(b []byte, e event, schema, table string) []byte {
	us := e.at.UnixMicro()
	return fmt.Appendf(b, `"source":{"version":"3.3.1.Final","connector":"postgresql","name":"%s","ts_ms":%d,"snapshot":"false","db":"%s","sequence":"[\"%d\",\"%d\"]","ts_us":%d,"ts_ns":%d000,"schema":"%s","table":"%s","txId":%d,"lsn":%d,"xmin":null},`+
		`"transaction":{"id":"%d:%d","total_order":%d,"data_collection_order":%d}`,
		j.corpus.source, e.at.UnixMilli(), e.database, e.begin, e.lsn, us, us, schema, table, e.tx, e.lsn, e.tx, e.lsn, e.order, e.ofTable)
}

func (j jsonEncoder) message(e event) []byte {
	out := fmt.Appendf(nil, `{"op":"m","ts_ms":%d,`, e.at.UnixMilli())
	out = j.origin(out, e, "", "")
	return fmt.Appendf(out, `,"message":{"prefix":"dossier.context","content":"%s"}}`, base64.StdEncoding.EncodeToString(e.content))
}

func (j jsonEncoder) change(e event) []byte {
	out := make([]byte, 0, 1024)
	out = j.row(append(out, `{"before":`...), e.id, e.version-1)
	out = j.row(append(out, `,"after":`...), e.id, e.version)
	out = j.origin(append(out, ','), e, "public", "product")
	us := e.at.UnixMicro()
	return fmt.Appendf(out, `,"op":"u","ts_ms":%d,"ts_us":%d,"ts_ns":%d000}`, e.at.UnixMilli(), us, us)
}

// row writes a row in one of its versions.
func (j jsonEncoder) row(b []byte, id, version int) []byte {
	b = append(b, '{')
	for i, c := range j.corpus.columns {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(strconv.AppendQuote(b, c.name), ':')
		b = appendJSONCell(b, c.kind, c.value(id, version))
	}
	return append(b, '}')
}

// appendJSONCell writes a value. Texts of the corpus have no control characters, so that Go's quotes are JSON's.
func appendJSONCell(b []byte, k kind, v cell) []byte {
	switch {
	case v.null:
		return append(b, "null"...)
	case k == kindInteger:
		return strconv.AppendInt(b, v.number, 10)
	case k == kindBoolean:
		return strconv.AppendBool(b, v.number != 0)
	case k == kindPrice:
		return fmt.Appendf(b, `"%d.%02d"`, v.number/100, v.number%100)
	case k == kindDecimal:
		return fmt.Appendf(b, `"%d.%04d"`, v.number/10000, v.number%10000)
	}
	return strconv.AppendQuote(b, v.text)
}
