package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"dossier/internal/config"
	"dossier/internal/demo"
	"dossier/schema"
)

// demoSummary is what `dossier demo --once` prints.
type demoSummary struct {
	Records      int            `json:"records"`      // played into Kafka
	Transactions int            `json:"transactions"` // of the database, those that changed rows
	Events       map[string]int `json:"events"`       // on the audit topic, by kind; the baseline's are "snapshot"
	Documents    map[string]int `json:"documents"`    // in the store, by kind
	// Changes in the store by what is known of who made them.
	Attached     int `json:"attached"`
	Late         int `json:"late"`
	Ambiguous    int `json:"ambiguous"`
	Unattributed int `json:"unattributed"`
	DeadLetters  int `json:"dead_letters"`
	Seconds      struct {
		Joined float64 `json:"joined"` // when all audit events were there, since the start
		Stored float64 `json:"stored"` // when all documents were
		Total  float64 `json:"total"`
	} `json:"seconds"`
}

// demoPatience is how long nothing may come before the demo gives up.
const demoPatience = time.Minute

// watch waits until everything that the recorded year gives is stored, and counts it.
func (d *demoCommand) watch(ctx context.Context, c *config.Config, records int, say *narrator) (*demoSummary, error) {
	expected, err := demo.Expected()
	if err != nil {
		return nil, err
	}
	options, err := kafkaOptions(c.Kafka)
	if err != nil {
		return nil, err
	}
	client, err := kgo.NewClient(append(options, kgo.ConsumeTopics(c.Audit.Topic, c.DeadLetter.Topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()))...)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	s := &demoSummary{Records: records, Events: map[string]int{}}
	if err := s.join(ctx, client, c, expected, say); err != nil {
		return nil, err
	}
	s.Seconds.Joined = say.elapsed()
	say.step("%s joined with who made them", count(s.Events[string(schema.KindChange)], "change"))
	if err := stored(ctx, kadm.NewClient(client), c, say); err != nil {
		return nil, err
	}
	s.Seconds.Stored = say.elapsed()
	found, err := demo.Count(ctx, c.Sink.SQLite.Path)
	if err != nil {
		return nil, err
	}
	s.Documents, s.Transactions = found.Documents, found.Transactions
	s.Attached, s.Late = found.Contexts[string(schema.StatusAttached)], found.Contexts[string(schema.StatusLate)]
	s.Ambiguous, s.Unattributed = found.Contexts[string(schema.StatusAmbiguous)], found.Contexts[string(schema.StatusUnattributed)]
	total := 0
	for _, n := range s.Documents {
		total += n
	}
	say.step("%s stored in %s", count(total, "document"), c.Sink.SQLite.Path)
	return s, nil
}

// demoSnapshot counts the events of the baseline, which are changes by their kind.
const demoSnapshot = "snapshot"

// join counts the audit events and dead letters until all that are expected have come.
func (s *demoSummary) join(ctx context.Context, client *kgo.Client, c *config.Config, expected demo.Totals, say *narrator) error {
	want := map[string]int{string(schema.KindChange): expected.Changes, demoSnapshot: expected.Baseline, string(schema.KindAttribution): expected.Attributions,
		string(schema.KindFeedback): expected.Feedback}
	total := expected.DeadLetters
	for _, n := range want {
		total += n
	}
	bar := newBar(say.w, total, "joining")
	missing := func() (names []string) {
		for kind, n := range want {
			if s.Events[kind] < n {
				names = append(names, fmt.Sprintf("%d of %d %s events", s.Events[kind], n, kind))
			}
		}
		if s.DeadLetters < expected.DeadLetters {
			names = append(names, fmt.Sprintf("%d of %d dead letters", s.DeadLetters, expected.DeadLetters))
		}
		return names
	}
	var event schema.AuditEvent
	for done := 0; len(missing()) > 0; bar(done) {
		wait, cancel := context.WithTimeout(ctx, demoPatience)
		fetches := client.PollFetches(wait)
		nothing := wait.Err() != nil
		cancel()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case nothing:
			return fmt.Errorf("nothing has come for %s, after %v", demoPatience, missing())
		}
		if err := fetches.Err(); err != nil {
			return fmt.Errorf("reading the audit topic: %w", err)
		}
		for records := fetches.RecordIter(); !records.Done(); done++ {
			r := records.Next()
			if r.Topic == c.DeadLetter.Topic {
				s.DeadLetters++
				continue
			}
			if err := schema.DecodeAudit(&schema.Record{Topic: r.Topic, Key: r.Key, Value: r.Value}, &event); err != nil {
				return fmt.Errorf("reading the audit topic: %w", err)
			}
			kind := string(event.Kind)
			if event.Kind == schema.KindChange && event.CDC.Snapshot {
				kind = demoSnapshot
			}
			s.Events[kind]++
		}
	}
	return nil
}

// stored waits until the sink has committed all that is on the audit topic, and all that the database reports of transactions.
func stored(ctx context.Context, admin *kadm.Client, c *config.Config, say *narrator) error {
	topics := map[string][]string{c.Sink.Group: {c.Audit.Topic}} // by group
	for _, s := range c.Sources {
		group := transactionsGroup(c)
		topics[group] = append(topics[group], s.Name+".transaction")
	}
	var bar func(int)
	last, since := int64(-1), time.Now()
	for {
		var end, done int64
		for group, list := range topics {
			ends, err := admin.ListEndOffsets(ctx, list...)
			if err := errors.Join(err, ends.Error()); err != nil {
				return fmt.Errorf("ends of %v: %w", list, err)
			}
			committed, err := admin.FetchOffsets(ctx, group)
			if err != nil && !errors.Is(err, kerr.GroupIDNotFound) { // a group that has not begun yet may not be known
				return fmt.Errorf("offsets of the sink's group %s: %w", group, err)
			}
			ends.Each(func(o kadm.ListedOffset) { end += o.Offset })
			committed.Each(func(o kadm.OffsetResponse) { done += max(o.At, 0) })
		}
		if bar == nil {
			bar = newBar(say.w, int(end), "storing")
		}
		bar(int(done))
		if done >= end {
			return nil
		}
		if done != last {
			last, since = done, time.Now()
		}
		if time.Since(since) > demoPatience {
			return fmt.Errorf("nothing has been stored for %s, after %d of %d records", demoPatience, done, end)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}
