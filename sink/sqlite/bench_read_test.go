package sqlite

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"dossier/query"
	"dossier/schema"
	"dossier/sink"
)

// benchFile names the environment variable that asks for the benchmark of reading, which first stores a million documents: in the file that it names, which is kept and used again, or in
// a temporary one if it is "temporary".
const benchFile = "DOSSIER_BENCH_SQLITE"

const (
	benchDocuments = 1_000_000
	benchYears     = 3
	oldest         = "0" // an entity with a hundred times the changes of others
)

var benchBegin = time.Date(2023, 11, 23, 0, 0, 0, 0, time.UTC)

// BenchmarkRead measures questions as the API asks them, on a million documents.
func BenchmarkRead(b *testing.B) {
	path := os.Getenv(benchFile)
	switch path {
	case "":
		b.Skipf("set %s to a file's name, or to temporary", benchFile)
	case "temporary":
		path = filepath.Join(b.TempDir(), "dossier.db")
	}
	if _, err := os.Stat(path); err != nil {
		fill(b, path)
	}
	r, err := OpenReader(path)
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	for _, scopes := range []struct {
		name   string
		scopes []string
	}{{"all", nil}, {"scoped", []string{schema.DefaultScope, "people"}}} {
		service := &query.Service{Store: r.For(scopes.scopes), Now: func() time.Time { return benchBegin.AddDate(benchYears, 0, 0) }}
		b.Run(scopes.name, func(b *testing.B) { askAll(b, service) })
	}
}

func askAll(b *testing.B, service *query.Service) {
	random := rand.New(rand.NewPCG(1, 2))
	moment := func() string {
		return benchBegin.Add(time.Duration(random.Int64N(int64(benchYears * 365 * 24 * time.Hour)))).Format(time.RFC3339)
	}
	entity := func() string { return strconv.Itoa(1 + random.IntN(20_000)) }
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
	asOf := func(id func() string) func(context.Context) (int, error) {
		return func(ctx context.Context) (int, error) {
			s, err := service.State(ctx, query.StateQuery{Type: "person", ID: id(), AsOf: moment()})
			if err != nil {
				return 0, err
			}
			return len(s.Row), nil
		}
	}
	measure("as-of", asOf(entity))
	measure("as-of-old-entity", asOf(func() string { return oldest }))
	history := func(q query.HistoryQuery) func(context.Context) (int, error) {
		return func(ctx context.Context) (int, error) {
			q := q
			if q.Type = "person"; q.ID == "" {
				q.ID = entity()
			}
			h, err := service.History(ctx, q)
			if err != nil {
				return 0, err
			}
			return len(h.Items), nil
		}
	}
	measure("history", history(query.HistoryQuery{}))
	measure("history-old-entity", history(query.HistoryQuery{ID: oldest}))
	measure("history-old-entity-field", history(query.HistoryQuery{ID: oldest, Field: "rare"}))
	measure("blame", func(ctx context.Context) (int, error) {
		s, err := service.State(ctx, query.StateQuery{Type: "person", ID: entity(), AsOf: moment(), Blame: true})
		if err != nil {
			return 0, err
		}
		return len(s.Blame), nil
	})
	for _, q := range []string{"", "user:u1", "user:u190 type:person", "user:u1 type:household", "user:nobody", "type:person field:status new:active", "field:rare", "request:r77",
		"entity:77", "ip:10.0.0.0/24 action:update", "value:silver", "silver spoon", "zebra", "zebra silver", `new:"zebra 77"`, "new:zebra*", "value:*ebra*", "user:u1 zebra", "-user:u1 -user:u2",
		"version:wave*", `version:"wave 2"`, "created:2024-05-01 type:person", "kind:feedback", "action:delete", "old:>90000", "parent:household/7", "context:unattributed", "tx:77", "scope:people"} {
		measure("search/"+q, func(ctx context.Context) (int, error) {
			c, err := service.Changes(ctx, query.ChangesQuery{Q: q})
			if err != nil {
				return 0, err
			}
			return len(c.Items), nil
		})
	}
	measure("request", func(ctx context.Context) (int, error) {
		answer, err := service.Request(ctx, query.RequestQuery{ID: "r" + strconv.Itoa(1+random.IntN(40_000))})
		if err != nil {
			return 0, err
		}
		return len(answer.Transactions), nil
	})
	measure("children", func(ctx context.Context) (int, error) {
		answer, err := service.Children(ctx, query.ChildrenQuery{Type: "household", ID: strconv.Itoa(random.IntN(2_000))})
		if err != nil {
			return 0, err
		}
		return len(answer.Items), nil
	})
	measure("versions", func(ctx context.Context) (int, error) {
		answer, err := service.Versions(ctx, query.PageQuery{})
		if err != nil {
			return 0, err
		}
		return len(answer.Items), nil
	})
	for _, by := range []string{"user", "day", "entity"} {
		measure("counts/"+by, func(ctx context.Context) (int, error) {
			answer, err := service.Counts(ctx, query.CountsQuery{By: by, Q: "created:2024-05-01..2024-05-31"})
			if err != nil {
				return 0, err
			}
			return len(answer.Items), nil
		})
	}
}

