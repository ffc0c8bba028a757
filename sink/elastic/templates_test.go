package elastic_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"dossier/query"
	"dossier/schema"
	"dossier/sink"
	"dossier/sink/elastic"
)

// templated is a store with documents of an entity's life, and the search templates.
type templated struct {
	cluster
	service *query.Service
	kind    string // the entity type, this test's own
	start   time.Time
}

func newTemplated(t *testing.T) *templated {
	c := openSearch(t)
	c.mustSetup(t, elastic.SetupConfig{NoSecurity: true, Roles: []elastic.Role{{Name: "reader", Scopes: []string{schema.DefaultScope}}}})
	s := &templated{cluster: c, kind: fmt.Sprint("thing", time.Now().UnixNano()), start: time.Date(2026, 10, 30, 0, 0, 0, 123456789, time.UTC)}
	client, err := elastic.NewClient(c.config("", ""))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"create update keep", "keep"} { // another test's process may have been here before
		report, err := elastic.SetupSearchTemplates(t.Context(), client, true, false)
		if err != nil {
			t.Fatal(err)
		}
		for _, change := range report.Changes {
			if !strings.Contains(want, change.Action) {
				t.Errorf("setup %d: %s, expected %s", i+1, change, want)
			}
		}
		if len(report.Changes) != len(elastic.SearchTemplates) {
			t.Errorf("%d changes for %d templates", len(report.Changes), len(elastic.SearchTemplates))
		}
	}
	applier := sink.Applier{Store: c.writer(t, "", "", logged{t: t}), Now: time.Now}
	var events []*schema.AuditEvent
	for i := range 40 {
		events = append(events, s.event(i))
	}
	results, err := applier.Apply(t.Context(), events)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range results {
		if r.Refused() {
			t.Fatalf("event %d: %s", i, r.Detail)
		}
	}
	c.admin(t, "POST", "/dossier-*/_refresh", "")
	reader, err := elastic.NewReader(c.config("", ""))
	if err != nil {
		t.Fatal(err)
	}
	s.service = &query.Service{Store: reader.For(""), Now: func() time.Time { return s.at(100) }}
	return s
}

// at is the time of the i-th event: they go over the end of a month, some share a time.
func (s *templated) at(i int) time.Time { return s.start.Add(time.Duration(i/2) * 7 * time.Hour) }

// event is the i-th event: three entities in turn are created, updated, and one deleted in the end.
func (s *templated) event(i int) *schema.AuditEvent {
	text := func(v string) schema.Value { return schema.Value{State: schema.Present, JSON: []byte(`"` + v + `"`)} }
	id := fmt.Sprint(i % 3)
	row := func(i int) schema.Row {
		return schema.Row{{Name: "id", Value: text(id)}, {Name: "price", Value: text(fmt.Sprint(i))}, {Name: "note", Value: schema.NullValue}}
	}
	e := &schema.AuditEvent{SchemaVersion: 1, Kind: schema.KindChange, ID: schema.DerivedID(s.kind, fmt.Sprint(i)), Time: s.at(i), Action: schema.ActionUpdate,
		Entity: schema.Entity{Type: s.kind, ID: id, Key: schema.Row{{Name: "id", Value: text(id)}}}, Scope: schema.DefaultScope,
		Context: &schema.EventContext{Status: schema.StatusAttached, Context: schema.Context{CorrelationID: fmt.Sprintf("%s-r%d", s.kind, i/5), User: schema.User{ID: fmt.Sprint(s.kind, "-u", i%2)}}},
		Before:  row(i - 3), After: row(i), Changes: []schema.FieldChange{{Field: "price", Previous: text(fmt.Sprint(i - 3)), Current: text(fmt.Sprint(i))}},
		CDC: schema.CDC{Source: "s", Connector: "postgresql", Schema: "public", Table: "thing", Op: schema.OpUpdate, TxID: uint64(i), HasTx: true, Position: schema.FormatPosition(uint64(i), uint64(i), 1)}}
	switch {
	case i < 3:
		e.Action, e.Before, e.Changes, e.CDC.Op = schema.ActionCreate, nil, nil, schema.OpCreate
	case i == 39:
		e.Action, e.After, e.Changes, e.CDC.Op = schema.ActionDelete, nil, nil, schema.OpDelete
	}
	if 10 <= i && i < 20 {
		e.VersionName = s.kind + ` "survey"`
	}
	if i%5 == 0 && i > 0 {
		e.Context = &schema.EventContext{Status: schema.StatusUnattributed}
	}
	return e
}

// hit is a document that a template found.
type hit struct {
	Source struct {
		Event  struct{ ID, Action string }
		Entity struct{ ID string }
		Row    struct{ After json.RawMessage }
	} `json:"_source"`
	Sort []json.RawMessage `json:"sort"`
}

