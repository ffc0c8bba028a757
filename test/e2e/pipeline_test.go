package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"dossier/processor"
	"dossier/schema"
	"go.uber.org/zap"
)

func TestSmoke(t *testing.T) {
	s := start(t)
	name := fmt.Sprintf("e2e%d", time.Now().UnixNano()%1_000_000_000)
	a := &application{source: name, dsn: s.database(t, name), kafka: s.kafka(t), topic: name + ".request-context"}
	a.setUp(t)
	s.capture(t, a, "postgres-json.json")
	topics(t, s, name)
	p, err := processor.New(processor.Config{Group: name, Sources: []processor.Source{{Name: name, Placeholder: placeholder, Types: map[string]map[string]schema.ColumnType{"public.product": {"made": typ("timestamp"), "opens": typ("time"), "released": typ("date"), "updated": typ("timestamptz")}, "public.measurement": {"at": typ("timestamptz")}}}}, Audit: processor.AuditConfig{Topic: name + ".audit"},
		DeadLetterTopic: name + ".dlq", Context: processor.ContextConfig{Table: "public.request_context", Topic: a.topic, Grace: 2 * time.Second},
		Entities: []processor.Entity{
			{Table: "public.product", Type: "product", Scope: "catalog", Parent: &processor.ParentRule{Type: "supplier", Field: "supplier_id"}},
			{Table: "public.supplier", Type: "supplier", Scope: "catalog", Fields: processor.FieldRules{Mask: []string{"secret"}, Exclude: []string{"internal"}}},
			{Table: "public.invoice", Columns: processor.ColumnRoute{User: "updated_by", Request: "request_id", Witness: "request_id"}},
		},
	}, processor.Options{Log: zap.Must(zap.NewDevelopment()), Kafka: []kgo.Opt{kgo.SeedBrokers(s.brokers...)}})
	check(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	for _, sc := range scenarios {
		began := time.Now()
		sc.run(t, a)
		t.Logf("%s: %v", sc.name, time.Since(began))
	}
	began := time.Now()
	a.live(t.Context(), t, 1, 4, 100)
	t.Logf("live: %v", time.Since(began))
	tr := readTruth(t, a.dsn)
	want := expectedEvents(name, tr)
	t.Logf("%d rows, %d commits, %d events", len(tr.Rows), len(tr.Commits), len(want))
	deadline := time.Now().Add(60 * time.Second)
	var got []event
	for time.Now().Before(deadline) {
		got, _ = s.auditTopic(t, name+".audit", name)
		if len(got) >= len(want) {
			break
		}
		time.Sleep(time.Second)
		t.Logf("%d %+v", len(got), p.State())
	}
	cancel()
	check(t, <-done)
	checkAudit(t, want, tr.Commits, got)
}

func topics(t *testing.T, s *servers, name string) {
	admin := kadm.NewClient(s.kafka(t))
	for _, topic := range []string{".audit", ".audit.pending", ".dlq", ".request-context"} {
		_, err := admin.CreateTopic(t.Context(), 3, 1, map[string]*string{"max.message.bytes": kadm.StringPtr("16777216")}, name+topic)
		check(t, err)
	}
	_ = strings.ToUpper
}

func typ(s string) schema.ColumnType {
	c, err := schema.ParseColumnType(s)
	if err != nil {
		panic(err)
	}
	return c
}
