package garbage

import (
	"runtime/debug"
	"testing"
)

// Whoever sets the collector in the environment is not overruled.
func TestCollect(t *testing.T) {
	before := debug.SetGCPercent(100)
	defer debug.SetGCPercent(before)
	for _, test := range []struct {
		gogc, limit string
		want        int
	}{{"", "", Sink}, {"100", "", 100}, {"", "1GiB", 100}} {
		t.Setenv("GOGC", test.gogc)
		t.Setenv("GOMEMLIMIT", test.limit)
		Collect(Sink)
		if got := debug.SetGCPercent(100); got != test.want {
			t.Errorf("GOGC=%q GOMEMLIMIT=%q: %d %%, want %d", test.gogc, test.limit, got, test.want)
		}
	}
}
