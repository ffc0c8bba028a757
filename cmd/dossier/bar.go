package main

import (
	"io"

	"github.com/schollz/progressbar/v3"
)

// newBar draws how far something is at a terminal, and nothing anywhere else. The function it returns is told how many are done; at the
// total the bar goes away.
func newBar(w io.Writer, total int, what string) func(done int) {
	if !isTerminal(w) {
		return func(int) {}
	}
	bar := progressbar.NewOptions(total, progressbar.OptionSetWriter(w), progressbar.OptionSetDescription(what), progressbar.OptionShowCount(),
		progressbar.OptionClearOnFinish())
	return func(done int) { _ = bar.Set(min(done, total)) }
}
