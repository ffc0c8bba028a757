package query_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"dossier/query"
	"dossier/query/querytest"
	"dossier/schema"
	"dossier/sink"
)

// scene is a store with a few events, written down one by one. Each is a minute after the one before, at the next position.
type scene struct {
	*testing.T
	store   *querytest.Memory
	service *query.Service
	minute  int
	events  []schema.AuditEvent
	options sink.Options
}

var sceneDay = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func newScene(t *testing.T) *scene {
	s := &scene{T: t, store: querytest.NewMemory()}
	s.service = &query.Service{Store: s.store, Now: func() time.Time { return sceneDay.Add(10 * time.Hour) }}
	return s
}

func at(minute int) string {
	return sceneDay.Add(time.Duration(minute) * time.Minute).Format(time.RFC3339)
}

// cells reads a row such as `id=1 name="x" doc=? ssn=* old=! note=null`: ? is unavailable, * masked, ! erased.
func cells(text string) schema.Row {
	if text == "" {
		return nil
	}
	row := schema.Row{}
	for _, cell := range strings.Fields(text) {
		name, value, _ := strings.Cut(cell, "=")
		f := schema.Field{Name: name}
		switch value {
		case "?":
			f.Value.State = schema.Unavailable
		case "*":
			f.Value.State = schema.Masked
		case "!":
			f.Value.State = schema.Erased
		case "null":
			f.Value = schema.NullValue
		default:
			f.Value = schema.Value{State: schema.Present, JSON: []byte(value)}
		}
		row = append(row, f)
	}
	return row
}

// happens stores an event of product id and returns its event id: a, b, c and so on.
func (s *scene) happens(action schema.Action, id, before, after string, change ...func(*schema.AuditEvent)) string {
	s.minute++
	when := sceneDay.Add(time.Duration(s.minute) * time.Minute)
	e := schema.AuditEvent{
		Kind: schema.KindChange, ID: string(rune('a' + len(s.events))), Time: when, Captured: when.Add(time.Second), Action: action, Scope: "default",
		Entity: schema.Entity{Type: "product", ID: id}, Before: cells(before), After: cells(after),
		Context: &schema.EventContext{Status: schema.StatusAttached, Context: schema.Context{User: schema.User{ID: "ann", Name: "Ann A", Email: "ann@example.org"}}},
		CDC:     schema.CDC{Source: "shop", Schema: "public", Table: "product", Op: 'u', Position: schema.FormatPosition(uint64(s.minute), uint64(s.minute), 1)},
	}
	if action == schema.ActionSnapshot {
		e.Context, e.CDC.Position = nil, schema.FormatPosition(0, 0, 0)
	}
	if action == schema.ActionUpdate {
		for _, f := range e.After {
			previous := schema.Value{State: schema.Unavailable}
			if before != "" {
				previous = e.Before.Get(f.Name)
			}
			if f.Value.State != schema.Unavailable && !previous.Equal(f.Value) && previous.State != schema.Absent {
				e.Changes = append(e.Changes, schema.FieldChange{Field: f.Name, Previous: previous, Current: f.Value})
			}
		}
	}
	for _, c := range change {
		c(&e)
	}
	s.events = append(s.events, e)
	docs, err := sink.Materialize(&e, s.options)
	if err != nil {
		s.Fatal(err)
	}
	s.store.Add(docs...)
	return e.ID
}

// moves stores a changed key, and returns its halves' event ids.
func (s *scene) moves(from, to, before, after string) (left, came string) {
	left = s.happens(schema.ActionRekey, from, before, "", func(e *schema.AuditEvent) {
		e.Entity.NextID, e.PairID = to, string(rune('a'+len(s.events)+1))
	})
	s.minute--
	came = s.happens(schema.ActionRekey, to, "", after, func(e *schema.AuditEvent) { e.Entity.PreviousID, e.PairID = from, left })
	var halves [2]schema.Document
	for i := range halves {
		docs, _ := sink.Materialize(&s.events[len(s.events)-2+i], s.options)
		halves[i] = docs[0]
	}
	s.store.Add(sink.RekeyChanges(&halves[0], &halves[1])...)
	return left, came
}

func (s *scene) state(q query.StateQuery) *query.State {
	s.Helper()
	if q.Type == "" {
		q.Type, q.ID = "product", "1"
	}
	st, err := s.service.State(s.Context(), q)
	if err != nil {
		s.Fatal(err)
	}
	return st
}

