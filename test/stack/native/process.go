package native

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"dossier/test/stack/parts"
)

// stopPatience is how long a part may take to end by itself before it is killed.
const stopPatience = 20 * time.Second

// command is how a part is started.
type command struct {
	argv []string
	env  []string // beside PATH, HOME and the locale
	dir  string
	// stop is the signal that asks the part to end in order.
	stop syscall.Signal
	// abandon is the signal that ends the part and its children at once where SIGKILL would leave the children to find out; 0 for SIGKILL.
	abandon syscall.Signal
}

// process is one running part.
type process struct {
	part    parts.Part
	cmd     *exec.Cmd
	command command
	log     string
	watcher *watcher
	done    chan struct{} // closed when the process has ended
	err     error         // how it ended; read after done
}

// startProcess starts a part as the account, with its output appended to the log file.
func startProcess(part parts.Part, c command, as account, log string, w *watcher) (*process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd := exec.Command(c.argv[0], c.argv[1:]...)
	cmd.Dir = c.dir
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + c.dir, "LC_ALL=C.UTF-8", "TZ=UTC"}, c.env...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = as.attributes()
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", part, err)
	}
	p := &process{part: part, cmd: cmd, command: c, log: log, watcher: w, done: make(chan struct{})}
	w.add(cmd.Process.Pid)
	go func() {
		p.err = cmd.Wait()
		w.remove(cmd.Process.Pid)
		close(p.done)
	}()
	return p, nil
}

// waitFor asks ready again and again until it gives nil. It ends early with an error when the process ends, and with the last
// answer of ready when the context does. Errors end with the last lines of the part's log.
func (p *process) waitFor(ctx context.Context, ready func(context.Context) error) error {
	for {
		attempt, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := ready(attempt)
		cancel()
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("%s ended while it was starting (%v)%s", p.part, p.err, tail(p.log))
		case <-ctx.Done():
			return fmt.Errorf("%s did not become ready: %w: %w%s", p.part, context.Cause(ctx), err, tail(p.log))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// running tells whether the process has not ended yet.
func (p *process) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// end asks the process to stop, and kills it when it does not within stopPatience.
func (p *process) end() error {
	if !p.running() {
		return nil
	}
	if err := p.signal(p.command.stop); err != nil {
		return err
	}
	select {
	case <-p.done:
		return nil
	case <-time.After(stopPatience):
	}
	if err := p.kill(); err != nil {
		return err
	}
	return fmt.Errorf("%s did not stop within %v and was killed%s", p.part, stopPatience, tail(p.log))
}

// kill ends the process and its children with SIGKILL, and returns when it has ended.
func (p *process) kill() error {
	if err := p.signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-p.done
	return nil
}

// abandon ends the process and its children as fast as it can be done; the data may be lost.
func (p *process) abandon() error {
	if p.command.abandon == 0 {
		return p.kill()
	}
	if err := p.signal(p.command.abandon); err != nil {
		return err
	}
	select {
	case <-p.done:
		return nil
	case <-time.After(2 * time.Second):
		return p.kill()
	}
}

// signal reaches the whole process group.
func (p *process) signal(s syscall.Signal) error {
	if !p.running() {
		return nil
	}
	if err := syscall.Kill(-p.cmd.Process.Pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("send %v to %s: %w", s, p.part, err)
	}
	return nil
}

// tail gives the last lines of a log, indented, for the end of an error message.
func tail(log string) string {
	const lines = 15
	text, err := os.ReadFile(log)
	if err != nil || len(bytes.TrimSpace(text)) == 0 {
		return "; its log is empty: " + log
	}
	all := strings.Split(strings.TrimSpace(string(text)), "\n")
	all = all[max(0, len(all)-lines):]
	return fmt.Sprintf("; the end of %s:\n\t%s", filepath.Base(log), strings.Join(all, "\n\t"))
}
