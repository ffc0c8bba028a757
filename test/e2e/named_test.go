package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// checkNamed gives names by POST, through one store each, and asks all of them for the editions.
func (d *deployment) checkNamed(t *testing.T, stores []*reader, w *world) {
	spring := "Spring 2026 of " + w.source
	first, second := stores[0], stores[len(stores)-1]
	named := map[string]any{"name": spring, "as_of": w.end, "reason": "again", "entities": []map[string]string{{"type": "person", "id": "1"}, {"type": "person", "id": "5"}}}
	first.refuse(t, first.readers, "/versions", named, http.StatusConflict, "taken")
	named["new_edition"] = true
	again := first.name(t, named, 2)

	middle := w.events[2*len(w.events)/3].Time
	stock := "Stock of " + w.source
	query := map[string]any{"name": stock, "as_of": middle, "query": "type:supplier", "user": map[string]string{"id": "somebody else"}}
	var suppliers []string
	for _, entity := range w.entities() {
		if s := w.asOf(entity, middle); strings.HasPrefix(entity, "supplier/") && s != nil && s.status == "present" {
			suppliers = append(suppliers, entity)
		}
	}
	before := second.name(t, query, len(suppliers))
	query["as_of"], query["new_edition"], query["entities"] = w.end, true, []map[string]string{{"type": "supplier", "id": "1"}, {"type": "supplier", "id": "3"}}
	delete(query, "query")
	after := second.name(t, query, 2)

	query["entities"] = []map[string]string{{"type": "supplier", "id": "1"}, {"type": "supplier", "id": "none"}, {"type": "supplier", "id": "80"}}
	first.refuse(t, first.readers, "/versions", query, http.StatusUnprocessableEntity, "/entities/1")
	query["as_of"] = time.Now().Add(time.Hour)
	first.refuse(t, first.readers, "/versions", query, http.StatusUnprocessableEntity, "/as_of")
	first.refuse(t, first.auditors, "/versions", map[string]any{"name": "not mine", "entities": []map[string]string{{"type": "person", "id": "1"}}}, http.StatusUnprocessableEntity, "/entities/0")
	d.settled(t, stores)

	differ := func(entity string, from []value, to *turn) string {
		l := to.told()
		l.add("named", "")
		for _, c := range rowDifferences(from, to.shown()) {
			l.add("differs", fmt.Sprint(c))
		}
		return strings.Join(l, "; ")
	}
	ada := w.named(spring, "person/1").now
	var stocked []string
	for _, entity := range suppliers {
		stocked = append(stocked, differ(entity, nil, w.asOf(entity, middle)))
	}
	told := func(e edition, name string, n int, texts ...string) []line {
		e.Edition, e.By = n, "request"
		return plain(append([]string{e.told(name)}, texts...)...)
	}
	now := func(entity string) *turn { return w.asOf(entity, w.end) }
	at := func(entity string, at time.Time) []value { return w.asOf(entity, at).shown() }
	questions := []question{
		{path: path([]string{"versions", spring}), want: told(again, spring, 2, differ("person/1", ada.shown(), now("person/1")), differ("person/5", nil, now("person/5")))},
		{path: path([]string{"versions", spring}, "edition", again.ID), want: told(again, spring, 2, differ("person/1", ada.shown(), now("person/1")), differ("person/5", nil, now("person/5")))},
		{path: path([]string{"versions", stock}, "edition", "1", "limit", "1000"), want: told(before, stock, 1, stocked...)},
		{path: path([]string{"versions", stock}), want: told(after, stock, 2, differ("supplier/1", at("supplier/1", middle), now("supplier/1")), differ("supplier/3", at("supplier/3", middle), now("supplier/3")))},
	}
	for i := range questions {
		questions[i].kind, questions[i].read = "version", readVersion
		questions[i].want = slices.Clone(questions[i].want)
	}
	for _, q := range w.versionQuestions() {
		if strings.HasPrefix(q.path, path([]string{"versions", spring})) {
			q.path = path([]string{"versions", spring}, "edition", "changes")
			questions = append(questions, q)
		}
	}
	for _, edition := range []struct {
		name, number, entity string
		want                 *turn
	}{{spring, "1", "person/1", ada}, {spring, "changes", "person/1", ada}, {spring, "2", "person/1", now("person/1")}, {spring, "", "person/5", now("person/5")},
		{stock, "1", "supplier/1", w.asOf("supplier/1", middle)}, {stock, after.ID, "supplier/1", now("supplier/1")}} {
		questions = append(questions, question{kind: "state by version", path: entityPath(edition.entity, "", "version", edition.name, "edition", edition.number), read: readState,
			want: plain(edition.want.told()...)})
	}
	var changes []line
	for _, c := range rowDifferences(ada.shown(), now("person/1").shown()) {
		changes = append(changes, line{text: fmt.Sprint(c)})
	}
	questions = append(questions,
		question{kind: "diff", path: entityPath("person/1", "diff", "a", "version:"+spring+"@1", "b", "version:"+spring+"@2"), read: readChangedFields, want: changes},
		question{path: entityPath("supplier/2", "", "version", stock), status: http.StatusNotFound, problem: "edition 1 does"},
		question{path: path([]string{"versions", stock}, "edition", "7"), status: http.StatusNotFound, problem: "7"},
		question{path: path([]string{"versions", stock}, "edition", "first"), status: http.StatusBadRequest, problem: `"parameter":"edition"`})
	for _, r := range stores {
		t.Run(r.store, func(t *testing.T) {
			r.ask(t, r.readers, questions)
			r.ask(t, r.auditors, []question{{path: path([]string{"versions", spring}), status: http.StatusNotFound}})
			mark := fmt.Sprintf("version %q %s of person/1 as of %s: %s", spring, again.ID, w.end.Format(time.RFC3339Nano), again.User.ID)
			r.expect(t, r.readers, entityPath("person/1", "history"), mark)
			r.expect(t, r.readers, path([]string{"changes"}, "q", "kind:named_version version:"+quoted(spring)+" entity:person/1"), mark)
		})
	}
}

