package elastic

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"dossier/schema"
	"dossier/sink"

	"golang.org/x/sync/errgroup"
)

const (
	// getDocuments bounds the documents of one multi-get, which come whole.
	getDocuments = 100
	// getHashes bounds those of which only the hash is asked.
	getHashes = 1000
)

// found is one document of a multi-get's answer.
type found struct {
	ID          string          `json:"_id"`
	Found       bool            `json:"found"`
	SeqNo       int64           `json:"_seq_no"`
	PrimaryTerm int64           `json:"_primary_term"`
	Source      json.RawMessage `json:"_source"`
	Err         *apiError       `json:"error"`
}

// Get implements sink.Store. It reads in real time: what a bulk request has acknowledged is found before any refresh.
func (w *Writer) Get(ctx context.Context, refs []schema.DocumentRef) ([]sink.Stored, error) {
	stored := make([]sink.Stored, len(refs))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(w.config.InFlight)
	for start := 0; start < len(refs); start += getDocuments {
		end := min(start+getDocuments, len(refs))
		group.Go(func() error { return w.getPage(groupCtx, refs[start:end], stored[start:end]) })
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return stored, ctx.Err()
}

func (w *Writer) getPage(ctx context.Context, refs []schema.DocumentRef, stored []sink.Stored) error {
	docs, err := w.multiGet(ctx, refs, "")
	if err != nil {
		return err
	}
	for i := range docs {
		if !docs[i].Found {
			continue
		}
		d, hash, err := schema.ParseDocument(docs[i].Source)
		if err != nil {
			return &sink.SetupError{Where: refs[i].Index, Detail: fmt.Sprintf("document %s was not written by Dossier (%v)", refs[i].ID, err)}
		}
		stored[i] = sink.Stored{Found: true, Document: d, Hash: hash, Version: sink.Version{Sequence: docs[i].SeqNo, Term: docs[i].PrimaryTerm}}
	}
	return nil
}

// existing reads the hashes of what stands where documents were to be created. Those that stand there no longer are to be tried again.
func (w *Writer) existing(ctx context.Context, items []item, outcomes []sink.Outcome) (again []item, err error) {
	for start := 0; start < len(items); start += getHashes {
		page := items[start:min(start+getHashes, len(items))]
		refs := make([]schema.DocumentRef, len(page))
		for i := range page {
			refs[i] = page[i].ref
		}
		docs, err := w.multiGet(ctx, refs, "?_source_includes=event.hash")
		if err != nil {
			return nil, err
		}
		for i := range docs {
			if !docs[i].Found {
				again = append(again, page[i])
				continue
			}
			var source struct {
				Event struct{ Hash string }
			}
			if err := json.Unmarshal(docs[i].Source, &source); err != nil {
				return nil, &sink.SetupError{Where: page[i].ref.Index, Detail: fmt.Sprintf("document %s was not written by Dossier (%v)", page[i].ref.ID, err)}
			}
			outcomes[page[i].arg] = sink.Outcome{Status: sink.StatusExists, Hash: source.Event.Hash}
		}
	}
	return again, nil
}

// multiGet reads documents, until Elasticsearch answers for each of them.
func (w *Writer) multiGet(ctx context.Context, refs []schema.DocumentRef, query string) ([]found, error) {
	b := []byte(`{"docs":[`)
	for i, ref := range refs {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"_index":`...)
		b = schema.AppendString(b, ref.Index)
		b = append(b, `,"_id":`...)
		b = schema.AppendString(b, ref.ID)
		b = append(b, '}')
	}
	b = append(b, "]}"...)
	pause := backoff{min: w.config.BackoffMin, max: w.config.BackoffMax}
	for {
		docs, err := w.multiGetOnce(ctx, b, query, refs)
		if err == nil {
			w.going()
			return docs, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err := w.wait(ctx, &pause, err, len(refs)); err != nil {
			return nil, err
		}
	}
}

func (w *Writer) multiGetOnce(ctx context.Context, body []byte, query string, refs []schema.DocumentRef) ([]found, error) {
	answer, err := w.attempt(ctx, "POST", "/_mget"+query, "application/json", body)
	if err != nil {
		return nil, err
	}
	var result struct{ Docs []found }
	if err := json.Unmarshal(answer, &result); err != nil {
		return nil, fmt.Errorf("unreadable answer to a multi-get: %w", err)
	}
	if len(result.Docs) != len(refs) {
		return nil, fmt.Errorf("the answer to a multi-get of %d documents tells of %d", len(refs), len(result.Docs))
	}
	for i := range result.Docs {
		d := &result.Docs[i]
		if d.ID != refs[i].ID {
			return nil, errors.New("the answer to a multi-get is in another order than the question")
		}
		if d.Err == nil {
			continue
		}
		if d.Err.Type != "index_not_found_exception" { // nothing has been stored for that month yet
			return nil, d.Err
		}
	}
	return result.Docs, nil
}
