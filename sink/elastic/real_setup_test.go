package elastic_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"dossier/schema"
	"dossier/sink"
	"dossier/sink/elastic"
)

func lines(r elastic.Report) string {
	var b strings.Builder
	for _, c := range r.Changes {
		b.WriteString(c.String() + "\n")
	}
	return b.String()
}

func TestSetupIsRepeatable(t *testing.T) {
	onSecured(t, func(t *testing.T, c cluster) {
		config := elastic.SetupConfig{Scopes: []string{"repeat"}, Roles: []elastic.Role{{Name: "repeater", Scopes: []string{"repeat", "default"}}},
			SinkUser: "repeat-sink", SinkPassword: sinkPassword}
		dry := config
		dry.DryRun = true
		planned := lines(c.mustSetup(t, dry))
		for _, want := range []string{"create index template dossier-repeat-v1", "create index dossier-repeat-v1-2026.11", "create role dossier-read-repeater", "create user repeat-sink"} {
			if !strings.Contains(planned, want) {
				t.Errorf("the dry run does not tell %q:\n%s", want, planned)
			}
		}
		if status, answer := c.as(t, c.user, c.password, "GET", "/_index_template/dossier-repeat-v1", ""); status != 404 {
			t.Errorf("the dry run made something: %d %s", status, answer)
		}
		if report := c.mustSetup(t, config); lines(report) != planned {
			t.Errorf("did:\n%s\nthe dry run had said:\n%s", lines(report), planned)
		}
		for range 2 {
			if report := c.mustSetup(t, config); report.Changed() {
				t.Errorf("a repetition changes something:\n%s", lines(report))
			}
		}
	})
}

// Next month's index comes into being by the sink's first write to it, and is at once what Setup would have made.
func TestNextMonthBelongsToTheRole(t *testing.T) {
	onSecured(t, func(t *testing.T, c cluster) {
		c.mustSetup(t, elastic.SetupConfig{Scopes: []string{"monthly"}, Roles: []elastic.Role{{Name: "monthly", Scopes: []string{"monthly"}}},
			SinkUser: "dossier-sink", SinkPassword: sinkPassword})
		c.addUser(t, "monthly-reader", "dossier-read-monthly")
		w := c.writer(t, "dossier-sink", sinkPassword, logged{t: t})
		storeOne(t, w, "monthly", november.AddDate(0, 1, 0))
		if !strings.Contains(c.admin(t, "GET", "/dossier-monthly-v1-2026.12/_mapping", ""), `"dynamic":"strict"`) {
			t.Error("the index was made without the template")
		}
		if got := c.count(t, "monthly-reader", "dossier-read-monthly"); got != 1 {
			t.Errorf("the role sees %d documents of the new month, want 1", got)
		}
		if report := c.mustSetup(t, elastic.SetupConfig{Scopes: []string{"monthly"}, Roles: []elastic.Role{{Name: "monthly", Scopes: []string{"monthly"}}}}); report.Changed() {
			t.Errorf("the new index is not as Setup wants it:\n%s", lines(report))
		}
	})
}

func (c cluster) addUser(t *testing.T, name string, roles ...string) {
	t.Helper()
	text, _ := json.Marshal(map[string]any{"password": sinkPassword, c.userRoles: append([]string{}, roles...)})
	c.admin(t, "PUT", c.users+name, string(text))
}

// count refreshes and counts what a user sees behind an alias.
func (c cluster) count(t *testing.T, user, alias string) int {
	t.Helper()
	c.admin(t, "POST", "/dossier-*/_refresh", "")
	status, answer := c.as(t, user, sinkPassword, "POST", "/"+alias+"/_search?track_total_hits=true", `{"size":0}`)
	var result struct {
		Hits struct {
			Total struct{ Value int }
		}
	}
	if err := json.Unmarshal([]byte(answer), &result); err != nil || status != 200 {
		t.Fatalf("%d %s", status, answer)
	}
	return result.Hits.Total.Value
}

