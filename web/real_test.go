package web

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"dossier/query"
	"dossier/schema"
	"dossier/sink"
	"dossier/sink/elastic"
	"dossier/test/stack"
)

func TestMain(m *testing.M) { os.Exit(stack.Main(m)) }

const password = "Web-password-1!"

// TestElasticsearchKnowsTheCaller: the caller's own credentials go to the store, and its roles decide; nobody else's do.
func TestElasticsearchKnowsTheCaller(t *testing.T) {
	s := stack.ForTest(t, stack.Elasticsearch)
	scopes := []string{"web-catalog", "web-people"}
	admin := elastic.Config{Addresses: []string{s.ElasticsearchURL()}, Username: "elastic", Password: s.ElasticPassword()}
	client, err := elastic.NewClient(admin)
	if err != nil {
		t.Fatal(err)
	}
	zero := 0
	if _, err := elastic.Setup(t.Context(), client, elastic.SetupConfig{Scopes: scopes, Replicas: &zero, Now: start, SinkUser: "web-sink", SinkPassword: password,
		Roles: []elastic.Role{{Name: "web_catalog", Scopes: scopes[:1]}, {Name: "web_all", Scopes: scopes}}}); err != nil {
		t.Fatal(err)
	}
	events := slices.DeleteFunc(sampleEvents(), func(e *schema.AuditEvent) bool { return e.Entity.Type == "difficult" })
	for _, e := range events {
		e.Scope = "web-" + e.Scope
	}
	sinkConfig := admin
	sinkConfig.Username, sinkConfig.Password = "web-sink", password
	sinkClient, err := elastic.NewClient(sinkConfig)
	if err != nil {
		t.Fatal(err)
	}
	publisher := &directPublisher{sink.Applier{Store: elastic.NewWriter(sinkClient, sinkConfig, sink.NoObserver{})}}
	if err := publisher.apply(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	ask := func(method, path string, body any) string {
		var text []byte
		if body != nil {
			text = mustJSON(body)
		}
		r, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), method, s.ElasticsearchURL()+path, bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		r.SetBasicAuth("elastic", s.ElasticPassword())
		r.Header.Set("Content-Type", "application/json")
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		var b bytes.Buffer
		if _, err := b.ReadFrom(answer.Body); err != nil || answer.StatusCode > 299 {
			t.Fatalf("%s %s: %d %s %v", method, path, answer.StatusCode, &b, err)
		}
		return b.String()
	}
	for user, role := range map[string]string{"web-ann": "dossier-read-web_catalog", "web-bob": "dossier-read-web_all"} {
		ask("PUT", "/_security/user/"+user, map[string]any{"password": password, "roles": []string{role}})
	}
	ask("POST", "/dossier-web-*/_refresh", nil)
	var key struct{ Encoded string }
	if err := json.Unmarshal([]byte(ask("POST", "/_security/api_key", map[string]any{"name": "web", "role_descriptors": map[string]any{"r": map[string]any{
		"indices": []any{map[string]any{"names": []string{"dossier-read-web_catalog"}, "privileges": []string{"read"}}}}}})), &key); err != nil {
		t.Fatal(err)
	}

	reader, err := elastic.NewReader(elastic.Config{Addresses: []string{s.ElasticsearchURL()}})
	if err != nil {
		t.Fatal(err)
	}
	var reads recorded
	clock := time.Now()
	access := &StoreAccess{For: reader.For, Scopes: append(scopes, "default"), Now: func() time.Time { return clock }, Who: func(ctx context.Context, authorization string) (Identity, error) {
		who, err := reader.Who(ctx, authorization)
		return Identity{Name: who.Name, Roles: who.Roles}, err
	}}
	a := newTestAPI(t, func(o *Options) { o.Access, o.Reads = access, &reads })
	basic := func(user, password string) string {
		r := http.Request{Header: http.Header{}}
		r.SetBasicAuth(user, password)
		return r.Header.Get("Authorization")
	}
	ann, bob := basic("web-ann", password), basic("web-bob", password)
	for _, c := range []struct {
		name, authorization, target string
		status                      int
		says, hides                 string
	}{
		{"her scope", ann, "entities/product/1/history", 200, `"u1"`, ""},
		{"another scope", ann, "entities/person/secret", 404, "not_found", "Erika"},
		{"another scope in a search", ann, "changes?q=type:person", 200, `"items":[]`, "Erika"},
		{"another scope in counts", ann, "counts?by=type&q=type:person,product", 200, `"product"`, "person"},
		{"his scopes", bob, "entities/person/secret", 200, "Erika", ""},
		{"a key", "ApiKey " + key.Encoded, "entities/product/1", 200, "99.50", ""},
		{"a key and another scope", "ApiKey " + key.Encoded, "entities/person/secret", 404, "not_found", "Erika"},
		{"nobody", "", "entities/product/1", 401, "unauthenticated", ""},
		{"a wrong password", basic("web-ann", "wrong-password"), "entities/product/1", 401, "unauthenticated", ""},
		{"nonsense", "Nonsense", "changes", 401, "unauthenticated", ""},
	} {
		w := get(a, "/api/v1/"+c.target, "Authorization", c.authorization)
		body := w.Body.String()
		if w.Code != c.status || !strings.Contains(body, c.says) || c.hides != "" && strings.Contains(body, c.hides) {
			t.Errorf("%s: %d %s", c.name, w.Code, body)
		}
		if challenges := strings.Join(w.Header().Values("WWW-Authenticate"), "|"); c.status == 401 && !strings.Contains(challenges, `realm="security"`) {
			t.Errorf("%s: WWW-Authenticate %s, not the store's", c.name, challenges)
		}
	}
	if len(reads) == 0 || reads[0].Caller != "web-ann" {
		t.Errorf("recorded %+v", reads)
	}
	for authorization, want := range map[string][]bool{ann: {true, false, false}, bob: {true, true, false}} {
		r, _ := http.NewRequest("GET", "/", nil)
		r.Header.Set("Authorization", authorization)
		c, err := access.Open(r)
		if err != nil {
			t.Fatal(err)
		}
		for i, scope := range access.Scopes {
			if may, err := c.MaySee(t.Context(), scope); err != nil || may != want[i] {
				t.Errorf("%s may see %s: %v, %v", r.Header, scope, may, err)
			}
		}
		var q query.Store = c.Store()
		if n, err := q.Count(t.Context(), query.Count{Filter: query.Equal{Field: query.FieldScope, Values: scopes}, Limit: 1}); err != nil || n.Total == 0 {
			t.Errorf("%+v, %v", n, err)
		}
	}
}
