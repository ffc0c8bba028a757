package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// checkFeedback reports by POST and by the topic, and finds it in histories.
func (d *deployment) checkFeedback(t *testing.T, stores []*reader, w *world) {
	first, second := stores[0], stores[len(stores)-1]
	letters := len(d.readTopic(t, d.DeadLetters()))
	produce := func(text string) {
		check(t, d.kafka(t).ProduceSync(t.Context(), &kgo.Record{Topic: d.Feedback, Value: []byte(text)}).FirstErr())
	}
	// On an entity, by each way; sent twice it is there once.
	first.report(t, map[string]any{"application": "payments", "status": "accepted", "message": "by POST", "payload": json.RawMessage(`{"n":9007199254740993,"a":"ü"}`),
		"entity": map[string]string{"type": "product", "id": "1"}, "id": w.source + "-1"})
	second.report(t, map[string]any{"application": "payments", "status": "rejected", "message": "again", "entity": map[string]string{"type": "product", "id": "1"}})
	for range 2 {
		produce(fmt.Sprintf(`{"id":"%s-2","application":"warehouse","status":"counted","message":"by topic","entity":{"type":"product","id":"1"},"payload":{"shelf":"a/b"}}`, w.source))
	}
	produce(`{"application":"warehouse","status":"`) // a dead letter
	// On a version, and on a change.
	spring := "Spring 2026 of " + w.source
	first.report(t, map[string]any{"application": "survey office", "status": "closed", "version": spring, "scope": d.Scope("people")})
	change := first.eventOf(t, entityPath("supplier/3", "history"))
	second.report(t, map[string]any{"application": "accounts", "status": "seen", "event_id": change})
	for _, faulty := range []map[string]any{
		{"application": "x"},
		{"application": "x", "status": "y"},
		{"application": "x", "status": "y", "event_id": "none"},
		{"application": "x", "status": "y", "version": spring, "colour": "red"},
	} {
		second.refuse(t, second.readers, "/feedback", faulty, http.StatusUnprocessableEntity, `"errors"`)
	}
	until(t, "the wrong feedback to be a dead letter", func() (bool, int, error) {
		n := len(d.readTopic(t, d.DeadLetters()))
		return n == letters+1, n, nil
	})
	d.settled(t, stores)

	byPost := `feedback on product/1 version "" event "": payments accepted "by POST" {"n":9007199254740993,"a":"ü"}`
	again := `feedback on product/1 version "" event "": payments rejected "again" `
	byTopic := `feedback on product/1 version "" event "": warehouse counted "by topic" {"shelf":"a/b"}`
	onVersion := fmt.Sprintf(`feedback on / version %q event "": survey office closed "" `, spring)
	onChange := fmt.Sprintf(`feedback on supplier/3 version "" event %q: accounts seen "" `, change)
	for _, r := range stores {
		t.Run(r.store, func(t *testing.T) {
			r.expect(t, r.readers, entityPath("product/1", "history"), byPost, again, byTopic)
			r.expect(t, r.readers, entityPath("person/1", "history"), onVersion)
			r.expect(t, r.readers, entityPath("supplier/3", "history"), onChange)
			r.expect(t, r.readers, path([]string{"changes"}, "q", "kind:feedback entity:product/1"), byPost, again, byTopic)
			r.expect(t, r.readers, path([]string{"changes"}, "q", "kind:feedback event:"+change), onChange)
			r.expect(t, r.auditors, entityPath("product/1", "history"), byPost, again, byTopic)
			for q, n := range map[string]int{"application:payments": 2, "status:counted": 1, "application:warehouse,payments -status:rejected": 2, `application:"survey office"`: 1} {
				lines, _, err := r.pages(t.Context(), r.readers, "search", path([]string{"changes"}, "q", q), false, readItems)
				if err != nil || len(lines) != n {
					t.Errorf("%s finds %d (%v), want %d:%s", q, len(lines), err, n, some(lines))
				}
			}
			// Who may not read a scope does not meet its feedback, and does not count it.
			lines, _, err := r.pages(t.Context(), r.auditors, "", path([]string{"changes"}, "q", `application:"survey office"`), false, readItems)
			if err != nil || len(lines) > 0 {
				t.Errorf("feedback in another scope is shown: %v %v", lines, err)
			}
			a, err := r.get(t.Context(), r.auditors, "", path([]string{"counts"}, "by", "type", "q", "kind:feedback"))
			var counts struct{ Total int }
			if err != nil || json.Unmarshal(a.body, &counts) != nil || counts.Total != 4 {
				t.Errorf("an auditor counts %d pieces of feedback (%v): %s, want 4", counts.Total, err, a.body)
			}
		})
	}
}

// report gives feedback by POST.
func (r *reader) report(t *testing.T, body map[string]any) {
	t.Helper()
	a, err := r.post(t.Context(), r.readers, "/feedback", body)
	check(t, err)
	if a.status != http.StatusCreated && a.status != http.StatusAccepted {
		t.Errorf("%s: POST /feedback of %v: %d %s", r.store, body, a.status, a.body)
	}
}

// eventOf returns the event id of a list's first change.
func (r *reader) eventOf(t *testing.T, path string) string {
	t.Helper()
	a, err := r.get(t.Context(), r.readers, "", path)
	check(t, err)
	var answer struct{ Items []changeJSON }
	check(t, json.Unmarshal(a.body, &answer))
	for _, i := range answer.Items {
		if i.Kind == "change" {
			return i.EventID
		}
	}
	t.Fatalf("GET %s: %d, no change in %s", path, a.status, a.body)
	return ""
}