// What a role may read follows the configuration, on indices that are there already too.
func TestAccessFollowsTheConfiguration(t *testing.T) {
	onSecured(t, func(t *testing.T, c cluster) {
		scopes := []string{"shifting"}
		config := func(roles ...elastic.Role) elastic.SetupConfig {
			return elastic.SetupConfig{Scopes: scopes, Roles: roles, SinkUser: "dossier-sink", SinkPassword: sinkPassword}
		}
		c.mustSetup(t, config())
		storeOne(t, c.writer(t, "dossier-sink", sinkPassword, logged{t: t}), "shifting", november)
		report := c.mustSetup(t, config(elastic.Role{Name: "shifting", Scopes: scopes}))
		c.addUser(t, "shifting-reader", "dossier-read-shifting")
		if !slices.Contains(report.Changes, elastic.Change{Action: "add", Kind: "alias", Name: "dossier-read-shifting", Detail: "on dossier-shifting-v1-2026.11"}) {
			t.Errorf("no alias added:\n%s", lines(report))
		}
		if n := c.count(t, "shifting-reader", "dossier-read-shifting"); n != 1 {
			t.Errorf("sees %d, want 1", n)
		}
		// The role loses the scope: nothing is left to read, now and next month.
		c.mustSetup(t, config(elastic.Role{Name: "shifting", Scopes: nil}))
		if status, answer := c.as(t, "shifting-reader", sinkPassword, "POST", "/dossier-read-shifting/_search", ""); status == 200 {
			t.Errorf("still reads: %s", answer)
		}
		if template := c.admin(t, "GET", "/_index_template/dossier-shifting-v1", ""); strings.Contains(template, "dossier-read-shifting") {
			t.Errorf("next month's index would have the alias: %s", template)
		}
		// The same where the scope itself goes out of the configuration.
		c.mustSetup(t, config(elastic.Role{Name: "shifting", Scopes: scopes}))
		c.mustSetup(t, elastic.SetupConfig{})
		if status, answer := c.as(t, "shifting-reader", sinkPassword, "POST", "/dossier-read-shifting/_search", ""); status == 200 {
			t.Errorf("still reads a scope that is gone: %s", answer)
		}
	})
}

func TestSetupTellsAChangedMapping(t *testing.T) {
	onSecured(t, func(t *testing.T, c cluster) {
		config := elastic.SetupConfig{Scopes: []string{"drift"}}
		c.mustSetup(t, config)
		t.Cleanup(func() {
			c.admin(t, "DELETE", "/dossier-drift-v1-2026.09?ignore_unavailable=true", "")
			c.admin(t, "DELETE", "/dossier-drift-v1-2026.10?ignore_unavailable=true", "")
		})

		// An index of an earlier release that lacks a field: it is added, and told.
		c.admin(t, "DELETE", "/_index_template/dossier-drift-v1", "")
		c.makeIndex(t, "dossier-drift-v1-2026.09", "dossier-drift-v1-2026.11", `"pair_id":{"type":"keyword","ignore_above":8191},`, "")
		report := c.mustSetup(t, config)
		if !slices.Contains(report.Changes, elastic.Change{Action: "update", Kind: "mapping", Name: "dossier-drift-v1-2026.09", Detail: "new fields: audit.pair_id"}) {
			t.Errorf("the missing field is not told:\n%s", lines(report))
		}
		if again := c.mustSetup(t, config); again.Changed() {
			t.Errorf("not settled:\n%s", lines(again))
		}

		// One whose field has another type: nothing is changed.
		c.admin(t, "DELETE", "/_index_template/dossier-drift-v1", "")
		c.makeIndex(t, "dossier-drift-v1-2026.10", "dossier-drift-v1-2026.11", `"certain":{"type":"boolean"}`, `"certain":{"type":"keyword"}`)
		_, err := c.setup(t, config)
		var mapping *elastic.MappingError
		if !errors.As(err, &mapping) || !strings.Contains(err.Error(), "dossier-drift-v1-2026.10: transaction.certain is") || !strings.Contains(err.Error(), "new version") {
			t.Fatalf("got %v, want a mapping error that names the field", err)
		}
		if status, _ := c.as(t, c.user, c.password, "GET", "/_index_template/dossier-drift-v1", ""); status != 404 {
			t.Error("something was changed all the same")
		}
	})
}

