// Package intake takes in what is written beside the database's changes: feedback of connected applications, by a topic or by HTTP, names that
// people give to states of entities, and who read what.
//
//	feedback topic ──> Loop ──┐
//	POST /feedback ──> Desk ──┼─> audit topic ──> sink ──> store
//	POST /versions ──> Desk ──┤     (Publisher)
//	reads ───────────> access ┘
//
// Everything goes through the audit topic, so that it is kept, ordered and stored as changes are, and whoever reads the topic sees it. What is wrong with an
// input is told all at once (Faults). The thinking is pure: ParseFeedback, ParseVersionRequest and the building of events read no clock and
// no network.
//
// The package decides nothing about who may write; it never changes or withdraws what was written.
package intake
