package sinktest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"dossier/schema"
	"dossier/sink"
)

// said returns an event of a kind that no row gives: somebody said it.
func said(kind schema.Kind, id string) *schema.AuditEvent {
	c := attached("u1")
	c.Route = schema.RouteHTTP
	return &schema.AuditEvent{SchemaVersion: schema.AuditSchemaVersion, Kind: kind, ID: id, Time: commit, Captured: commit, Scope: schema.DefaultScope,
		Entity: schema.Entity{Type: "person", ID: id}, Context: c}
}

func named(id string) *schema.AuditEvent {
	e := said(schema.KindNamedVersion, id)
	e.VersionName = "Baseline 2026"
	e.NamedVersion = &schema.NamedVersion{ID: "request-1", AsOf: commit.Add(-time.Hour), EventID: "c-1"}
	return e
}

func feedback(id string) *schema.AuditEvent {
	e := said(schema.KindFeedback, id)
	e.Feedback = &schema.Feedback{Application: "payments", Status: "rejected", Message: "no IBAN", Payload: []byte(`{"code":9007199254740993}`), EventID: "c-1"}
	return e
}

// response returns a new row that names a version of another entity, as of its commit.
func response(id string) *schema.AuditEvent {
	e := create(id)
	e.VersionName = "Baseline 2026"
	e.VersionOf = &schema.EntityRef{Type: "person", ID: id}
	e.NamedVersion = &schema.NamedVersion{AsOf: e.Time}
	return e
}

func testNamedVersion(t *testing.T, f *fixture) {
	e := named(f.id)
	without := named(f.id + "-past") // of a state that no event is known of, before 2000
	without.NamedVersion.EventID, without.NamedVersion.AsOf = "", time.Date(1999, 12, 31, 23, 59, 59, 999999999, time.UTC)
	docs := materialize(t, e, without)
	if len(docs) != 2 || docs[0].Kind != schema.DocumentNamedVersion || docs[0].Entity.ID != f.id {
		t.Fatalf("documents %+v, want one named version each", docs)
	}
	f.apply(t, e, without)
	f.want(t, docs...)
	if seen := f.apply(t, without, e, e); seen.repeated != 3 || seen.conflicts != 0 || seen.stored != 0 {
		t.Errorf("again: %+v, want three repeated", seen)
	}
	again := named(f.id) // the request was sent again, without an as_of of its own
	again.NamedVersion.AsOf, again.Time = commit, again.Time.Add(time.Second)
	if seen := f.apply(t, again); seen.repeated != 1 || seen.conflicts != 0 {
		t.Errorf("the request sent again: %+v, want one repeated", seen)
	}
	f.want(t, docs...)
	other := named(f.id)
	other.VersionName = "Final"
	if seen, results := f.try(t, other); seen.conflicts != 1 || results[0].Reason != sink.ReasonConflict {
		t.Errorf("another name under the same identity: %+v, %+v", seen, results)
	}
	f.want(t, docs...)
}

func testNamedByRow(t *testing.T, f *fixture) {
	made, changed := response(f.id+"a"), update(f.id+"b")
	changed.VersionName, changed.VersionOf, changed.NamedVersion = "Baseline 2026", &schema.EntityRef{Type: "person", ID: f.id}, &schema.NamedVersion{AsOf: commit}
	docs := materialize(t, made, changed)
	var of []string
	for i := range docs {
		if d := &docs[i]; d.Kind == schema.DocumentNamedVersion {
			of = append(of, d.Entity.ID)
			if !d.NamedVersion.AsOf.Equal(commit) || d.NamedVersion.ID != "" || d.Action != "" || d.Entity.Parent != nil || d.VersionName != "Baseline 2026" {
				t.Errorf("named version %+v of %+v", d.NamedVersion, d.Entity)
			}
		}
	}
	if !slices.Equal(of, []string{f.id + "a", f.id}) {
		t.Fatalf("versions of %q are named", of)
	}
	f.apply(t, made, changed)
	f.want(t, docs...)
	if seen := f.apply(t, changed, made); seen.repeated != len(docs) || seen.conflicts != 0 {
		t.Errorf("again: %+v, want %d repeated", seen, len(docs))
	}
}

