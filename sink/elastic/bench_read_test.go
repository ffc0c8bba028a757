package elastic_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"dossier/query"
	"dossier/schema"
	"dossier/sink/elastic"
	"dossier/test/stack"
)

// benchDocuments names the environment variable that asks for the benchmark of reading, with the number of documents that it first stores, such as 1000000.
const benchDocuments = "DOSSIER_BENCH_ELASTICSEARCH"

const (
	benchEntities = 20_000
	benchOldest   = "0" // an entity with a hundred times the changes of others
	benchDays     = 365
)

var benchBegin = time.Date(2025, 11, 23, 0, 0, 0, 0, time.UTC)

// BenchmarkRead measures questions as the API asks them, on documents of a year in monthly indices.
func BenchmarkRead(b *testing.B) {
	n, err := strconv.Atoi(os.Getenv(benchDocuments))
	if err != nil {
		b.Skipf("set %s to a number of documents", benchDocuments)
	}
	s := stack.ForTest(b, stack.Elasticsearch)
	config := elastic.Config{Addresses: []string{s.ElasticsearchURL()}, Username: "elastic", Password: s.ElasticPassword()}
	benchFill(b, config, n)
	reader, err := elastic.NewReader(config)
	if err != nil {
		b.Fatal(err)
	}
	service := &query.Service{Store: reader.For(basic("elastic", s.ElasticPassword())), Now: func() time.Time { return benchBegin.AddDate(0, 0, benchDays) }}
	random := rand.New(rand.NewPCG(1, 2))
	moment := func() string {
		return benchBegin.Add(time.Duration(random.Int64N(int64(benchDays * 24 * time.Hour)))).Format(time.RFC3339)
	}
	entity := func() string { return strconv.Itoa(1 + random.IntN(benchEntities)) }
	measure := func(name string, question func(context.Context) (int, error)) {
		b.Run(name, func(b *testing.B) {
			var took []time.Duration
			items := 0
			for b.Loop() {
				began := time.Now()
				n, err := question(b.Context())
				if err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(began))
				items += n
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms/median")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "ms/p99")
			b.ReportMetric(float64(items)/float64(len(took)), "items")
		})
	}
	for name, id := range map[string]func() string{"": entity, "-old-entity": func() string { return benchOldest }} {
		measure("as-of"+name, func(ctx context.Context) (int, error) {
			s, err := service.State(ctx, query.StateQuery{Type: "person", ID: id(), AsOf: moment()})
			if err != nil {
				return 0, err
			}
			return len(s.Row), nil
		})
		measure("history"+name, func(ctx context.Context) (int, error) {
			h, err := service.History(ctx, query.HistoryQuery{Type: "person", ID: id()})
			if err != nil {
				return 0, err
			}
			return len(h.Items), nil
		})
	}
	for _, q := range []string{"", "user:u1", "user:u1 type:person action:update", "field:status new:active", "request:r77", "entity:77", "ip:10.0.0.0/24", "silver spoon", "zebra*", "user:u1 created:2026-05-01"} {
		measure("search/"+q, func(ctx context.Context) (int, error) {
			c, err := service.Changes(ctx, query.ChangesQuery{Q: q})
			if err != nil {
				return 0, err
			}
			return len(c.Items), nil
		})
	}
	for _, by := range []string{"user", "day", "field", "entity"} {
		measure("counts/"+by, func(ctx context.Context) (int, error) {
			c, err := service.Counts(ctx, query.CountsQuery{By: by, Q: "type:person"})
			if err != nil {
				return 0, err
			}
			return len(c.Items), nil
		})
	}
}

// benchFill stores changes with two field changes each, a row version and so three documents a change.
func benchFill(b *testing.B, config elastic.Config, n int) {
	client, err := elastic.NewClient(config)
	if err != nil {
		b.Fatal(err)
	}
	zero := 0
	if _, err := elastic.Setup(b.Context(), client, elastic.SetupConfig{Replicas: &zero, Now: benchBegin}); err != nil {
		b.Fatal(err)
	}
	w := elastic.NewWriter(client, config, nil)
	random := rand.New(rand.NewPCG(3, 4))
	text := func(s string) schema.Value {
		return schema.Value{State: schema.Present, JSON: schema.AppendString(nil, s)}
	}
	words := []string{"silver", "spoon", "fork", "knife", "amber", "copper", "blue", "glass"}
	var docs []schema.Document
	flush := func() {
		if _, err := w.Create(b.Context(), docs); err != nil {
			b.Fatal(err)
		}
		docs = docs[:0]
	}
	changes := n / 3
	for i := range changes {
		at := benchBegin.Add(time.Duration(int64(benchDays*24*time.Hour) / int64(changes) * int64(i)))
		id := strconv.Itoa(1 + random.IntN(benchEntities))
		if i%200 == 0 {
			id = benchOldest
		}
		user := "u" + strconv.Itoa(random.IntN(200))
		note := words[random.IntN(len(words))] + " " + words[random.IntN(len(words))]
		if i%5000 == 0 {
			note += " zebra" + strconv.Itoa(i)
		}
		row := schema.Row{{Name: "id", Value: text(id)}, {Name: "name", Value: text("Person " + id)}, {Name: "status", Value: text([]string{"active", "left"}[i%2])}, {Name: "note", Value: text(note)}}
		d := schema.Document{EventID: fmt.Sprintf("e%d", i), Time: at, Created: at, Ingested: at, Scope: schema.DefaultScope, Action: schema.ActionUpdate,
			Entity: schema.DocumentEntity{EntityRef: schema.EntityRef{Type: "person", ID: id}},
			Context: &schema.EventContext{Status: schema.StatusAttached, Route: schema.RouteMessage, Context: schema.Context{CorrelationID: "r" + strconv.Itoa(i/3), RequestID: "r" + strconv.Itoa(i/3),
				User: schema.User{ID: user, Name: "User " + user}, IP: fmt.Sprintf("10.0.%d.%d", i%100, i%250), Service: "web"}},
			CDC: schema.CDC{Source: "registry", Schema: "public", Table: "person", Op: schema.OpUpdate, TxID: uint64(i / 3), HasTx: true, Position: schema.FormatPosition(uint64(i), uint64(i), 1)}}
		version := d
		version.Kind, version.Before, version.After, version.Fields = schema.DocumentRowVersion, row, row, []string{"status", "note"}
		docs = append(docs, version)
		for _, c := range []schema.FieldChange{{Field: "status", Previous: text("left"), Current: row[2].Value}, {Field: "note", Previous: text("amber"), Current: row[3].Value}} {
			change := d
			change.Kind, change.Change = schema.DocumentFieldChange, c
			docs = append(docs, change)
		}
		if len(docs) >= 6000 {
			flush()
		}
	}
	flush()
	for _, path := range []string{"/dossier-*-v1-*/_forcemerge?max_num_segments=1", "/dossier-*-v1-*/_refresh"} {
		request, err := http.NewRequestWithContext(b.Context(), http.MethodPost, path, nil)
		if err != nil {
			b.Fatal(err)
		}
		response, err := client.Perform(request)
		if err != nil {
			b.Fatal(err)
		}
		response.Body.Close()
	}
}
