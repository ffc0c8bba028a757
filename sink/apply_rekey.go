package sink

import (
	"context"

	"dossier/schema"
)

// rekey makes the field changes of changed keys whose two halves are both in the store by now.
func (b *batch) rekey(ctx context.Context) error {
	var halves []*root
	var refs []schema.DocumentRef
	for i := range b.roots {
		r := &b.roots[i]
		if isHalf(r.doc) && !b.results[r.event].Refused() {
			halves = append(halves, r)
			refs = append(refs, pairRef(r.doc))
		}
	}
	if len(refs) == 0 {
		return nil
	}
	found, err := b.Store.Get(ctx, refs)
	if err != nil {
		return err
	}
	var items []pending
	for i, r := range halves {
		if !found[i].Found {
			continue // it comes later, and completes what this half cannot
		}
		other := found[i].Document
		for _, d := range RekeyChanges(r.doc, &other) {
			items = append(items, pending{event: r.event, doc: &d})
		}
		if r.doc.Entity.NextID != "" {
			r.pair = &other
		}
	}
	return b.create(ctx, items)
}

// pairRef returns where the row version of the other half stands. One transaction has one commit time, so it is the same index.
func pairRef(half *schema.Document) schema.DocumentRef {
	return schema.DocumentRef{Index: half.Index(), ID: schema.DocumentID(half.PairID, schema.DocumentRowVersion, "")}
}
