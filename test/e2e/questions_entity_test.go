package e2e

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"
)

// sample picks so many of a list, the same in each run of the same length; those first for which particular says so.
func sample[T any](list []T, n int, particular func(T) bool) []T {
	list = slices.Clone(list)
	r := rand.New(rand.NewPCG(7, uint64(len(list))))
	r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	if particular != nil {
		slices.SortStableFunc(list, func(a, b T) int {
			switch x, y := particular(a), particular(b); {
			case x && !y:
				return -1
			case y && !x:
				return 1
			}
			return 0
		})
	}
	return list[:min(n, len(list))]
}

// eventful says that more happened to an id than changes of one row's values.
func (w *world) eventful(entity string) bool {
	turns := w.turns[entity]
	return len(w.also(entity)) > 0 || slices.ContainsFunc(turns, func(t *turn) bool { return t.status == "truncated" }) || len(w.lives[entity]) > 1
}

// some picks entities: half of those asked for had an eventful life, as far as there are so many, and every type is there.
func (w *world) some(n int) []string {
	all := w.entities()
	chosen := slices.Concat(sample(all, n/2, w.eventful), sample(all, n/2, nil))
	seen := map[string]bool{}
	for _, entity := range all {
		if typ, _ := typeAndID(entity); !seen[typ] {
			seen[typ] = true
			chosen = append(chosen, entity)
		}
	}
	slices.Sort(chosen)
	return slices.Compact(chosen)
}

func (w *world) historyQuestions() []question {
	var all []question
	for i, entity := range w.some(60) {
		var want []line
		for _, h := range w.history(entity) {
			want = append(want, h.told())
		}
		all = append(all, question{kind: "history", path: entityPath(entity, "history", "limit", "1000"), read: readItems, want: want})
		typ, id := typeAndID(entity)
		all = append(all, question{kind: "history", path: entityPath(entity, "history", "limit", "1"), want: plain(append([]string{typ + "/" + id}, w.also(entity)...)...),
			read: func(page []byte) ([]line, error) {
				var answer struct {
					Entity struct {
						Type, ID string
						Also     []string
					}
				}
				err := json.Unmarshal(page, &answer)
				slices.Sort(answer.Entity.Also)
				names := []string{answer.Entity.Type + "/" + answer.Entity.ID}
				for _, id := range answer.Entity.Also {
					names = append(names, answer.Entity.Type+"/"+id)
				}
				return plain(names...), err
			}, first: true})
		if i%2 == 0 {
			all = append(all, w.filteredHistories(entity)...)
		}
	}
	return all
}

// filteredHistories ask for a part of a history: within a time, of a field, of a user.
func (w *world) filteredHistories(entity string) []question {
	history := w.history(entity)
	middle := history[len(history)/2]
	ask := func(keep func(item) bool, query ...string) question {
		var want []line
		for _, i := range history {
			if keep(i) {
				want = append(want, i.told())
			}
		}
		return question{kind: "history, filtered", path: entityPath(entity, "history", append(query, "limit", "1000")...), read: readItems, want: want}
	}
	at := middle.Time.Format(time.RFC3339Nano)
	all := []question{
		ask(func(i item) bool { return !i.Time.Before(middle.Time) }, "from", at),
		ask(func(i item) bool { return i.Time.Before(middle.Time) }, "to", at),
	}
	if user := middle.Context.User; user != "" {
		all = append(all, ask(func(i item) bool { return i.Context.User == user }, "user", user))
	}
	if changes := middle.fieldChanges(); len(changes) > 0 && !middle.naming {
		field := slices.MinFunc(changes, func(a, b change) int { return cmp.Compare(a.Field, b.Field) }).Field
		all = append(all, ask(func(i item) bool {
			return !i.naming && slices.ContainsFunc(i.fieldChanges(), func(c change) bool { return c.Field == field })
		}, "field", field))
	}
	return all
}

// stateQuestions ask for the present, with every value's last change.
func (w *world) stateQuestions() []question {
	var all []question
	for _, entity := range w.some(60) {
		t := w.asOf(entity, w.end)
		all = append(all, question{kind: "state", path: entityPath(entity, ""), read: readState, want: plain(t.told()...)})
		if t.status == "present" {
			all = append(all, question{kind: "state with blame", path: entityPath(entity, "", "blame", "true"), read: readState, want: plain(append(t.told(), t.blame()...)...)})
		}
	}
	return all
}

// blame says of each value of a row's which change gave it. A column that came by ALTER TABLE, and that nobody has changed since, has none.
func (t *turn) blame() lines {
	var l lines
	items := t.life.items
	for _, v := range slices.SortedFunc(slices.Values(t.row), func(a, b value) int { return cmp.Compare(a.Name, b.Name) }) {
		for i := len(items) - 1; i >= 0; i-- {
			e := items[i].event
			if items[i].naming || e.Time.After(t.at) {
				continue
			}
			previous := ""
			for _, c := range e.fieldChanges() {
				if c.Field == v.Name {
					previous = c.Previous
				}
			}
			if _, there := e.After[v.Name]; e.Action == "create" {
				if previous = "(absent)"; !there {
					break
				}
			}
			if previous != "" {
				who := e.Context
				who.Version = ""
				l.add("blame."+v.Name, previous+" before "+toldVersion(e.Time, e.Action, who))
				break
			}
		}
	}
	return l
}

