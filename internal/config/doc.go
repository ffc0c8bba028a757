// Package config is the shape of Dossier's configuration file, its defaults, and every fault one can make in it.
//
// A configuration is read in layers: the defaults, the YAML file, then the environment, where each key has a variable
// (context.grace is DOSSIER_CONTEXT_GRACE). Nothing stops at the first fault: Parse reports all of them, each with the line or
// the variable it comes from, what was expected and, for a misspelt key, the nearest known one.
//
// The package knows the vocabulary of schema and no other package of Dossier: the parts own their settings, and cmd/dossier carries the
// values over.
package config
