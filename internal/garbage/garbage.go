// Package garbage sets how a process that moves many records collects its garbage.
package garbage

import (
	"os"
	"runtime/debug"
)

// gcPercent is how much of what is in use may become garbage before it is collected. Nearly all garbage of a processor, and of a sink, are fetched records, in large
// pieces without pointers: to collect it more than twice as often as Go does by default costs next to nothing: docs/performance.md has what it saves.
const gcPercent = 40

// CollectOften sets the garbage collector of this process as a processor and a sink want it, unless the environment says how ($GOGC, $GOMEMLIMIT). It is for
// programs that run one to call, once.
func CollectOften() {
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetGCPercent(gcPercent)
	}
}
