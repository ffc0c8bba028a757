package sinktest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"dossier/schema"
	"dossier/sink"
)

func testAttributionAfter(t *testing.T, f *fixture) {
	e := update(f.id)
	e.Context = unattributed()
	f.apply(t, e)
	f.want(t, materialize(t, e)...)
	a := attribution(e, attached("u7"))
	a.VersionName = "Baseline 2026"
	want := late(materialize(t, e), attached("u7"), "Baseline 2026")
	if seen := f.apply(t, a); seen.completed != len(want) && !f.lossy {
		t.Errorf("%+v, want %d completed", seen, len(want))
	}
	f.want(t, want...)
	f.want(t, materialize(t, a)...)
	// Neither twice nor the change again does anything, together or apart.
	for _, again := range [][]*schema.AuditEvent{{a}, {e}, {e, a}, {a, e}, {e, e, a, a}} {
		if seen := f.apply(t, again...); seen.completed != 0 || seen.conflicts != 0 || seen.stored != 0 {
			t.Errorf("again: %+v", seen)
		}
		f.want(t, want...)
	}
}

func testAttributionBefore(t *testing.T, f *fixture) {
	for i, split := range []bool{true, false} {
		e := create(fmt.Sprint(f.id, i))
		e.Context = unattributed()
		a := attribution(e, attached("u7"))
		if split {
			f.apply(t, a)
			f.apply(t, e)
		} else {
			f.apply(t, a, e)
		}
		f.want(t, late(materialize(t, e), attached("u7"), "")...)
	}
}

func testAttributionOfTruncate(t *testing.T, f *fixture) {
	e := event(f.id, schema.ActionTruncate, schema.OpTruncate)
	e.Context = unattributed()
	f.apply(t, e)
	f.apply(t, attribution(e, attached("u7")))
	f.want(t, late(materialize(t, e), attached("u7"), "")...)
}

// Two attributions, one of which knows more: the documents learn all, in either order.
func testAttributionThatAdds(t *testing.T, f *fixture) {
	user, place := *attached("u7"), *attached("u7")
	user.Context = schema.Context{User: schema.User{ID: "u7"}}
	user.UserAgent = schema.UserAgent{}
	place.Context.User = schema.User{}
	whole := place
	whole.Context.User = user.Context.User
	for i := range 2 {
		e := update(fmt.Sprint(f.id, i))
		e.Context = unattributed()
		both := []*schema.AuditEvent{attribution(e, &user), attribution(e, &place)}
		if i == 1 {
			slices.Reverse(both)
		}
		f.apply(t, e)
		f.apply(t, both[0])
		f.apply(t, both[1])
		f.want(t, late(materialize(t, e), &whole, "")...)
		if seen := f.apply(t, both[0]); seen.completed != 0 || seen.conflicts != 0 {
			t.Errorf("the first one again: %+v", seen)
		}
		f.want(t, late(materialize(t, e), &whole, "")...)
	}
}

func testAttributionThatContradicts(t *testing.T, f *fixture) {
	e := update(f.id)
	e.Context = unattributed()
	f.apply(t, e, attribution(e, attached("u7")))
	want := late(materialize(t, e), attached("u7"), "")
	seen, results := f.try(t, attribution(e, attached("u8")))
	if seen.conflicts != 1 || results[0].Reason != sink.ReasonConflict || seen.completed != 0 {
		t.Errorf("%+v, %+v; want a conflict", seen, results)
	}
	f.want(t, want...)
	// A change that was attributed in time is not rewritten either.
	e = update(f.id + "b")
	f.apply(t, e)
	seen, results = f.try(t, attribution(e, attached("u8")))
	if seen.conflicts != 3 || results[0].Reason != sink.ReasonConflict {
		t.Errorf("%+v, %+v; want a conflict for each document", seen, results)
	}
	f.want(t, materialize(t, e)...)
}

func testRekey(t *testing.T, f *fixture) {
	orders := []struct {
		name  string
		apply func(old, renewed *schema.AuditEvent)
	}{
		{"old first", func(old, renewed *schema.AuditEvent) { f.apply(t, old); f.apply(t, renewed) }},
		{"new first", func(old, renewed *schema.AuditEvent) { f.apply(t, renewed); f.apply(t, old) }},
		{"one batch", func(old, renewed *schema.AuditEvent) { f.apply(t, old, renewed) }},
		{"both at once", func(old, renewed *schema.AuditEvent) {
			var group sync.WaitGroup
			for range 4 {
				group.Go(func() { f.apply(t, old) })
				group.Go(func() { f.apply(t, renewed) })
			}
			group.Wait()
		}},
	}
	for i, order := range orders {
		t.Run(order.name, func(t *testing.T) {
			old, renewed := rekey(fmt.Sprint(f.id, i))
			order.apply(old, renewed)
			docs := materialize(t, old, renewed)
			changes := sink.RekeyChanges(&docs[0], &docs[1])
			if len(changes) != 2 || changes[0].Change.Field != "id" || changes[1].Change.Field != "price" || changes[0].Entity.ID != renewed.Entity.ID {
				t.Fatalf("field changes %+v, want id and price under the new id", changes)
			}
			f.want(t, append(docs, changes...)...)
			if seen := f.apply(t, renewed, old); seen.stored != 0 || seen.conflicts != 0 {
				t.Errorf("replayed: %+v", seen)
			}
		})
	}
}

// Events of all kinds, shuffled, repeated, cut into batches and applied by several at once, end as the same documents.
func testAnyOrder(t *testing.T, f *fixture) {
	rounds := 12
	if testing.Short() {
		rounds = 3
	}
	for round := range rounds {
		seed := rand.Uint64()
		r := rand.New(rand.NewPCG(seed, 1))
		id := fmt.Sprint(f.id, "-", round, "-")

		var events []*schema.AuditEvent
		var want []schema.Document
		for i := range 3 {
			created, updated := create(fmt.Sprint(id, "c", i)), update(fmt.Sprint(id, "u", i))
			old, renewed := rekey(fmt.Sprint(id, "r", i))
			created.VersionName, created.VersionOf = "Baseline", &schema.EntityRef{Type: "person", ID: id}
			created.NamedVersion = &schema.NamedVersion{AsOf: created.Time}
			changes := []*schema.AuditEvent{created, updated, old, renewed}
			for _, e := range changes {
				if i > 0 {
					e.Context = unattributed()
				}
			}
			docs := materialize(t, changes...)
			halves := docs[len(docs)-2:]
			docs = append(docs, sink.RekeyChanges(&halves[0], &halves[1])...)
			if i == 2 {
				for _, e := range changes {
					events = append(events, attribution(e, attached("u9")))
				}
				docs = late(docs, attached("u9"), "")
				for j := range docs {
					if docs[j].EventID == created.ID {
						docs[j].VersionName = "Baseline"
					}
				}
			}
			events = append(events, changes...)
			want = append(want, docs...)
		}
		events = append(events, events...)
		r.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
		var group sync.WaitGroup
		for worker := range 3 {
			var mine [][]*schema.AuditEvent
			for i := worker; i < len(events); i += 3 {
				if len(mine) == 0 || r.IntN(3) == 0 {
					mine = append(mine, nil)
				}
				mine[len(mine)-1] = append(mine[len(mine)-1], events[i])
			}
			group.Go(func() {
				for _, batch := range mine {
					if seen := f.apply(t, batch...); seen.conflicts != 0 {
						t.Errorf("conflicts: %+v", seen)
					}
				}
			})
		}
		group.Wait()
		f.want(t, want...)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}
