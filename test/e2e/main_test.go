package e2e

import (
	"fmt"
	"os"
	"testing"

	"dossier/test/stack"
)

func TestMain(m *testing.M) {
	code := stack.Main(m)
	if dir, err := programs(); err == nil {
		if err := os.RemoveAll(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	os.Exit(code)
}
