package query_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"dossier/query"
	"dossier/query/querytest"
	"dossier/schema"
)

// oneEntity adds row versions of one entity, a minute apart.
type oneEntity struct {
	store *querytest.Memory
	n     uint64
}

func (l *oneEntity) version(id string, action schema.Action, name string, before, after schema.Row, change func(*schema.Document)) {
	l.n++
	d := schema.Document{Kind: schema.DocumentRowVersion, EventID: string(rune('a' + l.n)), Time: time.Date(2026, 1, 1, 0, int(l.n), 0, 0, time.UTC), Scope: "people", Action: action,
		Entity: schema.DocumentEntity{EntityRef: schema.EntityRef{Type: "person", ID: id}}, VersionName: name, Before: before, After: after,
		Context: &schema.EventContext{Status: schema.StatusAttached},
		CDC:     schema.CDC{Source: "shop", Schema: "public", Table: "person", Position: schema.FormatPosition(l.n, l.n, 1)}}
	if change != nil {
		change(&d)
	}
	l.store.Add(d)
}

func rowImage(values ...string) schema.Row {
	var r schema.Row
	for i := 0; i < len(values); i += 2 {
		v := schema.Value{State: schema.Present, JSON: []byte(values[i+1])}
		if values[i+1] == "unavailable" {
			v = schema.Value{State: schema.Unavailable}
		}
		r = append(r, schema.Field{Name: values[i], Value: v})
	}
	return r
}

