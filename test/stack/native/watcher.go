package native

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
)

// watcher ends the parts when this process can no longer do it, because it was killed, panicked, or exited without stopping them.
//
// It is a shell that reads from a pipe whose other end only this process holds. The system closes that end however the process ends;
// then the shell kills the process groups that it was told of and removes the data. A part that is started, and not yet told of
// when the process is killed, is the one that would stay: some microseconds.
type watcher struct {
	mu   sync.Mutex
	pipe io.WriteCloser // guarded by mu; nil once released
	cmd  *exec.Cmd
}

// watcherScript reads "add GROUP", "remove GROUP" and "release". $1 is the directory to remove.
const watcherScript = `
trap '' HUP INT TERM
groups=
while read -r verb group; do
	case $verb in
	add) groups="$groups $group" ;;
	remove)
		rest=
		for g in $groups; do [ "$g" = "$group" ] || rest="$rest $g"; done
		groups=$rest ;;
	release) exit 0 ;;
	esac
done
for g in $groups; do kill -KILL -"$g" 2>/dev/null; done
# What was killed may still be ending, and writing its last file.
for attempt in 1 2 3 4 5 6 7 8 9 10; do
	rm -rf "$1" 2>/dev/null && exit 0
	sleep 1
done
`

// newWatcher starts the watcher, which will remove dir if it has to step in.
func newWatcher(dir string) (*watcher, error) {
	cmd := exec.Command("/bin/sh", "-c", watcherScript, "dossier-stack-watcher", dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Dir = "/"
	// It must not hold the streams of a test open: `go test` waits for their end.
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd.Stdin = r
	if err := cmd.Start(); err != nil {
		r.Close()
		w.Close()
		return nil, fmt.Errorf("start the watcher that ends the parts if this process is killed: %w", err)
	}
	r.Close()
	return &watcher{pipe: w, cmd: cmd}, nil
}

func (w *watcher) add(group int)    { w.tell(fmt.Sprintf("add %d\n", group)) }
func (w *watcher) remove(group int) { w.tell(fmt.Sprintf("remove %d\n", group)) }

func (w *watcher) tell(line string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.pipe != nil {
		// Without its watcher the stack still works and still ends in every ordinary way.
		_, _ = io.WriteString(w.pipe, line)
	}
}

// release ends the watcher. The caller has ended the parts.
func (w *watcher) release() {
	w.tell("release\n")
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.pipe == nil {
		return
	}
	w.pipe.Close()
	w.pipe = nil
	_ = w.cmd.Wait()
}