// makeIndex makes an index like another, with one piece of its mapping replaced.
func (c cluster) makeIndex(t *testing.T, name, like, old, replacement string) {
	t.Helper()
	var answer map[string]struct {
		Mappings json.RawMessage
		Settings struct {
			Index struct{ Analysis json.RawMessage }
		}
	}
	if err := json.Unmarshal([]byte(c.admin(t, "GET", "/"+like, "")), &answer); err != nil {
		t.Fatal(err)
	}
	mapping := string(answer[like].Mappings)
	if !strings.Contains(mapping, old) {
		t.Fatalf("the mapping holds no %s: %s", old, mapping)
	}
	c.admin(t, "PUT", "/"+name, `{"settings":{"analysis":`+string(answer[like].Settings.Index.Analysis)+`},"mappings":`+strings.Replace(mapping, old, replacement, 1)+`}`)
}

// An index that is not as Setup makes it ends the writing with a clear error: no document is at fault, and none is lost or dead-lettered.
func TestWriterTellsDriftFromConflict(t *testing.T) {
	onSecured(t, func(t *testing.T, c cluster) {
		c.mustSetup(t, elastic.SetupConfig{Scopes: []string{"strayed"}, SinkUser: "dossier-sink", SinkPassword: sinkPassword})
		t.Cleanup(func() {
			c.admin(t, "DELETE", "/dossier-strayed-v1-2026.09", "")
			c.admin(t, "DELETE", "/dossier-strayed-v1-2026.10", "")
		})
		c.admin(t, "DELETE", "/_index_template/dossier-strayed-v1", "")
		c.admin(t, "PUT", "/dossier-strayed-v1-2026.09", `{}`)
		c.makeIndex(t, "dossier-strayed-v1-2026.10", "dossier-strayed-v1-2026.11", `"action":{"type":"keyword","ignore_above":8191},`, "")
		w := c.writer(t, "dossier-sink", sinkPassword, logged{t: t})
		for month, says := range map[time.Month]string{time.September: "without Dossier's mapping", time.October: "lacks a field"} {
			d := schema.Document{Kind: schema.DocumentTruncate, EventID: "strayed", Time: time.Date(2026, month, 1, 0, 0, 0, 0, time.UTC), Scope: "strayed", Action: schema.ActionTruncate}
			_, err := w.Create(t.Context(), []schema.Document{d})
			var setup *sink.SetupError
			if !errors.As(err, &setup) || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "dossier setup") {
				t.Errorf("%v: %v, want a setup error that says %q", month, err, says)
			}
		}
	})
}

// waits notes what the store waits for.
type waits struct {
	sink.NoObserver
	reason atomic.Value
	over   atomic.Bool
}

func (w *waits) Waiting(err error) {
	if err == nil {
		w.over.Store(true)
	} else {
		w.reason.Store(err.Error())
	}
}

// A scope that nobody has set up yet gets no index with a guessed mapping; the sink waits until it is there.
func TestWriterWaitsForSetup(t *testing.T) {
	onSecured(t, func(t *testing.T, c cluster) {
		c.mustSetup(t, elastic.SetupConfig{SinkUser: "dossier-sink", SinkPassword: sinkPassword})
		seen := &waits{}
		w := c.writer(t, "dossier-sink", sinkPassword, seen)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		d := schema.Document{Kind: schema.DocumentTruncate, EventID: "latecomer", Time: november, Scope: "latecomer", Action: schema.ActionTruncate}
		if _, err := w.Create(ctx, []schema.Document{d}); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("%v, want it to wait", err)
		}
		if reason, _ := seen.reason.Load().(string); !strings.Contains(reason, "dossier-latecomer-v1-*: this scope has not been set up") {
			t.Errorf("it waits because of %q", reason)
		}
		if status, _ := c.as(t, c.user, c.password, "GET", "/dossier-latecomer-v1-2026.11", ""); status != 404 {
			t.Error("an index was made")
		}
		done := make(chan error, 1)
		go func() {
			_, err := w.Create(t.Context(), []schema.Document{d})
			done <- err
		}()
		c.mustSetup(t, elastic.SetupConfig{Scopes: []string{"latecomer"}})
		if err := <-done; err != nil || !seen.over.Load() {
			t.Errorf("after the setup: %v, told: %v", err, seen.over.Load())
		}
	})
}