// TestVersionBefore tells what the first change that carries a version's name found.
func TestVersionBefore(t *testing.T) {
	for _, test := range []struct {
		name     string
		build    func(*oneEntity)
		expected string
	}{
		{"a create finds nothing, even where a delete was lost", func(l *oneEntity) {
			l.version("1", schema.ActionCreate, "", nil, rowImage("a", "1"), nil)
			l.version("1", schema.ActionCreate, "V", nil, rowImage("a", "1"), nil)
		}, "a absent ->present 1"},
		{"a change that carries the row before tells more than a version before", func(l *oneEntity) {
			l.version("1", schema.ActionCreate, "", nil, rowImage("a", "1", "b", "1"), nil)
			l.version("1", schema.ActionUpdate, "V", rowImage("a", "2", "b", "1"), rowImage("a", "3", "b", "1"), nil) // an update was lost
		}, "a present 2->present 3"},
		{"a change that does not is completed from the version before", func(l *oneEntity) {
			l.version("1", schema.ActionCreate, "", nil, rowImage("a", "1", "b", "1"), nil)
			l.version("1", schema.ActionUpdate, "V", nil, rowImage("a", "3", "b", "1"), nil)
		}, "a present 1->present 3"},
		{"only the changes of this edition count", func(l *oneEntity) {
			l.version("1", schema.ActionCreate, "", nil, rowImage("a", "1"), nil)
			l.version("1", schema.ActionUpdate, "V", rowImage("a", "1"), rowImage("a", "2"), nil)
			l.version("1", schema.ActionUpdate, "W", rowImage("a", "2"), rowImage("a", "3"), nil)
			l.version("1", schema.ActionUpdate, "V", rowImage("a", "3"), rowImage("a", "4"), nil)
		}, "a present 1->present 4"},
		{"a first version that is known of an older row", func(l *oneEntity) {
			l.version("1", schema.ActionUpdate, "V", rowImage("a", "1"), rowImage("a", "2"), nil)
		}, "a present 1->present 2"},
		{"a delete", func(l *oneEntity) {
			l.version("1", schema.ActionCreate, "", nil, rowImage("a", "1"), nil)
			l.version("1", schema.ActionDelete, "V", rowImage("a", "1"), nil, nil)
		}, "a present 1->absent "},
		{"a changed key", func(l *oneEntity) {
			l.version("0", schema.ActionCreate, "", nil, rowImage("a", "1", "b", "7"), nil)
			l.version("0", schema.ActionRekey, "V", rowImage("a", "1", "b", "7"), nil, func(d *schema.Document) { d.PairID, d.Entity.NextID = "d", "1" })
			l.version("1", schema.ActionRekey, "V", nil, rowImage("a", "2", "b", "7"), func(d *schema.Document) { d.PairID, d.Entity.PreviousID = "c", "0" })
		}, "a present 1->present 2"},
		{"values that events did not carry", func(l *oneEntity) {
			l.version("1", schema.ActionCreate, "", nil, rowImage("a", "1", "doc", `"long"`), nil)
			l.version("1", schema.ActionUpdate, "", nil, rowImage("a", "2", "doc", "unavailable"), nil)
			l.version("1", schema.ActionUpdate, "V", nil, rowImage("a", "3", "doc", "unavailable"), nil)
		}, "a present 2->present 3"},
		{"a named request compares with nothing", func(l *oneEntity) {
			l.version("1", schema.ActionCreate, "", nil, rowImage("a", "1"), nil)
			l.version("1", schema.ActionUpdate, "", rowImage("a", "1"), rowImage("a", "2"), func(d *schema.Document) {
				named := *d
				named.Kind, named.VersionName, named.NamedVersion = schema.DocumentNamedVersion, "V", &schema.NamedVersion{ID: "q", AsOf: d.Time, EventID: d.EventID}
				l.store.Add(named)
			})
		}, "a absent ->present 2"},
		{"a change that had committed in time, and was not stored yet when the name was given", func(l *oneEntity) {
			l.version("1", schema.ActionCreate, "", nil, rowImage("a", "1"), func(d *schema.Document) {
				named := *d
				named.Kind, named.VersionName, named.NamedVersion = schema.DocumentNamedVersion, "V", &schema.NamedVersion{ID: "q", AsOf: d.Time.Add(time.Hour), EventID: d.EventID}
				l.store.Add(named)
			})
			l.version("1", schema.ActionUpdate, "", rowImage("a", "1"), rowImage("a", "2"), nil)
		}, "a absent ->present 2"},
		{"a version named on purpose compares with the one of another name before", func(l *oneEntity) {
			name := func(name string, asOf int) func(*schema.Document) {
				return func(d *schema.Document) {
					named := *d
					named.EventID, named.Kind, named.VersionName = "by "+name, schema.DocumentNamedVersion, name
					named.NamedVersion = &schema.NamedVersion{AsOf: d.Time.Add(time.Duration(asOf) * time.Minute)}
					l.store.Add(named)
				}
			}
			l.version("1", schema.ActionCreate, "", nil, rowImage("a", "1"), name("spring", 0))
			l.version("1", schema.ActionUpdate, "", rowImage("a", "1"), rowImage("a", "2"), name("winter", -1))
			l.version("1", schema.ActionUpdate, "", rowImage("a", "2"), rowImage("a", "3"), name("V", 0))
			l.version("1", schema.ActionUpdate, "", rowImage("a", "3"), rowImage("a", "4"), name("later", 0))
		}, "a present 1->present 3"},
		{"what was named for the purpose decides over changes that carry the name", func(l *oneEntity) {
			l.version("1", schema.ActionCreate, "V", nil, rowImage("a", "1"), func(d *schema.Document) {
				named := *d
				named.EventID, named.Kind, named.NamedVersion = "row of a table", schema.DocumentNamedVersion, &schema.NamedVersion{AsOf: d.Time, EventID: d.EventID}
				l.store.Add(named)
			})
			l.version("1", schema.ActionUpdate, "V", rowImage("a", "1"), rowImage("a", "2"), nil)
		}, "a absent ->present 1"},
	} {
		l := &oneEntity{store: querytest.NewMemory()}
		test.build(l)
		s := query.Service{Store: l.store}
		answer, err := s.Version(context.Background(), query.VersionQuery{Name: "V"})
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		last := answer.Items[len(answer.Items)-1]
		if got := toldDifferences(last.Changes); got != test.expected {
			t.Errorf("%s: %s, expected %s", test.name, got, test.expected)
		}
	}
}

// TestVersionPagesEndEarlyWhereRowsAreLarge reads a version whose rows do not fit into one page.
func TestVersionPagesEndEarlyWhereRowsAreLarge(t *testing.T) {
	store := querytest.NewMemory()
	large := make([]byte, 1<<20)
	for i := range large {
		large[i] = 'x'
	}
	const n = 80
	for i := range n {
		l := oneEntity{store: store, n: uint64(i)}
		l.version(string(rune('A'+i)), schema.ActionCreate, "V", nil, rowImage("doc", `"`+string(large)+`"`), nil)
	}
	s := query.Service{Store: store}
	ask := query.VersionQuery{Name: "V", PageQuery: query.PageQuery{Limit: 1000}}
	seen, turns := map[string]bool{}, 0
	for ; ; turns++ {
		answer, err := s.Version(context.Background(), ask)
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range answer.Items {
			seen[item.Entity.ID] = true
		}
		if ask.Cursor = answer.Next; ask.Cursor == "" {
			break
		}
	}
	if len(seen) != n || turns == 0 {
		t.Errorf("%d entities on %d further pages, expected %d on some", len(seen), turns, n)
	}
}

