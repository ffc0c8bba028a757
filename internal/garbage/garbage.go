// Package garbage sets how a process that moves many records collects its garbage.
package garbage

import (
	"os"
	"runtime/debug"
)

// How much, in percent of what is in use, may become garbage before it is collected; Go's default is 100. Nearly all garbage of a processor are fetched records, in large
// pieces without pointers: to collect it more than twice as often costs next to nothing. A sink's are documents, which are full of pointers, and it has less in use.
// docs/performance.md has what they save and cost.
const (
	Processor = 40
	Sink      = 75
)

// Collect lets that much garbage arise in this process, unless the environment says how much ($GOGC, $GOMEMLIMIT). It is for programs to call, once.
func Collect(percent int) {
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetGCPercent(percent)
	}
}
