package query_test

import (
	"fmt"
	"testing"
	"time"

	"dossier/query"
	"dossier/schema"
)

// says stores feedback at a minute.
func (s *scene) says(id string, minute int, entity string, version string, event string) {
	d := schema.Document{Kind: schema.DocumentFeedback, EventID: id, Time: sceneDay.Add(time.Duration(minute)*time.Minute + 30*time.Second), Scope: "default", VersionName: version,
		Context:  &schema.EventContext{Status: schema.StatusAttached, Context: schema.Context{User: schema.User{ID: "payments"}}},
		Feedback: &schema.Feedback{Application: "payments", Status: "rejected", Message: "no " + id, Payload: []byte(`{"n":1}`), EventID: event}}
	if entity != "" {
		d.Entity.EntityRef = schema.EntityRef{Type: "product", ID: entity}
	}
	s.store.Add(d)
}

// names stores that an entity belongs to a version.
func (s *scene) names(id string, minute int, entity, version string) {
	s.store.Add(schema.Document{Kind: schema.DocumentNamedVersion, EventID: id, Time: sceneDay.Add(time.Duration(minute)*time.Minute + 20*time.Second), Scope: "default", VersionName: version,
		Context:      &schema.EventContext{Status: schema.StatusAttached, Context: schema.Context{User: schema.User{ID: "ben"}, Reason: "audit"}},
		Entity:       schema.DocumentEntity{EntityRef: schema.EntityRef{Type: "product", ID: entity}},
		NamedVersion: &schema.NamedVersion{ID: "q", AsOf: sceneDay.Add(time.Duration(minute) * time.Minute)}})
}

func TestHistoryHoldsWhatWasSaid(t *testing.T) {
	s := newScene(t)
	a := s.happens(schema.ActionCreate, "1", "", `id=1 name="x"`)              // minute 1
	b := s.happens(schema.ActionUpdate, "1", `id=1 name="x"`, `id=1 name="y"`) // 2
	other := s.happens(schema.ActionCreate, "2", "", `id=2 name="x"`)          // 3
	s.names("n1", 3, "1", "Spring")                                            // 3:20
	s.names("n2", 3, "2", "Autumn")                                            //
	s.says("on-entity", 3, "1", "", "")                                        // 3:30
	s.says("on-version", 5, "", "Spring", "")                                  // 5:30
	s.says("on-other-version", 5, "", "Autumn", "")                            //
	s.says("on-event", 6, "", "", a)                                           // stands beside a
	s.says("on-event-and-entity", 2, "1", "", b)                               // 2:30, at its own time
	s.says("on-other-event", 6, "", "", other)                                 //
	s.says("on-other-entity", 7, "2", "", "")                                  //
	left, came := s.moves("1", "5", `id=1 name="y"`, `id=5 name="y"`)          // 4
	s.says("on-old-half", 8, "", "", left)                                     // beside the changed key
	c := s.happens(schema.ActionUpdate, "5", `id=5 name="y"`, `id=5 name="z"`) // 5
	s.names("n5", 9, "5", "Winter")                                            // 9:20
	s.says("on-winter", 9, "", "Winter", "")                                   // 9:30
	whole := "on-winter n5 on-version " + c + " on-old-half " + came + " on-entity n1 on-event-and-entity " + b + " on-event " + a
	check(t, "history", eventsOf(s.history(query.HistoryQuery{})), whole)
	check(t, "history under the new id", eventsOf(s.history(query.HistoryQuery{Type: "product", ID: "5"})), whole)
	check(t, "what payments did", eventsOf(s.history(query.HistoryQuery{User: "payments"})), "on-winter on-version on-entity on-event-and-entity")
	check(t, "what Ann did, by name", eventsOf(s.history(query.HistoryQuery{User: "Ann A"})), c+" "+came+" "+b+" "+a)
	check(t, "what Ann did, by e-mail", eventsOf(s.history(query.HistoryQuery{User: "ann@example.org"})), c+" "+came+" "+b+" "+a)
	check(t, "what changed the name", eventsOf(s.history(query.HistoryQuery{Field: "name"})), c+" "+b+" "+a)
	check(t, "what changed the id", eventsOf(s.history(query.HistoryQuery{Field: "id"})), came+" "+a)
	check(t, "in between", eventsOf(s.history(query.HistoryQuery{From: at(2), To: at(4)})), "on-entity n1 on-event-and-entity "+b)
	check(t, "its other ids", fmt.Sprint(s.history(query.HistoryQuery{}).Entity.Also), "[5]")

	h := s.history(query.HistoryQuery{})
	for _, item := range h.Items {
		switch item.EventID {
		case "n1":
			if v := item.Version; item.Kind != "named_version" || v == nil || v.Name != "Spring" || v.ID != "q" || !v.AsOf.Equal(sceneDay.Add(3*time.Minute)) || item.VersionName != "" || item.CDC != nil {
				t.Errorf("a named version: %+v", item)
			}
		case "on-entity":
			if f := item.Feedback; item.Kind != "feedback" || f == nil || f.Application != "payments" || f.Status != "rejected" || string(f.Payload) != `{"n":1}` || f.Message != "no on-entity" {
				t.Errorf("feedback: %+v", item)
			}
		}
	}
}

