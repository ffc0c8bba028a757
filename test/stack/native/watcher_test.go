package native

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"dossier/test/stack/parts"
)

// The test starts itself again with this variable set, as the process that will be killed.
const victimVariable = "DOSSIER_TEST_WATCHED_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(victimVariable); dir != "" {
		victim(dir)
		return
	}
	os.Exit(m.Run())
}

// victim starts two processes under a watcher, of which it ends one, tells their ids, and waits to be killed.
func victim(dir string) {
	w, err := newWatcher(dir)
	if err != nil {
		panic(err)
	}
	start := func(name string) *process {
		p, err := startProcess(parts.Part(name), command{argv: []string{"/bin/sh", "-c", "sleep 600 & wait"}, dir: dir, stop: syscall.SIGTERM}, account{}, filepath.Join(dir, name+".log"), w)
		if err != nil {
			panic(err)
		}
		return p
	}
	ended, left := start("ended"), start("left")
	if err := ended.kill(); err != nil {
		panic(err)
	}
	fmt.Println(left.cmd.Process.Pid)
	select {}
}

// TestWatcherEndsWhatAKilledProcessLeft kills a process that has parts running: they end, with their children, and their data go.
func TestWatcherEndsWhatAKilledProcessLeft(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), victimVariable+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	var group int
	if _, err := fmt.Sscan(strings.TrimSpace(line), &group); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(-group, 0); err != nil {
		t.Fatalf("the part does not run before the kill: %v", err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()

	deadline := time.Now().Add(10 * time.Second)
	for {
		_, statErr := os.Stat(dir)
		if syscall.Kill(-group, 0) != nil && os.IsNotExist(statErr) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("after 10 s: the group's state is %v, the directory's %v", syscall.Kill(-group, 0), statErr)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// TestStartReportsTheLog shows that a part that ends at once is reported with what it said.
func TestStartReportsTheLog(t *testing.T) {
	dir := t.TempDir()
	w, err := newWatcher(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer w.release()
	p, err := startProcess("broken", command{argv: []string{"/bin/sh", "-c", "echo the disk is full >&2; exit 3"}, dir: dir}, account{}, filepath.Join(dir, "log"), w)
	if err != nil {
		t.Fatal(err)
	}
	err = p.waitFor(t.Context(), func(context.Context) error { return fmt.Errorf("connection refused") })
	if err == nil || !strings.Contains(err.Error(), "the disk is full") || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("got %v", err)
	}
}
