package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// edition is one taking of a version's name, as the truth has it or as a request made it.
type edition struct {
	Edition     int
	ID, By      string
	First, Last time.Time
	Entities    int
	User        struct{ ID string }
	Reason      string

	holds []string // type/id, of the edition of changes
}

func (e *edition) told(name string) string {
	l := fmt.Sprintf("%s: edition %d by %s, %d entities", name, e.Edition, e.By, e.Entities)
	if e.By == "request" {
		return l + fmt.Sprintf(", %s, %q", e.User.ID, e.Reason)
	}
	return l + fmt.Sprintf(", from %s to %s", e.First.UTC().Format(time.RFC3339Nano), e.Last.UTC().Format(time.RFC3339Nano))
}

// names are the names that changes carry, with the edition that they make, by name.
func (w *world) names() map[string]edition {
	all := map[string]edition{}
	for _, e := range w.events {
		if e.Context.Version == "" || e.Action == "truncate" {
			continue
		}
		of, ok := all[e.Context.Version]
		if !ok {
			of = edition{Edition: 1, By: "changes", First: e.Time, Last: e.Time}
		}
		if e.Time.After(of.Last) {
			of.Last = e.Time
		}
		if e.Time.Before(of.First) {
			of.First = e.Time
		}
		if e.ID != "" {
			of.holds = append(of.holds, e.EntityType+"/"+e.ID)
		}
		if e.Names {
			of.holds = append(of.holds, e.Parent)
		}
		all[e.Context.Version] = of
	}
	for name, of := range all {
		slices.Sort(of.holds)
		of.holds = slices.Compact(of.holds)
		of.Entities = len(of.holds)
		all[name] = of
	}
	return all
}

func (w *world) versionQuestions() []question {
	names := w.names()
	var list []line
	for _, name := range sortedKeys(names) {
		of := names[name]
		list = append(list, line{text: of.told(name)})
	}
	all := []question{{kind: "versions", path: path([]string{"versions"}, "limit", "100"), read: readVersions, want: list}}
	surveyed := func(name string) bool { return !strings.HasPrefix(name, "Baseline") }
	for _, name := range sample(sortedKeys(names), 15, surveyed) {
		of := names[name]
		if of.Entities > 300 {
			continue
		}
		want := plain(of.told(name))
		for _, entity := range of.holds {
			want = append(want, line{text: w.named(name, entity).told()})
		}
		all = append(all, question{kind: "version", path: path([]string{"versions", name}, "limit", "1000"), read: readVersion, want: want})
		for _, entity := range sample(of.holds, 3, nil) {
			all = append(all, question{kind: "state by version", path: entityPath(entity, "", "version", name), read: readState, want: plain(w.named(name, entity).now.told()...)})
		}
	}
	return all
}

// held is an entity in an edition.
type held struct {
	now    *turn
	before *turn  // the version before; nil for none
	other  string // the name of the version before, where it is another
	by     *event // the row that named it; nil where its own changes carry the name
}

// named is an entity in the edition that changes make of a name: as it was when a row referred to it, the last such row; otherwise after the last change with the
// name. The version before is what the first change with the name found; where there is none, what another name was given to before.
func (w *world) named(name, entity string) held {
	var h held
	for _, e := range w.events {
		if e.Names && e.Parent == entity && e.Context.Version == name {
			h.by = e
		}
	}
	for _, t := range w.turns[entity] {
		if t.version != t.last || t.last.Context.Version != name || h.now != nil && h.now.version == t.version {
			continue
		}
		if h.now == nil {
			h.before = t.before
		}
		h.now = t
	}
	if h.by == nil {
		return h
	}
	h.now = w.asOf(entity, h.by.Time)
	if h.before == nil {
		for _, e := range w.events {
			if e.Names && e.Parent == entity && e.Context.Version != name && e.Time.Before(h.by.Time) {
				h.before, h.other = w.asOf(entity, e.Time), e.Context.Version
			}
		}
	}
	return h
}

func (h held) told() string {
	l := h.now.told()
	if h.by != nil {
		l.add("named", toldVersion(h.by.Time, "", whoAlone(h.by.Context)))
	}
	l.add("compared with", h.other)
	for _, c := range rowDifferences(h.before.shown(), h.now.shown()) {
		l.add("differs", fmt.Sprint(c))
	}
	return strings.Join(l, "; ")
}

func whoAlone(w who) who { w.Version = ""; return w }

// readVersions reads names with their editions.
func readVersions(page []byte) ([]line, error) {
	var answer struct {
		Items []struct {
			Name     string
			Editions []edition
		}
	}
	err := json.Unmarshal(page, &answer)
	var all []line
	for _, i := range answer.Items {
		for _, e := range i.Editions {
			all = append(all, line{text: e.told(i.Name)})
		}
	}
	return all, err
}

// readVersion reads one edition with its entities. Each page names the edition; the first one counts.
func readVersion(page []byte) ([]line, error) {
	var answer struct {
		Name    string
		Edition edition
		Items   []stateJSON
	}
	if err := json.Unmarshal(page, &answer); err != nil {
		return nil, err
	}
	all := plain(answer.Edition.told(answer.Name))
	for i := range answer.Items {
		j := &answer.Items[i]
		l, err := j.told()
		if err != nil {
			return nil, err
		}
		if j.Named != nil {
			by := ""
			if answer.Edition.By == "changes" {
				by = toldVersion(j.Named.Time, "", j.Named.Context.who(""))
			}
			l.add("named", by)
		}
		if j.ComparedWith != nil {
			l.add("compared with", j.ComparedWith.Name)
		}
		for k := range j.Changes {
			l.add("differs", fmt.Sprint(j.Changes[k].change()))
		}
		all = append(all, line{j.Entity.Type, strings.Join(l, "; ")})
	}
	return all, nil
}
