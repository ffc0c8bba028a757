package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"dossier/test/stack/parts"
)

// search asks Elasticsearch: see ask.
func (s *servers) search(ctx context.Context, method, path string, body, result any) error {
	return searchStore{s.elasticsearch, parts.ElasticUser, s.password}.ask(ctx, method, path, body, result)
}

// ask sends the store a request as its superuser. The answer is decoded into result, unless that is nil.
func (s searchStore) ask(ctx context.Context, method, path string, body, result any) error {
	var content []byte
	if body != nil {
		var err error
		if content, err = json.Marshal(body); err != nil {
			return err
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, s.URL+path, bytes.NewReader(content))
	if err != nil {
		return err
	}
	request.SetBasicAuth(s.User, s.Password)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s: %.500s", method, path, response.Status, answer)
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal(answer, result)
}

// documentJSON is a version document as the contract describes it.
type documentJSON struct {
	Timestamp string `json:"@timestamp"`
	Event     struct {
		ID, Action, Reason, Hash, Created, Ingested string
	}
	Audit struct {
		Kind, Context, Route, Scope string
		CorrelationID               string `json:"correlation_id"`
		PairID                      string `json:"pair_id"`
		Candidates                  []struct{ User struct{ ID string } }
	}
	User    struct{ ID, Name, Email string }
	Client  struct{ IP string }
	HTTP    struct{ Request struct{ ID string } }
	Service struct{ Name string }
	Version struct {
		Name string
		AsOf string `json:"as_of"`
	}
	Entity struct {
		Type, ID   string
		NextID     string `json:"next_id"`
		PreviousID string `json:"previous_id"`
		Parent     *struct{ Type, ID string }
	}
	Change *struct {
		Field             string
		Previous, Current struct {
			State string
			JSON  *string
		}
	}
	Row *struct {
		Fields        []string
		Before, After map[string]json.RawMessage
		States        struct{ Before, After map[string]string }
	}
	CDC struct {
		Source, Schema, Table, Op, Position string
		TxID                                uint32 `json:"tx_id"`
	}
}

// document is a stored document, as it is compared and as it is ordered.
type document struct {
	fact
	Kind, EventID, Position string
	Entity                  string // "" where the row has no key
	Status                  string
	Tx                      uint32
	Index                   string
}

func (j *documentJSON) document(index string) (document, error) {
	at, err := time.Parse(time.RFC3339Nano, j.Timestamp)
	if err != nil {
		return document{}, err
	}
	e := event{
		Source: j.CDC.Source, Table: j.CDC.Schema + "." + j.CDC.Table, EntityType: j.Entity.Type, ID: j.Entity.ID, NextID: j.Entity.NextID,
		PreviousID: j.Entity.PreviousID, Scope: j.Audit.Scope, Action: j.Event.Action, Op: j.CDC.Op, Tx: j.CDC.TxID, Time: at,
		Context: who{
			Status: j.Audit.Context, Route: j.Audit.Route, User: j.User.ID, Name: j.User.Name, Email: j.User.Email, Correlation: j.Audit.CorrelationID,
			Request: j.HTTP.Request.ID, Reason: j.Event.Reason, IP: j.Client.IP, Service: j.Service.Name, Version: j.Version.Name,
		},
	}
	for _, c := range j.Audit.Candidates {
		e.Context.Candidates = append(e.Context.Candidates, c.User.ID)
	}
	slices.Sort(e.Context.Candidates)
	if j.Entity.Parent != nil {
		e.Parent = j.Entity.Parent.Type + "/" + j.Entity.Parent.ID
	}
	about := j.Audit.Kind
	l := append(e.common(), "kind = "+j.Audit.Kind)
	l.add("version.as_of", j.Version.AsOf)
	if j.Change != nil {
		about += " " + j.Change.Field
		l.add("field", j.Change.Field)
		l.add("previous", stateOrText(j.Change.Previous.State, j.Change.Previous.JSON))
		l.add("current", stateOrText(j.Change.Current.State, j.Change.Current.JSON))
	}
	if j.Row != nil {
		e.Before, e.After = rowValues(j.Row.Before, j.Row.States.Before), rowValues(j.Row.After, j.Row.States.After)
		e.markUnchanged()
		l.row("before", e.Before)
		l.row("after", e.After)
		slices.Sort(j.Row.Fields)
		l.add("fields", strings.Join(j.Row.Fields, ","))
	}
	d := document{
		fact: done(e.about(about), l), Kind: j.Audit.Kind, EventID: j.Event.ID, Position: j.CDC.Position, Status: j.Audit.Context, Tx: e.Tx, Index: index,
	}
	if e.ID != "" {
		d.Entity = e.EntityType + "/" + e.ID
	}
	return d, nil
}

func stateOrText(state string, raw *string) string {
	switch state {
	case "present":
		if raw == nil {
			return "present, without a value"
		}
		return normal([]byte(*raw))
	case "null", "absent":
		return state
	}
	return "(" + state + ")"
}

// documents reads all documents of a source's changes, as they are now.
func (s *servers) documents(t *testing.T, source string) []document {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	check(t, s.search(ctx, http.MethodPost, "/dossier-*/_refresh", nil, nil))
	var pit struct{ ID string }
	check(t, s.search(ctx, http.MethodPost, "/dossier-*/_pit?keep_alive=1m&ignore_unavailable=true", nil, &pit))
	defer func() {
		if err := s.search(ctx, http.MethodDelete, "/_pit", map[string]string{"id": pit.ID}, nil); err != nil {
			t.Log(err)
		}
	}()
	var docs []document
	var after []json.RawMessage
	for {
		query := map[string]any{
			"size": 500, "pit": map[string]string{"id": pit.ID, "keep_alive": "1m"}, "sort": []any{"_shard_doc"},
			"query": map[string]any{"bool": map[string]any{
				"filter": map[string]any{"term": map[string]any{"cdc.source": source}}, "must_not": map[string]any{"term": map[string]any{"audit.kind": "transaction"}},
			}}, "track_total_hits": false,
		}
		if after != nil {
			query["search_after"] = after
		}
		var page struct {
			Hits struct {
				Hits []struct {
					Index  string          `json:"_index"`
					ID     string          `json:"_id"`
					Source json.RawMessage `json:"_source"`
					Sort   []json.RawMessage
				}
			}
		}
		check(t, s.search(ctx, http.MethodPost, "/_search", query, &page))
		if len(page.Hits.Hits) == 0 {
			return docs
		}
		for _, hit := range page.Hits.Hits {
			var j documentJSON
			if err := json.Unmarshal(hit.Source, &j); err != nil {
				t.Errorf("document %s of %s: %v", hit.ID, hit.Index, err)
				continue
			}
			if bytes.Contains(hit.Source, []byte(secretText)) || bytes.Contains(hit.Source, []byte(hiddenText)) {
				t.Errorf("document %s of %s shows a value that the configuration hides", hit.ID, hit.Index)
			}
			d, err := j.document(hit.Index)
			if err != nil {
				t.Errorf("document %s of %s: %v", hit.ID, hit.Index, err)
				continue
			}
			docs = append(docs, d)
		}
		after = page.Hits.Hits[len(page.Hits.Hits)-1].Sort
	}
}

// count is how many documents of a source's changes there are, attributions apart.
func (s *servers) count(ctx context.Context, source string) (int, error) {
	if err := s.search(ctx, http.MethodPost, "/dossier-*/_refresh", nil, nil); err != nil {
		return 0, err
	}
	var answer struct{ Count int }
	err := s.search(ctx, http.MethodPost, "/dossier-*/_count?ignore_unavailable=true", map[string]any{"query": map[string]any{"bool": map[string]any{
		"filter": map[string]any{"term": map[string]any{"cdc.source": source}}, "must_not": map[string]any{"terms": map[string]any{"audit.kind": []string{"attribution", "transaction"}}},
	}}}, &answer)
	return answer.Count, err
}
