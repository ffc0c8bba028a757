package main

import (
	"fmt"
	"io"
	"os"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// display tells how far the work is.
type display struct {
	w        io.Writer
	terminal bool
}

func newDisplay(w io.Writer) *display {
	file, ok := w.(*os.File)
	return &display{w, ok && term.IsTerminal(int(file.Fd()))}
}

// say writes a line.
func (d *display) say(format string, args ...any) { fmt.Fprintf(d.w, format+"\n", args...) }

// bar draws a bar at a terminal, and elsewhere says what is done. The function it returns is told how much of the total is done; at the
// total the bar goes away.
func (d *display) bar(what string, total int) func(done int) {
	if !d.terminal {
		d.say("%s", what)
		return func(int) {}
	}
	bar := progressbar.NewOptions(total, progressbar.OptionSetWriter(d.w), progressbar.OptionSetDescription(what), progressbar.OptionShowCount(),
		progressbar.OptionShowIts(), progressbar.OptionClearOnFinish())
	return func(done int) { _ = bar.Set(min(done, total)) }
}
