// Package sinktest tests stores: whatever passes Run keeps version documents as sink.Store promises, and brings the same events,
// in whichever order and however often, to the same documents.
package sinktest

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"dossier/schema"
	"dossier/sink"
)

// Run tests a store. open returns a store that is ready for scope "default"; it may hold documents of earlier tests.
func Run(t *testing.T, open func(t *testing.T) sink.Store) { run(t, open, false) }

// RunLossy tests a store whose answers get lost on the way. A document that it stored may then be told as one that existed, and a version that
// it replaced as superseded: what it holds is what counts.
func RunLossy(t *testing.T, open func(t *testing.T) sink.Store) { run(t, open, true) }

func run(t *testing.T, open func(t *testing.T) sink.Store, lossy bool) {
	tests := []struct {
		name string
		run  func(*testing.T, *fixture)
	}{
		{"create once", testCreateOnce},
		{"twice in one call", testTwiceInOneCall},
		{"concurrent creates", testConcurrentCreates},
		{"replace only what is unchanged", testReplace},
		{"get what is not there", testGetMissing},
		{"extreme content", testExtremes},
		{"months", testMonths},
		{"ended context", testEndedContext},
		{"replay changes nothing", testReplay},
		{"conflict", testConflict},
		{"attribution after", testAttributionAfter},
		{"attribution before", testAttributionBefore},
		{"attribution of truncate", testAttributionOfTruncate},
		{"attribution that adds", testAttributionThatAdds},
		{"attribution that contradicts", testAttributionThatContradicts},
		{"rekey in both orders", testRekey},
		{"version named by a request", testNamedVersion},
		{"version named by a row", testNamedByRow},
		{"late context of a version named by a row", testNamedByRowLate},
		{"feedback", testFeedback},
		{"access", testAccess},
		{"counts of a transaction", testTransactionCounts},
		{"any order, any number of times", testAnyOrder},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			test.run(t, &fixture{Store: open(t), ctx: ctx, id: rand.Text()[:10], lossy: lossy})
		})
	}
}

type fixture struct {
	sink.Store
	ctx context.Context
	id  string // begins all event ids of this test, so that stores may be shared

	lossy bool // see RunLossy
}

// apply applies events in one batch and returns what was observed.
func (f *fixture) apply(t *testing.T, events ...*schema.AuditEvent) *counts {
	t.Helper()
	seen, results := f.try(t, events...)
	for i, r := range results {
		if r.Refused() {
			t.Errorf("event %s refused: %s: %s", events[i].ID, r.Reason, r.Detail)
		}
	}
	return seen
}

func (f *fixture) try(t *testing.T, events ...*schema.AuditEvent) (*counts, []sink.Result) {
	t.Helper()
	seen := &counts{}
	a := &sink.Applier{Store: f.Store, Observer: seen, Now: time.Now}
	results, err := a.Apply(f.ctx, events)
	if err != nil {
		t.Error(err) // not Fatal: tests call this from several goroutines
		results = make([]sink.Result, len(events))
	}
	return seen, results
}

// want checks that the store holds exactly these documents, but for when they were stored.
func (f *fixture) want(t *testing.T, docs ...schema.Document) {
	t.Helper()
	refs := make([]schema.DocumentRef, len(docs))
	for i := range docs {
		refs[i] = docs[i].Ref()
	}
	found, err := f.Get(f.ctx, refs)
	if err != nil {
		t.Fatal(err)
	}
	for i := range docs {
		if !found[i].Found {
			t.Errorf("missing: %s %s of %s", docs[i].Kind, docs[i].Change.Field, docs[i].EventID)
			continue
		}
		got := found[i].Document
		got.Ingested = docs[i].Ingested
		gotJSON, gotHash := got.AppendJSON(nil)
		wantJSON, wantHash := docs[i].AppendJSON(nil)
		if string(gotJSON) != string(wantJSON) {
			t.Errorf("%s %s of %s:\n got %s\nwant %s", docs[i].Kind, docs[i].Change.Field, docs[i].EventID, cut(gotJSON), cut(wantJSON))
		}
		if found[i].Hash != wantHash || gotHash != wantHash {
			t.Errorf("%s %s: event.hash %s, computed %s, want %s", docs[i].Kind, docs[i].Change.Field, found[i].Hash, gotHash, wantHash)
		}
	}
}

