package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sort"
	"strings"
	"time"
)

// changeJSON is a change as HTTP gives it.
type changeJSON struct {
	auditJSON
	EventID string `json:"event_id"`
	Version *struct {
		Name, ID string
		AsOf     time.Time `json:"as_of"`
		EventID  string    `json:"event_id"`
	}
	Feedback *struct {
		Application, Status, Message string
		Payload                      json.RawMessage
		EventID                      string `json:"event_id"`
	}
}

// told is what one item of a list says.
func (j *changeJSON) told() (line, error) {
	if j.Feedback != nil {
		f := j.Feedback
		return line{j.Time, fmt.Sprintf("feedback on %s/%s version %q event %q: %s %s %q %s", j.Entity.Type, j.Entity.ID, j.VersionName, f.EventID, f.Application, f.Status,
			f.Message, f.Payload)}, nil
	}
	if j.Version != nil && j.Version.ID != "" {
		return line{j.Time, fmt.Sprintf("version %q %s of %s/%s as of %s: %s", j.Version.Name, j.Version.ID, j.Entity.Type, j.Entity.ID,
			j.Version.AsOf.Format(time.RFC3339Nano), j.Context.User.ID)}, nil
	}
	e, err := j.event()
	if err != nil {
		return line{}, err
	}
	if j.Version != nil {
		e.Context.Version = j.Version.Name
		if !j.Version.AsOf.Equal(e.Time) {
			return line{}, fmt.Errorf("event %s names a version as of %s, want its own time", j.EventID, j.Version.AsOf)
		}
	}
	return toldOf(&e, j.Kind, e.Changes), nil
}

// toldOf is the same of an event of the truth.
func toldOf(e *event, kind string, changes []change) line {
	l := append(e.common(), "kind = "+kind)
	for _, c := range changes {
		l.add("change."+c.Field, strings.TrimSuffix(strings.TrimPrefix(c.Previous, "("), ")")+" -> "+c.Current)
	}
	sort.Strings(l)
	return line{e.Time.UTC().Format(time.RFC3339Nano), strings.Join(l, "; ")}
}

// told is what a list of changes says of a change.
func (e *event) told() line {
	switch e.Action {
	case "truncate":
		return toldOf(e, "truncate", nil)
	case "create":
		return toldOf(e, "change", e.fieldChanges())
	}
	return toldOf(e, "change", e.Changes)
}

// told is what a history says.
func (i item) told() line {
	if !i.naming {
		return i.event.told()
	}
	n := *i.event
	n.EntityType, n.ID, _ = strings.Cut(i.Parent, "/")
	n.Action, n.Parent = "", ""
	return toldOf(&n, "named_version", nil)
}

// readItems reads a list of changes.
func readItems(page []byte) ([]line, error) {
	var answer struct{ Items []changeJSON }
	if err := json.Unmarshal(page, &answer); err != nil {
		return nil, err
	}
	lines := make([]line, len(answer.Items))
	for i := range answer.Items {
		var err error
		if lines[i], err = answer.Items[i].told(); err != nil {
			return nil, err
		}
	}
	return lines, nil
}

// stateJSON is an entity as it was.
type stateJSON struct {
	Entity struct {
		Type, ID   string
		NextID     string `json:"next_id"`
		PreviousID string `json:"previous_id"`
		Parent     *struct{ Type, ID string }
	}
	Scope, Status string
	MovedTo       string `json:"moved_to"`
	Row           json.RawMessage
	States        map[string]string
	Derived       map[string]string
	Version       *struct {
		Time        time.Time
		Action      string
		Context     *contextJSON
		Source      string
		VersionName string `json:"version_name"`
	}
	Blame map[string]struct {
		Time          time.Time
		Action        string
		Context       *contextJSON
		Previous      *json.RawMessage
		PreviousState string `json:"previous_state"`
	}
	Changes      []fieldJSON
	ComparedWith *struct{ Name string } `json:"compared_with"`
	Named        *struct {
		Time    time.Time
		Context *contextJSON
	}
}

