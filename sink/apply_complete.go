package sink

import (
	"context"
	"slices"

	"dossier/schema"
)

// target is a change whose documents a late attribution completes.
type target struct {
	event  int // in the batch: where a fault is reported
	id     string
	index  string
	action schema.Action
	fields []string // as the attribution event names them
	// versionOf is the entity of the change's named version; nil without.
	versionOf *schema.EntityRef
	// attribution is the stored one. If somebody extends it from here on, they complete the documents themselves.
	attribution schema.Document
}

func (t *target) ref(kind schema.DocumentKind, field string) schema.DocumentRef {
	return schema.DocumentRef{Index: t.index, ID: schema.DocumentID(t.id, kind, field)}
}

// base is where the document stands that every change has.
func (t *target) base() schema.DocumentRef {
	if t.action == schema.ActionTruncate {
		return t.ref(schema.DocumentTruncate, "")
	}
	return t.ref(schema.DocumentRowVersion, "")
}

// complete fills late context into the documents of this batch's changes, and into those that its attributions concern.
func (b *batch) complete(ctx context.Context) error {
	targets, err := b.attributed(ctx)
	if err != nil || len(targets) == 0 {
		return err
	}
	bases := make([]schema.DocumentRef, len(targets))
	for i := range targets {
		bases[i] = targets[i].base()
	}
	found, err := b.Store.Get(ctx, bases)
	if err != nil {
		return err
	}
	fields, err := b.fieldsOf(ctx, targets, found)
	if err != nil {
		return err
	}
	var items []completion
	for i := range targets {
		t := &targets[i]
		items = append(items, completion{t, t.base()})
		if t.versionOf != nil {
			items = append(items, completion{t, schema.DocumentRef{Index: t.index, ID: schema.NamedVersionDocumentID(t.id, *t.versionOf)}})
		}
		for _, field := range fields[i] {
			items = append(items, completion{t, t.ref(schema.DocumentFieldChange, field)})
		}
	}
	for len(items) > 0 {
		if items, err = b.fill(ctx, items); err != nil {
			return err
		}
	}
	return nil
}

// attributed returns the changes for which the store holds an attribution.
func (b *batch) attributed(ctx context.Context) ([]target, error) {
	var targets []target
	var refs []schema.DocumentRef
	seen := map[string]int{}
	add := func(event int, d *schema.Document, fields []string, versionOf *schema.EntityRef) {
		if at, ok := seen[d.EventID]; ok {
			if targets[at].versionOf == nil {
				targets[at].versionOf = versionOf
			}
			return
		}
		seen[d.EventID] = len(targets)
		t := target{event: event, id: d.EventID, index: d.Index(), action: d.Action, fields: fields, versionOf: versionOf}
		targets = append(targets, t)
		refs = append(refs, t.ref(schema.DocumentAttribution, ""))
	}
	// Attributions first: they know their event's fields even where its row version is missing, and a fault is theirs.
	for i := range b.roots {
		if r := &b.roots[i]; r.doc.Kind == schema.DocumentAttribution && !b.results[r.event].Refused() {
			add(r.event, r.doc, r.doc.Fields, r.versionOf)
		}
	}
	for i := range b.roots {
		r := &b.roots[i]
		if completable(r.doc) {
			add(r.event, r.doc, nil, r.versionOf)
		}
		if r.pair != nil && completable(r.pair) {
			add(r.event, r.pair, nil, nil) // its named version was made with its row version, and completed by whoever came second of it and the attribution
		}
	}
	if len(targets) == 0 {
		return nil, nil
	}
	found, err := b.Store.Get(ctx, refs)
	if err != nil {
		return nil, err
	}
	kept := targets[:0]
	for i := range targets {
		if found[i].Found {
			targets[i].attribution = found[i].Document
			kept = append(kept, targets[i])
		}
	}
	return kept, nil
}

// completable says whether a document is of a change that may have a late attribution: its context was not found, or is known from the row's own
// columns alone. All others save the look-up.
func completable(d *schema.Document) bool {
	c := d.Context
	if d.Kind != schema.DocumentRowVersion && d.Kind != schema.DocumentTruncate {
		return false
	}
	return c != nil && (c.Status != schema.StatusAttached || c.Route == schema.RouteColumns)
}

// fieldsOf returns the names of the fields that have field changes, per target.
func (b *batch) fieldsOf(ctx context.Context, targets []target, bases []Stored) ([][]string, error) {
	fields := make([][]string, len(targets))
	var pairs []schema.DocumentRef
	var at []int
	for i := range targets {
		fields[i] = slices.Clone(targets[i].fields)
		if !bases[i].Found {
			continue
		}
		base := &bases[i].Document
		for _, f := range base.Fields {
			if !slices.Contains(fields[i], f) {
				fields[i] = append(fields[i], f)
			}
		}
		if isHalf(base) && base.Entity.PreviousID != "" {
			pairs = append(pairs, pairRef(base))
			at = append(at, i)
		}
	}
	if len(pairs) == 0 {
		return fields, nil
	}
	found, err := b.Store.Get(ctx, pairs)
	if err != nil {
		return nil, err
	}
	for j, i := range at {
		if !found[j].Found {
			continue
		}
		for _, d := range RekeyChanges(&bases[i].Document, &found[j].Document) {
			if !slices.Contains(fields[i], d.Change.Field) {
				fields[i] = append(fields[i], d.Change.Field)
			}
		}
	}
	return fields, nil
}

// completion is one document to be completed.
type completion struct {
	target *target
	ref    schema.DocumentRef
}

// fill completes the documents that are there, and returns those that somebody else changed at the same time. One that is not there is
// not missed: whoever stores it later finds the attribution.
func (b *batch) fill(ctx context.Context, items []completion) (again []completion, err error) {
	refs := make([]schema.DocumentRef, len(items))
	for i, item := range items {
		refs[i] = item.ref
	}
	found, err := b.Store.Get(ctx, refs)
	if err != nil {
		return nil, err
	}
	var changed []completion
	var pendings []pending
	var replacements []Replacement
	for i, item := range items {
		stored := found[i]
		if !stored.Found {
			continue
		}
		completed, differs, err := Complete(stored.Document, item.target.attribution)
		if err != nil {
			b.conflict(item.target.event, Conflict{Ref: item.ref, Kind: stored.Document.Kind, EventID: item.target.id,
				Stored: stored.Hash, Detail: err.Error()})
			continue
		}
		if differs {
			changed = append(changed, item)
			pendings = append(pendings, pending{event: item.target.event, doc: &completed})
			replacements = append(replacements, Replacement{Document: completed, Version: stored.Version})
		}
	}
	superseded, err := b.replace(ctx, pendings, replacements)
	if err != nil {
		return nil, err
	}
	for _, p := range superseded {
		for _, item := range changed {
			if item.ref == p.doc.Ref() {
				again = append(again, item)
			}
		}
	}
	return again, nil
}
