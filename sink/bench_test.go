package sink

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dossier/schema"
)

// BenchmarkDocuments measures what an audit event costs from its record to the documents' bytes and identities, without the store.
func BenchmarkDocuments(b *testing.B) {
	for _, kind := range []string{"create", "update", "delete"} {
		content, err := os.ReadFile(filepath.Join("testdata", kind+".txt"))
		if err != nil {
			b.Fatal(err)
		}
		input, _, _ := strings.Cut(string(content), "-- documents --\n")
		var event string
		for line := range strings.Lines(input) {
			if strings.HasPrefix(line, "{") {
				event = strings.TrimSpace(line)
			}
		}
		inJSON := &schema.Record{Value: []byte(event)}
		var parsed schema.AuditEvent
		if err := schema.DecodeAudit(inJSON, &parsed); err != nil {
			b.Fatal(err)
		}
		inAvro := &schema.Record{Value: parsed.AppendAvro([]byte{0, 0, 0, 0, 1})}
		for form, record := range map[string]*schema.Record{"json": inJSON, "avro": inAvro} {
			b.Run(kind+"/"+form, func(b *testing.B) { documents(b, record) })
		}
	}
}

func documents(b *testing.B, record *schema.Record) {
	var e schema.AuditEvent
	var buffer []byte
	b.SetBytes(int64(len(record.Value)))
	b.ReportAllocs()
	written := 0
	for b.Loop() {
		if err := schema.DecodeAudit(record, &e); err != nil {
			b.Fatal(err)
		}
		all, err := Materialize(&e, Options{})
		if err != nil || len(all) == 0 {
			b.Fatal("no documents", err)
		}
		buffer = buffer[:0]
		for i := range all {
			buffer = append(buffer, all[i].ID()...)
			buffer, _ = all[i].AppendJSON(buffer)
		}
		written = len(buffer)
	}
	b.ReportMetric(float64(written), "document-bytes/op")
}
