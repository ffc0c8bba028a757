// Package sqlite keeps version documents in one SQLite file, for small sites and for development. It needs no server and no C compiler.
//
//	Create, Replace ──> one connection, a transaction for each batch ──> file, write-ahead log, full-text index
//	Get             ──> a few connections that only read
//	Reader          ──> a few connections that only read: query.Filter ──> tree ──> ways in ──> SQL
//
// A document stands there whole, as JSON text, byte for byte as its hash was computed. What queries filter by stands beside it in
// columns with indices, and the words of changed values in a full-text index; both follow from the JSON, and are written in its
// transaction.
//
// Whoever may read the file may read all of it: Reader.For keeps to scopes, the file itself cannot.
package sqlite
