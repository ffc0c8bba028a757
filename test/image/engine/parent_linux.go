package engine

import (
	"os"
	"path/filepath"
	"syscall"
)

// endsWithParent has the system end the engine in order when this process is gone, killed or not.
func endsWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}

// release unmounts what an engine leaves mounted in its directory when it ends: the network namespaces of containers, the shared one included.
func release(dir string) {
	namespaces, err := os.ReadDir(filepath.Join(dir, "exec", "netns"))
	if err != nil {
		return // no container has run
	}
	for _, n := range namespaces {
		// Where nothing is mounted there is nothing to unmount, and what stays mounted is told by the removal of the directory.
		_ = syscall.Unmount(filepath.Join(dir, "exec", "netns", n.Name()), syscall.MNT_DETACH)
	}
}
