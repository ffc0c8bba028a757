// Package schema is Dossier's vocabulary: what a database change, a request context, an audit event and a version
// document are, and how Debezium's records and the audit topic's records are read and written.
//
// It knows formats, not flows: it reads no topic, keeps no state between events beyond caches of schemas, and imports
// no other package of this module.
package schema
