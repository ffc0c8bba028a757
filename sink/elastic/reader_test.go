package elastic_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"dossier/query"
	"dossier/query/querytest"
	"dossier/schema"
	"dossier/sink"
	"dossier/sink/elastic"
)

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// reader returns the reader of a cluster.
func (c cluster) reader(t *testing.T) *elastic.Reader {
	t.Helper()
	r, err := elastic.NewReader(elastic.Config{Addresses: []string{c.url}, RequestTimeout: 5 * time.Minute}) // a busy machine is no fault
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// authorization returns the Authorization header of the administrator; "" where there is no security.
func (c cluster) authorization() string {
	if c.user == "" {
		return ""
	}
	return basic(c.user, c.password)
}

// empty deletes all documents of the cluster and sets it up for the scopes.
func (c cluster) empty(t *testing.T, scopes ...string) {
	t.Helper()
	var indices map[string]json.RawMessage
	if err := json.Unmarshal([]byte(c.admin(t, "GET", "/dossier-*-v1-*/_alias", "")), &indices); err != nil {
		t.Fatal(err)
	}
	const atOnce = 50 // names that the first line of a request has room for
	for names := range slices.Chunk(slices.Collect(maps.Keys(indices)), atOnce) {
		c.admin(t, "DELETE", "/"+strings.Join(names, ","), "")
	}
	c.mustSetup(t, elastic.SetupConfig{Scopes: scopes, NoSecurity: c.user == ""})
}

// store stores documents and makes them visible to searches.
func (c cluster) store(t *testing.T, docs ...schema.Document) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	outcomes, err := c.writer(t, c.user, c.password, logged{t: t}).Create(ctx, docs)
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range outcomes {
		if o.Status != sink.StatusStored {
			t.Fatalf("%s: %+v", docs[i].ID(), o)
		}
	}
	c.admin(t, "POST", "/dossier-*-v1-*/_refresh", "")
}

// The whole suite of the read side, on each product.
func TestReaderConformance(t *testing.T) {
	onEach(t, func(t *testing.T, c cluster) {
		const questions = 150 // each is some searches of a dozen indices
		querytest.RunAsking(t, func(t *testing.T) (func(...schema.Document), query.Store) {
			c.empty(t, "catalog", "people")
			return func(docs ...schema.Document) { c.store(t, docs...) }, c.reader(t).For(c.authorization())
		}, questions)
	})
}

// The first of documents within one millisecond is found in whichever of many indices it lies. Stores leave out indices that can have nothing better than what others brought; what the
// filter does not hold for makes them ask the index with the first one last.
func TestReaderFindsTheFirstInManyIndices(t *testing.T) {
	onEach(t, func(t *testing.T, c cluster) {
		var scopes []string
		var docs []schema.Document
		const indices = 8 // more than are asked at once
		for i := range indices {
			scope := "many" + strconv.Itoa(i)
			scopes = append(scopes, scope)
			add := func(kind schema.DocumentKind, after int) {
				at := november.Add(time.Duration(after) * time.Nanosecond)
				docs = append(docs, schema.Document{Kind: kind, EventID: fmt.Sprint(scope, kind, after), Scope: scope, Action: schema.ActionTruncate, Time: at})
			}
			for j := range 3 {
				add(schema.DocumentTruncate, 1000+10*(indices-i)+j)
			}
			add(schema.DocumentRowVersion, i)      // makes the index's earliest time
			add(schema.DocumentRowVersion, 2000+i) // and its latest
		}
		c.empty(t, scopes...)
		c.store(t, docs...)
		store, memory := c.reader(t).For(c.authorization()), querytest.NewMemory(docs...)
		for _, order := range []query.Order{query.OldestFirst, query.NewestFirst} {
			search := query.Search{Filter: query.Is(query.FieldKind, string(schema.DocumentTruncate)), Order: order, Limit: 1}
			for range 3 {
				got, err := store.Search(t.Context(), search)
				if err != nil {
					t.Fatal(err)
				}
				want, _ := memory.Search(t.Context(), search)
				if g, w := got[0].Documents[0].EventID, want[0].Documents[0].EventID; g != w {
					t.Errorf("order %d: %s, want %s", order, g, w)
				}
			}
		}
	})
}

