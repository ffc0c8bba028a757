package elastic_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"dossier/schema"
	"dossier/sink"
	"dossier/sink/elastic"
	"dossier/test/stack"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Elasticsearch is killed while the loop writes, and comes back: every document is there, once, and was neither rejected nor in conflict.
func TestLoopOutlivesElasticsearch(t *testing.T) {
	c := realCluster(t)
	s := stack.ForTest(t, stack.Elasticsearch)
	c.mustSetup(t, elastic.SetupConfig{Scopes: []string{"outlived"}, Roles: []elastic.Role{{Name: "outlived", Scopes: []string{"outlived"}}},
		SinkUser: "dossier-sink", SinkPassword: sinkPassword})
	kafka, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(3, "dossier.audit"), kfake.SeedTopics(1, "dossier.dlq"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(kafka.Close)
	producer, err := kgo.NewClient(kgo.SeedBrokers(kafka.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(producer.Close)
	const n = 3000
	var records []*kgo.Record
	for i := range n {
		e := schema.AuditEvent{SchemaVersion: 1, Kind: schema.KindChange, ID: fmt.Sprint("outlived-", i), Time: november, Action: schema.ActionCreate, Scope: "outlived",
			Entity:  schema.Entity{Type: "product", ID: fmt.Sprint(i)},
			Context: &schema.EventContext{Status: schema.StatusUnattributed}, CDC: schema.CDC{Source: "shop"},
			After: schema.Row{{Name: "n", Value: schema.Value{State: schema.Present, JSON: fmt.Append(nil, i)}}}}
		records = append(records, &kgo.Record{Topic: "dossier.audit", Key: e.AppendKey(nil), Value: e.AppendJSON(nil)})
	}
	if err := producer.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}

	seen := &lagging{}
	w := c.writer(t, "dossier-sink", sinkPassword, seen)
	loop := &sink.Loop{Config: sink.Config{BatchRecords: 20, CommitInterval: 50 * time.Millisecond}, Kafka: []kgo.Opt{kgo.SeedBrokers(kafka.ListenAddrs()...)},
		Apply: &sink.Applier{Store: w, Observer: seen, Now: time.Now}}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- loop.Run(ctx) }()

	seen.until(t, "something is stored", func() bool { return seen.stored > 100 })
	if err := s.Kill(stack.Elasticsearch); err != nil {
		t.Fatal(err)
	}
	seen.until(t, "the sink waits", func() bool { return seen.waiting })
	if err := s.Restart(t.Context(), stack.Elasticsearch); err != nil {
		t.Fatal(err)
	}
	seen.until(t, "the sink goes on", func() bool { return !seen.waiting })
	seen.until(t, "all is stored", func() bool {
		return seen.stored+seen.repeated >= 2*n && seen.lag[0]+seen.lag[1]+seen.lag[2] == 0 && len(seen.lag) == 3
	})
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	t.Logf("%d stored, %d found again, bulk requests answered: %d", seen.stored, seen.repeated, seen.requests)
	if seen.conflicts != 0 || seen.letters != 0 {
		t.Errorf("%d conflicts, %d dead letters", seen.conflicts, seen.letters)
	}
	c.addUser(t, "outlived-reader", "dossier-read-outlived")
	if got := c.count(t, "outlived-reader", "dossier-read-outlived"); got != 2*n {
		t.Errorf("%d documents, want %d", got, 2*n)
	}
}

// lagging notes how far the sink is.
type lagging struct {
	tally
	stored, repeated, conflicts, letters int
	waiting                              bool
	lag                                  map[int32]int64
}

func (s *lagging) note(f func()) { s.mu.Lock(); defer s.mu.Unlock(); f() }

func (s *lagging) Stored(_ schema.DocumentKind, n int) { s.note(func() { s.stored += n }) }
func (s *lagging) Repeated(n int)                      { s.note(func() { s.repeated += n }) }
func (s *lagging) Conflict(sink.Conflict)              { s.note(func() { s.conflicts++ }) }
func (s *lagging) DeadLetter(string)                   { s.note(func() { s.letters++ }) }
func (s *lagging) Waiting(err error)                   { s.note(func() { s.waiting = err != nil }) }
func (s *lagging) Lag(p int32, n int64) {
	s.note(func() {
		if s.lag == nil {
			s.lag = map[int32]int64{}
		}
		s.lag[p] = n
	})
}

func (s *lagging) until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(3 * time.Minute)
	for {
		s.mu.Lock()
		good := ok()
		s.mu.Unlock()
		if good {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not within 3 minutes: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// The stored text is byte for byte what was sent, so that a hash can be checked by whoever can read the document.
func TestHashCanBeCheckedFromTheStore(t *testing.T) {
	c := realCluster(t)
	c.mustSetup(t, elastic.SetupConfig{SinkUser: "dossier-sink", SinkPassword: sinkPassword})
	d := schema.Document{Kind: schema.DocumentRowVersion, EventID: fmt.Sprint("hash", time.Now().UnixNano()), Time: november, Created: november, Ingested: november,
		Action: schema.ActionUpdate, Scope: schema.DefaultScope, CDC: schema.CDC{Source: "shop", Position: "000-1"},
		After: schema.Row{{Name: "n", Value: schema.Value{State: schema.Present, JSON: []byte(`[1.50,12345678901234567890.10,{"hash":"x"}]`)}}}}
	if _, err := c.writer(t, "dossier-sink", sinkPassword, logged{t: t}).Create(t.Context(), []schema.Document{d}); err != nil {
		t.Fatal(err)
	}
	stored := c.admin(t, "GET", "/"+d.Index()+"/_source/"+d.ID(), "")
	if sent, _ := d.AppendJSON(nil); string(sent) != stored {
		t.Fatalf("stored:\n%s\nsent:\n%s", stored, sent)
	}
	at := strings.LastIndex(stored, `},"event":{"id":`)
	content := regexp.MustCompile(`,"position":"[^"\\]*"$`).ReplaceAllString(stored[:at], "") +
		regexp.MustCompile(`,"(created|ingested|hash)":"[^"\\]*"`).ReplaceAllString(stored[at:], "")
	sum := sha256.Sum256([]byte(content))
	if want := `"hash":"` + base64.RawURLEncoding.EncodeToString(sum[:]) + `"`; !strings.Contains(stored, want) {
		t.Errorf("%s is not in %s", want, stored)
	}
}
