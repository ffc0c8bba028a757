package query

import "context"

// orders are what a list of changes can be ordered by.
var orders = map[string]Order{"": NewestFirst, "desc": NewestFirst, "asc": OldestFirst}

// Changes searches changes: field changes, changes of rows or the kinds that the question asks for, each page in order of commit time.
func (s *Service) Changes(ctx context.Context, q ChangesQuery) (*Changes, error) {
	order, ok := orders[q.Order]
	if !ok {
		return nil, invalid("order", `%q is no order: expected "desc" for the newest first, or "asc"`, quoteShort(q.Order))
	}
	p, err := s.page(q.PageQuery, "changes", q.Q, q.From, q.To, q.Order)
	if err != nil {
		return nil, err
	}
	question, err := ParseQuestion(q.Q, p.now)
	if err != nil {
		return nil, err
	}
	within, err := timeRange(q.From, q.To, p.now)
	if err != nil {
		return nil, err
	}
	docs, next, err := s.searchPage(ctx, p, both(question.Filter(), within), order)
	if err != nil {
		return nil, err
	}
	items, err := s.tell(ctx, docs)
	if err != nil {
		return nil, err
	}
	return &Changes{Items: items, Next: next}, nil
}

// both holds where the filter holds and, unless it is nil, the other one too.
func both(f, other Filter) Filter {
	if other == nil {
		return f
	}
	return And{f, other}
}
