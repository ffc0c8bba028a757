package query

import (
	"context"
	"slices"

	"dossier/schema"
)

// maxStretches bounds how many changes of its key an entity is followed through.
const maxStretches = 64

// life is an entity under all the ids that it had. An id may mean another row later or before, so each other id belongs to it for a stretch of time alone.
type life struct {
	ref       Ref       // as it was asked for, at all times
	stretches []stretch // under other ids
	rekeys    []string  // the event ids of its changed keys, as their new halves have them
}

// stretch is a time under another id: between two changes, where they are known.
type stretch struct {
	id       string
	from, to *bound
}

// parts hold for what happened to the entity, among documents of its type: one under each id, in its time. conditions holds for an id's documents.
func (l *life) parts(conditions func(Ref) Filter) []Filter {
	parts := []Filter{conditions(l.ref)}
	for _, st := range l.stretches {
		parts = append(parts, st.filter(conditions(Ref{l.ref.Type, st.id})))
	}
	return parts
}

// filter holds for what happened to the entity under any of its ids.
func (l *life) filter(conditions func(Ref) Filter) Filter {
	parts := l.parts(conditions)
	if len(parts) == 1 {
		return parts[0]
	}
	return Or(parts)
}

// filter holds for what stands within the stretch.
func (st stretch) filter(f Filter) Filter {
	within := And{f}
	if st.from != nil {
		within = append(within, st.from.from())
	}
	if st.to != nil {
		within = append(within, st.to.to())
	}
	return within
}

// holds says whether a row version is of the entity.
func (l *life) holds(d *schema.Document) bool {
	return Holds(l.filter(Ref.versions), d) && l.contains(d)
}

// contains says whether a document that the filter holds for is of the entity. Rows of snapshots stand at a clock of their own, so near the ends of a stretch the filter does not
// know of them.
func (l *life) contains(d *schema.Document) bool {
	if d.Kind != schema.DocumentRowVersion || placed(d) || d.Entity.ID == l.ref.ID {
		return true
	}
	return slices.ContainsFunc(l.stretches, func(st stretch) bool {
		return st.id == d.Entity.ID && (st.from == nil || follows(d, st.from.at)) && (st.to == nil || follows(st.to.at, d))
	})
}

// also returns the entity's other ids, each once.
func (l *life) also() []string {
	var ids []string
	for _, st := range l.stretches {
		if !slices.Contains(ids, st.id) {
			ids = append(ids, st.id)
		}
	}
	return ids
}

// link is a half of a changed key to follow: to the id that the row had since, or to the one before.
type link struct {
	half    *schema.Document
	forward bool
}

func (k link) id() string {
	if k.forward {
		return k.half.Entity.NextID
	}
	return k.half.Entity.PreviousID
}

// life follows an entity's changes of its key, in both directions. It sends one round of searches for the entity, and one for each id further away.
func (s *Service) life(ctx context.Context, ref Ref) (*life, error) {
	pages, err := s.search(ctx, rekeysOf(ref))
	if err != nil {
		return nil, err
	}
	return s.lifeThrough(ctx, ref, pages[0].Documents)
}

// rekeysOf searches an entity's changes of its key, the latest first.
func rekeysOf(ref Ref) Search {
	return Search{Limit: maxStretches, Filter: And{ref.versions(), anyAction(schema.ActionRekey)}}
}

// lifeThrough is life, where the changes of the entity's key are known.
func (s *Service) lifeThrough(ctx context.Context, ref Ref, rekeys []schema.Document) (*life, error) {
	l := &life{ref: ref}
	links := l.links(rekeys)
	for len(links) > 0 && len(l.stretches) < maxStretches {
		links = slices.DeleteFunc(links, func(k link) bool { return k.id() == ref.ID })
		links = links[:min(len(links), maxStretches-len(l.stretches))]
		searches := make([]Search, len(links))
		for i, k := range links {
			searches[i] = k.otherEnd(ref.Type)
		}
		var next []link
		err := s.searchAll(ctx, searches, func(i int, p Page) {
			st, end := links[i].stretch(first(p))
			l.stretches = append(l.stretches, st)
			if end != nil {
				next = append(next, l.links([]schema.Document{*end})...)
			}
		})
		if err != nil {
			return nil, err
		}
		links = next
	}
	return l, nil
}

// links returns the links in halves of changed keys that have not been seen.
func (l *life) links(halves []schema.Document) []link {
	var links []link
	for i := range halves {
		d := &halves[i]
		if slices.Contains(l.rekeys, d.EventID) || slices.Contains(l.rekeys, d.PairID) {
			continue // the other half leads back to where this one is from
		}
		if d.Entity.NextID != "" {
			links = append(links, link{d, true})
			l.rekeys = append(l.rekeys, d.PairID)
		}
		if d.Entity.PreviousID != "" {
			links = append(links, link{d, false})
			l.rekeys = append(l.rekeys, d.EventID)
		}
	}
	return links
}

// otherEnd searches where the row's time under the linked id ends, or began: the nearest change there that is no update.
func (k link) otherEnd(typ string) Search {
	f := And{Ref{typ, k.id()}.versions(), anyAction(schema.ActionCreate, schema.ActionDelete, schema.ActionRekey), Not{Is(FieldEventID, k.half.PairID)}}
	if k.forward {
		return Search{Filter: append(f, beyondRow(k.half)), Order: forwardOrder(k.half), Limit: 1}
	}
	return before(k.half, f)
}

func forwardOrder(d *schema.Document) Order {
	if placed(d) {
		return CommitOrder
	}
	return OldestFirst
}

// stretch returns the time under the linked id, whose other end is the change found, and that change if it is to be followed on: a further change of the key.
func (k link) stretch(end *schema.Document) (st stretch, follow *schema.Document) {
	st = stretch{id: k.id()}
	here := &bound{k.half, true}
	if end == nil {
		if k.forward {
			st.from = here
		} else {
			st.to = here
		}
		return st, nil
	}
	// It belongs to this row if it begins or ends its time: otherwise it is another row's, and what should stand between was never seen.
	ours := end.Action == schema.ActionCreate || end.Entity.PreviousID != ""
	if k.forward {
		ours = end.Action == schema.ActionDelete || end.Entity.NextID != ""
		st.from, st.to = here, &bound{end, ours}
	} else {
		st.from, st.to = &bound{end, ours}, here
	}
	if ours && end.Action == schema.ActionRekey {
		follow = end
	}
	return st, follow
}
