package e2e

import (
	"fmt"
	"net/http"
	"testing"
	"time"
)

// TestLateContext: a context that comes after the grace completes the documents, which say that it was late; also when the processor was
// started anew between the change and its context.
func TestLateContext(t *testing.T) {
	s := start(t)
	source := unique("e2elate")
	d := s.deploy(t, deployment{Name: source, Sources: []string{source}})
	a := s.newApplication(t, source, d.Contexts())
	s.capture(t, a, "postgres-json.json")
	sink := d.start(t, "sink")
	processor := d.start(t, "processor")
	app := a.session(t)

	// Three transactions that nobody knows yet, one of which tells its correlation id.
	var late []who
	var keys []string
	for i := range 4 {
		app.in(t, func(x *txn) {
			w := a.person("topic")
			w.Status = "late"
			key := x.number()
			if i == 3 {
				w.Route, key = "message", w.Correlation
				x.message(fmt.Appendf(nil, `{"correlation_id": %q}`, w.Correlation))
			}
			late, keys = append(late, w), append(keys, key)
			x.truth(w)
			n := 100 * (i + 1)
			x.exec(`INSERT INTO supplier (id, name, country) VALUES ($1, 'late', 'NL'), ($1 + 1, 'later', NULL)`, n)
			x.exec(`INSERT INTO order_line (order_id, line, quantity, note) VALUES ($1, 1, 1, 'n')`, n)
			x.exec(`UPDATE supplier SET name = 'changed' WHERE id = $1`, n)
			x.exec(`UPDATE order_line SET line = 2, quantity = 5 WHERE order_id = $1`, n)
			x.exec(`DELETE FROM supplier WHERE id = $1 + 1`, n)
			x.exec(`TRUNCATE scratch`)
		})
	}
	want := expectedEvents(source, readTruth(t, a.dsn))
	documents := 0
	for i := range want {
		documents += len(want[i].documents())
	}
	early := expectedEarly(want)
	until(t, "every change without its context", func() (bool, int, error) {
		n, err := d.countWithStatus(t, source, early...)
		return n == documents, n, err
	})

	expectLate := func(what string, transactions int) {
		t.Helper()
		until(t, what, func() (bool, int, error) {
			n, err := d.countWithStatus(t, source, "late")
			return n == documents*transactions/4, n, err
		})
	}
	send := func(i int) { check(t, a.produce(t.Context(), keys[i], late[i].json())) }

	send(0)
	expectLate("the first transaction's context", 1)

	processor.stop(t)
	send(1) // while no processor runs
	processor = d.start(t, "processor")
	expectLate("the context that came while no processor ran", 2)

	processor.kill()
	processor = d.start(t, "processor")
	send(2)
	expectLate("the context that came after the processor's crash", 3)

	send(3)
	expectLate("the context for a correlation id", 4)
	d.drained(t)
	processor.running(t)
	sink.running(t)

	tr := readTruth(t, a.dsn)
	checkDocuments(t, want, tr.Commits, d.documents(t, source))
	checkAttributions(t, d, source)
}

// expectedEarly are the statuses that documents have before their context comes.
func expectedEarly(events []event) []string {
	statuses := []string{"unattributed"}
	for _, e := range events {
		if e.Context.Route == "message" {
			return append(statuses, "attached") // by the correlation id alone
		}
	}
	return statuses
}

// countWithStatus counts a source's documents, attributions apart, that have one of the context's statuses.
func (d *deployment) countWithStatus(t *testing.T, source string, statuses ...string) (int, error) {
	if err := d.search(t.Context(), http.MethodPost, "/dossier-*/_refresh", nil, nil); err != nil {
		return 0, err
	}
	var answer struct{ Count int }
	err := d.search(t.Context(), http.MethodPost, "/dossier-*/_count", map[string]any{"query": map[string]any{"bool": map[string]any{
		"filter": []any{
			map[string]any{"term": map[string]any{"cdc.source": source}},
			map[string]any{"terms": map[string]any{"audit.context": statuses}},
		},
		"must_not": map[string]any{"term": map[string]any{"audit.kind": "attribution"}},
	}}}, &answer)
	return answer.Count, err
}

// checkAttributions: each change that was published without its context has one attribution event, which says who, under the same key and
// with the same commit time.
func checkAttributions(t *testing.T, d *deployment, source string) {
	t.Helper()
	changes, attributions := d.auditTopic(t, source)
	completed := map[string]auditJSON{}
	for _, a := range attributions {
		if a.Attribution == nil || a.Context == nil {
			t.Errorf("attribution %s has no event or no context", a.ID)
			continue
		}
		if _, twice := completed[a.Attribution.EventID]; twice {
			t.Errorf("event %s is completed twice", a.Attribution.EventID)
		}
		completed[a.Attribution.EventID] = a
	}
	for _, e := range changes {
		a, ok := completed[e.EventID]
		delete(completed, e.EventID)
		switch {
		case !ok:
			t.Errorf("%s has no attribution", e.about("event"))
		case a.Context.Status != "late" || a.Context.User.ID == "":
			t.Errorf("the attribution of %s has the status %s and the user %q, want late and somebody", e.about("event"), a.Context.Status, a.Context.User.ID)
		case a.Entity.Type != e.EntityType || a.Entity.ID != e.ID || a.Time != e.Time.Format(time.RFC3339Nano) || a.Attribution.Action != e.Action:
			t.Errorf("the attribution of %s says %s of %s/%s at %s", e.about("event"), a.Attribution.Action, a.Entity.Type, a.Entity.ID, a.Time)
		}
	}
	for id := range completed {
		t.Errorf("an attribution completes event %s, which is not on the audit topic", id)
	}
	t.Logf("%d changes, %d attributions", len(changes), len(attributions))
}