// A late context completes the named version as well, whichever comes first; the row's own name stays.
func testNamedByRowLate(t *testing.T, f *fixture) {
	for i, apply := range []func(e, a *schema.AuditEvent){
		func(e, a *schema.AuditEvent) { f.apply(t, e); f.apply(t, a) },
		func(e, a *schema.AuditEvent) { f.apply(t, a); f.apply(t, e) },
		func(e, a *schema.AuditEvent) { f.apply(t, e, a) },
		func(e, a *schema.AuditEvent) { f.apply(t, a, e) },
	} {
		e := response(fmt.Sprint(f.id, i))
		e.Context = unattributed()
		a := attribution(e, attached("u7"))
		apply(e, a)
		want := late(materialize(t, e), attached("u7"), e.VersionName)
		f.want(t, want...)
		for _, again := range [][]*schema.AuditEvent{{e}, {a}, {a, e}} {
			if seen := f.apply(t, again...); seen.completed != 0 || seen.conflicts != 0 || seen.stored != 0 {
				t.Errorf("again: %+v", seen)
			}
		}
		f.want(t, want...)
	}
}

func testFeedback(t *testing.T, f *fixture) {
	huge := feedback(f.id + "-huge")
	huge.Feedback.Message = strings.Repeat("ä€😀 because\n", 30_000)
	huge.Feedback.Application, huge.Feedback.Status = strings.Repeat("a", 40_000), strings.Repeat("€", 20_000)
	huge.Feedback.Payload = []byte(`{"":1,".":{"..":[]},"a.b":1e400,"_id":"x","lines":[` + "\n" + `1,` + "\r\n" + `null],"deep":` + strings.Repeat(`[`, 60) + strings.Repeat(`]`, 60) + `}`)
	unnamed := feedback(f.id + "-event") // on a change alone
	unnamed.Entity, unnamed.Feedback.Payload, unnamed.Feedback.Message = schema.Entity{}, nil, ""
	version := feedback(f.id + "-version")
	version.Entity, version.Feedback.EventID, version.VersionName = schema.Entity{}, "", "Baseline 2026"
	events := []*schema.AuditEvent{feedback(f.id), huge, unnamed, version}
	docs := materialize(t, events...)
	f.apply(t, events...)
	f.want(t, docs...)
	if seen := f.apply(t, events...); seen.repeated != len(docs) || seen.conflicts != 0 {
		t.Errorf("again: %+v, want %d repeated", seen, len(docs))
	}
	again := feedback(f.id) // sent again by an application that got no answer
	again.Time = again.Time.Add(time.Second)
	if seen := f.apply(t, again); seen.repeated != 1 || seen.conflicts != 0 {
		t.Errorf("sent again: %+v, want one repeated", seen)
	}
	f.want(t, docs...)
	other := feedback(f.id)
	other.Feedback.Status = "accepted"
	if seen, results := f.try(t, other); seen.conflicts != 1 || results[0].Reason != sink.ReasonConflict {
		t.Errorf("another status under the same identity: %+v, %+v", seen, results)
	}
	f.want(t, docs...)
}

// What tells of a read is counted and becomes no document.
func testAccess(t *testing.T, f *fixture) {
	e := said(schema.KindAccess, f.id)
	e.Entity, e.Scope = schema.Entity{}, ""
	e.Access = &schema.Access{Caller: "ann", Method: "GET", Path: "/api/v1/changes", Query: "q=*", Status: 200, Items: 50}
	if seen := f.apply(t, e, update(f.id+"u"), e); seen.access != 2 || seen.empty != 0 || seen.stored != 3 && !f.lossy {
		t.Errorf("%+v, want two accesses, and the update's three documents", seen)
	}
	for _, kind := range []schema.DocumentKind{"access", schema.DocumentRowVersion} {
		f.wantMissing(t, schema.DocumentRef{Index: schema.DocumentIndex("", commit), ID: schema.DocumentID(f.id, kind, "")})
	}
}
