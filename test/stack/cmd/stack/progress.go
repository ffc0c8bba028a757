package main

import (
	"fmt"
	"os"
	"sync"
	"time"
)

// progress shows what is being done. At a terminal the current step is one line with the time that it takes; elsewhere each step is a
// line of its own.
type progress struct {
	out      *os.File
	terminal bool
	began    time.Time
	stop     chan struct{}
	stopped  sync.WaitGroup

	mu   sync.Mutex
	step string // guarded by mu
}

func newProgress(out *os.File) *progress {
	p := &progress{out: out, began: time.Now(), stop: make(chan struct{})}
	if info, err := out.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb" {
		p.terminal = true
		p.stopped.Go(p.redraw)
	}
	return p
}

// say shows the next step.
func (p *progress) say(step string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.step = step
	if !p.terminal {
		fmt.Fprintf(p.out, "%5.1fs  %s\n", time.Since(p.began).Seconds(), step)
	}
}

func (p *progress) redraw() {
	for tick := time.NewTicker(200 * time.Millisecond); ; {
		select {
		case <-p.stop:
			tick.Stop()
			fmt.Fprint(p.out, "\r\x1b[K")
			return
		case <-tick.C:
			p.mu.Lock()
			fmt.Fprintf(p.out, "\r\x1b[K%5.1fs  %s", time.Since(p.began).Seconds(), p.step)
			p.mu.Unlock()
		}
	}
}

// end clears the line. Nothing is said afterwards.
func (p *progress) end() {
	close(p.stop)
	p.stopped.Wait()
}
