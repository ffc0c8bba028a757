package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"dossier/sink/elastic"
	"dossier/test/stack"
	"dossier/test/stack/parts"
)

// searchStore is the Elasticsearch that documents are stored in, as its administrator sees it.
type searchStore struct {
	url, user, password string
	client              *http.Client // nil for the default
}

// administrator returns the stack's Elasticsearch.
func administrator(servers *stack.Stack) *searchStore {
	return &searchStore{url: servers.ElasticsearchURL(), user: parts.ElasticUser, password: servers.ElasticPassword()}
}

func (s *searchStore) http() *http.Client {
	if s.client == nil {
		return http.DefaultClient
	}
	return s.client
}

// ask sends a request and reads the answer into what JSON is decoded into; nil for none. A store that is too busy is asked again.
func (s *searchStore) ask(ctx context.Context, method, path, body string, answer any) error {
	const attempts, pause = 100, 200 * time.Millisecond
	for attempt := 1; ; attempt++ {
		status, err := s.askOnce(ctx, method, path, body, answer)
		if status != http.StatusTooManyRequests || attempt == attempts {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

func (s *searchStore) askOnce(ctx context.Context, method, path, body string, answer any) (status int, err error) {
	request, err := http.NewRequestWithContext(ctx, method, s.url+path, strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.SetBasicAuth(s.user, s.password)
	response, err := s.http().Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	switch {
	case err != nil:
		return response.StatusCode, fmt.Errorf("%s %s: %w", method, path, err)
	case response.StatusCode > 299:
		return response.StatusCode, fmt.Errorf("%s %s: %s: %.500s", method, path, response.Status, text)
	case answer == nil:
		return response.StatusCode, nil
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return response.StatusCode, fmt.Errorf("%s %s: %w", method, path, err)
	}
	return response.StatusCode, nil
}

// The user that setup makes for the sink, which the loader is as well.
const (
	sinkUser     = "dossier-sink"
	sinkPassword = "bench-password-1!"
)

// empty deletes all documents and sets the store up as `dossier setup` does.
func (s *searchStore) empty(ctx context.Context, now time.Time) error {
	var indices map[string]json.RawMessage
	if err := s.ask(ctx, "GET", "/dossier-*-v1-*/_alias", "", &indices); err != nil {
		return err
	}
	for name := range indices {
		if err := s.ask(ctx, "DELETE", "/"+name, "", nil); err != nil {
			return err
		}
	}
	client, err := elastic.NewClient(elastic.Config{Addresses: []string{s.url}, Username: s.user, Password: s.password})
	if err != nil {
		return err
	}
	none := 0
	_, err = elastic.Setup(ctx, client, elastic.SetupConfig{SinkUser: sinkUser, SinkPassword: sinkPassword, Replicas: &none, Now: now})
	return err
}

// settle makes everything visible and written out, and waits for the merges that this began.
func (s *searchStore) settle(ctx context.Context) error {
	for _, action := range []string{"_refresh", "_flush?force=true&wait_if_ongoing=true"} {
		if err := s.ask(ctx, "POST", "/dossier-*-v1-*/"+action, "", nil); err != nil {
			return err
		}
	}
	for {
		var stats struct {
			All struct {
				Primaries struct{ Merges struct{ Current int } }
			} `json:"_all"`
		}
		if err := s.ask(ctx, "GET", "/dossier-*-v1-*/_stats/merge", "", &stats); err != nil {
			return err
		}
		if stats.All.Primaries.Merges.Current == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// merge makes one segment of each index, as is done with months that are past.
func (s *searchStore) merge(ctx context.Context) error {
	if err := s.ask(ctx, "POST", "/dossier-*-v1-*/_forcemerge?max_num_segments=1", "", nil); err != nil {
		return err
	}
	return s.settle(ctx)
}

// bytes returns what the documents take on disk, and in how many segments they are. (The store's statistics tell of some seconds ago.)
func (s *searchStore) bytes(ctx context.Context) (size int64, segments int, err error) {
	var answer struct {
		Indices map[string]struct {
			Shards map[string][]struct {
				Segments map[string]struct {
					Size      int64 `json:"size_in_bytes"`
					Committed bool
				}
			}
		}
	}
	err = s.ask(ctx, "GET", "/dossier-*-v1-*/_segments", "", &answer)
	for _, index := range answer.Indices {
		for _, copies := range index.Shards {
			for _, shard := range copies {
				for _, segment := range shard.Segments {
					if segment.Committed {
						size += segment.Size
						segments++
					}
				}
			}
		}
	}
	return size, segments, err
}

// stored returns how many documents were stored since the indices were made.
func (s *searchStore) stored(ctx context.Context) (int, error) {
	var stats struct {
		All struct {
			Primaries struct {
				Indexing struct {
					Total int `json:"index_total"`
				}
			}
		} `json:"_all"`
	}
	err := s.ask(ctx, "GET", "/dossier-*-v1-*/_stats/indexing", "", &stats)
	return stats.All.Primaries.Indexing.Total, err
}

// cpuInterval is how far apart two questions for the processor time have to be: Elasticsearch looks once a second, and says the same until then.
const cpuInterval = 1100 * time.Millisecond

// cpu returns the processor time that the store's process has used so far.
func (s *searchStore) cpu(ctx context.Context) (time.Duration, error) {
	var stats struct {
		Nodes map[string]struct {
			Process struct {
				CPU struct {
					Total int64 `json:"total_in_millis"`
				}
			}
		}
	}
	if err := s.ask(ctx, "GET", "/_nodes/stats/process", "", &stats); err != nil {
		return 0, err
	}
	var total int64
	for _, n := range stats.Nodes {
		total += n.Process.CPU.Total
	}
	return time.Duration(total) * time.Millisecond, nil
}

// kinds counts the documents of each kind.
func (s *searchStore) kinds(ctx context.Context) (map[string]int, error) {
	var answer struct {
		Aggregations struct {
			Kinds struct {
				Buckets []struct {
					Key   string `json:"key"`
					Count int    `json:"doc_count"`
				}
			}
		}
	}
	err := s.ask(ctx, "POST", "/dossier-*-v1-*/_search?size=0", `{"aggs":{"kinds":{"terms":{"field":"audit.kind","size":100}}}}`, &answer)
	counts := map[string]int{}
	for _, b := range answer.Aggregations.Kinds.Buckets {
		counts[b.Key] = b.Count
	}
	return counts, err
}

// read hands over every document: its identity, and its text as it is stored.
func (s *searchStore) read(ctx context.Context, take func(id string, text []byte) error) error {
	const page = 2_000
	path, body := "/dossier-*-v1-*/_search?scroll=1m", fmt.Sprintf(`{"size":%d,"sort":["_doc"]}`, page)
	for {
		var answer struct {
			Scroll string `json:"_scroll_id"`
			Shards struct{ Failed int }
			Hits   struct {
				Hits []struct {
					ID     string          `json:"_id"`
					Source json.RawMessage `json:"_source"`
				}
			}
		}
		if err := s.ask(ctx, "POST", path, body, &answer); err != nil {
			return err
		}
		if answer.Shards.Failed > 0 {
			return fmt.Errorf("reading failed on %d shards", answer.Shards.Failed)
		}
		if len(answer.Hits.Hits) == 0 {
			return s.ask(ctx, "DELETE", "/_search/scroll", fmt.Sprintf(`{"scroll_id":%q}`, answer.Scroll), nil)
		}
		for _, h := range answer.Hits.Hits {
			if err := take(h.ID, h.Source); err != nil {
				return err
			}
		}
		path, body = "/_search/scroll", fmt.Sprintf(`{"scroll":"1m","scroll_id":%q}`, answer.Scroll)
	}
}

// usage returns the bytes of each field by what they are for, from the store's own analysis, largest first.
func (s *searchStore) usage(ctx context.Context) ([]fieldUsage, error) {
	var answer map[string]json.RawMessage
	if err := s.ask(ctx, "POST", "/dossier-*-v1-*/_disk_usage?run_expensive_tasks=true", "", &answer); err != nil {
		return nil, err
	}
	sum := map[string]*fieldUsage{}
	for name, text := range answer {
		if !strings.HasPrefix(name, "dossier-") {
			continue
		}
		var index struct {
			Fields map[string]struct {
				Total    int64 `json:"total_in_bytes"`
				Inverted struct {
					Total int64 `json:"total_in_bytes"`
				} `json:"inverted_index"`
				Stored int64 `json:"stored_fields_in_bytes"`
				Values int64 `json:"doc_values_in_bytes"`
				Points int64 `json:"points_in_bytes"`
			}
		}
		if err := json.NewDecoder(bytes.NewReader(text)).Decode(&index); err != nil {
			return nil, err
		}
		for field, u := range index.Fields {
			f := sum[field]
			if f == nil {
				f = &fieldUsage{Field: field}
				sum[field] = f
			}
			f.Total, f.Index, f.Stored, f.Values, f.Points = f.Total+u.Total, f.Index+u.Inverted.Total, f.Stored+u.Stored, f.Values+u.Values, f.Points+u.Points
		}
	}
	list := make([]fieldUsage, 0, len(sum))
	for _, f := range sum {
		list = append(list, *f)
	}
	slices.SortFunc(list, func(a, b fieldUsage) int { return int(b.Total - a.Total) })
	return list, nil
}

// fieldUsage is the bytes of one field.
type fieldUsage struct {
	Field  string `json:"field"`
	Total  int64  `json:"total_bytes"`
	Index  int64  `json:"inverted_index_bytes,omitempty"`
	Stored int64  `json:"stored_fields_bytes,omitempty"`
	Values int64  `json:"doc_values_bytes,omitempty"`
	Points int64  `json:"points_bytes,omitempty"`
}
