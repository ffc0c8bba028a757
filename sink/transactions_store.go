package sink

import (
	"context"

	"dossier/schema"
)

// storeTransactions stores the counts of transactions until each document is there, and returns those that the store rejects for good. The error is as Store says.
func storeTransactions(ctx context.Context, store Store, observer Observer, docs []schema.Document) (rejected []rejectedDocument, err error) {
	for len(docs) > 0 {
		outcomes, err := store.Create(ctx, docs)
		if err != nil {
			return nil, err
		}
		var differing []schema.Document
		stored, repeated := 0, 0
		for i, outcome := range outcomes {
			switch outcome.Status {
			case StatusStored:
				stored++
			case StatusExists:
				if outcome.Hash == docs[i].Hash() {
					repeated++
				} else {
					differing = append(differing, docs[i])
				}
			default:
				rejected = append(rejected, rejectedDocument{docs[i].Ref(), rejection(&docs[i], outcome)})
			}
		}
		tellStored(observer, stored, repeated)
		again, refused, err := mergeTransactions(ctx, store, observer, differing)
		if err != nil {
			return nil, err
		}
		docs, rejected = again, append(rejected, refused...)
	}
	return rejected, nil
}

// rejectedDocument is one that a store will never take.
type rejectedDocument struct {
	ref    schema.DocumentRef
	detail string
}

func tellStored(observer Observer, stored, repeated int) {
	if stored > 0 {
		observer.Stored(schema.DocumentTransaction, stored)
	}
	if repeated > 0 {
		observer.Repeated(repeated)
	}
}

// mergeTransactions brings what documents tell into those that stand under their identities, and returns those that are to be tried again, because
// somebody else changed or removed the stored ones meanwhile, and those that the store rejects.
func mergeTransactions(ctx context.Context, store Store, observer Observer, docs []schema.Document) (again []schema.Document, rejected []rejectedDocument, err error) {
	if len(docs) == 0 {
		return nil, nil, nil
	}
	refs := make([]schema.DocumentRef, len(docs))
	for i := range docs {
		refs[i] = docs[i].Ref()
	}
	found, err := store.Get(ctx, refs)
	if err != nil {
		return nil, nil, err
	}
	var replacements []Replacement
	var merging []schema.Document
	repeated := 0
	for i := range docs {
		f := &found[i]
		if !f.Found {
			again = append(again, docs[i])
			continue
		}
		if f.Document.Transaction == nil {
			f.Document.Transaction = &schema.TransactionCounts{}
		}
		merged, changed := mergeCounts(f.Document.Transaction, docs[i].Transaction)
		if !changed {
			repeated++
			continue
		}
		f.Document.Transaction, f.Document.Ingested = merged, docs[i].Ingested
		replacements = append(replacements, Replacement{Document: f.Document, Version: f.Version})
		merging = append(merging, docs[i])
	}
	tellStored(observer, 0, repeated)
	if len(replacements) == 0 {
		return again, nil, nil
	}
	outcomes, err := store.Replace(ctx, replacements)
	if err != nil {
		return nil, nil, err
	}
	completed := 0
	for i, outcome := range outcomes {
		switch outcome.Status {
		case StatusStored:
			completed++
		case StatusSuperseded:
			again = append(again, merging[i])
		default:
			rejected = append(rejected, rejectedDocument{merging[i].Ref(), rejection(&merging[i], outcome)})
		}
	}
	if completed > 0 {
		observer.Completed(completed)
	}
	return again, rejected, nil
}
