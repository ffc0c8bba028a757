// Package demo is what the demo has besides Dossier itself: a year of a small population registry, recorded from a real PostgreSQL through a real
// Debezium, its configuration, and a Kafka within the process that the records are played into.
package demo
