package config

import "time"

// defaulter is a section that starts from something else than zeros, also as an element of a list.
type defaulter interface{ setDefaults() }

func defaults() *Config {
	return &Config{
		Kafka:        Kafka{ClientID: "dossier"},
		Context:      Context{Grace: Duration(5 * time.Second), Lookback: Duration(15 * time.Minute), MessagePrefix: "dossier.context"},
		Audit:        Audit{Topic: "dossier.audit", Partitions: 6, Format: "json", Compression: "lz4", MaxRecordBytes: 8 << 20},
		DeadLetter:   DeadLetter{Topic: "dossier.dlq"},
		FieldChanges: "all",
		Limits:       Limits{BufferBytes: 64 << 20, BufferRecords: 100_000, ContextBytes: 256 << 20, ContextRecords: 4_000_000, PendingRecords: 100_000},
		Processor:    Processor{Group: "dossier-processor", CommitInterval: Duration(100 * time.Millisecond)},
		Sink:         Sink{Group: "dossier-sink", BulkBytes: 5_000_000, InFlight: 4, SearchTemplates: "optional"},
		Serve:        Serve{Listen: "127.0.0.1:8080", MaxConnections: 1024, MaxTails: 100},
		Log:          Log{Level: "info"},
	}
}

func (t *TLS) setDefaults()  { t.Enabled = true }
func (s *SASL) setDefaults() { s.Mechanism = "scram-sha-512" }
func (s *Source) setDefaults() {
	s.Format, s.UnavailablePlaceholder = "auto", "__debezium_unavailable_value"
}
func (f *Feedback) setDefaults() { f.Topic = "dossier.feedback" }
func (e *Entity) setDefaults()   { e.Enabled, e.Scope = true, ScopeDefault }

func (e *Elasticsearch) setDefaults() { e.Shards, e.Replicas = 1, 1 }
