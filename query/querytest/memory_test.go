package querytest

import (
	"testing"

	"dossier/query"
	"dossier/schema"
)

func TestMemory(t *testing.T) {
	Run(t, func(*testing.T) (func(...schema.Document), query.Store) {
		m := NewMemory()
		return m.Add, m
	})
}
