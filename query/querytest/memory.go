// Package querytest holds what every store that queries read must do: a conformance suite, and the plainest store there is, to measure others by.
package querytest

import (
	"context"
	"slices"
	"sync"
	"time"

	"dossier/query"
	"dossier/schema"
)

// Memory is a store of documents in memory. It looks at every document for every question, so that nothing can be wrong with it but the meaning of the filters.
type Memory struct {
	mu   sync.RWMutex
	docs []*schema.Document         // each is never changed
	at   map[schema.DocumentRef]int // where each stands
}

var _ query.Store = (*Memory)(nil)

// NewMemory returns a store that holds the documents.
func NewMemory(docs ...schema.Document) *Memory {
	m := &Memory{at: make(map[schema.DocumentRef]int)}
	m.Add(docs...)
	return m
}

// Add stores documents. One that is there already, by its index and id, is replaced.
func (m *Memory) Add(docs ...schema.Document) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range docs {
		ref := d.Ref()
		i, ok := m.at[ref]
		if !ok {
			i = len(m.docs)
			m.at[ref], m.docs = i, append(m.docs, nil)
		}
		m.docs[i] = &d
	}
}

// found returns the documents for which the filter holds.
func (m *Memory) found(f query.Filter) []*schema.Document {
	m.mu.RLock()
	defer m.mu.RUnlock()
	var found []*schema.Document
	for _, d := range m.docs {
		if query.Holds(f, d) {
			found = append(found, d)
		}
	}
	return found
}

// Search implements query.Store.
func (m *Memory) Search(ctx context.Context, searches ...query.Search) ([]query.Page, error) {
	for _, s := range searches {
		if err := s.Check(); err != nil {
			return nil, err
		}
	}
	pages := make([]query.Page, len(searches))
	for i, s := range searches {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		pages[i] = m.page(s)
	}
	return pages, nil
}

func (m *Memory) page(s query.Search) query.Page {
	found := m.found(s.Filter)
	if s.After != nil {
		found = slices.DeleteFunc(found, func(d *schema.Document) bool { return s.Order.Compare(query.KeyOf(d), *s.After) <= 0 })
	}
	slices.SortFunc(found, func(a, b *schema.Document) int { return s.Order.Compare(query.KeyOf(a), query.KeyOf(b)) })
	var page query.Page
	bytes := 0
	for _, d := range found {
		text, _ := d.AppendJSON(nil)
		bytes += len(text)
		if len(page.Documents) == s.Limit || len(page.Documents) > 0 && bytes > query.MaxPageBytes {
			page.More = true
			break
		}
		page.Documents = append(page.Documents, *d)
	}
	return page
}

// Count implements query.Store.
func (m *Memory) Count(ctx context.Context, c query.Count) (query.Counts, error) {
	if err := c.Check(); err != nil {
		return query.Counts{}, err
	}
	if err := ctx.Err(); err != nil {
		return query.Counts{}, err
	}
	found := m.found(c.Filter)
	counts := query.Counts{Total: int64(len(found))}
	if len(c.By) == 0 {
		return counts, nil
	}
	byDay := c.By[0] == query.FieldTime
	for _, g := range group(found, c.By) {
		counts.Buckets = append(counts.Buckets, query.Bucket{Key: g.Key, Count: g.Count})
	}
	slices.SortFunc(counts.Buckets, func(a, b query.Bucket) int {
		switch {
		case byDay:
			return slices.Compare(b.Key, a.Key)
		case a.Count != b.Count:
			return int(b.Count - a.Count)
		}
		return slices.Compare(a.Key, b.Key)
	})
	if len(counts.Buckets) > c.Limit {
		for _, b := range counts.Buckets[c.Limit:] {
			counts.Other += b.Count
		}
		counts.Buckets = counts.Buckets[:c.Limit]
	}
	return counts, nil
}

// Groups implements query.Store.
func (m *Memory) Groups(ctx context.Context, g query.Groups) ([]query.Group, error) {
	if err := g.Check(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	groups := group(m.found(g.Filter), g.By)
	if g.After != nil {
		groups = slices.DeleteFunc(groups, func(other query.Group) bool { return slices.Compare(other.Key, g.After) <= 0 })
	}
	slices.SortFunc(groups, func(a, b query.Group) int { return slices.Compare(a.Key, b.Key) })
	return groups[:min(len(groups), g.Limit)], nil
}

// group gathers documents by the values of fields; one that lacks a field is in no group, and one with several values is in one for each.
func group(docs []*schema.Document, by []query.Field) []query.Group {
	at := make(map[[2]string]int)
	var groups []query.Group
	for _, d := range docs {
		for _, key := range keysOf(d, by) {
			var mark [2]string
			copy(mark[:], key)
			i, ok := at[mark]
			if !ok {
				i = len(groups)
				at[mark] = i
				groups = append(groups, query.Group{Key: key, First: d.Time, Last: d.Time})
			}
			g := &groups[i]
			g.Count++
			g.First, g.Last = earlier(g.First, d.Time), later(g.Last, d.Time)
		}
	}
	return groups
}

func keysOf(d *schema.Document, by []query.Field) [][]string {
	keys := [][]string{nil}
	for _, field := range by {
		values := query.Texts(field, d)
		if field == query.FieldTime {
			values = []string{d.Time.UTC().Format(time.DateOnly)}
		}
		var longer [][]string
		for _, key := range keys {
			for i, value := range values {
				if !slices.Contains(values[:i], value) {
					longer = append(longer, append(slices.Clone(key), value))
				}
			}
		}
		keys = longer
	}
	return keys
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
