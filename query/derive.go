package query

import (
	"context"

	"dossier/schema"
)

// Bounds of what is looked up for the values that the events of one answer did not carry. What lies beyond stays unavailable.
const (
	// maxFieldSearches bounds the searches for the last change of one field.
	maxFieldSearches = 256
	// maxHops bounds the changes of key that a value is followed back through.
	maxHops = 8
)

// gap is a value that an event did not carry: that of a field just before a change, which is the value after it too where the change is an update that left it alone.
type gap struct {
	at    *schema.Document // the change; evidence stands before it
	field string
	found func(v schema.Value, from string) // takes the value and the event id of the version it was taken from

	hops int // the changes of key followed so far
}

// fill looks for values that events did not carry among those of versions held before: an unavailable value means unchanged, so it is the latest one known before. Where that one
// is unknowable in turn, being masked or erased, or where the row began in between, the value stays unavailable.
func (s *Service) fill(ctx context.Context, gaps []*gap) error {
	budget := maxFieldSearches
	var hops []*gap
	for _, g := range gaps {
		if g.at.Entity.PreviousID != "" {
			hops = append(hops, g)
		}
	}
	gaps = ownBefore(gaps)
	for len(gaps) > 0 || len(hops) > 0 {
		near, err := s.fillNear(ctx, &gaps)
		if err != nil {
			return err
		}
		hops = append(hops, near...)
		gaps = gaps[:min(len(gaps), budget)]
		budget -= len(gaps)
		more, err := s.fillFields(ctx, gaps)
		if err != nil {
			return err
		}
		if gaps, err = s.hop(ctx, append(hops, more...)); err != nil {
			return err
		}
		gaps, hops = ownBefore(gaps), nil
	}
	return nil
}

// ownBefore fills what the changes' own images before them hold, and returns the gaps that are left: those of updates and of the old halves of changed keys. Other
// changes have nothing before them. An image before holds with REPLICA IDENTITY FULL what the one after does not.
func ownBefore(gaps []*gap) []*gap {
	var left []*gap
	for _, g := range gaps {
		if g.at.Action != schema.ActionUpdate && g.at.Entity.NextID == "" {
			continue
		}
		if v := g.at.Before.Get(g.field); known(v) {
			g.found(v, g.at.EventID)
		} else if v.State != schema.Masked && v.State != schema.Erased {
			left = append(left, g)
		}
	}
	return left
}

// verdict is what a version says of a gap.
type verdict uint8

const (
	open    verdict = iota // it holds the unchanged value neither: look further back
	settled                // it told the value, or that nobody knows
	rekeyed                // look at the row under its previous id
)

// judge takes the value from a row version before the gap, if it has it.
func (g *gap) judge(d *schema.Document) verdict {
	if d == nil || d.After == nil {
		return settled // the row began after it
	}
	v := d.After.Get(g.field)
	if known(v) {
		g.found(v, d.EventID)
		return settled
	}
	if v.State != schema.Unavailable {
		return settled
	}
	switch {
	case d.Entity.PreviousID != "":
		g.at = d
		return rekeyed
	case d.Action == schema.ActionUpdate:
		if v := d.Before.Get(g.field); known(v) {
			g.found(v, d.EventID)
			return settled
		}
		return open
	}
	return settled
}

// fillNear looks at the row version just before each gap's change, which mostly holds the whole row: one search for each change, and one for each entity. It leaves the gaps that it
// could not fill, and returns those to follow through a changed key.
func (s *Service) fillNear(ctx context.Context, gaps *[]*gap) (hops []*gap, err error) {
	baselines, err := s.baselines(ctx, *gaps)
	if err != nil {
		return nil, err
	}
	var searches []Search
	var of []*schema.Document
	near := map[*schema.Document]*schema.Document{}
	for _, g := range *gaps {
		if _, ok := near[g.at]; ok {
			continue
		}
		near[g.at] = nil
		versions := refOf(g.at).versions()
		searches, of = append(searches, before(g.at, versions)), append(of, g.at)
		if baselines[refOf(g.at)] {
			searches, of = append(searches, baselineBefore(g.at, versions)), append(of, g.at)
		}
	}
	err = s.searchAll(ctx, searches, func(i int, p Page) { near[of[i]] = latestOf(near[of[i]], lastBefore(p, of[i])) })
	if err != nil {
		return nil, err
	}
	var left []*gap
	for _, g := range *gaps {
		switch g.judge(near[g.at]) {
		case open:
			left = append(left, g)
		case rekeyed:
			hops = append(hops, g)
		}
	}
	*gaps = left
	return hops, nil
}

