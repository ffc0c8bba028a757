package intake

import (
	"cmp"
	"encoding/binary"
	"strconv"

	"github.com/twmb/franz-go/pkg/kgo"

	"dossier/internal/compression"
	"dossier/schema"
)

// Format says how audit events are written.
type Format struct {
	Topic string // the audit topic
	// Avro writes Avro with the registered schema AvroSchemaID instead of JSON.
	Avro         bool
	AvroSchemaID int
	// Compression is none, gzip, snappy, lz4 or zstd. "": lz4.
	Compression string
}

var schemaVersion = strconv.AppendInt(nil, schema.AuditSchemaVersion, 10)

// record returns an event as a record of the audit topic.
func (f *Format) record(e *schema.AuditEvent) *kgo.Record {
	r := &kgo.Record{Topic: f.Topic, Key: e.AppendKey(nil), Headers: []kgo.RecordHeader{
		{Key: schema.HeaderEventID, Value: []byte(e.ID)}, {Key: schema.HeaderKind, Value: []byte(e.Kind)},
		{Key: schema.HeaderSchemaVersion, Value: schemaVersion},
	}}
	if f.Avro {
		// Confluent's wire format: a zero byte and the schema's id.
		r.Value = e.AppendAvro(binary.BigEndian.AppendUint32([]byte{0}, uint32(f.AvroSchemaID)))
	} else {
		r.Value = e.AppendJSON(nil)
	}
	return r
}

func (f *Format) codec() (kgo.CompressionCodec, error) {
	return compression.Codec(cmp.Or(f.Compression, "lz4"))
}
