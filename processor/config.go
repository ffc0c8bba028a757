package processor

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"dossier/internal/compression"
	"dossier/schema"
)

// Config is what a Processor needs to know. The zero value of an optional field means its default.
type Config struct {
	// Group is the consumer group, and the prefix of the transactional ids. Default "dossier-processor".
	Group string
	// Sources are the databases, each published by one Debezium connector. At least one.
	Sources []Source
	Context ContextConfig
	// Entities name and shape what a table's rows are; a table without an entry is an entity type of its own name.
	Entities []Entity
	Audit    AuditConfig
	// DeadLetterTopic takes what cannot be understood. Default "dossier.dlq".
	DeadLetterTopic string
	Limits          Limits
	// CommitInterval is the longest time between the commits of two transactions; a quarter of it where no record has come for 5 ms, at least 500 ms
	// where all that is read was written 10 s ago. Default 100 ms: longer commits less often, shorter is sooner visible.
	CommitInterval time.Duration
	// TransactionTimeout is how long the broker keeps the open transaction of a processor that has died; until then readers of the audit
	// topic's partitions wait. Default 10 s.
	TransactionTimeout time.Duration
	// SessionTimeout is how long the group waits for a silent member before it shares its partitions out. Default 10 s.
	SessionTimeout time.Duration
	// Workers is how many partitions are worked on at once. Default: GOMAXPROCS.
	Workers int
}

// Source is one database and its connector.
type Source struct {
	// Name is the connector's topic.prefix.
	Name string
	// Format of its records. Default auto, by the bytes.
	Format schema.Format
	// Include and Exclude are patterns of schema.table, with * for any text. Default: include everything. What is excluded is
	// skipped without being decoded.
	Include, Exclude []string
	// Placeholder is the connector's unavailable.value.placeholder. Default: Debezium's.
	Placeholder string
	// PartialBefore are patterns of the tables without REPLICA IDENTITY FULL. Debezium writes null, and 0 or "" where null is not allowed, for
	// the columns of a previous row that the log does not have: for these tables, all but the key's are unavailable instead.
	PartialBefore []string
	// FullBefore are patterns of the tables with it, whose previous rows are believed: of a delete on any other table, a row that holds nothing
	// but nulls, zeros and defaults beside the key could be such a filling, and is unavailable.
	FullBefore []string
	// Types tells the types of columns ("schema.table" to column to type) that schemaless JSON does not tell.
	Types map[string]map[string]schema.ColumnType
	// Schemas resolves Avro schemas; nil without a registry.
	Schemas schema.SchemaSource
}

// ContextConfig says by which routes contexts come and how long a change waits for one.
type ContextConfig struct {
	Grace         time.Duration // default 5 s
	Lookback      time.Duration // default 15 min
	MessagePrefix string        // default "dossier.context"
	Table         string        // schema.table of the context table; "" without
	Topic         string        // the request-context topic; "" without
}

// AuditConfig describes the audit topic.
type AuditConfig struct {
	Topic string // default "dossier.audit"
	// PendingTopic keeps the changes that a late context may still complete, across restarts. Default: the audit topic's name and ".pending".
	PendingTopic string
	// Avro writes Avro with the registered schema AvroSchemaID instead of JSON.
	Avro         bool
	AvroSchemaID int
	// Compression is none, gzip, snappy, lz4 or zstd. Default lz4.
	Compression string
	// MaxRecordBytes is the largest record the audit topic takes; a larger event becomes a dead letter. Default 8 MiB.
	MaxRecordBytes int
}

// Limits bound memory. At the buffer limits the processor pauses the fetching of changes; at the context limits it gives up the oldest
// contexts beyond what undecided changes need, and pauses the reading of contexts.
type Limits struct {
	BufferBytes    int // changes read and not yet decided; default 64 MiB
	BufferRecords  int // default 100,000
	ContextBytes   int // contexts held; default 256 MiB
	ContextRecords int // default 4,000,000, transaction ends included
	PendingRecords int // changes that wait for a late context; default 100,000
}

// Entity says how the rows of one table appear in the audit trail.
type Entity struct {
	Source   string // "" for any
	Table    string // schema.table
	Type     string // default: schema.table
	Scope    string // default "default"
	Disabled bool   // its changes are read over
	// Key names the columns that identify the entity. Default: the primary key.
	Key     []string
	Parent  *ParentRule
	Fields  FieldRules
	Columns ColumnRoute
	// NamedVersion is the column that holds a version's name, where each row is a named version of the entity that it refers to (Parent), or else of
	// its own. "" where rows are none.
	NamedVersion string
}

