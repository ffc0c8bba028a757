package query

import (
	"context"
	"strings"
)

// countable is what changes can be counted by.
var countable = []struct {
	name   string
	fields []Field
}{
	{"user", []Field{FieldUserID}},
	{"entity", []Field{FieldEntityType, FieldEntityID}},
	{"type", []Field{FieldEntityType}},
	{"day", []Field{FieldTime}},
	{"field", []Field{FieldChangeField}},
	{"action", []Field{FieldAction}},
	{"context", []Field{FieldContext}},
	{"version", []Field{FieldVersionName}},
}

// Counts counts what a search would find by what it has in common, the most frequent first, days the latest first. Counted by field, it is field changes that are counted.
//
// What lacks the thing counted by (a user, say) is in the total alone.
func (s *Service) Counts(ctx context.Context, q CountsQuery) (*CountsAnswer, error) {
	by, err := countedBy(q.By)
	if err != nil {
		return nil, err
	}
	limit, err := pageLimit(q.Limit)
	if err != nil {
		return nil, err
	}
	now := s.now()
	question, err := ParseQuestion(q.Q, now)
	if err != nil {
		return nil, err
	}
	within, err := timeRange(q.From, q.To, now)
	if err != nil {
		return nil, err
	}
	filter := question.Filter()
	if q.By == "field" {
		filter = question.FieldChangeFilter()
	}
	counts, err := s.Store.Count(ctx, Count{Filter: both(filter, within), By: by, Limit: limit})
	if err != nil {
		return nil, err
	}
	answer := &CountsAnswer{By: q.By, Total: counts.Total, Other: counts.Other, Items: make([]CountedItem, 0, len(counts.Buckets))}
	for _, b := range counts.Buckets {
		item := CountedItem{Key: b.Key[0], Count: b.Count}
		if len(b.Key) == 2 {
			item.Key = Ref{Type: b.Key[0], ID: b.Key[1]}
		}
		answer.Items = append(answer.Items, item)
	}
	return answer, nil
}

func countedBy(name string) ([]Field, error) {
	names := make([]string, len(countable))
	for i, c := range countable {
		if c.name == name {
			return c.fields, nil
		}
		names[i] = c.name
	}
	if name == "" {
		return nil, invalid("by", "expected what to count by: %s", alternatives(names))
	}
	hint := ""
	if near := suggest(name, names); near != "" {
		hint = "; did you mean " + near + "?"
	}
	return nil, invalid("by", "nothing is counted by %q: expected %s%s", strings.ToValidUTF8(quoteShort(name), "�"), alternatives(names), hint)
}
