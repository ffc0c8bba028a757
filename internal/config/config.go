package config

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"dossier/schema"
)

// Config is a whole configuration. Every field carries the key's name; docs/configuration.md describes each.
type Config struct {
	Kafka          Kafka           `yaml:"kafka"`
	SchemaRegistry *SchemaRegistry `yaml:"schema_registry"` // nil: no Avro
	Sources        []Source        `yaml:"sources"`
	Context        Context         `yaml:"context"`
	Audit          Audit           `yaml:"audit"`
	DeadLetter     DeadLetter      `yaml:"dead_letter"`
	Feedback       *Feedback       `yaml:"feedback"` // nil: no feedback topic
	Entities       []Entity        `yaml:"entities"`
	Scopes         []string        `yaml:"scopes"` // besides ScopeDefault, which always exists
	Roles          []Role          `yaml:"roles"`
	FieldChanges   string          `yaml:"field_changes" enum:"all updates"`
	Limits         Limits          `yaml:"limits"`
	Processor      Processor       `yaml:"processor"`
	Sink           Sink            `yaml:"sink"`
	Serve          Serve           `yaml:"serve"`
	Admin          Admin           `yaml:"admin"`
	Log            Log             `yaml:"log"`

	// Warnings are what is likely a mistake and yet allowed. They are for people, in no order that matters.
	Warnings []string `yaml:"-"`

	name    string            // the file's name, "" where there is none
	origins map[string]origin // where each key was set
}

// ScopeDefault is the scope of every entity that names no other.
const ScopeDefault = schema.DefaultScope

// Kafka says how to reach the brokers.
type Kafka struct {
	Brokers  []string `yaml:"brokers"`
	ClientID string   `yaml:"client_id"`
	TLS      *TLS     `yaml:"tls"`  // nil: plain text
	SASL     *SASL    `yaml:"sasl"` // nil: no authentication
}

// TLS is how one connection is encrypted, whoever it goes to.
type TLS struct {
	Enabled    bool   `yaml:"enabled"`
	CAFile     string `yaml:"ca_file"`     // PEM; empty: the system's authorities
	CertFile   string `yaml:"cert_file"`   // PEM; with KeyFile, the client's own certificate
	KeyFile    string `yaml:"key_file"`    // PEM
	ServerName string `yaml:"server_name"` // empty: the address's host
	Insecure   bool   `yaml:"insecure"`    // accept any certificate
}

// SASL is how Dossier tells the brokers who it is.
type SASL struct {
	Mechanism string `yaml:"mechanism" enum:"plain scram-sha-256 scram-sha-512"`
	Username  string `yaml:"username"`
	Password  Secret `yaml:"password"`
}

// SchemaRegistry is a registry with Confluent's API.
type SchemaRegistry struct {
	URL         string `yaml:"url"`
	Username    string `yaml:"username"`
	Password    Secret `yaml:"password"`
	BearerToken Secret `yaml:"bearer_token"`
	TLS         *TLS   `yaml:"tls"`
}

// Source is one Debezium connector.
type Source struct {
	Name    string   `yaml:"name"` // its topic.prefix
	Format  string   `yaml:"format" enum:"auto json avro"`
	Include []string `yaml:"include"` // tables, as schema.table, where * stands for any text; empty: all
	Exclude []string `yaml:"exclude"`
	// UnavailablePlaceholder is the connector's unavailable.value.placeholder: the text that stands for an unchanged TOASTed value.
	UnavailablePlaceholder string `yaml:"unavailable_placeholder"`
	// PartialBefore lists tables, as patterns like Include, without REPLICA IDENTITY FULL: what their previous rows say beyond the key is
	// the connector's filling.
	PartialBefore []string `yaml:"partial_before"`
	// FullBefore lists the tables with it, whose previous rows are believed.
	FullBefore []string `yaml:"full_before"`
}

// Context says where request contexts come from and how long a change waits for one.
type Context struct {
	Grace         Duration `yaml:"grace"`
	Lookback      Duration `yaml:"lookback"`
	MessagePrefix string   `yaml:"message_prefix"`
	Table         string   `yaml:"table"` // schema.table; empty: no context table
	Topic         string   `yaml:"topic"` // empty: no context topic
}

