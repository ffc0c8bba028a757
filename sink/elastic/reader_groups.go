package elastic

import (
	"context"
	"time"

	"dossier/query"
)

// Groups implements query.Store.
func (v view) Groups(ctx context.Context, g query.Groups) ([]query.Group, error) {
	if err := g.Check(); err != nil {
		return nil, err
	}
	var groups []query.Group
	err := v.answered(ctx, func(v view) (err error) {
		groups, err = v.groups(ctx, g)
		return err
	})
	if err != nil {
		return nil, err
	}
	return groups, nil
}

func (v view) groups(ctx context.Context, g query.Groups) ([]query.Group, error) {
	// Not min and max, which round to a millisecond.
	edge := func(direction string) object {
		return object{"top_hits": object{"size": 1, "_source": false, "sort": []any{timeSort(direction)}}}
	}
	buckets, _, err := v.composite(ctx, g, false, object{"first": edge("asc"), "last": edge("desc")})
	if err != nil {
		return nil, err
	}
	groups := make([]query.Group, len(buckets))
	for i := range buckets {
		b := &buckets[i]
		groups[i] = query.Group{Key: b.key(g.By), Count: b.Count}
		if groups[i].First, err = b.First.time(); err != nil {
			return nil, err
		}
		if groups[i].Last, err = b.Last.time(); err != nil {
			return nil, err
		}
	}
	return groups, nil
}

// time returns the document's commit time.
func (h *topHit) time() (time.Time, error) {
	if len(h.Hits.Hits) != 1 || len(h.Hits.Hits[0].Sort) != 1 {
		return time.Time{}, incomplete("a group without a document")
	}
	return time.Unix(0, h.Hits.Hits[0].Sort[0]).UTC(), nil
}

// topHit is one document's sort value: nanoseconds since 1970.
type topHit struct {
	Hits struct {
		Hits []struct {
			Sort []int64 `json:"sort"`
		} `json:"hits"`
	} `json:"hits"`
}