// Of a changed key whose new half is not to be seen, the old one is shown.
func TestHistoryShowsAHalfThatIsAlone(t *testing.T) {
	s := newScene(t)
	a := s.happens(schema.ActionCreate, "1", "", `id=1 name="x"`)
	b := s.happens(schema.ActionRekey, "1", `id=1`, "", func(e *schema.AuditEvent) { e.Entity.NextID, e.PairID = "5", "hidden" })
	check(t, "history", eventsOf(s.history(query.HistoryQuery{})), b+" "+a)
	s.happens(schema.ActionRekey, "9", "", `id=9 name="x"`, func(e *schema.AuditEvent) { e.Entity.PreviousID, e.PairID = "8", "hidden" })
	h := s.history(query.HistoryQuery{Type: "product", ID: "9"})
	check(t, "its other id", fmt.Sprint(h.Entity.Also), "[8]")
	check(t, "what is known to have changed", tells(h.Items[0].Changes), "")
	_, err := s.service.History(t.Context(), query.HistoryQuery{Type: "product", ID: "5"})
	fails(t, "the half that is not there", err, query.CodeNotFound, "")
}

// An entity that is known by what was said of it alone is known.
func TestHistoryOfWhatHasNoVersion(t *testing.T) {
	s := newScene(t)
	s.says("f", 1, "1", "", "")
	s.happens(schema.ActionTruncate, "", "", "")
	check(t, "history", eventsOf(s.history(query.HistoryQuery{})), "f")
	check(t, "status", s.state(query.StateQuery{}).Status, query.StatusUnknown)
}

// A table that was emptied a thousand times while an entity was not there has nothing to tell of it.
func TestHistoryPassesOverTruncatesOfOthers(t *testing.T) {
	s := newScene(t)
	a := s.happens(schema.ActionCreate, "1", "", `id=1`)
	b := s.happens(schema.ActionDelete, "1", `id=1`, "")
	for i := range 40 {
		s.happens(schema.ActionTruncate, "", "", "", func(e *schema.AuditEvent) { e.ID = fmt.Sprint("t", i) })
	}
	q := query.HistoryQuery{Type: "product", ID: "1", PageQuery: query.PageQuery{Limit: 2}}
	var got string
	for range 10 {
		h := s.history(q)
		got += eventsOf(h) + ";"
		if q.Cursor = h.Next; q.Cursor == "" {
			break
		}
	}
	check(t, "pages", got, ";"+b+" "+a+";")
}

