// Package dlq reads the dead-letter topic and replays letters from it: back to the topic they came from, or to another.
//
// What has been replayed is written on the dead-letter topic itself, as a marker record in the Kafka transaction that produced the
// replayed record. So both are there or neither is; everybody who reads the topic knows; and nothing else needs to be
// kept. A second replay of a letter is refused unless asked for.
//
// The package holds no letter longer than it works on it: a topic of any length is read through.
package dlq
