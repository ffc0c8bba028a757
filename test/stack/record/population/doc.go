// Package population records the corpus of `dossier demo`: a year of a small population registry, made in minutes by an invented workload on a
// real PostgreSQL, and captured by the shipped connector on a real Kafka Connect.
//
// Triggers in the database write down what each transaction did, row by row. From these notes follows what Dossier has to say in
// the end, by code that shares nothing with Dossier's: the demo's tests compare with it.
//
// The workload has its own clock: each transaction has a time in 2025, which the applications also write into their rows. When it is
// recorded, it happens today. So the recorder moves the times of each transaction's records by the difference between the two: see shift. Nothing else
// of a record is altered.
package population