// A history takes two rounds of searches, the second for feedback, and is asked for again only where it is not the usual one.
func TestHistoryTakesFewSearches(t *testing.T) {
	s := newScene(t)
	for i := range 3 {
		s.happens(schema.ActionTruncate, "", "", "", func(e *schema.AuditEvent) { e.ID, e.Time = fmt.Sprint("t", i), sceneDay.AddDate(0, 0, i-9) })
	}
	a := s.happens(schema.ActionCreate, "1", "", `id=1 name="x"`)
	b := s.happens(schema.ActionUpdate, "1", `id=1 name="x"`, `id=1 name="y"`)
	c := s.happens(schema.ActionUpdate, "1", `id=1 name="y"`, `id=1 name="z"`)
	d := s.happens(schema.ActionTruncate, "", "", "")
	store := &countingStore{Store: s.store}
	service := &query.Service{Store: store, Now: s.service.Now}
	pages := func(q query.HistoryQuery) (told string, rounds []int) {
		t.Helper()
		for q.Type, q.ID = "product", "1"; ; {
			store.rounds = 0
			h, err := service.History(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			told, rounds = told+eventsOf(h)+";", append(rounds, store.rounds)
			if q.Cursor = h.Next; h.Next == "" {
				return told, rounds
			}
		}
	}
	for _, test := range []struct {
		q    query.HistoryQuery
		want string
	}{
		// One more for whether the truncate took the row.
		{query.HistoryQuery{PageQuery: query.PageQuery{Limit: 2}}, d + " " + c + ";" + b + " " + a + "; [3 3]"},
		{query.HistoryQuery{PageQuery: query.PageQuery{Limit: 3}}, d + " " + c + " " + b + ";" + a + "; [3 3]"},
		{query.HistoryQuery{PageQuery: query.PageQuery{Limit: 4}}, d + " " + c + " " + b + " " + a + "; [4]"},
		{query.HistoryQuery{}, d + " " + c + " " + b + " " + a + "; [4]"},
		{query.HistoryQuery{From: at(1)}, d + " " + c + " " + b + " " + a + "; [3]"},
		{query.HistoryQuery{Field: "name"}, c + " " + b + " " + a + "; [1]"},
		{query.HistoryQuery{Field: "name", PageQuery: query.PageQuery{Limit: 1}}, c + ";" + b + ";" + a + "; [1 1 1]"},
		{query.HistoryQuery{User: "Ann A", From: at(4), To: at(6)}, b + " " + a + "; [2]"},
	} {
		told, rounds := pages(test.q)
		check(t, fmt.Sprintf("%+v", test.q), told+" "+fmt.Sprint(rounds), test.want)
	}
	s.names("n", 8, "1", "Spring")
	told, rounds := pages(query.HistoryQuery{From: at(1)})
	check(t, "with a version", told+" "+fmt.Sprint(rounds), "n "+d+" "+c+" "+b+" "+a+"; [4]")
	s.says("on-version", 9, "", "Spring", "")
	told, rounds = pages(query.HistoryQuery{From: at(1)})
	check(t, "with a version of which something was said", told+" "+fmt.Sprint(rounds), "on-version n "+d+" "+c+" "+b+" "+a+"; [5]")
}

func TestChildrenRefuse(t *testing.T) {
	s := newScene(t)
	parent := func(id string) func(*schema.AuditEvent) {
		return func(e *schema.AuditEvent) { e.Entity.Parent = &schema.EntityRef{Type: "supplier", ID: id} }
	}
	s.happens(schema.ActionCreate, "1", "", `id=1`, parent("7"))
	s.happens(schema.ActionUpdate, "1", `id=1 s=7`, `id=1 s=8`, parent("8"))
	for _, test := range []struct {
		id, childType, asOf, want string
	}{{"7", "", "", ""}, {"8", "", "", "1"}, {"7", "", at(1), "1"}, {"8", "product", "", "1"}, {"8", "person", "", ""}, {"8", "", at(1), ""}, {"7", "", at(0), ""}} {
		answer, err := s.service.Children(t.Context(), query.ChildrenQuery{Type: "supplier", ID: test.id, ChildType: test.childType, AsOf: test.asOf})
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, child := range answer.Items {
			got += child.Entity.ID
		}
		check(t, "children of "+test.id+" at "+test.asOf, got, test.want)
	}
	_, err := s.service.Children(t.Context(), query.ChildrenQuery{Type: "supplier", ID: "9"})
	fails(t, "an unknown parent", err, query.CodeNotFound, "")
	_, err = s.service.Children(t.Context(), query.ChildrenQuery{Type: "supplier", ID: "8", AsOf: "x"})
	fails(t, "no time", err, query.CodeInvalid, "as_of")
}

// A truncate of another table, or in another source, takes nothing of this one, whatever type both are of.
func TestTruncatesOfOtherTables(t *testing.T) {
	s := newScene(t)
	a := s.happens(schema.ActionCreate, "1", "", `id=1`)
	s.happens(schema.ActionTruncate, "", "", "", func(e *schema.AuditEvent) { e.CDC.Table = "product_old" })
	s.happens(schema.ActionTruncate, "", "", "", func(e *schema.AuditEvent) { e.CDC.Schema = "archive" })
	s.happens(schema.ActionTruncate, "", "", "", func(e *schema.AuditEvent) { e.CDC.Source = "annex" })
	check(t, "status", s.state(query.StateQuery{}).Status, query.StatusPresent)
	check(t, "history", eventsOf(s.history(query.HistoryQuery{})), a)
}