// name gives a name by POST and returns the edition that this makes.
func (r *reader) name(t *testing.T, body map[string]any, entities int) edition {
	t.Helper()
	a, err := r.post(t.Context(), r.readers, "/versions", body)
	check(t, err)
	var answer struct {
		Name, ID string
		Entities int
	}
	if err := json.Unmarshal(a.body, &answer); err != nil || a.status != http.StatusCreated && a.status != http.StatusAccepted || answer.Entities != entities || answer.Name != body["name"] {
		t.Fatalf("%s: POST /versions: %d %s (%v), want %d entities", r.store, a.status, a.body, err, entities)
	}
	e := edition{ID: answer.ID, Entities: entities}
	e.Reason, _ = body["reason"].(string)
	e.User.ID = r.readers.name
	if author, ok := body["user"].(map[string]string); ok {
		e.User.ID = author["id"] // an application speaks for its users
	}
	return e
}

// refuse posts what must be refused.
func (r *reader) refuse(t *testing.T, who caller, path string, body any, status int, text string) {
	t.Helper()
	a, err := r.post(t.Context(), who, path, body)
	check(t, err)
	if a.status != status || !strings.Contains(string(a.body), text) {
		t.Errorf("%s: POST %s of %v: %d %s, want %d and %s", r.store, path, body, a.status, a.body, status, text)
	}
}

// expect asks for a list that must have these items among others.
func (r *reader) expect(t *testing.T, who caller, path string, items ...string) {
	t.Helper()
	lines, _, err := r.pages(t.Context(), who, "", path, false, readItems)
	if err != nil {
		t.Errorf("GET %s: %v", path, err)
		return
	}
	for _, item := range items {
		if !slices.ContainsFunc(lines, func(l line) bool { return l.text == item }) {
			t.Errorf("GET %s does not say\n    %s, but%s", path, item, some(lines))
		}
	}
}

// settled waits until what was sent can be read in every store.
func (d *deployment) settled(t *testing.T, stores []*reader) {
	t.Helper()
	for _, r := range stores {
		d.caughtUp(t, r.group)
		r.refresh(t)
	}
}