func (s *scene) history(q query.HistoryQuery) *query.History {
	s.Helper()
	if q.Type == "" {
		q.Type, q.ID = "product", "1"
	}
	h, err := s.service.History(s.Context(), q)
	if err != nil {
		s.Fatal(err)
	}
	return h
}

// show writes a row as cells reads it, with what is derived behind.
func show(st *query.State) string {
	var words []string
	for _, f := range st.Row {
		word := f.Name + "=" + string(f.Value)
		if from := st.Derived[f.Name]; from != "" {
			word += "<" + from
		}
		words = append(words, word)
	}
	for _, name := range []string{"doc", "ssn", "old", "name"} {
		if state, ok := st.States[name]; ok {
			words = append(words, name+":"+state)
		}
	}
	return strings.Join(words, " ")
}

// tells writes changes as `field=previous<from→current`.
func tells(changes []query.FieldChange) string {
	var words []string
	for _, c := range changes {
		word := c.Field + "=" + string(c.Previous) + c.PreviousState
		if c.PreviousDerivedFrom != "" {
			word += "<" + c.PreviousDerivedFrom
		}
		word += "→" + string(c.Current) + c.CurrentState
		if c.CurrentDerivedFrom != "" {
			word += "<" + c.CurrentDerivedFrom
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}

func eventsOf(h *query.History) string {
	var ids []string
	for _, item := range h.Items {
		ids = append(ids, item.EventID)
	}
	return strings.Join(ids, " ")
}

func check[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\ngot  %v\nwant %v", what, got, want)
	}
}

// fails checks an error's code and parameter.
func fails(t *testing.T, what string, err error, code query.Code, parameter string) {
	t.Helper()
	var e *query.Error
	if !errors.As(err, &e) || e.Code != code || e.Parameter != parameter {
		t.Errorf("%s: got %v, want an error %s for %q", what, err, code, parameter)
	}
}

func TestValuesThatEventsDidNotCarry(t *testing.T) {
	const ( // actions
		create, update, remove = schema.ActionCreate, schema.ActionUpdate, schema.ActionDelete
	)
	for _, test := range []struct {
		name   string
		play   func(s *scene)
		row    string // of product 1 now
		latest string // what the last change tells
	}{
		{"from the creation", func(s *scene) {
			s.happens(create, "1", "", `id=1 name="x" doc="D"`)
			s.happens(update, "1", "", `id=1 name="y" doc=?`, only("name"))
		}, `id=1 name="y" doc="D"<a`, `name="x"<a→"y"`},
		{"from the last change of the field", func(s *scene) {
			s.happens(create, "1", "", `id=1 name="x" doc="D"`)
			s.happens(update, "1", "", `id=1 name="x" doc="E"`, only("doc"))
			s.happens(update, "1", "", `id=1 name="y" doc=?`, only("name"))
			s.happens(update, "1", "", `id=1 name="z" doc=?`, only("name"))
		}, `id=1 name="z" doc="E"<b`, `name="y"<c→"z"`},
		{"null is a value", func(s *scene) {
			s.happens(create, "1", "", `id=1 name=null doc=null`)
			s.happens(update, "1", "", `id=1 name="y" doc=?`, only("name"))
		}, `id=1 name="y" doc=null<a`, `name=null<a→"y"`},
		{"from the image before it", func(s *scene) {
			s.happens(update, "1", `id=1 name="x" doc="D"`, `id=1 name="y" doc=?`)
		}, `id=1 name="y" doc="D"<a`, `name="x"→"y"`},
		{"from a snapshot read later than the last change", func(s *scene) {
			s.happens(create, "1", "", `id=1 name="x" doc="D"`)
			s.happens(schema.ActionSnapshot, "1", "", `id=1 name="x" doc="S"`) // what happened between was lost
			s.happens(update, "1", "", `id=1 name="y" doc=?`, only("name"))
			s.happens(update, "1", "", `id=1 name="z" doc=?`, only("name"))
		}, `id=1 name="z" doc="S"<b`, `name="y"<c→"z"`},
		{"nobody knows", func(s *scene) {
			s.happens(update, "1", "", `id=1 name="y" doc=?`, only("name"))
		}, `id=1 name="y" doc:unavailable`, `name=unavailable→"y"`},
		{"masked stays hidden", func(s *scene) {
			s.happens(create, "1", "", `id=1 name="x" doc="D"`)
			s.happens(update, "1", "", `id=1 name="x" doc=*`, only("doc"))
			s.happens(update, "1", "", `id=1 name="y" doc=?`, only("name"))
			s.happens(update, "1", "", `id=1 name="z" doc=?`, only("name"))
		}, `id=1 name="z" doc:unavailable`, `name="y"<c→"z"`},
		{"erased stays erased", func(s *scene) {
			s.happens(create, "1", "", `id=1 name="x" doc=!`)
			s.happens(update, "1", "", `id=1 name="y" doc=?`, only("name"))
		}, `id=1 name="y" doc:unavailable`, `name="x"<a→"y"`},
		{"not from a row that had the key before", func(s *scene) {
			s.happens(create, "1", "", `id=1 name="x" doc="D"`)
			s.happens(remove, "1", `id=1`, "")
			s.happens(update, "1", "", `id=1 name="y" doc=?`, only("name")) // its creation was lost
			s.happens(update, "1", "", `id=1 name="z" doc=?`, only("name"))
		}, `id=1 name="z" doc:unavailable`, `name="y"<c→"z"`},
		{"not from another source", func(s *scene) {
			s.happens(create, "1", "", `id=1 name="x" doc="D"`, func(e *schema.AuditEvent) { e.CDC.Source = "annex" })
			s.happens(update, "1", "", `id=1 name="y" doc=?`, only("name"))
		}, `id=1 name="y" doc:unavailable`, `name=unavailable→"y"`},
		{"a column that came in between has no value before", func(s *scene) {
			s.happens(create, "1", "", `id=1 name="x"`)
			s.happens(update, "1", "", `id=1 name="y" doc=?`, only("name"))
		}, `id=1 name="y" doc:unavailable`, `name="x"<a→"y"`},
		{"across a changed key", func(s *scene) {
			s.happens(create, "7", "", `id=7 name="x" doc="D"`)
			s.happens(update, "7", "", `id=7 name="y" doc=?`, only("name"))
			s.moves("7", "1", `id=7`, `id=1 name="y" doc=?`)
			s.happens(update, "1", "", `id=1 name="z" doc=?`, only("name"))
		}, `id=1 name="z" doc="D"<a`, `name="y"<d→"z"`},
		{"across a changed key, from its old half", func(s *scene) {
			s.moves("7", "1", `id=7 name="y" doc="D"`, `id=1 name="y" doc=?`)
			s.happens(update, "1", "", `id=1 name="z" doc=?`, only("name"))
		}, `id=1 name="z" doc="D"<a`, `name="y"<b→"z"`},
		{"what a changed key replaced", func(s *scene) {
			s.happens(create, "7", "", `id=7 name="x" doc="D"`)
			s.moves("7", "1", `id=7 name=? doc=?`, `id=1 name="y" doc=?`)
		}, `id=1 name="y" doc="D"<a`, `id=7→1 name="x"<a→"y"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, changes := range []sink.FieldChanges{sink.FieldChangesAll, sink.FieldChangesUpdates} {
				s := newScene(t)
				s.options.FieldChanges = changes
				test.play(s)
				check(t, "row", show(s.state(query.StateQuery{})), test.row)
				check(t, "latest change", tells(s.history(query.HistoryQuery{}).Items[0].Changes), test.latest)
			}
		})
	}
}

// only leaves the changes of some fields.
func only(fields ...string) func(*schema.AuditEvent) {
	return func(e *schema.AuditEvent) {
		e.Changes = slices.DeleteFunc(e.Changes, func(c schema.FieldChange) bool { return !slices.Contains(fields, c.Field) })
	}
}

func TestBlame(t *testing.T) {
	const (
		create, update, snapshot = schema.ActionCreate, schema.ActionUpdate, schema.ActionSnapshot
	)
	for _, test := range []struct {
		name string
		play func(s *scene)
		want string
	}{
		{"creation and change", func(s *scene) {
			s.happens(create, "1", "", `id=1 name="x" note=null`)
			s.happens(update, "1", `id=1 name="x" note=null`, `id=1 name="y" note=null`)
		}, `id:a absent name:b "x" note:a absent`},
		{"first seen in a snapshot", func(s *scene) {
			s.happens(snapshot, "1", "", `id=1 name="x"`)
			s.happens(update, "1", `id=1 name="x"`, `id=1 name="y"`)
		}, `id:a name:b "x"`},
		{"snapshots that tell nothing new", func(s *scene) {
			s.happens(create, "1", "", `id=1 name="x"`)
			s.happens(update, "1", `id=1 name="x"`, `id=1 name="y"`)
			s.happens(snapshot, "1", "", `id=1 name="y"`)
			s.happens(snapshot, "1", "", `id=1 name="y"`)
		}, `id:a absent name:b "x"`},
		{"a change that nobody saw", func(s *scene) {
			s.happens(create, "1", "", `id=1 name="x"`)
			s.happens(update, "1", `id=1 name="x"`, `id=1 name="y"`)
			s.happens(snapshot, "1", "", `id=1 name="z"`) // the first that holds the value
			s.happens(snapshot, "1", "", `id=1 name="z"`)
		}, `id:a absent name:c`},
		{"first seen in an update", func(s *scene) {
			s.happens(update, "1", `id=1 name="x" note="n"`, `id=1 name="y" note="n"`)
			s.happens(update, "1", `id=1 name="y" note="n"`, `id=1 name="z" note="n"`)
		}, `id:a name:b "y" note:a`},
		{"a column that came by ALTER TABLE", func(s *scene) {
			s.happens(create, "1", "", `id=1 name="x"`)
			s.happens(update, "1", `id=1 name="x"`, `id=1 name="y" note="default"`)
		}, `id:a absent name:b "x"`},
		{"an earlier row's changes are not this one's", func(s *scene) {
			s.happens(create, "1", "", `id=1 name="x"`)
			s.happens(update, "1", `id=1 name="x"`, `id=1 name="y"`)
			s.happens(schema.ActionDelete, "1", `id=1`, "")
			s.happens(create, "1", "", `id=1 name="y"`)
		}, `id:d absent name:d absent`},
		{"through changed keys", func(s *scene) {
			s.happens(create, "7", "", `id=7 name="x" note="n"`)
			s.happens(update, "7", `id=7 name="x" note="n"`, `id=7 name="y" note="n"`)
			s.moves("7", "8", `id=7 name="y" note="n"`, `id=8 name="y" note="n"`)
			s.moves("8", "1", `id=8 name="y" note="n"`, `id=1 name="y" note="m"`)
		}, `id:f 8 name:b "x" note:f "n"`},
		{"masked", func(s *scene) {
			s.happens(create, "1", "", `id=1 name=*`)
			s.happens(update, "1", `id=1 name=*`, `id=1 name=*`)
			s.happens(snapshot, "1", "", `id=1 name=*`)
		}, `id:a absent name:b masked`},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, changes := range []sink.FieldChanges{sink.FieldChangesAll, sink.FieldChangesUpdates} {
				s := newScene(t)
				s.options.FieldChanges = changes
				test.play(s)
				st := s.state(query.StateQuery{Blame: true})
				var words []string
				for _, name := range []string{"id", "name", "note"} {
					if b, ok := st.Blame[name]; ok {
						words = append(words, strings.TrimRight(name+":"+b.EventID+" "+string(b.Previous)+b.PreviousState, " "))
					}
				}
				check(t, "blame", strings.Join(words, " "), test.want)
			}
		})
	}
}

// The work for one page is bounded: what lies beyond stays unavailable, and says so.
func TestValuesAreLookedUpWithinBounds(t *testing.T) {
	s := newScene(t)
	var wide, toasted strings.Builder
	for i := range 300 {
		fmt.Fprintf(&wide, "f%d=%d ", i, i)
		fmt.Fprintf(&toasted, "f%d=? ", i)
	}
	s.happens(schema.ActionCreate, "1", "", "id=1 "+wide.String())
	s.happens(schema.ActionUpdate, "1", "", "id=1 x=1 "+toasted.String(), only("x"))
	s.happens(schema.ActionUpdate, "1", "", "id=1 x=2 "+toasted.String(), only("x"))
	store := &countingStore{Store: s.store}
	st, err := (&query.Service{Store: store, Now: s.service.Now}).State(t.Context(), query.StateQuery{Type: "product", ID: "1"})
	if err != nil {
		t.Fatal(err)
	}
	check(t, "filled fields", len(st.Derived), 256)
	check(t, "fields that stay open", len(st.States), 300-256)
	if store.searches > 3*256+10 {
		t.Errorf("%d searches", store.searches)
	}
}
