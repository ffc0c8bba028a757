package query_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"dossier/query"
	"dossier/schema"
)

// truthEdition is an edition as it really came about.
type truthEdition struct {
	naming *naming // nil: the changes that carry the name
	first  time.Time
	refs   []query.Ref
}

// editions returns the editions of a name.
func (w *world) editions(name string) []truthEdition {
	var editions []truthEdition
	var byChanges *truthEdition
	for _, c := range w.stored() {
		if c.tx.context.VersionName != name {
			continue
		}
		if byChanges == nil {
			byChanges = &truthEdition{first: c.event.Time}
		}
		byChanges.refs = append(byChanges.refs, c.ref)
	}
	if byChanges != nil {
		editions = append(editions, *byChanges)
	}
	for i, n := range w.namings {
		if n.name == name {
			editions = append(editions, truthEdition{naming: &w.namings[i], first: n.at, refs: slices.Clone(n.refs)})
		}
	}
	slices.SortFunc(editions, func(a, b truthEdition) int { return a.first.Compare(b.first) })
	for i := range editions {
		refs := editions[i].refs
		slices.SortFunc(refs, func(a, b query.Ref) int { return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.ID, b.ID)) })
		editions[i].refs = slices.Compact(refs)
	}
	return editions
}

// state returns an entity as an edition holds it: the row, nil where there was none, and the status.
func (w *world) state(name string, e truthEdition, ref query.Ref) (schema.Row, query.Status) {
	var last, first *change
	stored := w.stored()
	for i, c := range stored {
		if c.ref != ref {
			continue
		}
		if first == nil {
			first = &stored[i]
		}
		if e.naming != nil && !c.event.Time.After(e.naming.asOf) || e.naming == nil && c.tx.context.VersionName == name {
			last = &stored[i]
		}
	}
	switch {
	case last != nil && last.after != nil:
		return last.after, query.StatusPresent
	case last != nil:
		return nil, query.StatusDeleted
	case first != nil && first.event.Action == schema.ActionCreate:
		return nil, query.StatusNotYet
	}
	return nil, query.StatusUnknown
}

// before returns the entity as it was in the version before.
func (w *world) before(name string, editions []truthEdition, at int, ref query.Ref) schema.Row {
	for i := at - 1; i >= 0; i-- {
		if slices.Contains(editions[i].refs, ref) {
			row, _ := w.state(name, editions[i], ref)
			return row
		}
	}
	if editions[at].naming == nil {
		for _, c := range w.stored() {
			if c.ref == ref && c.tx.context.VersionName == name {
				return c.before
			}
		}
		return nil
	}
	var last *naming
	for i, n := range w.namings {
		own := editions[at].naming
		if n.name != name && slices.Contains(n.refs, ref) && n.at.Before(own.at) && !n.asOf.After(own.asOf) &&
			(last == nil || cmp.Or(n.asOf.Compare(last.asOf), n.at.Compare(last.at)) > 0) {
			last = &w.namings[i]
		}
	}
	if last == nil {
		return nil
	}
	row, _ := w.state(last.name, truthEdition{naming: last}, ref)
	return row
}

func rowText(row schema.Row) string {
	var b strings.Builder
	for _, f := range row {
		value := string(f.Value.JSON)
		if f.Value.State == schema.Null {
			value = "null"
		}
		fmt.Fprintf(&b, "%s=%s ", f.Name, value)
	}
	return b.String()
}

// differences writes what differs between two rows.
func differences(was, is schema.Row) string {
	var list []string
	for _, name := range []string{"id", "note", "price"} {
		if a, b := was.Get(name), is.Get(name); !a.Equal(b) {
			list = append(list, fmt.Sprintf("%s %s %s->%s %s", name, a.State, a.JSON, b.State, b.JSON))
		}
	}
	return strings.Join(list, "; ")
}

// toldDifferences writes the differences of an answer likewise.
func toldDifferences(changes []query.FieldChange) string {
	var list []string
	side := func(raw []byte, state string) string {
		switch {
		case state != "":
			return state + " "
		case string(raw) == "null":
			return "null "
		}
		return "present " + string(raw)
	}
	for _, c := range changes {
		list = append(list, fmt.Sprintf("%s %s->%s", c.Field, side(c.Previous, c.PreviousState), side(c.Current, c.CurrentState)))
	}
	slices.Sort(list)
	return strings.Join(list, "; ")
}

