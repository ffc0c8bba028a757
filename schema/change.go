package schema

import "time"

// Op is Debezium's operation code.
type Op byte

const (
	OpCreate   Op = 'c'
	OpUpdate   Op = 'u'
	OpDelete   Op = 'd'
	OpRead     Op = 'r' // a snapshot row
	OpTruncate Op = 't'
	OpMessage  Op = 'm' // a logical decoding message, never in a Change
)

// Change is one Debezium change event: what happened to one row (or, for OpTruncate, to one table).
type Change struct {
	Source    string // the connector's topic.prefix
	Connector string // such as "postgresql"
	Database  string
	Schema    string
	Table     string
	Op        Op

	// TxID is the transaction's number as Debezium gives it in source.txId: 32 bits for PostgreSQL. HasTx is false for
	// events outside a transaction (some snapshot rows).
	TxID  uint64
	HasTx bool
	// Coordinates say where in the log the change stands, in a form that is the same at every delivery: the decimal LSN for
	// PostgreSQL, "file:pos:row" for MariaDB. A row of an incremental snapshot stands nowhere in the log: "read:" and when it was read, in nanoseconds since 1970.
	Coordinates string
	// LSN is the log sequence number (PostgreSQL), 0 elsewhere.
	LSN uint64
	// Position sorts changes of one source in commit order, as text: see FormatPosition. It may differ between the first and
	// a repeated delivery: order by it, never identify by it.
	Position string
	// TotalOrder and CollectionOrder count the events of the transaction, and those of this table in it, from 1. They restart after a
	// connector restart within the transaction. 0 without transaction metadata.
	TotalOrder      uint64
	CollectionOrder uint64

	CommitTime time.Time // source.ts_ns, ts_us or ts_ms: when the database committed
	Captured   time.Time // ts_ns, ts_us or ts_ms of the envelope: when the connector read it
	Snapshot   string    // "" for live changes, else first, first_in_data_collection, true, last_in_data_collection, last, incremental

	// Key is the record key's columns in the key's order; nil for a null key (no primary key, or a truncate).
	Key Row
	// Before and After are the row images; nil where the event has none.
	Before, After Row
	// NewKey and OldKey come from the headers __debezium.newkey (on the delete) and __debezium.oldkey (on the create) of a changed
	// key; nil otherwise.
	NewKey, OldKey Row

	// scratch is memory that the decoder uses again when it decodes into this Change another time.
	scratch changeScratch
}

// IsSnapshot says whether the event is a row of a snapshot, a baseline and not a change.
func (c *Change) IsSnapshot() bool { return c.Op == OpRead }

// TransactionBoundary is a record of the transaction topic (provide.transaction.metadata).
type TransactionBoundary struct {
	TxID uint64 // the number before the colon of "txId:LSN"
	End  bool   // false: BEGIN
	// EventCount is the number of events in the transaction, messages included; only on END. -1 where the record has none.
	EventCount int64
	// Collections are the events per table; a logical message appears under a name that is no table's.
	Collections []CollectionCount
	Time        time.Time
}

// CollectionCount is how many events of a transaction belong to a data collection, such as "public.product".
type CollectionCount struct {
	Name  string
	Count int64
}

// Message is a logical decoding message, pg_logical_emit_message.
type Message struct {
	Source  string
	Prefix  string
	Content []byte // decoded from base64
	// HasTx is false for a non-transactional message, which belongs to no transaction.
	TxID       uint64
	HasTx      bool
	LSN        uint64
	Position   string
	TotalOrder uint64
	CommitTime time.Time
}
