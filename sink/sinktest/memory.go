package sinktest

import (
	"context"
	"fmt"
	"sync"

	"dossier/schema"
	"dossier/sink"
)

// Memory is the simplest store that keeps sink.Store's contract: the measure for the suite, and a store for tests of what stands above it.
// Documents pass through their stored form, as in a real store.
type Memory struct {
	mu   sync.Mutex
	docs map[schema.DocumentRef]entry
	// Reject, where set, refuses documents for good. Set it before use.
	Reject func(*schema.Document) error
	// Fault, where set, is asked before and after each write of one document (persisted says which); an error ends the call there.
	// Set it before use.
	Fault func(d *schema.Document, persisted bool) error
}

type entry struct {
	json     []byte
	hash     string
	sequence int64
}

var _ sink.Store = (*Memory)(nil)

// NewMemory returns an empty store.
func NewMemory() *Memory { return &Memory{docs: map[schema.DocumentRef]entry{}} }

// All returns the stored form of every document by where it stands.
func (m *Memory) All() map[schema.DocumentRef]string {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make(map[schema.DocumentRef]string, len(m.docs))
	for ref, e := range m.docs {
		all[ref] = string(e.json)
	}
	return all
}

// Create implements sink.Store.
func (m *Memory) Create(ctx context.Context, docs []schema.Document) ([]sink.Outcome, error) {
	outcomes := make([]sink.Outcome, len(docs))
	for i := range docs {
		outcome, err := m.write(ctx, &docs[i], func(old entry, found bool) (sink.Outcome, bool) {
			if found {
				return sink.Outcome{Status: sink.StatusExists, Hash: old.hash}, false
			}
			return sink.Outcome{Status: sink.StatusStored}, true
		})
		if err != nil {
			return nil, err
		}
		outcomes[i] = outcome
	}
	return outcomes, nil
}

// Replace implements sink.Store.
func (m *Memory) Replace(ctx context.Context, docs []sink.Replacement) ([]sink.Outcome, error) {
	outcomes := make([]sink.Outcome, len(docs))
	for i := range docs {
		outcome, err := m.write(ctx, &docs[i].Document, func(old entry, found bool) (sink.Outcome, bool) {
			if !found || old.sequence != docs[i].Version.Sequence {
				return sink.Outcome{Status: sink.StatusSuperseded}, false
			}
			return sink.Outcome{Status: sink.StatusStored}, true
		})
		if err != nil {
			return nil, err
		}
		outcomes[i] = outcome
	}
	return outcomes, nil
}

func (m *Memory) write(ctx context.Context, d *schema.Document, decide func(entry, bool) (sink.Outcome, bool)) (sink.Outcome, error) {
	if err := ctx.Err(); err != nil {
		return sink.Outcome{}, err
	}
	if m.Reject != nil {
		if err := m.Reject(d); err != nil {
			return sink.Outcome{Status: sink.StatusRejected, Err: err}, nil
		}
	}
	if m.Fault != nil {
		if err := m.Fault(d, false); err != nil {
			return sink.Outcome{}, err
		}
	}
	m.mu.Lock()
	old, found := m.docs[d.Ref()]
	outcome, write := decide(old, found)
	if write {
		json, hash := d.AppendJSON(nil)
		m.docs[d.Ref()] = entry{json, hash, old.sequence + 1}
	}
	m.mu.Unlock()
	if write && m.Fault != nil {
		if err := m.Fault(d, true); err != nil {
			return sink.Outcome{}, err
		}
	}
	return outcome, nil
}

// Get implements sink.Store.
func (m *Memory) Get(ctx context.Context, refs []schema.DocumentRef) ([]sink.Stored, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	found := make([]sink.Stored, len(refs))
	for i, ref := range refs {
		e, ok := m.docs[ref]
		if !ok {
			continue
		}
		d, hash, err := schema.ParseDocument(e.json)
		if err != nil {
			return nil, fmt.Errorf("document %s in %s: %w", ref.ID, ref.Index, err)
		}
		found[i] = sink.Stored{Found: true, Document: d, Hash: hash, Version: sink.Version{Sequence: e.sequence}}
	}
	return found, nil
}
