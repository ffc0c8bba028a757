package elastic

import (
	"context"

	"dossier/query"
)

// compositeBucket is the documents that have the same values.
type compositeBucket struct {
	Values map[string]any `json:"key"`
	Count  int64          `json:"doc_count"`
	First  topHit         `json:"first"`
	Last   topHit         `json:"last"`
}

func (b *compositeBucket) key(by []query.Field) []string {
	key := make([]string, len(by))
	for i, f := range by {
		key[i], _ = b.Values[string(f)].(string)
	}
	return key
}

// composite lists the values that fields have together, in ascending order, each with the aggregations below it; and how many documents there are in all, where total asks for it.
func (v view) composite(ctx context.Context, g query.Groups, total bool, below object) ([]compositeBucket, int64, error) {
	var sources []any
	after := object{}
	for i, f := range g.By {
		sources = append(sources, object{string(f): object{"terms": object{"field": string(f)}}})
		if g.After != nil {
			after[string(f)] = g.After[i]
		}
	}
	composite := object{"size": g.Limit, "sources": sources}
	if g.After != nil {
		composite["after"] = after
	}
	aggregation := object{"composite": composite}
	if below != nil {
		aggregation["aggs"] = below
	}
	body := object{"query": conditions(g.Filter), "size": 0, "track_total_hits": total, "aggs": object{"by": aggregation}}
	var answer struct {
		searchAnswer
		Aggregations struct {
			By struct {
				Buckets []compositeBucket `json:"buckets"`
			} `json:"by"`
		} `json:"aggregations"`
	}
	if err := v.send(ctx, body, documentLimit, &answer); err != nil {
		return nil, 0, err
	}
	if err := answer.check(); err != nil {
		return nil, 0, err
	}
	return answer.Aggregations.By.Buckets, answer.Hits.Total.Value, nil
}
