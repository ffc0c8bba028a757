// Package sink turns the audit topic into version documents and keeps them in a store.
//
//	audit topic ──> Loop ──> Applier ──> Store (sink/elastic, sink/sqlite; any that passes sink/sinktest)
//	                 │          │ Materialize, RekeyChanges, Complete: pure
//	                 │          └ documents, completed in an order-safe way
//	                 ├─> dead-letter topic: what cannot be stored, with its reason
//	                 └─> offsets: only over what is stored or in the dead-letter topic
//
// Delivery is at least once onto deterministic identities, so each document exists exactly once. The final state of a store does
// not depend on the order in which events arrive, nor on how often each does.
//
// The package decides nothing about who did what (the processor has) and answers no queries.
package sink
