package sinktest

import (
	"sync"

	"dossier/schema"
	"dossier/sink"
)

// counts observes by counting.
type counts struct {
	sink.NoObserver
	mu                                     sync.Mutex
	stored, repeated, completed, conflicts int
	access, empty                          int
}

func (c *counts) add(to *int, n int) {
	c.mu.Lock()
	*to += n
	c.mu.Unlock()
}

func (c *counts) Stored(_ schema.DocumentKind, n int) { c.add(&c.stored, n) }
func (c *counts) Repeated(n int)                      { c.add(&c.repeated, n) }
func (c *counts) Completed(n int)                     { c.add(&c.completed, n) }
func (c *counts) Access(n int)                        { c.add(&c.access, n) }
func (c *counts) Empty(n int)                         { c.add(&c.empty, n) }
func (c *counts) Conflict(sink.Conflict)              { c.add(&c.conflicts, 1) }
