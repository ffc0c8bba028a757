package query

import (
	"context"

	"dossier/schema"
)

// concerned leaves out the truncates that did not take the entity: of other tables and sources, and those at which it was not there.
func (h *historian) concerned(ctx context.Context, docs []schema.Document) ([]schema.Document, error) {
	parts := h.life.parts(Ref.versions)
	var truncates []*schema.Document
	var searches []Search
	for i := range docs {
		d := &docs[i]
		if d.Kind != schema.DocumentTruncate {
			continue
		}
		truncates = append(truncates, d)
		searches = append(searches, before(d, truncatesOf(d)))
		for _, versions := range parts {
			searches = append(searches, before(d, versions), baselineBefore(d, versions))
		}
	}
	if len(truncates) == 0 {
		return docs, nil
	}
	each := 1 + 2*len(parts)
	answers := make([]*schema.Document, len(searches))
	err := h.searchAll(ctx, searches, func(i int, p Page) { answers[i] = lastBefore(p, truncates[i/each]) })
	if err != nil {
		return nil, err
	}
	others := map[string]bool{}
	for i, t := range truncates {
		earlier, rows := answers[i*each], answers[i*each+1:(i+1)*each]
		others[t.EventID] = true
		for j := 0; j < len(rows); j += 2 {
			if takes(t, latestOf(rows[j], rows[j+1]), earlier) {
				others[t.EventID] = false
			}
		}
	}
	kept := make([]schema.Document, 0, len(docs))
	for i := range docs {
		if docs[i].Kind != schema.DocumentTruncate || !others[docs[i].EventID] {
			kept = append(kept, docs[i])
		}
	}
	return kept, nil
}

// takes says whether a truncate took the row whose last version before it is given, rather than the truncate before it.
func takes(truncate, row, earlier *schema.Document) bool {
	return row != nil && row.After != nil && row.CDC.Schema == truncate.CDC.Schema && row.CDC.Table == truncate.CDC.Table &&
		(earlier == nil || follows(row, earlier))
}
