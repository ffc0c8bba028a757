package e2e

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// world is what the truth says of a source's history, as far as somebody may see it: the state of each row after each change, and which changes are
// one row's, whatever its key was. It is what answers are expected to be computed from; nothing of it comes from documents.
type world struct {
	source string
	scopes []string // those that are seen, as configured
	rows   []truthRow
	events []*event // in the order of the truth
	bySeq  map[int64][]*event
	lives  map[string][]*life // by type/id: the rows that ever had that id
	turns  map[string][]*turn // by type/id: what happened under that id, in the order of commits
	end    time.Time          // of the last commit
}

// life is one row from its creation to its end.
type life struct {
	items []item
	turns []*turn
	id    string // type/id at present; "" after its end
}

// item is what a history shows: a change, or that a change of another row named a version of this one.
type item struct {
	*event
	naming bool
}

// turn is the state in which something that happened left an id.
type turn struct {
	at      time.Time
	status  string  // present, deleted, moved, truncated
	row     []value // while present, in the table's order
	movedTo string  // the id alone
	version *event  // the last change that shows, or the truncate
	last    *event  // the last change of the row itself
	life    *life   // whose it is
	entity  string  // type/id
	before  *turn   // of the same row, under whatever id; nil at its beginning
}

// value is one column of a row, as it may be seen.
type value struct{ Name, Text string }

// newWorld replays the truth.
func newWorld(source string, tr truth, scopes ...string) *world {
	w := &world{source: source, scopes: scopes, bySeq: map[int64][]*event{}, lives: map[string][]*life{}, turns: map[string][]*turn{}}
	all := expectedEvents(source, tr)
	for i := range all {
		e := &all[i]
		if slices.Contains(scopes, rules[e.Table].Scope) {
			w.events = append(w.events, e)
			w.bySeq[e.Seq] = append(w.bySeq[e.Seq], e)
		}
	}
	at := map[uint32]time.Time{}
	for _, c := range tr.Commits {
		at[c.Tx] = c.Time
		w.end = c.Time
	}
	for i := range tr.Rows {
		r := &tr.Rows[i]
		if !slices.Contains(scopes, rules[r.Table].Scope) {
			continue
		}
		w.rows = append(w.rows, *r)
		if r.Op == "t" || len(r.Key) > 0 {
			w.replay(r, at[r.Tx])
		}
	}
	return w
}

// replay does to the rows what one change did.
func (w *world) replay(r *truthRow, at time.Time) {
	rule := ruleOf(w.source, r.Table)
	events := w.bySeq[r.Seq]
	id := func(row image) string { return rule.Type + "/" + entityID(r.Key, row) }
	switch r.Op {
	case "i":
		l := &life{}
		w.turn(l, id(r.New), &turn{at: at, status: "present", row: rule.values(r.New), version: events[0]})
		w.name(events[0])
	case "u":
		from, to := id(r.Old), id(r.New)
		l := w.at(from)
		if from != to {
			w.turn(l, from, &turn{at: at, status: "moved", movedTo: entityID(r.Key, r.New), version: events[0]})
			events = events[1:]
		}
		t := &turn{at: at, status: "present", row: rule.values(r.New)}
		if len(events) > 0 {
			t.version = events[0]
		}
		w.turn(l, to, t)
		if t.version != nil {
			w.name(t.version)
		}
	case "d":
		w.turn(w.at(id(r.Old)), id(r.Old), &turn{at: at, status: "deleted", version: events[0]})
	case "t":
		for entity, lives := range w.lives {
			for _, l := range lives {
				if l.id == entity && strings.HasPrefix(entity, rule.Type+"/") {
					w.turn(l, entity, &turn{at: at, status: "truncated", version: events[0]})
				}
			}
		}
	}
}

// at returns the row that has an id at present.
func (w *world) at(entity string) *life {
	for _, l := range w.lives[entity] {
		if l.id == entity {
			return l
		}
	}
	panic("the truth changes " + entity + ", which is not there")
}

