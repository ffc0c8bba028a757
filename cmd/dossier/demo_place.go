package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"dossier/internal/demo"
)

// narrator tells a person what the demo is doing.
type narrator struct {
	w     io.Writer
	began time.Time
	clear string // takes away what is left of a bar
}

func newNarrator(w io.Writer) *narrator {
	n := &narrator{w: w, began: time.Now()}
	if isTerminal(w) {
		n.clear = "\r\x1b[K"
	}
	return n
}

func (n *narrator) elapsed() float64 { return time.Since(n.began).Seconds() }

func (n *narrator) step(format string, args ...any) {
	fmt.Fprintf(n.w, "%s%5.1fs  %s\n", n.clear, n.elapsed(), fmt.Sprintf(format, args...))
}

// address returns where the HTTP API is to listen, on which nobody else does. An address that was asked for is that or an error; the default
// gives way to a free port.
func (d *demoCommand) address(say *narrator) (string, error) {
	if d.once && !d.listenGiven {
		return "127.0.0.1:0", nil // nobody is going to ask
	}
	free, err := freeAddress(d.listen)
	if err == nil {
		return free, nil
	}
	if d.listenGiven || !errors.Is(err, syscall.EADDRINUSE) {
		return "", fmt.Errorf("--listen: %w; name an address that is free, or 127.0.0.1:0 for any", err)
	}
	if free, err = freeAddress("127.0.0.1:0"); err != nil {
		return "", err
	}
	say.step("%s is in use: the HTTP API listens on %s instead", d.listen, free)
	return free, nil
}

// freeAddress returns the address that listening on the given one gives.
func freeAddress(address string) (string, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// directory returns the demo's directory, which can be written to, and what is to be done with it at the end, given the error that it ends with.
func (d *demoCommand) directory() (dir string, cleanUp func(error) error, err error) {
	if d.data == "" {
		if dir, err = os.MkdirTemp("", "dossier-demo-"); err != nil {
			return "", nil, err
		}
		return dir, func(err error) error {
			if err != nil && !errors.Is(err, errInterrupted) {
				return fmt.Errorf("%w; store and log are in %s", err, dir)
			}
			return errors.Join(err, os.RemoveAll(dir))
		}, nil
	}
	if dir, err = filepath.Abs(d.data); err != nil { // the configuration names the store by it, wherever it is read from
		return "", nil, fmt.Errorf("--data: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", nil, fmt.Errorf("--data: %w", err)
	}
	if err := demoOwns(dir); err != nil {
		return "", nil, err
	}
	probe, err := os.CreateTemp(dir, ".writable-*")
	if err != nil {
		return "", nil, fmt.Errorf("--data: %s cannot be written to: %w", dir, err)
	}
	if err := errors.Join(probe.Close(), os.Remove(probe.Name())); err != nil {
		return "", nil, fmt.Errorf("--data: %w", err)
	}
	return dir, func(err error) error { return err }, nil
}

// demoOwns says whether what the demo would write over or into in a directory is an earlier demo's. Somebody's configuration would be lost otherwise, and
// their store would hold the demo's year among its evidence.
func demoOwns(dir string) error {
	text, err := os.ReadFile(filepath.Join(dir, "dossier.yaml"))
	switch {
	case err == nil && demo.IsConfig(string(text)):
		return nil
	case err == nil:
		return misuse("--data: %s holds a dossier.yaml that is not the demo's; name another directory", dir)
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("--data: %w", err)
	}
	if _, err := os.Lstat(filepath.Join(dir, "dossier.db")); err == nil {
		return misuse("--data: %s holds a dossier.db and no dossier.yaml of the demo's; name another directory", dir)
	}
	return nil
}