func TestVersionsTellWhatHappened(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		listed := pages(t, w, func(p query.PageQuery) (*query.NamedVersions, error) {
			p.Limit = 1 + p.Limit%3
			return w.service.Versions(context.Background(), p)
		}, func(a *query.NamedVersions) ([]query.NamedVersion, string) { return a.Items, a.Next })
		var names []string
		for _, v := range listed {
			names = append(names, v.Name)
		}
		if !slices.Equal(names, []string{"Autumn", "Spring", "Summer"}) {
			t.Fatalf("the names are %v", names)
		}
		for _, v := range listed {
			truth := w.editions(v.Name)
			if len(truth) != len(v.Editions) {
				t.Fatalf("%s has %d editions, expected %d", v.Name, len(v.Editions), len(truth))
			}
			for i, e := range v.Editions {
				by, id, user := "changes", "", ""
				if n := truth[i].naming; n != nil {
					by, id, user = "request", n.id, fmt.Sprintf(`{"id":%q}`, n.user)
					if e.Reason != "because of "+n.id {
						t.Errorf("%s, edition %d: the reason is %q", v.Name, e.Edition, e.Reason)
					}
				}
				if e.Edition != i+1 || e.By != by || e.ID != id || !e.First.Equal(truth[i].first) || e.Entities != int64(len(truth[i].refs)) || string(e.User) != user {
					t.Fatalf("%s: %+v, expected %d %s %s since %s of %d by %s", v.Name, e, i+1, by, id, truth[i].first, len(truth[i].refs), user)
				}
				w.checkContent(t, v.Name, truth, i)
			}
		}
	})
}

// checkContent compares the entities of one edition with what really happened.
func (w *world) checkContent(t *testing.T, name string, editions []truthEdition, at int) {
	t.Helper()
	for _, typ := range []string{"", "person"} {
		ask := query.VersionQuery{Name: name, Edition: strconv.Itoa(at + 1), Type: typ}
		if at == len(editions)-1 && w.IntN(2) == 0 {
			ask.Edition = ""
		}
		items := pages(t, w, func(p query.PageQuery) (*query.VersionContent, error) {
			p.Limit = 1 + p.Limit%5
			ask.PageQuery = p
			return w.service.Version(context.Background(), ask)
		}, func(a *query.VersionContent) ([]query.State, string) {
			if a.Edition.Edition != at+1 || len(a.Editions) != len(editions) {
				t.Fatalf("%s: edition %d of %d, expected %d of %d", name, a.Edition.Edition, len(a.Editions), at+1, len(editions))
			}
			return a.Items, a.Next
		})
		var refs []query.Ref
		for _, ref := range editions[at].refs {
			if typ == "" || ref.Type == typ {
				refs = append(refs, ref)
			}
		}
		if len(items) != len(refs) {
			t.Fatalf("%s, edition %d: %d entities, expected %d", name, at+1, len(items), len(refs))
		}
		for i, ref := range refs {
			row, status := w.state(name, editions[at], ref)
			is := items[i]
			if is.Entity.Ref != ref || is.Status != status {
				t.Fatalf("%s, edition %d: %v is %s, expected %v %s", name, at+1, is.Entity.Ref, is.Status, ref, status)
			}
			var b strings.Builder
			for _, f := range is.Row {
				fmt.Fprintf(&b, "%s=%s ", f.Name, f.Value)
			}
			if b.String() != rowText(row) {
				t.Fatalf("%s, edition %d, %v: %s, expected %s", name, at+1, ref, b.String(), rowText(row))
			}
			if got, expected := toldDifferences(is.Changes), differences(w.before(name, editions, at, ref), row); got != expected {
				t.Fatalf("%s, edition %d, %v: differs by %s, expected %s", name, at+1, ref, got, expected)
			}
			if (is.Named != nil) != (editions[at].naming != nil) {
				t.Fatalf("%s, edition %d, %v: named by %+v", name, at+1, ref, is.Named)
			}
			state, err := w.service.State(context.Background(), query.StateQuery{Type: ref.Type, ID: ref.ID, Version: name, Edition: ask.Edition})
			if err != nil || state.Status != status || fmt.Sprint(state.Row) != fmt.Sprint(is.Row) {
				t.Fatalf("%s, edition %d, %v: the state is %+v, %v; expected %+v", name, at+1, ref, state, err, is)
			}
		}
	}
}