// diffQuestions compare an entity at two times.
func (w *world) diffQuestions() []question {
	r := rand.New(rand.NewPCG(3, 4))
	var all []question
	for _, entity := range w.some(50) {
		a, b := w.moment(r, entity), w.moment(r, entity)
		from, to := w.follow(entity, a), w.follow(entity, b)
		var want []line
		for _, c := range rowDifferences(from.shown(), to.shown()) {
			want = append(want, line{text: fmt.Sprint(c)})
		}
		all = append(all, question{kind: "diff", path: entityPath(entity, "diff", "a", a.Format(time.RFC3339Nano), "b", b.Format(time.RFC3339Nano)), read: readChangedFields, want: want})
	}
	return all
}

// shown is the row, while it is there.
func (t *turn) shown() []value {
	if t == nil || t.status != "present" {
		return nil
	}
	return t.row
}

func readChangedFields(page []byte) ([]line, error) {
	var answer struct{ Changes []fieldJSON }
	err := json.Unmarshal(page, &answer)
	var all []line
	for _, c := range answer.Changes {
		all = append(all, line{text: fmt.Sprint(c.change())})
	}
	return all, err
}

// childrenQuestions ask for the products of suppliers and the answers of persons, now and then.
func (w *world) childrenQuestions() []question {
	r := rand.New(rand.NewPCG(5, 6))
	var all []question
	for _, entity := range w.entities() {
		if typ, _ := typeAndID(entity); typ != "supplier" && typ != "person" {
			continue
		}
		if !slices.ContainsFunc(w.events, func(e *event) bool { return e.Parent == entity }) && r.IntN(8) > 0 {
			continue
		}
		for _, at := range []time.Time{w.end, w.moment(r, entity), w.moment(r, entity)} {
			all = append(all, question{kind: "children", path: entityPath(entity, "children", "limit", "3", "as_of", at.Format(time.RFC3339Nano)), read: readStates, want: w.children(entity, at)})
		}
	}
	return all
}

func (w *world) children(parent string, at time.Time) []line {
	var all []line
	for _, entity := range w.entities() {
		t := w.asOf(entity, at)
		if t == nil || t.status != "present" || t.last.Parent != parent {
			continue
		}
		all = append(all, line{text: strings.Join(t.told(), "; ")})
	}
	return all
}

// badQuestions cannot be answered, and the answer says why.
func badQuestions(w *world) []question {
	of := func(status int, problem, path string) question {
		return question{path: path, status: status, problem: problem}
	}
	some := w.entities()[0]
	hidden := "public.place" // the scope default
	return []question{
		of(http.StatusNotFound, "none", entityPath("product/none", "")),
		of(http.StatusNotFound, "none", entityPath("product/none", "history")),
		of(http.StatusNotFound, "none", entityPath("product/none", "children")),
		of(http.StatusNotFound, "none", entityPath("product/none", "diff", "a", "-7d")),
		of(http.StatusNotFound, "nothing", entityPath("nothing/1", "")),
		of(http.StatusNotFound, hidden, entityPath(hidden+"/50%25/a%2Fb", "history")),
		of(http.StatusNotFound, hidden, entityPath(hidden+"/50%25%2Fx/a%2Fb", "")),
		of(http.StatusNotFound, "no-such-request", path([]string{"requests", "no-such-request"})),
		of(http.StatusNotFound, "4294967295", path([]string{"transactions", w.source, "4294967295"})),
		of(http.StatusNotFound, "no such name", path([]string{"versions", "no such name"})),
		of(http.StatusBadRequest, `"parameter":"as_of"`, entityPath(some, "", "as_of", "yesterday")),
		of(http.StatusBadRequest, `"parameter":"from"`, entityPath(some, "history", "from", "2026-02-30")),
		of(http.StatusBadRequest, `"parameter":"cursor"`, entityPath(some, "history", "cursor", "eyJ9")),
		of(http.StatusBadRequest, `"parameter":"limit"`, entityPath(some, "history", "limit", "1001")),
		of(http.StatusBadRequest, `"position":6`, path([]string{"changes"}, "q", `type:"open`)),
		of(http.StatusBadRequest, `"parameter":"q"`, path([]string{"changes"}, "q", "colour:red")),
		of(http.StatusBadRequest, `"parameter":"by"`, path([]string{"counts"}, "by", "colour")),
		of(http.StatusBadRequest, `"parameter":"q"`, path([]string{"changes"}, "q", strings.Repeat("user:x ", 65))),
	}
}
