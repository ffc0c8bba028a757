package sqlite

import (
	"testing"

	"dossier/schema"
	"dossier/sink"
)

// BenchmarkApply applies events in batches of the sink's usual size; documents/s is what is stored and durable.
func BenchmarkApply(b *testing.B) {
	path := b.TempDir() + "/dossier.db"
	if _, err := Setup(b.Context(), path, false); err != nil {
		b.Fatal(err)
	}
	s, err := Open(b.Context(), Config{Path: path}, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	a := &sink.Applier{Store: s}
	const batch = 1000
	n, stored := 0, 0
	for b.Loop() {
		var all []*schema.AuditEvent
		for range batch {
			all = append(all, change(n))
			n++
		}
		stored += 3 * batch
		if _, err := a.Apply(b.Context(), all); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(stored)/b.Elapsed().Seconds(), "documents/s")
}