// baselines says of which entities there are rows of snapshots that have no place in order, and so have to be looked for apart.
func (s *Service) baselines(ctx context.Context, gaps []*gap) (map[Ref]bool, error) {
	var refs []Ref
	var searches []Search
	there := map[Ref]bool{}
	for _, g := range gaps {
		ref := refOf(g.at)
		if _, ok := there[ref]; !ok {
			there[ref] = false
			refs, searches = append(refs, ref), append(searches, Search{Filter: And{ref.versions(), unplaced}, Order: CommitOrder, Limit: 1})
		}
	}
	err := s.searchAll(ctx, searches, func(i int, p Page) { there[refs[i]] = first(p) != nil })
	return there, err
}

// fillFields looks for the last change of each gap's field, and for the last version before that carries whole rows: whichever is later tells. It returns the gaps to follow
// through a changed key.
func (s *Service) fillFields(ctx context.Context, gaps []*gap) (hops []*gap, err error) {
	const each = 3
	searches := make([]Search, 0, each*len(gaps))
	for _, g := range gaps {
		ref := refOf(g.at)
		searches = append(searches,
			before(g.at, ref.changesOf(g.field)),
			before(g.at, ref.wholes()),
			baselineBefore(g.at, ref.versions()))
	}
	evidence := make([][each]*schema.Document, len(gaps))
	err = s.searchAll(ctx, searches, func(i int, p Page) {
		evidence[i/each][i%each] = lastBefore(p, gaps[i/each].at)
	})
	if err != nil {
		return nil, err
	}
	for i, g := range gaps {
		change, whole := evidence[i][0], latestOf(evidence[i][1], evidence[i][2])
		if change != nil && (whole == nil || change.EventID == whole.EventID || follows(change, whole)) {
			if known(change.Change.Current) {
				g.found(change.Change.Current, change.EventID)
			}
			continue
		}
		if g.judge(whole) == rekeyed {
			hops = append(hops, g)
		}
	}
	return hops, nil
}

// hop takes gaps from the new half of a changed key to the old one, under the id before. It returns those for which the old half is there.
func (s *Service) hop(ctx context.Context, gaps []*gap) ([]*gap, error) {
	var halves []*schema.Document
	for _, g := range gaps {
		halves = append(halves, g.at)
	}
	pairs, err := s.pairs(ctx, halves)
	if err != nil {
		return nil, err
	}
	var left []*gap
	for _, g := range gaps {
		old := pairs[g.at.EventID]
		if g.hops++; old == nil || g.hops > maxHops {
			continue
		}
		g.at = old
		left = append(left, g)
	}
	return left, nil
}

// pairs returns the other halves of changed keys, by the event ids of those given; without those that are not there.
func (s *Service) pairs(ctx context.Context, halves []*schema.Document) (map[string]*schema.Document, error) {
	const atOnce = 100
	var ids []string
	known := map[string]bool{}
	for _, d := range halves {
		if d.PairID != "" && !known[d.PairID] {
			known[d.PairID] = true
			ids = append(ids, d.PairID)
		}
	}
	pairs := map[string]*schema.Document{}
	for begin := 0; begin < len(ids); begin += atOnce {
		part := ids[begin:min(begin+atOnce, len(ids))]
		err := s.each(ctx, Search{Filter: And{isKind(schema.DocumentRowVersion), Equal{FieldEventID, part}}, Limit: len(part)}, func(d *schema.Document) {
			pairs[d.PairID] = d
		})
		if err != nil {
			return nil, err
		}
	}
	return pairs, nil
}

// each calls take for each document that a search finds, at most its limit in all, however many pages it takes.
func (s *Service) each(ctx context.Context, search Search, take func(*schema.Document)) error {
	for search.Limit > 0 {
		pages, err := s.search(ctx, search)
		if err != nil {
			return err
		}
		docs := pages[0].Documents
		for i := range docs {
			take(&docs[i])
		}
		if !pages[0].More || len(docs) == 0 {
			return nil
		}
		search.After = keyOf(&docs[len(docs)-1])
		search.Limit -= len(docs)
	}
	return nil
}