func TestVersionRefuses(t *testing.T) {
	w := newWorld(1, 60)
	for _, test := range []struct {
		query query.VersionQuery
		code  query.Code
	}{
		{query.VersionQuery{Name: "Winter"}, query.CodeNotFound},
		{query.VersionQuery{Name: ""}, query.CodeInvalid},
		{query.VersionQuery{Name: "Spring", Edition: "99"}, query.CodeNotFound},
		{query.VersionQuery{Name: "Spring", Edition: "0"}, query.CodeNotFound},
		{query.VersionQuery{Name: "Spring", Edition: "first"}, query.CodeInvalid},
		{query.VersionQuery{Name: "spring"}, query.CodeNotFound},
	} {
		_, err := w.service.Version(context.Background(), test.query)
		var fault *query.Error
		if !errors.As(err, &fault) || fault.Code != test.code {
			t.Errorf("%+v: %v", test.query, err)
		}
	}
	if _, err := w.service.Version(context.Background(), query.VersionQuery{Name: "Spring", Edition: "changes"}); err != nil {
		t.Errorf("the edition of changes: %v", err)
	}
	_, err := w.service.State(context.Background(), query.StateQuery{Type: "person", ID: "77", Version: "Spring"})
	var fault *query.Error
	if !errors.As(err, &fault) || fault.Code != query.CodeNotFound {
		t.Errorf("an entity that is in no edition: %v", err)
	}
}

// survey adds a row of a table that is a source of named versions: the answer of a person to a survey. It gives the person's state the survey's name.
func survey(w *world, n int, person, name string, at time.Time, by string) {
	c := &schema.EventContext{Status: schema.StatusAttached, Context: schema.Context{User: schema.User{ID: by}}}
	id := fmt.Sprintf("survey%03d", n)
	ref := schema.EntityRef{Type: "person", ID: person}
	row := schema.Document{Kind: schema.DocumentRowVersion, EventID: id, Time: at, Scope: "people", Action: schema.ActionCreate, VersionName: name, Context: c,
		Entity: schema.DocumentEntity{EntityRef: schema.EntityRef{Type: "response", ID: strconv.Itoa(n)}, Parent: &ref},
		After:  schema.Row{w.field("id", strconv.Itoa(n))},
		CDC:    schema.CDC{Source: "shop", Schema: "public", Table: "response", Op: schema.OpCreate, Position: schema.FormatPosition(1<<30, uint64(n), 1)}}
	named := row
	named.Kind, named.Entity, named.After, named.Action = schema.DocumentNamedVersion, schema.DocumentEntity{EntityRef: ref}, nil, ""
	named.NamedVersion = &schema.NamedVersion{AsOf: at}
	w.store.Add(row, named)
}

// TestSurveyNamesTheStateOfAPerson: the last answer of a person to a survey decides, and who gave it is told.
func TestSurveyNamesTheStateOfAPerson(t *testing.T) {
	w := newWorld(5, 120)
	var times []time.Time
	for _, c := range w.stored() {
		if c.ref == (query.Ref{Type: "person", ID: "2"}) {
			times = append(times, c.event.Time)
		}
	}
	if len(times) < 6 {
		t.Fatal("person 2 changed too seldom")
	}
	second := times[3].Add(time.Second)
	survey(w, 1, "2", "Survey", times[1].Add(time.Second), "interviewer1")
	survey(w, 2, "2", "Survey", second, "interviewer2")

	answer, err := w.service.Version(context.Background(), query.VersionQuery{Name: "Survey", Type: "person"})
	if err != nil || len(answer.Items) != 1 {
		t.Fatal(answer, err)
	}
	expected, status := w.state("", truthEdition{naming: &naming{asOf: second}}, query.Ref{Type: "person", ID: "2"})
	is := answer.Items[0]
	if is.Status != status || len(is.Row) != len(expected) || is.Named == nil || !is.Named.Time.Equal(second) || !strings.Contains(string(is.Named.Context), "interviewer2") {
		t.Errorf("%+v, expected %s %s by interviewer2", is, status, rowText(expected))
	}
	if e := answer.Edition; e.By != "changes" || e.Entities != 3 {
		t.Errorf("the edition is %+v, expected three entities by changes", e)
	}
	all, err := w.service.Version(context.Background(), query.VersionQuery{Name: "Survey"})
	if err != nil || len(all.Items) != 3 || all.Items[1].Entity.Type != "response" || all.Items[1].Named != nil {
		t.Errorf("all entities are %+v, %v", all, err)
	}
}