// turn writes down what happened to a row under an id.
func (w *world) turn(l *life, entity string, t *turn) {
	t.life, t.entity = l, entity
	if n := len(l.turns); n > 0 {
		t.before = l.turns[n-1]
		if t.before.status == "moved" {
			t.before = t.before.before // one change, of which this is the other half
		}
	}
	if own := w.turns[entity]; len(own) > 0 && own[len(own)-1].life == l {
		t.last = own[len(own)-1].last
	}
	shows := t.version != nil
	if !shows {
		t.version = l.turns[len(l.turns)-1].version
	}
	if t.status != "truncated" && shows {
		t.last = t.version
	}
	if shows && t.status != "moved" {
		l.items = append(l.items, item{event: t.version})
	}
	switch t.status {
	case "deleted", "truncated":
		l.id = ""
	default:
		if t.status == "present" {
			l.id = entity
		}
		if !slices.Contains(w.lives[entity], l) {
			w.lives[entity] = append(w.lives[entity], l)
		}
	}
	l.turns = append(l.turns, t)
	w.turns[entity] = append(w.turns[entity], t)
}

// name writes into the history of another row that a change names a version of it.
func (w *world) name(e *event) {
	if !e.Names {
		return
	}
	for _, l := range w.lives[e.Parent] {
		if l.id == e.Parent {
			l.items = append(l.items, item{e, true})
		}
	}
}

// values is a row as it may be seen, in its order.
func (e entityRule) values(row image) []value {
	shown := e.show(row)
	var all []value
	for _, c := range row {
		if text, ok := shown[c.Name]; ok {
			all = append(all, value{c.Name, text})
		}
	}
	return all
}

// history is what happened to an id, newest first: to each row that ever had it, under whatever id.
func (w *world) history(entity string) []item {
	var all []item
	for _, l := range w.lives[entity] {
		all = append(all, l.items...)
	}
	slices.SortStableFunc(all, func(a, b item) int {
		return -cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.Seq, b.Seq))
	})
	return all
}

// also are the other ids of the rows that had an id.
func (w *world) also(entity string) []string {
	var ids []string
	for _, l := range w.lives[entity] {
		for _, t := range l.turns {
			if t.entity != entity && !slices.Contains(ids, t.entity) {
				ids = append(ids, t.entity)
			}
		}
	}
	slices.Sort(ids)
	return ids
}

// asOf is the state of an id at a time; nil before its first.
func (w *world) asOf(entity string, at time.Time) *turn { return lastBy(w.turns[entity], at) }

func lastBy(turns []*turn, at time.Time) *turn {
	var last *turn
	for _, t := range turns {
		if !t.at.After(at) {
			last = t
		}
	}
	return last
}

// follow is asOf, where an id that the row did not have yet, or had no more, leads to the row under the id that it had then.
func (w *world) follow(entity string, at time.Time) *turn {
	t := w.asOf(entity, at)
	switch {
	case t == nil:
		return lastBy(w.turns[entity][0].life.turns, at)
	case t.status == "moved":
		return lastBy(t.life.turns, at)
	}
	return t
}

// entities are all ids, sorted.
func (w *world) entities() []string {
	var all []string
	for entity := range w.turns {
		all = append(all, entity)
	}
	slices.Sort(all)
	return all
}

// typeAndID takes type/id apart.
func typeAndID(entity string) (typ, id string) {
	typ, id, _ = strings.Cut(entity, "/")
	return typ, id
}

// rowDifferences are what differs between two rows: the fields of b in their order, then those that only a has. What is masked on both sides is no difference.
func rowDifferences(a, b []value) []change {
	get := func(row []value, name string) string {
		for _, v := range row {
			if v.Name == name {
				return v.Text
			}
		}
		return "(absent)"
	}
	var all []change
	for _, v := range b {
		if was := get(a, v.Name); was != v.Text {
			all = append(all, change{v.Name, was, v.Text})
		}
	}
	for _, v := range a {
		if get(b, v.Name) == "(absent)" {
			all = append(all, change{v.Name, v.Text, "(absent)"})
		}
	}
	return all
}
