package processor_test

import (
	"os"
	"testing"

	"dossier/test/stack"
)

func TestMain(m *testing.M) { os.Exit(stack.Main(m)) }