func (f *fixture) wantMissing(t *testing.T, refs ...schema.DocumentRef) {
	t.Helper()
	found, err := f.Get(f.ctx, refs)
	if err != nil {
		t.Fatal(err)
	}
	for i := range found {
		if found[i].Found {
			t.Errorf("unexpected document %v", refs[i])
		}
	}
}

func cut(b []byte) string {
	if len(b) > 2000 {
		return string(b[:2000]) + "…"
	}
	return string(b)
}

func materialize(t *testing.T, events ...*schema.AuditEvent) []schema.Document {
	t.Helper()
	var all []schema.Document
	for _, e := range events {
		docs, err := sink.Materialize(e, sink.Options{})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, docs...)
	}
	return all
}

// late returns the documents as an attribution with this context completes them.
func late(docs []schema.Document, c *schema.EventContext, version string) []schema.Document {
	done := slices.Clone(docs)
	for i := range done {
		l := *c
		l.Status = schema.StatusLate
		done[i].Context = &l
		done[i].VersionName = version
	}
	return done
}

func testCreateOnce(t *testing.T, f *fixture) {
	docs := materialize(t, create(f.id+"a"), update(f.id+"b"))
	for i := range docs {
		docs[i].Ingested = commit.Add(time.Second)
	}
	f.wantMissing(t, docs[0].Ref())
	first := f.mustCreate(t, docs)
	if !f.lossy {
		wantStatus(t, first, sink.StatusStored)
	}
	f.want(t, docs...)
	again := slices.Clone(docs)
	for i := range again {
		again[i].Ingested = commit.Add(time.Hour)
	}
	outcomes := f.mustCreate(t, again)
	wantStatus(t, outcomes, sink.StatusExists)
	for i := range outcomes {
		if want := docs[i].Hash(); outcomes[i].Hash != want {
			t.Errorf("hash of the stored document %q, want %q", outcomes[i].Hash, want)
		}
	}
	f.want(t, docs...) // with the first one's event.ingested
}

func (f *fixture) mustCreate(t *testing.T, docs []schema.Document) []sink.Outcome {
	t.Helper()
	outcomes, err := f.Create(f.ctx, docs)
	if err != nil {
		t.Fatal(err)
	}
	if len(outcomes) != len(docs) {
		t.Fatalf("%d outcomes for %d documents", len(outcomes), len(docs))
	}
	return outcomes
}

func wantStatus(t *testing.T, outcomes []sink.Outcome, want sink.Status) {
	t.Helper()
	for i := range outcomes {
		if outcomes[i].Status != want {
			t.Errorf("document %d: status %d, want %d: %v", i, outcomes[i].Status, want, outcomes[i].Err)
		}
	}
}

func testTwiceInOneCall(t *testing.T, f *fixture) {
	docs := materialize(t, update(f.id))
	outcomes := f.mustCreate(t, append(slices.Clone(docs), docs...))
	stored, exists := 0, 0
	for _, o := range outcomes {
		switch o.Status {
		case sink.StatusStored:
			stored++
		case sink.StatusExists:
			exists++
		}
	}
	if stored+exists != 2*len(docs) || stored != len(docs) && !f.lossy {
		t.Errorf("%d stored, %d existed; want %d of each", stored, exists, len(docs))
	}
}

func testConcurrentCreates(t *testing.T, f *fixture) {
	docs := materialize(t, update(f.id))
	var mu sync.Mutex
	stored := map[string]int{}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			outcomes, err := f.Create(f.ctx, docs)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			for i, o := range outcomes {
				if o.Status == sink.StatusStored {
					stored[docs[i].ID()]++
				} else if o.Status != sink.StatusExists || o.Hash != docs[i].Hash() {
					t.Errorf("outcome %+v", o)
				}
			}
		})
	}
	group.Wait()
	for i := range docs {
		if n := stored[docs[i].ID()]; n > 1 || n < 1 && !f.lossy {
			t.Errorf("document %d stored %d times", i, n)
		}
	}
}