// ParentRule links an entity to the one it belongs to.
type ParentRule struct {
	Type  string // the parent's entity type
	Field string // the column that holds the parent's id
}

// FieldRules say which columns appear, and how.
type FieldRules struct {
	Include, Exclude []string // patterns, with * for any text
	// Mask names columns whose values never leave the processor; that they changed still shows.
	Mask []string
	// Transform lists what is done to a column's values, in order, before they are compared.
	Transform map[string][]Transform
}

// ColumnRoute names columns of the row that tell who changed it (route "columns").
type ColumnRoute struct {
	User    string // holds the user's id
	Request string // holds the request's correlation id
	// Witness is a column that every attributed write changes, such as updated_at. Default: Request if set, otherwise User. Where an update leaves the witness as
	// it was, the columns still speak of an earlier write, and tell nothing of this one.
	Witness string
}

func (c ColumnRoute) isZero() bool { return c == ColumnRoute{} }

// withDefaults returns the configuration with every default filled in.
func (c Config) withDefaults() Config {
	c.Group = cmp.Or(c.Group, "dossier-processor")
	c.DeadLetterTopic = cmp.Or(c.DeadLetterTopic, "dossier.dlq")
	c.CommitInterval = cmp.Or(c.CommitInterval, 100*time.Millisecond)
	c.TransactionTimeout = cmp.Or(c.TransactionTimeout, 10*time.Second)
	c.SessionTimeout = cmp.Or(c.SessionTimeout, 10*time.Second)
	c.Context.Grace = cmp.Or(c.Context.Grace, 5*time.Second)
	c.Context.Lookback = cmp.Or(c.Context.Lookback, 15*time.Minute)
	c.Context.MessagePrefix = cmp.Or(c.Context.MessagePrefix, "dossier.context")
	c.Audit.Topic = cmp.Or(c.Audit.Topic, "dossier.audit")
	c.Audit.PendingTopic = cmp.Or(c.Audit.PendingTopic, c.Audit.Topic+".pending")
	c.Audit.Compression = cmp.Or(c.Audit.Compression, "lz4")
	c.Audit.MaxRecordBytes = cmp.Or(c.Audit.MaxRecordBytes, 8<<20)
	c.Limits.BufferBytes = cmp.Or(c.Limits.BufferBytes, 64<<20)
	c.Limits.BufferRecords = cmp.Or(c.Limits.BufferRecords, 100_000)
	c.Limits.ContextBytes = cmp.Or(c.Limits.ContextBytes, 256<<20)
	c.Limits.ContextRecords = cmp.Or(c.Limits.ContextRecords, 4_000_000)
	c.Limits.PendingRecords = cmp.Or(c.Limits.PendingRecords, 100_000)
	return c
}

// Validate returns every fault of the configuration, joined.
func (c Config) Validate() error {
	c = c.withDefaults()
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if len(c.Sources) == 0 {
		fault("sources: none; name at least one connector's topic.prefix")
	}
	if len(c.Sources) > maxSources {
		fault("sources: %d are too many", len(c.Sources))
	}
	names := map[string]bool{}
	for _, s := range c.Sources {
		if s.Name == "" {
			fault("sources: a source without a name; it is the connector's topic.prefix")
		}
		if names[s.Name] {
			fault("sources: %q twice", s.Name)
		}
		names[s.Name] = true
	}
	if c.Context.Grace < 0 || c.Context.Lookback < 0 {
		fault("context: grace and lookback must not be negative")
	}
	if _, err := compression.Codec(c.Audit.Compression); err != nil {
		faults = append(faults, err)
	}
	for _, e := range c.Entities {
		if e.Table == "" {
			fault("entities: an entity without a table")
		}
		if name, f := e.NamedVersion, e.Fields; name != "" && (matchesAny(f.Mask, name) || matchesAny(f.Exclude, name) || len(f.Include) > 0 && !matchesAny(f.Include, name)) {
			fault("entities: %s: column %s is masked or excluded, and yet the version's name would show it", e.Table, name)
		}
		for field, transforms := range e.Fields.Transform {
			for _, t := range transforms {
				if err := t.validate(); err != nil {
					fault("entities: %s: field %s: %w", e.Table, field, err)
				}
			}
		}
	}
	return errors.Join(faults...)
}
