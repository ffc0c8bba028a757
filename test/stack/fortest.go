package stack

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"
)

// shared is the stack of this test process.
var shared struct {
	sync.Mutex
	main   bool // Main runs, and will stop the stack
	stack  *Stack
	broken error // why it could not be started; it is not tried again
}

// Main runs the tests of a package and stops what ForTest started. It gives the exit code. A package that uses ForTest has
//
//	func TestMain(m *testing.M) { os.Exit(stack.Main(m)) }
func Main(m *testing.M) int {
	shared.Lock()
	shared.main = true
	shared.Unlock()
	code := m.Run()
	shared.Lock()
	defer shared.Unlock()
	if shared.stack == nil {
		return code
	}
	if err := shared.stack.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, "stop the stack:", err)
		return max(code, 1)
	}
	return code
}

// ForTest gives the stack that all tests of this process share, with at least the given parts running. The first test that needs a part waits
// for it to start; parts that are down, because a test has broken them, are started again.
//
// Where the machine cannot run the parts, or under `go test -short`, the test is skipped with the reason; with CI=true it fails instead, so
// that a pipeline cannot turn green by testing nothing. When a test fails, the parts' logs are kept and their directory is logged.
func ForTest(t testing.TB, want ...Part) *Stack {
	t.Helper()
	ci, _ := strconv.ParseBool(os.Getenv("CI"))
	if testing.Short() && !ci {
		t.Skip("the real parts are not started under -short")
	}
	shared.Lock()
	defer shared.Unlock()
	if !shared.main {
		t.Fatal("stack.ForTest needs, once in this package: func TestMain(m *testing.M) { os.Exit(stack.Main(m)) }")
	}
	if err := startShared(want); err != nil {
		if CannotRun(err) && !ci {
			t.Skip(err)
		}
		t.Fatal(err)
	}
	s := shared.stack
	t.Cleanup(func() {
		if t.Failed() {
			s.KeepLogs()
			t.Logf("the logs of the parts are in %s", s.LogDir())
		}
	})
	return s
}

// startShared starts those of the wanted parts that do not run yet. The caller holds the lock.
func startShared(want []Part) error {
	if shared.broken != nil {
		return shared.broken
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Minute)
	defer cancel()
	if shared.stack == nil {
		s, err := newStack(ctx, Options{})
		if err != nil {
			shared.broken = err
			return err
		}
		shared.stack = s
	}
	return shared.stack.ensure(ctx, want)
}
