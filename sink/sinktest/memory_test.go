package sinktest_test

import (
	"testing"

	"dossier/sink"
	"dossier/sink/sinktest"
)

func TestMemory(t *testing.T) {
	sinktest.Run(t, func(*testing.T) sink.Store { return sinktest.NewMemory() })
}
