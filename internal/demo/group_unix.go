//go:build unix

package demo

import (
	"os/exec"
	"syscall"
)

// ownGroup keeps a terminal's signals from a process.
func ownGroup(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
