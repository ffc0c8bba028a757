package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"dossier/query"
	"dossier/schema"
)

// maxShown is how many characters of a value are shown in a table; --json gives values whole.
const maxShown = 200

// shownTime prints a time so that it can be given back to --as-of and meets the same change.
func shownTime(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// shownValue prints a value, or its state in parentheses where it has none to print. Texts stand without quotes where nothing else looks like them.
func shownValue(value json.RawMessage, state string) string {
	if state != "" {
		return "(" + state + ")"
	}
	if len(value) == 0 {
		return ""
	}
	if value[0] != '"' {
		return shorten(printable(string(value)), maxShown)
	}
	text := schema.Value{State: schema.Present, JSON: value}.Text()
	shown := shorten(printable(text), maxShown)
	if text == "" || text == "null" || text[0] == '(' || text[0] == '"' || text[0] == ' ' || text[len(text)-1] == ' ' {
		return `"` + shown + `"`
	}
	return shown
}

// shownChange prints both sides of a field change, and a mark on what was taken from another version.
func shownChange(c *query.FieldChange) (previous, current string) {
	previous, current = shownValue(c.Previous, c.PreviousState), shownValue(c.Current, c.CurrentState)
	if c.PreviousDerivedFrom != "" {
		previous += " (derived)"
	}
	if c.CurrentDerivedFrom != "" {
		current += " (derived)"
	}
	return previous, current
}

// shownContext is what a person wants to know of a context.
type shownContext struct {
	Status        string      `json:"status"`
	CorrelationID string      `json:"correlation_id"`
	RequestID     string      `json:"request_id"`
	User          schema.User `json:"user"`
	OnBehalfOf    string      `json:"on_behalf_of"`
	Service       string      `json:"service"`
	Reason        string      `json:"reason"`
	Candidates    []struct {
		User schema.User `json:"user"`
	} `json:"candidates"`
}

func contextOf(text json.RawMessage) (c shownContext) {
	_ = json.Unmarshal(text, &c) // what cannot be read is shown as nobody
	return c
}

// who names the user, and how sure that is.
func (c shownContext) who() string {
	name := nameOf(c.User)
	if name == "" {
		name = c.Service
	}
	if c.OnBehalfOf != "" {
		name += " for " + c.OnBehalfOf
	}
	switch schema.ContextStatus(c.Status) {
	case schema.StatusUnattributed:
		return strings.TrimSpace(name + " (unattributed)")
	case schema.StatusAmbiguous:
		var names []string
		for _, candidate := range c.Candidates {
			if n := nameOf(candidate.User); n != "" && !slices.Contains(names, n) {
				names = append(names, n)
			}
		}
		return "(ambiguous: " + printable(strings.Join(names, " or ")) + ")"
	case schema.StatusLate:
		return printable(name) + " (late)"
	}
	return printable(name)
}

func nameOf(u schema.User) string {
	switch {
	case u.ID == "" && u.Name == "":
		return u.Email
	case u.Name == "" || u.Name == u.ID:
		return u.ID
	case u.ID == "":
		return u.Name
	}
	return u.ID + " " + u.Name
}

func (c shownContext) request() string {
	if c.RequestID != "" {
		return printable(c.RequestID)
	}
	return printable(c.CorrelationID)
}

// whoOf names who made a change; a row of a snapshot was made by nobody.
func whoOf(text json.RawMessage, action schema.Action) string {
	if len(text) == 0 {
		if action == schema.ActionSnapshot {
			return "(snapshot)"
		}
		return ""
	}
	return contextOf(text).who()
}

func shownEntity(r query.Ref) string {
	if r.ID == "" {
		return printable(r.Type)
	}
	return printable(r.Type + "/" + r.ID)
}

// changeTable prints changes: one line for each field, with what is the same for the whole change on the first alone.
type changeTable struct {
	table
	entity bool // with the entity's column
}

func newChangeTable(entity bool) *changeTable {
	t := &changeTable{entity: entity}
	t.head = []string{"TIME", "ACTION"}
	if entity {
		t.head = append(t.head, "ENTITY")
	}
	t.head = append(t.head, "WHO", "REQUEST", "FIELD", "PREVIOUS", "CURRENT", "REASON")
	n := len(t.head)
	t.shrink, t.spare = []int{n - 6, n - 5, n - 3, n - 2, n - 1}, true
	return t
}

func (t *changeTable) change(c *query.Change) {
	context := contextOf(c.Context)
	left := []string{shownTime(c.Time), shownAction(c)}
	if t.entity {
		left = append(left, shownEntity(c.Entity.Ref))
	}
	left = append(left, whoOf(c.Context, c.Action), context.request())
	reason := shorten(printable(context.Reason), maxShown)
	switch {
	case c.Feedback != nil:
		t.add(append(left, printable(c.Feedback.Application), "", shorten(printable(strings.TrimSpace(c.Feedback.Status+" "+c.Feedback.Message)), maxShown), reason)...)
		return
	case c.Version != nil:
		t.add(append(left, "", "", printable(fmt.Sprintf("%s as of %s", c.Version.Name, shownTime(c.Version.AsOf))), reason)...)
		return
	case len(c.Changes) == 0:
		note := ""
		if c.Entity.NextID != "" {
			note = "now " + printable(c.Entity.NextID)
		}
		t.add(append(left, "", "", note, reason)...)
		return
	}
	for i := range c.Changes {
		previous, current := shownChange(&c.Changes[i])
		t.add(append(slices.Clone(left), printable(c.Changes[i].Field), previous, current, reason)...)
		for j := range left {
			left[j] = ""
		}
		reason = ""
	}
}

func shownAction(c *query.Change) string {
	if c.Kind != "change" {
		return strings.ReplaceAll(c.Kind, "_", " ")
	}
	return string(c.Action)
}