// fill stores a register's changes over some years.
func fill(b *testing.B, path string) {
	if _, err := Setup(b.Context(), path, false); err != nil {
		b.Fatal(err)
	}
	s, err := Open(b.Context(), Config{Path: path}, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	began := time.Now()
	stored := 0
	for n := 0; stored < benchDocuments; {
		var docs []schema.Document
		for range 500 {
			more, err := sink.Materialize(benchChange(n), sink.Options{})
			if err != nil {
				b.Fatal(err)
			}
			docs = append(docs, more...)
			n++
		}
		if _, err := s.Create(b.Context(), docs); err != nil {
			b.Fatal(err)
		}
		stored += len(docs)
	}
	info, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("%d documents in %v (%.0f a second), %d MB", stored, time.Since(began).Round(time.Second), float64(stored)/time.Since(began).Seconds(), info.Size()>>20)
}

// benchChange is the n-th change: of one of 20,000 persons and 2,000 households, by one of 200 users of whom few make most changes. Ten thousand changes in the middle are one
// transaction.
func benchChange(n int) *schema.AuditEvent {
	random := rand.New(rand.NewPCG(uint64(n), 3))
	// The smaller, the more frequent.
	skewed := func(of int) int { f := random.Float64(); return int(f * f * f * float64(of)) }
	typ, id, scope := "person", strconv.Itoa(1+random.IntN(20_000)), "people"
	switch random.IntN(20) {
	case 0:
		id = oldest
	case 1, 2:
		typ, id, scope = "household", strconv.Itoa(random.IntN(2_000)), schema.DefaultScope
	}
	tx := n / 3
	const between = benchYears * 365 * 24 * time.Hour / 84_000
	at := benchBegin.Add(time.Duration(tx) * between)
	if n >= 120_000 && n < 130_000 {
		tx, at = 40_000, benchBegin.Add(40_000*between)
	}
	request := "r" + strconv.Itoa(tx)
	vocabulary := []string{"silver", "spoon", "golden", "fork", "active", "inactive", "moved", "Löffel", "zebra " + strconv.Itoa(n%1000)}
	word := func() string { return vocabulary[skewed(len(vocabulary))] }
	e := &schema.AuditEvent{
		SchemaVersion: schema.AuditSchemaVersion, Kind: schema.KindChange, ID: schema.DerivedID("bench", strconv.Itoa(n)), Time: at, Captured: at,
		Action: schema.ActionUpdate, Scope: scope,
		Entity: schema.Entity{Type: typ, ID: id, Key: schema.Row{{Name: "id", Value: value(id)}}, Parent: &schema.EntityRef{Type: "household", ID: strconv.Itoa(random.IntN(2_000))}},
		Context: &schema.EventContext{Status: schema.StatusAttached, Route: schema.RouteMessage, Context: schema.Context{
			User: schema.User{ID: "u" + strconv.Itoa(1+skewed(200)), Name: "User " + strconv.Itoa(skewed(200))}, RequestID: request, CorrelationID: request,
			IP: fmt.Sprintf("10.0.%d.%d", random.IntN(4), random.IntN(250)), Initiator: "user", Service: "register"}},
		CDC: schema.CDC{Source: "shop", Connector: "postgresql", Schema: "public", Table: typ, Op: schema.OpUpdate, TxID: uint64(tx), HasTx: true,
			Position: schema.FormatPosition(26_000_000_000+uint64(tx)*1000, 26_000_000_000+uint64(n)*100, uint64(n%3+1))},
	}
	if random.IntN(50) == 0 {
		e.Context = &schema.EventContext{Status: schema.StatusUnattributed}
	}
	if random.IntN(20) == 0 {
		e.VersionName = "wave " + strconv.Itoa(1+skewed(12))
	}
	for _, f := range []struct {
		name            string
		previous, value schema.Value
	}{{"status", value(word()), value(word())}, {"name", value(word() + " " + word()), value(word() + " " + word() + " " + strconv.Itoa(n))},
		{"amount", value(strconv.Itoa(random.IntN(100_000))), value(strconv.Itoa(random.IntN(100_000)))}} {
		e.Changes = append(e.Changes, schema.FieldChange{Field: f.name, Previous: f.previous, Current: f.value})
		e.Before = append(e.Before, schema.Field{Name: f.name, Value: f.previous})
		e.After = append(e.After, schema.Field{Name: f.name, Value: f.value})
	}
	if random.IntN(2000) == 0 {
		e.Changes[0].Field, e.Before[0].Name, e.After[0].Name = "rare", "rare", "rare"
	}
	return e
}
