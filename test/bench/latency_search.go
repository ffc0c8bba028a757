package main

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"
)

// Samples of what can be searched: so many changes a second, looked for again and again, all of them in one question.
const (
	samplesPerSecond = 20
	searchEvery      = 20 * time.Millisecond
)

// searcher asks Elasticsearch for the documents of sampled changes until they are found. A sample is looked for from when its audit event
// was read: before, its document cannot be there.
type searcher struct {
	store *searchStore
	marks *marks
	every int // of so many transactions, the first change of one is sampled

	mu      sync.Mutex
	missing map[string]int // serial number by event id
}

func newSearcher(p *pipeline, m *marks) *searcher {
	perSecond := p.settings.rate / p.settings.perTx
	return &searcher{store: administrator(p.servers), marks: m, every: max(perSecond/samplesPerSecond, 1), missing: map[string]int{}}
}

func (s *searcher) add(serial int, eventID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.missing[eventID] = serial
}

func (s *searcher) left() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.missing)
}

// run looks until the context ends.
func (s *searcher) run(ctx context.Context) error {
	ticker := time.NewTicker(searchEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		if err := s.look(ctx); err != nil {
			return err
		}
	}
}

// look asks once for all that is missing. A document counts as found when the answer is here.
func (s *searcher) look(ctx context.Context) error {
	s.mu.Lock()
	ids := make([]string, 0, len(s.missing))
	for id := range s.missing {
		ids = append(ids, id)
	}
	s.mu.Unlock()
	if len(ids) == 0 {
		return nil
	}
	var answer struct {
		Hits struct {
			Hits []struct {
				Fields map[string][]string `json:"fields"`
			} `json:"hits"`
		} `json:"hits"`
	}
	err := s.ask(ctx, "/dossier-default-v1-*/_search", map[string]any{
		"size": len(ids), "_source": false, "docvalue_fields": []string{"event.id"}, "track_total_hits": false,
		"query": filters(map[string]any{"terms": map[string]any{"event.id": ids}}, isTerm("audit.kind", "row_version")),
	}, &answer)
	if err != nil {
		return err
	}
	now := time.Now().UnixNano()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, hit := range answer.Hits.Hits {
		for _, id := range hit.Fields["event.id"] {
			if serial, ok := s.missing[id]; ok {
				s.marks.changes[serial].search = now
				delete(s.missing, id)
			}
		}
	}
	return nil
}

// count returns how many documents fulfil all conditions.
func (s *searcher) count(ctx context.Context, conditions ...map[string]any) (int, error) {
	var answer struct{ Count int }
	err := s.ask(ctx, "/dossier-default-v1-*/_count", map[string]any{"query": filters(conditions...)}, &answer)
	return answer.Count, err
}

func isTerm(field, value string) map[string]any {
	return map[string]any{"term": map[string]any{field: value}}
}

func filters(conditions ...map[string]any) map[string]any {
	return map[string]any{"bool": map[string]any{"filter": conditions}}
}

// ask sends a question and decodes the answer.
func (s *searcher) ask(ctx context.Context, path string, question, answer any) error {
	body, err := json.Marshal(question)
	if err != nil {
		return err
	}
	return s.store.ask(ctx, http.MethodPost, path, string(body), answer)
}
