// Package connectors holds the Debezium connectors that feed Dossier, and what checks and deploys them.
//
// The JSON files beside this source are complete connector configurations whose settings keep what an audit trail needs; the
// folder sql holds what the database has to offer them. Both are also inside the binary, see [Shipped].
//
// A configuration goes through three checks, each of which knows what the one before cannot:
//   - [Validate], without any network: unknown and misspelt keys, wrong types, and settings that would harm the trail;
//   - [Client.Validate], by Kafka Connect, with the plugins that it really has;
//   - [CheckDatabase], by the database: rights, replica identity, publication.
//
// [Client.Apply] deploys. This package does not run Kafka Connect, does not hold secrets (placeholders in the files are filled
// from the environment or from files, and their values are never printed), and does not read change events.
package connectors
