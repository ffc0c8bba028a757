// Package sqlite keeps version documents in one SQLite file, for small sites and for development. It needs no server and no C compiler.
//
//	Create, Replace ──> one connection, a transaction for each batch ──> file, write-ahead log, full-text index
//	Get             ──> a few connections that only read
//
// A document stands there whole, as JSON text, byte for byte as its hash was computed. What queries filter by stands beside it in
// columns with indices, and the text of changed values in a full-text index; both follow from the JSON, and are written in its
// transaction.
//
// The package answers no queries beyond Get. It enforces no roles either: whoever may read the file may read all of it.
package sqlite