func testReplace(t *testing.T, f *fixture) {
	doc := materialize(t, update(f.id))[0]
	f.mustCreate(t, []schema.Document{doc})
	found, err := f.Get(f.ctx, []schema.DocumentRef{doc.Ref()})
	if err != nil {
		t.Fatal(err)
	}
	first, second := doc, doc
	first.VersionName, second.VersionName = "first", "second"
	replace := func(d schema.Document, want sink.Status) {
		t.Helper()
		outcomes, err := f.Replace(f.ctx, []sink.Replacement{{Document: d, Version: found[0].Version}})
		if err != nil {
			t.Fatal(err)
		}
		wantStatus(t, outcomes, want)
	}
	if f.lossy {
		if _, err := f.Replace(f.ctx, []sink.Replacement{{Document: first, Version: found[0].Version}}); err != nil {
			t.Fatal(err)
		}
	} else {
		replace(first, sink.StatusStored)
	}
	f.want(t, first)
	replace(second, sink.StatusSuperseded)
	f.want(t, first)
	missing := doc
	missing.EventID = f.id + "missing"
	replace(missing, sink.StatusSuperseded)
	f.wantMissing(t, missing.Ref())
}

func testGetMissing(t *testing.T, f *fixture) {
	d := materialize(t, update(f.id))[0]
	elsewhere := d.Ref()
	elsewhere.Index = schema.DocumentIndex(schema.DefaultScope, time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC))
	f.wantMissing(t, d.Ref(), elsewhere)
	if found, err := f.Get(f.ctx, nil); err != nil || len(found) != 0 {
		t.Errorf("getting nothing: %v, %v", found, err)
	}
	if outcomes, err := f.Create(f.ctx, nil); err != nil || len(outcomes) != 0 {
		t.Errorf("creating nothing: %v, %v", outcomes, err)
	}
}

func testExtremes(t *testing.T, f *fixture) {
	events := extremes(f.id)
	f.apply(t, events...)
	docs := materialize(t, events...)
	f.want(t, docs...)
	if seen := f.apply(t, events...); seen.repeated != len(docs) || seen.conflicts != 0 {
		t.Errorf("replayed: %+v, want %d repeated", seen, len(docs))
	}
}

func testMonths(t *testing.T, f *fixture) {
	var events []*schema.AuditEvent
	for i, at := range []time.Time{
		time.Date(2026, 10, 31, 23, 59, 59, 999999999, time.UTC),
		time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC),
		time.Date(2026, 12, 1, 0, 30, 0, 0, time.FixedZone("", 3600)), // November in UTC
	} {
		e := update(fmt.Sprint(f.id, i))
		e.Time = at
		events = append(events, e)
	}
	f.apply(t, events...)
	docs := materialize(t, events...)
	f.want(t, docs...)
	var indices []string
	for i := range docs {
		if docs[i].Kind == schema.DocumentRowVersion {
			indices = append(indices, docs[i].Index())
		}
	}
	if got, want := strings.Join(indices, " "), "dossier-default-v1-2026.10 dossier-default-v1-2026.11 dossier-default-v1-2026.11"; got != want {
		t.Errorf("indices %s, want %s", got, want)
	}
}

func testEndedContext(t *testing.T, f *fixture) {
	ctx, cancel := context.WithCancel(f.ctx)
	cancel()
	if _, err := f.Create(ctx, materialize(t, update(f.id))); err == nil {
		t.Error("created despite an ended context")
	}
}

func testReplay(t *testing.T, f *fixture) {
	events := []*schema.AuditEvent{create(f.id + "a"), update(f.id + "b")}
	docs := materialize(t, events...)
	if seen := f.apply(t, events...); seen.stored != len(docs) && !f.lossy {
		t.Errorf("%+v, want %d stored", seen, len(docs))
	}
	for _, e := range events { // what a redelivery may change
		e.CDC.Position = schema.FormatPosition(1, 2, 3)
		e.Captured = e.Captured.Add(time.Hour)
	}
	if seen := f.apply(t, events...); seen.stored != 0 || seen.repeated != len(docs) || seen.conflicts != 0 {
		t.Errorf("%+v, want %d repeated alone", seen, len(docs))
	}
	f.want(t, docs...)
}

func testConflict(t *testing.T, f *fixture) {
	e, forged := update(f.id), update(f.id)
	f.apply(t, e)
	forged.Changes[0].Current = text("0.01")
	seen, results := f.try(t, forged)
	if seen.conflicts != 1 || seen.repeated != 2 { // the other field and the row are the same
		t.Errorf("%+v, want one conflict, two repeated", seen)
	}
	if results[0].Reason != sink.ReasonConflict {
		t.Errorf("result %+v, want a conflict", results[0])
	}
	other := update(f.id)
	other.Context = attached("u2")
	if seen, _ := f.try(t, other); seen.conflicts != 3 {
		t.Errorf("another user: %+v, want three conflicts", seen)
	}
	f.want(t, materialize(t, e)...)
}
