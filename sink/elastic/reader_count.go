package elastic

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"dossier/query"
)

const (
	// shardBuckets is how many values each shard tells of when values are counted. Where no shard has more, the counts are exact.
	shardBuckets = 10_000
	// pageBuckets is how many values come at once when all of them are gone through; stores allow 65,535 unless they are told otherwise.
	pageBuckets = 20_000
	// mostBuckets bounds the different values that are gone through for one count.
	mostBuckets = 1_000_000
)

// Count implements query.Store. Its numbers are exact: where the store would estimate, all values are gone through.
func (v view) Count(ctx context.Context, c query.Count) (query.Counts, error) {
	if err := c.Check(); err != nil {
		return query.Counts{}, err
	}
	var counts query.Counts
	err := v.answered(ctx, func(v view) (err error) {
		counts, err = v.count(ctx, c)
		return err
	})
	if err != nil {
		return query.Counts{}, err
	}
	return counts, nil
}

func (v view) count(ctx context.Context, c query.Count) (query.Counts, error) {
	body := object{"query": conditions(c.Filter), "size": 0, "track_total_hits": true}
	if len(c.By) == 0 {
		var answer searchAnswer
		if err := v.send(ctx, body, answerLimit, &answer); err != nil {
			return query.Counts{}, err
		}
		return query.Counts{Total: answer.Hits.Total.Value}, answer.check()
	}
	if c.By[0] == query.FieldTime {
		return v.countDays(ctx, body, c.Limit)
	}
	if len(c.By) > 1 {
		return v.countAll(ctx, c)
	}
	body["aggs"] = object{"by": object{"terms": object{"field": string(c.By[0]), "size": c.Limit, "shard_size": max(c.Limit, shardBuckets)}}}
	var answer struct {
		searchAnswer
		Aggregations struct {
			By struct {
				Error   int64        `json:"doc_count_error_upper_bound"`
				Other   int64        `json:"sum_other_doc_count"`
				Buckets []termBucket `json:"buckets"`
			} `json:"by"`
		} `json:"aggregations"`
	}
	if err := v.send(ctx, body, answerLimit, &answer); err != nil {
		return query.Counts{}, err
	}
	if err := answer.check(); err != nil {
		return query.Counts{}, err
	}
	by := answer.Aggregations.By
	if by.Error != 0 {
		return v.countAll(ctx, c)
	}
	counts := query.Counts{Total: answer.Hits.Total.Value, Other: by.Other}
	for _, b := range by.Buckets {
		counts.Buckets = append(counts.Buckets, query.Bucket{Key: []string{b.Key}, Count: b.Count})
	}
	slices.SortFunc(counts.Buckets, largestFirst)
	return counts, nil
}

type termBucket struct {
	Key   string `json:"key"`
	Count int64  `json:"doc_count"`
}

// countDays counts by day. There are never many.
func (v view) countDays(ctx context.Context, body object, limit int) (query.Counts, error) {
	body["aggs"] = object{"by": object{"date_histogram": object{"field": "@timestamp", "fixed_interval": "1d", "format": "yyyy-MM-dd", "min_doc_count": 1}}}
	var answer struct {
		searchAnswer
		Aggregations struct {
			By struct {
				Buckets []struct {
					Day   string `json:"key_as_string"`
					Count int64  `json:"doc_count"`
				} `json:"buckets"`
			} `json:"by"`
		} `json:"aggregations"`
	}
	if err := v.send(ctx, body, answerLimit, &answer); err != nil {
		return query.Counts{}, err
	}
	if err := answer.check(); err != nil {
		return query.Counts{}, err
	}
	counts := query.Counts{Total: answer.Hits.Total.Value}
	days := answer.Aggregations.By.Buckets
	for i := len(days) - 1; i >= 0; i-- {
		if len(counts.Buckets) < limit {
			counts.Buckets = append(counts.Buckets, query.Bucket{Key: []string{days[i].Day}, Count: days[i].Count})
		} else {
			counts.Other += days[i].Count
		}
	}
	return counts, nil
}

// countAll counts by going through all values, a page after the other, and keeps the largest.
func (v view) countAll(ctx context.Context, c query.Count) (query.Counts, error) {
	var counts query.Counts
	var after []string
	var counted, different int64
	for {
		page, total, err := v.composite(ctx, query.Groups{Filter: c.Filter, By: c.By, After: after, Limit: pageBuckets}, after == nil, nil)
		if err != nil {
			return query.Counts{}, err
		}
		if after == nil {
			counts.Total = total
		}
		for _, b := range page {
			counted += b.Count
			counts.Buckets = append(counts.Buckets, query.Bucket{Key: b.key(c.By), Count: b.Count})
		}
		slices.SortFunc(counts.Buckets, largestFirst)
		counts.Buckets = slices.Clip(counts.Buckets[:min(len(counts.Buckets), c.Limit)])
		if different += int64(len(page)); different >= mostBuckets {
			return query.Counts{}, &query.Error{Code: query.CodeTooBroad,
				Detail: fmt.Sprintf("there are more than %d different values to count: narrow the question, by a time or a type", mostBuckets)}
		}
		if len(page) < pageBuckets {
			break
		}
		after = page[len(page)-1].key(c.By)
	}
	counts.Other = counted
	for _, b := range counts.Buckets {
		counts.Other -= b.Count
	}
	return counts, nil
}

// largestFirst orders buckets by their counts, and equal ones by their keys, byte by byte.
func largestFirst(a, b query.Bucket) int {
	return cmp.Or(cmp.Compare(b.Count, a.Count), slices.Compare(a.Key, b.Key))
}