// ask asks a template, page by page, and returns what it found. It gives no more than 7 at once.
func (s *templated) ask(t *testing.T, name string, parameters map[string]any) (all []hit) {
	t.Helper()
	paged := name != "dossier-as-of"
	if paged {
		parameters["size"] = 7
	}
	for {
		body, err := json.Marshal(map[string]any{"id": name, "params": parameters})
		if err != nil {
			t.Fatal(err)
		}
		var answer struct{ Hits struct{ Hits []hit } }
		if err := json.Unmarshal([]byte(s.admin(t, "POST", "/dossier-read-reader/_search/template", string(body))), &answer); err != nil {
			t.Fatal(err)
		}
		all = append(all, answer.Hits.Hits...)
		if !paged || len(answer.Hits.Hits) < 7 {
			return all
		}
		parameters["after"] = answer.Hits.Hits[6].Sort
	}
}

func eventIDs(hits []hit) []string {
	ids := []string{}
	for _, h := range hits {
		ids = append(ids, h.Source.Event.ID)
	}
	return ids
}

func (s *templated) changes(t *testing.T, q query.ChangesQuery) []string {
	t.Helper()
	q.Limit = query.MaxLimit
	answer, err := s.service.Changes(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	ids := []string{}
	for _, c := range answer.Items {
		ids = append(ids, c.EventID)
	}
	return ids
}

func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	if len(want) == 0 {
		t.Errorf("%s: the API finds nothing, so nothing is compared", what)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s: the template finds\n%q\nthe API\n%q", what, got, want)
	}
}