// Somebody who may read one scope finds and counts what it holds as if there were nothing else.
func TestReaderShowsARoleItsScopesAlone(t *testing.T) {
	for name, open := range secured {
		t.Run(name, func(t *testing.T) {
			c := open(t)
			c.empty(t)
			c.mustSetup(t, elastic.SetupConfig{Scopes: []string{"catalog", "people"}, Roles: []elastic.Role{
				{Name: "catalog_auditor", Scopes: []string{"catalog"}}, {Name: "everything", Scopes: []string{"catalog", "people", "default"}}, {Name: "idle"}}})
			var docs []schema.Document
			for i := range 300 {
				scope := []string{"catalog", "people", "default"}[i%3]
				docs = append(docs, schema.Document{Kind: schema.DocumentTruncate, EventID: scope + time.Duration(i).String(), Scope: scope, Action: schema.ActionTruncate,
					Time: november.AddDate(0, -(i % 4), 0), Entity: schema.DocumentEntity{EntityRef: schema.EntityRef{Type: scope, ID: "1"}}})
			}
			c.store(t, docs...)
			c.addUser(t, "ann", "dossier-read-catalog_auditor")
			c.addUser(t, "eve", "dossier-read-catalog_auditor", "dossier-read-everything")
			c.addUser(t, "ida", "dossier-read-idle")
			c.addUser(t, "nobody")
			reader := c.reader(t)
			for user, sees := range map[string][]string{"ann": {"catalog"}, "eve": {"catalog", "people", "default"}, "ida": nil, "nobody": nil} {
				memory := querytest.NewMemory()
				for _, d := range docs {
					if slices.Contains(sees, d.Scope) {
						memory.Add(d)
					}
				}
				store := reader.For(basic(user, sinkPassword))
				for range 2 { // a second time with what was learnt the first
					sameAnswers(t, user, store, memory)
				}
				caller, err := reader.Who(t.Context(), basic(user, sinkPassword))
				if err != nil || caller.Name != user {
					t.Errorf("%s is %+v, %v", user, caller, err)
				}
				if user == "ann" && !slices.Contains(caller.Roles, "dossier-read-catalog_auditor") {
					t.Errorf("ann's roles: %v", caller.Roles)
				}
			}
			for _, authorization := range []string{"", basic("ann", "wrong"), "Bearer no", "ApiKey no", "Basic \n"} {
				var fault *query.Error
				if _, err := reader.For(authorization).Count(t.Context(), query.Count{}); !errors.As(err, &fault) || fault.Code != query.CodeUnauthenticated {
					t.Errorf("%q: %v, want unauthenticated", authorization, err)
				}
				if _, err := reader.Who(t.Context(), authorization); !errors.As(err, &fault) || fault.Code != query.CodeUnauthenticated {
					t.Errorf("who is %q: %v, want unauthenticated", authorization, err)
				}
			}
		})
	}
}

// sameAnswers compares what a user is told with what there is for them. Who may read nothing at all is told so, or that there is nothing.
func sameAnswers(t *testing.T, user string, store query.Store, memory *querytest.Memory) {
	t.Helper()
	count := query.Count{By: []query.Field{query.FieldScope}, Limit: 10}
	want, _ := memory.Count(t.Context(), count)
	got, err := store.Count(t.Context(), count)
	var fault *query.Error
	if errors.As(err, &fault) && fault.Code == query.CodeForbidden && want.Total == 0 {
		return
	}
	if err != nil || got.Total != want.Total || !slices.EqualFunc(got.Buckets, want.Buckets, func(a, b query.Bucket) bool { return a.Key[0] == b.Key[0] && a.Count == b.Count }) {
		t.Errorf("%s counts %+v, %v, want %+v", user, got, err, want)
	}
	searches := []query.Search{{Limit: query.MaxLimit}, {Filter: query.Is(query.FieldScope, "people"), Limit: 1}, {Filter: query.Not{Filter: query.Is(query.FieldScope, "catalog")}, Limit: 10}}
	wanted, _ := memory.Search(t.Context(), searches...)
	for _, some := range [][]int{{0, 1, 2}, {0}, {1}} {
		var asked []query.Search
		for _, i := range some {
			asked = append(asked, searches[i])
		}
		found, err := store.Search(t.Context(), asked...)
		if err != nil {
			t.Errorf("%s: %v: %v", user, err, errors.Unwrap(err))
			continue
		}
		for n, i := range some {
			if found[n].More != wanted[i].More || len(found[n].Documents) != len(wanted[i].Documents) {
				t.Errorf("%s, search %d: %d documents (more: %v), want %d (%v)", user, i, len(found[n].Documents), found[n].More, len(wanted[i].Documents), wanted[i].More)
			}
		}
	}
	groups, err := store.Groups(t.Context(), query.Groups{By: []query.Field{query.FieldEntityType}, Limit: 10})
	if err != nil || len(groups) != len(want.Buckets) {
		t.Errorf("%s sees the groups %+v, %v", user, groups, err)
	}
}

// A store without security knows nobody and shows everybody everything.
func TestReaderWithoutSecurity(t *testing.T) {
	c := openSearch(t)
	for _, authorization := range []string{"", basic("anybody", "x")} {
		if caller, err := c.reader(t).Who(t.Context(), authorization); err != nil || caller.Name != "" {
			t.Errorf("%q is %+v, %v", authorization, caller, err)
		}
	}
}
