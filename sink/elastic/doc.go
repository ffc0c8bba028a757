// Package elastic keeps version documents in Elasticsearch: Writer implements sink.Store, Setup lays out templates, indices,
// aliases and roles. Both know one mapping, in mapping.json.
package elastic