// The five templates find what the API finds.
func TestSearchTemplatesAnswerAsTheAPIDoes(t *testing.T) {
	s := newTemplated(t)
	t.Run("as of", func(t *testing.T) {
		for i := range 42 {
			at := s.at(i).Format(time.RFC3339Nano)
			for id := range 3 {
				state, err := s.service.State(t.Context(), query.StateQuery{Type: s.kind, ID: fmt.Sprint(id), AsOf: at})
				if err != nil {
					t.Fatal(err)
				}
				hits := s.ask(t, "dossier-as-of", map[string]any{"type": s.kind, "id": fmt.Sprint(id), "as_of": at})
				if state.Version == nil {
					if len(hits) > 0 {
						t.Errorf("%d as of %s: found %v, the API %s", id, at, eventIDs(hits), state.Status)
					}
					continue
				}
				if len(hits) != 1 || hits[0].Source.Event.ID != state.Version.EventID {
					t.Errorf("%d as of %s: found %v, the API %s", id, at, eventIDs(hits), state.Version.EventID)
				} else if state.Row != nil {
					if row, _ := json.Marshal(state.Row); string(row) != string(hits[0].Source.Row.After) {
						t.Errorf("%d as of %s: row %s, the API's %s", id, at, hits[0].Source.Row.After, row)
					}
				}
			}
		}
		if hits := s.ask(t, "dossier-as-of", map[string]any{"type": s.kind, "id": "0"}); len(hits) != 1 || hits[0].Source.Event.Action != "delete" {
			t.Errorf("now: %+v, want the delete", hits)
		}
	})
	t.Run("history", func(t *testing.T) {
		for _, q := range []query.HistoryQuery{
			{}, {From: s.at(9).Format(time.RFC3339Nano)}, {To: s.at(9).Format(time.RFC3339Nano)}, {Field: "price"}, {User: s.kind + "-u1"}, {User: s.kind + "-u0", Field: "id"},
		} {
			q.Type, q.ID, q.Limit = s.kind, "1", query.MaxLimit
			h, err := s.service.History(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			want := []string{}
			for _, c := range h.Items {
				want = append(want, c.EventID)
			}
			parameters := map[string]any{"type": s.kind, "id": "1"}
			for name, value := range map[string]string{"from": q.From, "to": q.To, "field": q.Field, "user": q.User} {
				if value != "" {
					parameters[name] = value
				}
			}
			if q.Field == "id" { // an id is entered at creation, by the other user
				if hits := s.ask(t, "dossier-entity-history", parameters); len(hits) != 0 || len(want) != 0 {
					t.Errorf("%+v: %v, the API %v", q, eventIDs(hits), want)
				}
				continue
			}
			same(t, fmt.Sprintf("%+v", q), eventIDs(s.ask(t, "dossier-entity-history", parameters)), want)
		}
	})
	t.Run("by time", func(t *testing.T) {
		from, to := s.at(5).Format(time.RFC3339Nano), s.at(31).Format(time.RFC3339Nano)
		same(t, "time", eventIDs(s.ask(t, "dossier-by-time", map[string]any{"from": from, "to": to, "type": s.kind})),
			s.changes(t, query.ChangesQuery{Q: "type:" + s.kind, From: from, To: to}))
		same(t, "unattributed", eventIDs(s.ask(t, "dossier-by-time", map[string]any{"type": s.kind, "context": "unattributed"})),
			s.changes(t, query.ChangesQuery{Q: "context:unattributed type:" + s.kind}))
		same(t, "creates by a user", eventIDs(s.ask(t, "dossier-by-time", map[string]any{"action": "create", "user": s.kind + "-u0"})),
			s.changes(t, query.ChangesQuery{Q: "action:create user:" + s.kind + "-u0"}))
	})
	t.Run("by request", func(t *testing.T) {
		id := s.kind + "-r2"
		same(t, "request", eventIDs(s.ask(t, "dossier-by-request", map[string]any{"id": id})), s.changes(t, query.ChangesQuery{Q: "request:" + id, Order: "asc"}))
	})
	t.Run("by version", func(t *testing.T) {
		content, err := s.service.Version(t.Context(), query.VersionQuery{Name: s.kind + ` "survey"`})
		if err != nil {
			t.Fatal(err)
		}
		newest := map[string]string{} // of each entity: the hits come newest first
		for _, h := range s.ask(t, "dossier-by-version", map[string]any{"name": s.kind + ` "survey"`, "changes_only": true}) {
			if newest[h.Source.Entity.ID] == "" {
				newest[h.Source.Entity.ID] = h.Source.Event.ID
			}
		}
		if len(content.Items) != 3 || len(newest) != 3 {
			t.Fatalf("%d entities, the API %d; want 3", len(newest), len(content.Items))
		}
		for _, state := range content.Items {
			if newest[state.Entity.ID] != state.Version.EventID {
				t.Errorf("%s: %s, the API %s", state.Entity.ID, newest[state.Entity.ID], state.Version.EventID)
			}
		}
	})
}

// A text is a value, whatever it holds, and what is missing finds nothing: no query becomes another one.
func TestSearchTemplatesTakeTextsAsValues(t *testing.T) {
	s := newTemplated(t)
	for _, hostile := range []string{`"}},{"match_all":{`, `*`, "\n", `{{#toJson}}params{{/toJson}}`, `\`, `0" , "x`, strings.Repeat("a", 9000)} {
		if hits := s.ask(t, "dossier-by-request", map[string]any{"id": hostile}); len(hits) != 0 {
			t.Errorf("%.20q found %d documents", hostile, len(hits))
		}
		if hits := s.ask(t, "dossier-as-of", map[string]any{"type": s.kind, "id": hostile}); len(hits) != 0 {
			t.Errorf("%.20q found %d documents", hostile, len(hits))
		}
	}
	for _, body := range []string{
		`{"id":"dossier-by-request","params":{}}`,
		`{"id":"dossier-as-of","params":{"type":"x"}}`,
		`{"id":"dossier-by-version","params":{}}`,
		`{"id":"dossier-entity-history","params":{"type":"` + s.kind + `","id":{"match_all":{}}}}`,
	} {
		if status, answer := s.as(t, "", "", "POST", "/dossier-read-reader/_search/template", body); status != 200 || !strings.Contains(answer, `"hits":[]`) {
			t.Errorf("%s: %d %.200s", body, status, answer)
		}
	}
	for _, body := range []string{
		`{"id":"dossier-by-time","params":{"from":"no time"}}`,
		`{"id":"dossier-by-time","params":{"size":"1, \"query\":{\"match_all\":{}}"}}`,
		`{"id":"dossier-by-time","params":{"after":["\"]}}`,
	} {
		if status, answer := s.as(t, "", "", "POST", "/dossier-read-reader/_search/template", body); status != 400 {
			t.Errorf("%s: %d %.200s", body, status, answer)
		}
	}
}

// Elasticsearch as the tests have it lacks the templates' language.
func TestSearchTemplatesWhereTheStoreHasNone(t *testing.T) {
	c := realCluster(t)
	client, err := elastic.NewClient(c.config(c.user, c.password))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := elastic.SetupSearchTemplates(t.Context(), client, true, false); err != elastic.ErrNoSearchTemplates {
		t.Errorf("required: %v", err)
	}
	report, err := elastic.SetupSearchTemplates(t.Context(), client, false, false)
	if err != nil || len(report.Changes) != 1 || report.Changes[0].Action != "skip" {
		t.Errorf("optional: %+v, %v", report, err)
	}
	report, err = elastic.SetupSearchTemplates(t.Context(), client, true, true)
	if err != nil || len(report.Changes) != len(elastic.SearchTemplates) {
		t.Errorf("dry run: %+v, %v", report, err)
	}
}