type fieldJSON struct {
	Field             string
	Previous, Current *json.RawMessage
	PreviousState     string `json:"previous_state"`
	CurrentState      string `json:"current_state"`
}

func (f *fieldJSON) change() change {
	return change{f.Field, stateOr(f.Previous, f.PreviousState), stateOr(f.Current, f.CurrentState)}
}

// told is what a state says, the values of its row in their order.
func (j *stateJSON) told() (lines, error) {
	var l lines
	l.add("entity", j.Entity.Type+"/"+j.Entity.ID)
	l.add("scope", j.Scope)
	l.add("status", j.Status)
	l.add("moved to", j.MovedTo)
	if p := j.Entity.Parent; p != nil {
		l.add("parent", p.Type+"/"+p.ID)
	}
	l.add("next id", j.Entity.NextID)
	l.add("previous id", j.Entity.PreviousID)
	if v := j.Version; v != nil {
		l.add("version", toldVersion(v.Time, v.Action, v.Context.who(v.VersionName)))
	}
	row, err := readRow(j.Row)
	if err != nil {
		return nil, err
	}
	for _, v := range row {
		l.add("row."+v.Name, v.Text)
		if j.Derived[v.Name] != "" && len(v.Text) < largeValue {
			return nil, fmt.Errorf("%s is said to be derived, which only a large value has to be", v.Name)
		}
	}
	for _, name := range sortedKeys(j.States) {
		l.add("row."+name, "("+j.States[name]+")")
	}
	for _, name := range sortedKeys(j.Blame) {
		b := j.Blame[name]
		l.add("blame."+name, stateOr(b.Previous, b.PreviousState)+" before "+toldVersion(b.Time, b.Action, b.Context.who("")))
	}
	return l, nil
}

// toldVersion says which change it was, and whose.
func toldVersion(at time.Time, action string, w who) string {
	var l lines
	l.who(w)
	return at.UTC().Format(time.RFC3339Nano) + " " + action + " " + strings.Join(l, ", ")
}

// told is the same of a state of the truth; e is the entity as it was asked for.
func (t *turn) told() lines {
	var l lines
	e := t.last
	l.add("entity", t.entity)
	l.add("scope", e.Scope)
	l.add("status", t.status)
	l.add("moved to", t.movedTo)
	l.add("parent", e.Parent)
	l.add("next id", e.NextID)
	l.add("previous id", e.PreviousID)
	l.add("version", toldVersion(t.version.Time, t.version.Action, t.version.Context))
	if t.status == "present" {
		for _, v := range t.row {
			if !strings.HasPrefix(v.Text, "(") {
				l.add("row."+v.Name, v.Text)
			}
		}
		for _, v := range t.row {
			if strings.HasPrefix(v.Text, "(") {
				l.add("row."+v.Name, v.Text)
			}
		}
	}
	return l
}

// readRow reads a row's values in their order.
func readRow(raw json.RawMessage) ([]value, error) {
	if raw == nil {
		return nil, nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	var row []value
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		var v json.RawMessage
		if err := d.Decode(&v); err != nil {
			return nil, err
		}
		row = append(row, value{name.(string), normal(v)})
	}
	return row, nil
}

// readState reads one state.
func readState(page []byte) ([]line, error) {
	var j stateJSON
	if err := json.Unmarshal(page, &j); err != nil {
		return nil, err
	}
	l, err := j.told()
	return plain(l...), err
}

// readStates reads a list of states, one line for each.
func readStates(page []byte) ([]line, error) {
	var answer struct{ Items []stateJSON }
	if err := json.Unmarshal(page, &answer); err != nil {
		return nil, err
	}
	var all []line
	for i := range answer.Items {
		l, err := answer.Items[i].told()
		if err != nil {
			return nil, err
		}
		all = append(all, line{text: strings.Join(l, "; ")})
	}
	return all, nil
}