// TestVersionPagesStayWithTheirEdition turns pages while the name is taken again.
func TestVersionPagesStayWithTheirEdition(t *testing.T) {
	l := oneEntity{store: querytest.NewMemory()}
	for _, id := range []string{"1", "2", "3"} {
		l.version(id, schema.ActionCreate, "V", nil, rowImage("a", "1"), nil)
	}
	s := query.Service{Store: l.store}
	ask := query.VersionQuery{Name: "V", PageQuery: query.PageQuery{Limit: 2}}
	first, err := s.Version(context.Background(), ask)
	if err != nil {
		t.Fatal(err)
	}
	l.version("9", schema.ActionCreate, "", nil, rowImage("a", "1"), func(d *schema.Document) {
		named := *d
		named.Kind, named.VersionName, named.NamedVersion = schema.DocumentNamedVersion, "V", &schema.NamedVersion{ID: "q", AsOf: d.Time}
		l.store.Add(named)
	})
	ask.Cursor = first.Next
	second, err := s.Version(context.Background(), ask)
	if err != nil || len(second.Items) != 1 || second.Items[0].Entity.ID != "3" || second.Edition.By != "changes" {
		t.Errorf("the second page is %+v, %v", second, err)
	}
	ask.Cursor = ""
	if latest, err := s.Version(context.Background(), ask); err != nil || latest.Edition.ID != "q" {
		t.Errorf("the latest edition is %+v, %v", latest, err)
	}
}

// TestVersionOfManyEditions asks for an early one of many editions, all of which hold the entity.
func TestVersionOfManyEditions(t *testing.T) {
	l := oneEntity{store: querytest.NewMemory()}
	const n = 40
	for i := range n {
		l.version("1", schema.ActionUpdate, "", nil, rowImage("a", strconv.Itoa(i)), func(d *schema.Document) {
			named := *d
			named.EventID = "n" + strconv.Itoa(i)
			named.Kind, named.VersionName, named.NamedVersion = schema.DocumentNamedVersion, "V", &schema.NamedVersion{ID: "q" + strconv.Itoa(i), AsOf: d.Time}
			l.store.Add(named)
		})
	}
	s := query.Service{Store: l.store}
	for i := range n {
		for _, edition := range []string{strconv.Itoa(i + 1), "q" + strconv.Itoa(i)} {
			answer, err := s.Version(context.Background(), query.VersionQuery{Name: "V", Edition: edition})
			if err != nil || len(answer.Items) != 1 || len(answer.Editions) != n {
				t.Fatalf("edition %s: %+v, %v", edition, answer, err)
			}
			expected := "a present " + strconv.Itoa(i-1) + "->present " + strconv.Itoa(i)
			if i == 0 {
				expected = "a absent ->present 0"
			}
			if got := toldDifferences(answer.Items[0].Changes); got != expected {
				t.Errorf("edition %s: %s, expected %s", edition, got, expected)
			}
		}
	}
}

// TestVersionCountsSoManyEntities checks the bound of what is counted, and that later pages tell the same.
func TestVersionCountsSoManyEntities(t *testing.T) {
	for _, n := range []int{9_999, 10_000, 10_001} {
		docs := make([]schema.Document, n)
		for i := range docs {
			docs[i] = schema.Document{Kind: schema.DocumentRowVersion, EventID: strconv.Itoa(i), Time: time.Date(2026, 1, 1, 0, 0, 0, i, time.UTC), Scope: "people", Action: schema.ActionCreate,
				Entity: schema.DocumentEntity{EntityRef: schema.EntityRef{Type: "person", ID: strconv.Itoa(i)}}, VersionName: "V", After: rowImage("a", "1")}
		}
		s := query.Service{Store: querytest.NewMemory(docs...)}
		ask := query.VersionQuery{Name: "V", PageQuery: query.PageQuery{Limit: 1}}
		for range 2 {
			answer, err := s.Version(context.Background(), ask)
			if err != nil || answer.Edition.Entities != int64(min(n, 10_000)) || answer.Edition.More != (n > 10_000) || answer.Editions[0].Entities != answer.Edition.Entities {
				t.Fatalf("%d entities: %+v, %v", n, answer.Edition, err)
			}
			ask.Cursor = answer.Next
		}
	}
}
