// Package telemetry tells operators what the roles do: Prometheus metrics, JSON logs, and whether an instance has caught up.
//
// It implements the observers that processor and sink declare, and never shows a row's value, a user or a secret: labels and log
// fields are names of sources, topics, kinds and reason codes.
package telemetry
