package elastic_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"dossier/query"
	"dossier/query/querytest"
	"dossier/schema"
	"dossier/sink"
	"dossier/sink/elastic"
	"dossier/test/stack"
)

// reader returns the reader of a cluster.
func (c cluster) reader(t *testing.T) *elastic.Reader {
	t.Helper()
	r, err := elastic.NewReader(elastic.Config{Addresses: []string{c.url}})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// store stores documents and makes them visible to searches.
func (c cluster) store(t *testing.T, w sink.Store, docs ...schema.Document) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	outcomes, err := w.Create(ctx, docs)
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range outcomes {
		if o.Status != sink.StatusStored {
			t.Fatalf("%s: %+v", docs[i].ID(), o)
		}
	}
	c.admin(t, "POST", "/dossier-*/_refresh", "")
}

func realOpenSearch(t *testing.T) cluster {
	return cluster{url: stack.ForTest(t, stack.OpenSearch).OpenSearchURL()}
}

// Questions of every kind, answered as by looking at each document.
func TestReaderAnswersAsMemory(t *testing.T) {
	t.Run("Elasticsearch", func(t *testing.T) {
		c := realCluster(t)
		c.mustSetup(t, elastic.SetupConfig{Scopes: []string{"asked"}, SinkUser: "dossier-sink", SinkPassword: sinkPassword})
		compareWithMemory(t, c, c.writer(t, "dossier-sink", sinkPassword, logged{t: t}), basic("elastic", c.password))
	})
	t.Run("OpenSearch", func(t *testing.T) {
		c := realOpenSearch(t)
		c.mustSetup(t, elastic.SetupConfig{Scopes: []string{"asked"}, NoSecurity: true})
		compareWithMemory(t, c, c.writer(t, "", "", logged{t: t}), "")
	})
}

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

func compareWithMemory(t *testing.T, c cluster, w sink.Store, authorization string) {
	random := rand.New(rand.NewPCG(1, 2))
	docs := randomDocuments(random, 600)
	c.store(t, w, docs...)
	memory := querytest.NewMemory(docs...)
	store := c.reader(t).For(authorization)
	ours := query.Is(query.FieldScope, "asked")

	for n := 0; n < 400; n += 20 {
		var searches []query.Search
		for range 20 {
			searches = append(searches, query.Search{Filter: query.And{ours, randomFilter(random, 3)}, Order: query.Order(random.IntN(4)), Limit: 1 + random.IntN(60)})
		}
		want, err := memory.Search(t.Context(), searches...)
		if err != nil {
			t.Fatal(err)
		}
		got, err := store.Search(t.Context(), searches...)
		if err != nil {
			t.Fatalf("%v: %v", err, errors.Unwrap(err))
		}
		for i := range searches {
			comparePages(t, searches[i], got[i], want[i])
			// To the end, a page after the other.
			for s, page := searches[i], want[i]; page.More; {
				key := query.KeyOf(&page.Documents[len(page.Documents)-1])
				s.After = &key
				next, err := memory.Search(t.Context(), s)
				if err != nil {
					t.Fatal(err)
				}
				found, err := store.Search(t.Context(), s)
				if err != nil {
					t.Fatal(err)
				}
				comparePages(t, s, found[0], next[0])
				page = next[0]
				s.Limit *= 3
				s.Limit = min(s.Limit, query.MaxLimit)
			}
		}
	}
	keywords := []query.Field{query.FieldUserID, query.FieldEntityType, query.FieldEntityID, query.FieldAction, query.FieldRowFields, query.FieldTxID, query.FieldChangeField, query.FieldTable}
	for range 60 {
		filter := query.And{ours, randomFilter(random, 2)}
		by := []query.Field{keywords[random.IntN(len(keywords))]}
		if random.IntN(2) == 0 {
			if other := keywords[random.IntN(len(keywords))]; other != by[0] {
				by = append(by, other)
			}
		}
		count := query.Count{Filter: filter, By: by, Limit: 1 + random.IntN(20)}
		switch random.IntN(5) {
		case 0:
			count.By = nil
		case 1:
			count.By = []query.Field{query.FieldTime}
		}
		want, _ := memory.Count(t.Context(), count)
		got, err := store.Count(t.Context(), count)
		if err != nil {
			t.Fatalf("%v: %v", err, errors.Unwrap(err))
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("count %+v:\n%v, want\n%v", count, got, want)
		}
		groups := query.Groups{Filter: filter, By: by, Limit: 1 + random.IntN(10)}
		for page := 0; ; page++ {
			want, _ := memory.Groups(t.Context(), groups)
			got, err := store.Groups(t.Context(), groups)
			if err != nil {
				t.Fatalf("%v: %v", err, errors.Unwrap(err))
			}
			if !slices.EqualFunc(got, want, sameGroup) {
				t.Errorf("groups %+v:\n%v, want\n%v", groups, got, want)
			}
			if len(want) < groups.Limit {
				break
			}
			groups.After = want[len(want)-1].Key
		}
	}
}

func sameGroup(a, b query.Group) bool {
	return slices.Equal(a.Key, b.Key) && a.Count == b.Count && a.First.Equal(b.First) && a.Last.Equal(b.Last)
}

func comparePages(t *testing.T, s query.Search, got, want query.Page) {
	t.Helper()
	if got.More != want.More || !slices.EqualFunc(got.Documents, want.Documents, sameDocument) {
		t.Errorf("order %d, limit %d, after %+v, filter %+v:\n%v more %v, want\n%v more %v", s.Order, s.Limit, s.After, s.Filter, ids(got), got.More, ids(want), want.More)
	}
}

func sameDocument(a, b schema.Document) bool {
	x, _ := a.AppendJSON(nil)
	y, _ := b.AppendJSON(nil)
	return string(x) == string(y)
}

func ids(p query.Page) (list []string) {
	for i := range p.Documents {
		list = append(list, p.Documents[i].EventID+" "+string(p.Documents[i].Kind)+" "+p.Documents[i].Change.Field)
	}
	return list
}