// Audit is the topic of audit events.
type Audit struct {
	Topic             string   `yaml:"topic"`
	Partitions        int      `yaml:"partitions"`
	ReplicationFactor int      `yaml:"replication_factor"` // 0: the brokers' default; for every topic that setup creates
	Retention         Duration `yaml:"retention"`          // 0: kept for ever
	Format            string   `yaml:"format" enum:"json avro"`
	Compression       string   `yaml:"compression" enum:"none gzip snappy lz4 zstd"`
	MaxRecordBytes    Size     `yaml:"max_record_bytes"` // a larger event becomes a dead letter
}

// PendingTopic is the processor's internal topic: the changes that a late context may still complete, across restarts.
func (a Audit) PendingTopic() string { return a.Topic + ".pending" }

// DeadLetter is the topic of records that could not be processed.
type DeadLetter struct {
	Topic string `yaml:"topic"`
}

// Feedback is the topic on which connected applications report.
type Feedback struct {
	Topic string `yaml:"topic"`
}

// Entity is what is particular about one table. A table that has none is an entity type schema.table in ScopeDefault.
type Entity struct {
	Source  string        `yaml:"source"` // empty: whichever source has the table
	Table   string        `yaml:"table"`
	Enabled bool          `yaml:"enabled"`
	Type    string        `yaml:"type"`
	Scope   string        `yaml:"scope"`
	Key     []string      `yaml:"key"`
	Parent  *Parent       `yaml:"parent"`
	Fields  Fields        `yaml:"fields"`
	Context EntityContext `yaml:"context"`
	// NamedVersion makes each row a named version of the entity that it refers to (Parent), or of its own entity. Nil: rows are changes alone.
	NamedVersion *NamedVersion `yaml:"named_version"`

	Types map[string]string `yaml:"types"` // column: type, for JSON without its schema
}

// Parent is the entity that rows of this one belong to.
type Parent struct {
	Type  string `yaml:"type"`
	Field string `yaml:"field"`
}

// Fields says which columns reach the audit topic, and in what form. In the three lists, * stands for any text.
type Fields struct {
	Include   []string          `yaml:"include"` // empty: all
	Exclude   []string          `yaml:"exclude"`
	Mask      []string          `yaml:"mask"`
	Transform map[string][]Step `yaml:"transform"`
}

// Step is one transformation of a column; exactly one of Rename, Truncate, Scale, Hash and Expand is set.
type Step struct {
	Rename   string `yaml:"rename"`
	Truncate string `yaml:"truncate" enum:"seconds millis micros"`
	Scale    *int   `yaml:"scale"`
	Hash     string `yaml:"hash" enum:"sha256"`
	Salt     Secret `yaml:"salt"` // with Hash; at least MinSaltBytes
	Expand   string `yaml:"expand" enum:"json"`
}

// MinSaltBytes is the least length of a hash's salt: with less, the values can be found by trying.
const MinSaltBytes = 16

// EntityContext names the columns of a row that hold its own context.
type EntityContext struct {
	User    string `yaml:"user"`
	Request string `yaml:"request"`
	Witness string `yaml:"witness"`
}

// NamedVersion says where the rows of a table hold a version's name.
type NamedVersion struct {
	Name string `yaml:"name"` // the column
}

// Role may read some scopes.
type Role struct {
	Name   string   `yaml:"name"`
	Scopes []string `yaml:"scopes"`
}

// Limits bound what the processor holds in memory. At a bound it pauses fetching; it never drops.
type Limits struct {
	BufferBytes    Size `yaml:"buffer_bytes"`
	BufferRecords  int  `yaml:"buffer_records"`
	ContextBytes   Size `yaml:"context_bytes"`
	ContextRecords int  `yaml:"context_records"`
	PendingRecords int  `yaml:"pending_records"` // changes that a late context may still complete
}

// Processor is the role that joins changes with contexts.
type Processor struct {
	Group          string   `yaml:"group"`
	CommitInterval Duration `yaml:"commit_interval"`
	Workers        int      `yaml:"workers"` // 0: one for each processor core
}

