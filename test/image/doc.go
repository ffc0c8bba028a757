// Package image tests Dossier's container image as it is built and run: the static binary, what the image holds, configuration by a mounted file and by
// variables, readiness, work against a real Kafka, and the end on SIGTERM.
//
// The image is built from nothing, so that no registry is needed. Everything else is in the tests.
package image
