package elastic

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"dossier/query"
	"dossier/schema"
)

const (
	// searchesAtOnce bounds the searches of one request.
	searchesAtOnce = 200
	// answerLimit bounds what is read of an answer with documents, in bytes; a larger one is asked for in smaller parts. It leaves room for what surrounds the documents of
	// a full page.
	answerLimit = query.MaxPageBytes + 8<<20
	// documentLimit bounds an answer with a single document, in bytes: more than the store takes in one request.
	documentLimit = 256 << 20
)

// sortFields are what orders documents, in the order of query.Key.
var sortFields = [...]string{"@timestamp", "cdc.position", "event.id", "audit.kind", "change.field"}

// Search implements query.Store.
func (v view) Search(ctx context.Context, searches ...query.Search) ([]query.Page, error) {
	for _, s := range searches {
		if err := s.Check(); err != nil {
			return nil, err
		}
	}
	pages := make([]query.Page, len(searches))
	for start := 0; start < len(searches); start += searchesAtOnce {
		end := min(start+searchesAtOnce, len(searches))
		err := v.answered(ctx, func(v view) error { return v.searchAll(ctx, searches[start:end], pages[start:end]) })
		if err != nil {
			return nil, err
		}
	}
	return pages, nil
}

// searchAll answers searches by one request, or by more where the answer would be too large.
func (v view) searchAll(ctx context.Context, searches []query.Search, pages []query.Page) error {
	if len(searches) == 1 {
		return v.searchOne(ctx, searches[0], &pages[0])
	}
	var body []byte
	for _, s := range searches {
		body = append(body, "{\"allow_partial_search_results\":false}\n"...)
		body = append(append(body, encode(questionOf(s, s.Limit+1))...), '\n')
	}
	text, err := v.ask(ctx, "POST", "/"+v.indices+"/_msearch?"+lenient, "application/x-ndjson", body, answerLimit)
	if errors.Is(err, errTooLarge) {
		half := len(searches) / 2
		if err := v.searchAll(ctx, searches[:half], pages[:half]); err != nil {
			return err
		}
		return v.searchAll(ctx, searches[half:], pages[half:])
	}
	if err != nil {
		return err
	}
	var answer struct{ Responses []searchAnswer }
	if err := json.Unmarshal(text, &answer); err != nil {
		return incomplete("unreadable answer to a search: %w", err)
	}
	if len(answer.Responses) != len(searches) {
		return incomplete("the answer to %d searches tells of %d", len(searches), len(answer.Responses))
	}
	for i := range answer.Responses {
		if pages[i], err = answer.Responses[i].page(searches[i].Limit); err != nil {
			return err
		}
	}
	return nil
}

// searchOne answers one search. A page that is too large is asked for again with half the documents.
func (v view) searchOne(ctx context.Context, s query.Search, page *query.Page) error {
	for limit := s.Limit; limit > 0; limit /= 2 {
		var answer searchAnswer
		err := v.send(ctx, questionOf(s, limit+1), answerLimit, &answer)
		if errors.Is(err, errTooLarge) {
			continue
		}
		if err != nil {
			return err
		}
		*page, err = answer.page(limit)
		return err
	}
	// The first document is alone larger than a page, or it and the second are.
	var first searchAnswer
	if err := v.send(ctx, questionOf(s, 1), documentLimit, &first); err != nil {
		return err
	}
	var err error
	if *page, err = first.page(1); err != nil || len(page.Documents) == 0 {
		return err
	}
	key := query.KeyOf(&page.Documents[0])
	s.After = &key
	body := questionOf(s, 1)
	body["_source"] = false
	var rest searchAnswer
	if err := v.send(ctx, body, answerLimit, &rest); err != nil {
		return err
	}
	page.More = len(rest.Hits.Hits) > 0
	return rest.check()
}

// send sends the body of one search and reads the answer.
func (v view) send(ctx context.Context, body object, limit int64, answer any) error {
	text, err := v.ask(ctx, "POST", "/"+v.indices+"/_search?allow_partial_search_results=false&"+lenient, "application/json", encode(body), limit)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return incomplete("unreadable answer to a search: %w", err)
	}
	return nil
}