// Sink is the role that stores version documents.
type Sink struct {
	Group         string         `yaml:"group"`
	BulkBytes     Size           `yaml:"bulk_bytes"`
	InFlight      int            `yaml:"in_flight"`
	Elasticsearch *Elasticsearch `yaml:"elasticsearch"` // nil: another store, or none
	SQLite        *SQLite        `yaml:"sqlite"`        // the other
	// SearchTemplates says what `dossier setup` does about the stored search templates: with "optional" it warns where the store takes none.
	SearchTemplates string `yaml:"search_templates" enum:"required optional off"`
}

// SQLite is the embedded store.
type SQLite struct {
	Path string `yaml:"path"` // of the file; relative to the working directory
}

// Elasticsearch is the store for whatever is not small.
type Elasticsearch struct {
	Addresses   []string `yaml:"addresses"`
	Credentials `yaml:",inline"`
	TLS         *TLS `yaml:"tls"`
	// Setup are the credentials with which `dossier setup` works, which needs more rights than the sink. Nil: the same.
	Setup    *Credentials `yaml:"setup"`
	Shards   int          `yaml:"shards"`   // primary shards of each month's index
	Replicas int          `yaml:"replicas"` // copies of each
}

// Credentials are one of: a user name with its password, an API key, a bearer token; or nothing at all.
type Credentials struct {
	Username    string `yaml:"username"`
	Password    Secret `yaml:"password"`
	APIKey      Secret `yaml:"api_key"` // base64 of id:key, as Elasticsearch hands it out ("encoded")
	BearerToken Secret `yaml:"bearer_token"`
}

// Serve is the public HTTP address and what it allows.
type Serve struct {
	Listen         string   `yaml:"listen"`
	ReadOnly       bool     `yaml:"read_only"`       // no POST: no versions named, no feedback taken
	AuditReads     bool     `yaml:"audit_reads"`     // each read becomes an access event on the audit topic
	CORSOrigins    []string `yaml:"cors_origins"`    // such as https://app.example; empty: no other site's pages may read answers
	Hosts          []string `yaml:"hosts"`           // names and addresses, without ports, that callers may ask for beside this machine's own; see ChecksHost
	MaxConnections int      `yaml:"max_connections"` // open at once; further ones wait
	MaxTails       int      `yaml:"max_tails"`       // of them, live streams of events
	Access         []Access `yaml:"access"`          // with SQLite: who may read what; empty: whoever reaches the address reads everything
}

// Access gives whoever shows a token the right to read what some roles may.
type Access struct {
	Name        string   `yaml:"name"`         // who, in access events and in the log
	TokenSHA256 string   `yaml:"token_sha256"` // of the bearer token, in hexadecimal; in place of Token
	Token       Secret   `yaml:"token"`        // the bearer token itself
	Roles       []string `yaml:"roles"`
}

// MinTokenBytes is the least length of a bearer token: with less, it can be found by trying.
const MinTokenBytes = 16

// Hash returns the SHA-256 of the token, however it was given: what a caller's token is compared with.
func (a Access) Hash() [sha256.Size]byte {
	if a.Token.IsSet() {
		return sha256.Sum256([]byte(a.Token.Reveal()))
	}
	var h [sha256.Size]byte
	_, _ = hex.Decode(h[:], []byte(a.TokenSHA256)) // checked when the configuration was read
	return h
}

// Admin is an HTTP address for operators alone.
type Admin struct {
	Listen string `yaml:"listen"` // empty: health and metrics stand on serve.listen
	PProf  bool   `yaml:"pprof"`
}

// Log is what the log holds.
type Log struct {
	Level string `yaml:"level" enum:"debug info warn error"`
}

// ScopesOf returns the scopes that some roles may read, each once, in the order of AllScopes.
func (c *Config) ScopesOf(roles []string) []string {
	may := func(scope string) bool {
		return slices.ContainsFunc(c.Roles, func(r Role) bool { return slices.Contains(roles, r.Name) && slices.Contains(r.Scopes, scope) })
	}
	return slices.DeleteFunc(c.AllScopes(), func(scope string) bool { return !may(scope) })
}

// AllScopes returns ScopeDefault and the configured scopes, each once.
func (c *Config) AllScopes() []string {
	if slices.Contains(c.Scopes, ScopeDefault) {
		return slices.Clone(c.Scopes)
	}
	return append([]string{ScopeDefault}, c.Scopes...)
}
