package query

import (
	"context"

	"dossier/schema"
)

// tell returns what documents tell, one Change for each, in their order. Of a changed key the new half tells what changed, for which it takes the other half. Previous values that
// an event did not carry are filled from versions held before, within the bounds of fill.
func (s *Service) tell(ctx context.Context, docs []schema.Document) ([]Change, error) {
	var halves []*schema.Document
	for i := range docs {
		if d := &docs[i]; d.Kind == schema.DocumentRowVersion && d.Entity.PreviousID != "" {
			halves = append(halves, d)
		}
	}
	pairs, err := s.pairs(ctx, halves)
	if err != nil {
		return nil, err
	}
	items := make([]Change, len(docs))
	var gaps []*gap
	for i := range docs {
		d := &docs[i]
		items[i] = changeOf(d, pairs[d.EventID])
		gaps = append(gaps, items[i].gaps(d, pairs[d.EventID])...)
	}
	return items, s.fill(ctx, gaps)
}

// gaps returns the values that a change does not tell though its row held them before.
func (c *Change) gaps(d, pair *schema.Document) []*gap {
	at := d
	if d.Entity.PreviousID != "" {
		// What was there before stands under the previous id. A field change by itself does not know its other half, but a gap at the new one leads there.
		if at = pair; pair == nil {
			at = d
		}
	}
	var gaps []*gap
	for i := range c.Changes {
		change := &c.Changes[i]
		if change.PreviousState != unavailable || d.Action != schema.ActionUpdate && d.Action != schema.ActionRekey {
			continue
		}
		gaps = append(gaps, &gap{at: at, field: change.Field, found: func(v schema.Value, from string) {
			change.Previous, change.PreviousState, change.PreviousDerivedFrom = rawOf(v), "", from
		}})
	}
	return gaps
}

var unavailable = schema.Unavailable.String()
