package e2e

import (
	"encoding/json"
	"net/http"
	"testing"
)

// checkPlaces asks for entities as single changes left them, by the changes' ids and by their positions, which the histories tell.
func (r *reader) checkPlaces(t *testing.T, w *world) {
	var questions []question
	for _, entity := range w.some(24) {
		a, err := r.get(t.Context(), r.readers, "", entityPath(entity, "history", "limit", "1000"))
		check(t, err)
		var answer struct{ Items []changeJSON }
		check(t, json.Unmarshal(a.body, &answer))
		history := w.history(entity)
		if len(answer.Items) != len(history) {
			t.Fatalf("%s has %d items in its history, want %d", entity, len(answer.Items), len(history))
		}
		for i, j := range answer.Items {
			e := history[i].event
			if history[i].naming || e.Action == "truncate" || i > 12 {
				continue
			}
			own := e.EntityType + "/" + e.ID
			for _, state := range w.turns[own] {
				if state.version == e {
					want := plain(state.told()...)
					questions = append(questions,
						question{kind: "state by event", path: entityPath(own, "", "event", j.EventID), read: readState, want: want},
						question{kind: "state by position", path: entityPath(own, "", "position", j.CDC.Position), read: readState, want: want})
					break
				}
			}
		}
	}
	t.Logf("%d states by change and by position", len(questions))
	r.ask(t, r.readers, questions)
}

// checkStrangers asks without credentials, and with wrong ones.
func (r *reader) checkStrangers(t *testing.T, w *world) {
	entity := w.entities()[0]
	for _, who := range []caller{{}, {"", "Bearer the-token-of-nobody-at-all"}, {"", "Basic bm9ib2R5Ondyb25nIHBhc3N3b3Jk"}} {
		for _, p := range []string{entityPath(entity, ""), entityPath(entity, "history"), path([]string{"changes"}), path([]string{"counts"}, "by", "user"), path([]string{"versions"})} {
			a, err := r.get(t.Context(), who, "", p)
			check(t, err)
			if a.status != http.StatusUnauthorized || a.header.Get("WWW-Authenticate") == "" {
				t.Errorf("GET %s with %q: %d %.300s, want 401 and WWW-Authenticate", p, who.authorization, a.status, a.body)
			}
		}
	}
}