// questionOf returns a search in the store's form. Pages follow each other by the sort key, so that nothing has to be kept open between them.
func questionOf(s query.Search, size int) object {
	sort, fields := sortOf(s.Order)
	body := object{"query": conditions(s.Filter), "sort": sort, "size": size, "track_total_hits": false}
	if s.After != nil {
		body["search_after"] = afterOf(s.After, fields)
	}
	return body
}

// conditions returns a filter as a query that computes no score.
func conditions(f query.Filter) object { return object{"bool": object{"filter": []any{clause(f)}}} }

// sortOf returns the sort of an order, and its fields. What a document lacks sorts as "" does, before everything.
func sortOf(order query.Order) (sort []any, fields []string) {
	direction, missing := "asc", "_first"
	if order == query.NewestFirst || order == query.CommitOrderReverse {
		direction, missing = "desc", "_last"
	}
	fields = append(fields, sortFields[:]...)
	if order == query.CommitOrder || order == query.CommitOrderReverse {
		fields[0], fields[1] = fields[1], fields[0]
	}
	for _, f := range fields {
		if f == sortFields[0] {
			sort = append(sort, timeSort(direction))
			continue
		}
		sort = append(sort, object{f: object{"order": direction, "missing": missing, "unmapped_type": "keyword"}})
	}
	return sort, fields
}

// timeSort sorts by commit time. Its values are nanoseconds since 1970.
func timeSort(direction string) object {
	return object{"@timestamp": object{"order": direction, "numeric_type": "date_nanos", "unmapped_type": "date_nanos"}}
}

// afterOf returns a key as the sort values of the document that has it.
func afterOf(k *query.Key, fields []string) []any {
	texts := map[string]string{"cdc.position": k.Position, "event.id": k.EventID, "audit.kind": string(k.Kind), "change.field": k.Field}
	values := make([]any, len(fields))
	for i, f := range fields {
		if f == sortFields[0] {
			values[i] = clamp(k.Time, earliestNanos, latestNanos).UnixNano()
		} else if text := texts[f]; text != "" || f == "change.field" && k.Kind == schema.DocumentFieldChange {
			values[i] = text
		} // else null: what is missing
	}
	return values
}

// searchAnswer is the answer to one search.
type searchAnswer struct {
	Status   int       `json:"status"`
	Err      *apiError `json:"error"`
	TimedOut bool      `json:"timed_out"`
	Shards   struct {
		Failed int `json:"failed"`
	} `json:"_shards"`
	Hits struct {
		Total struct {
			Value int64 `json:"value"`
		} `json:"total"`
		Hits []struct {
			Source json.RawMessage `json:"_source"`
		} `json:"hits"`
	} `json:"hits"`
}

// check refuses an answer that is none, or not whole.
func (a *searchAnswer) check() error {
	switch {
	case a.Err != nil:
		a.Err.Status = a.Status
		if a.Status == 0 {
			a.Err.Status = http.StatusInternalServerError
		}
		return a.Err
	case a.TimedOut:
		return incomplete("a search timed out")
	case a.Shards.Failed > 0:
		return incomplete("a search failed on %d shards", a.Shards.Failed)
	}
	return nil
}

// page returns the documents of an answer that was asked for one more than limit.
func (a *searchAnswer) page(limit int) (query.Page, error) {
	if err := a.check(); err != nil {
		return query.Page{}, err
	}
	hits := a.Hits.Hits
	page := query.Page{Documents: make([]schema.Document, 0, min(len(hits), limit))}
	size := 0
	for i := range hits {
		size += len(hits[i].Source)
		if i == limit || i > 0 && size > query.MaxPageBytes {
			page.More = true
			break
		}
		d, _, err := schema.ParseDocument(hits[i].Source)
		if err != nil {
			return query.Page{}, incomplete("a document that was not written by Dossier: %w", err)
		}
		page.Documents = append(page.Documents, d)
	}
	return page, nil
}
