package main

import (
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"
)

// TestDemoOnce runs README's first command on the real parts: every change that the database counted is an event and a document.
func TestDemoOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("starts the real parts")
	}
	code, out, errs := invoke(t, "demo", "--once", "--transactions", "48")
	if ci, _ := strconv.ParseBool(os.Getenv("CI")); !ci && strings.Contains(errs, "cannot run the parts natively") {
		t.Skip(errs)
	}
	if code != 0 {
		t.Fatalf("code %d\n%s%s", code, out, errs)
	}
	var s demoSummary
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		t.Fatalf("%v in\n%s", err, out)
	}
	if s.Transactions != 48 || s.Changes < 48 || s.Events != s.Changes || s.Documents["row_version"] != s.Changes || s.DeadLetters != 0 {
		t.Errorf("not everything that was changed is stored: %s", out)
	}
	// One transaction in eight is a direct statement that changes one row.
	if s.Contexts["unattributed"] != 6 || s.Contexts["attached"] != s.Changes-6 {
		t.Errorf("the contexts are not those that were sent: %s", out)
	}
}

func TestDemoNeedsTheSourceTree(t *testing.T) {
	t.Chdir(t.TempDir())
	code, _, errs := invoke(t, "demo", "--once")
	if code != exitMisuse || !strings.Contains(errs, "run it in a clone") {
		t.Errorf("code %d: %s", code, errs)
	}
	if code, _, errs := invoke(t, "demo", "--transactions", "0"); code != exitMisuse {
		t.Errorf("code %d: %s", code, errs)
	}
}
