package sink

import (
	"bytes"
	"fmt"
	"slices"

	"dossier/schema"
)

// Contradiction says that two contexts of one change cannot both be true.
type Contradiction struct {
	Field            string // of the document, such as "user.id"
	Stored, Arriving string
}

// Error says what contradicts what.
func (c *Contradiction) Error() string {
	return fmt.Sprintf("%s is %q in the store and %q in the context that arrived late", c.Field, c.Stored, c.Arriving)
}

// Complete returns a document with the context of a late attribution filled in, and whether that changed anything. What the
// document already says stays: an attribution fills only what is empty, and one that contradicts the document gives a
// *Contradiction and leaves it as it is. So the result does not depend on how often or in which order attributions are applied.
func Complete(d, attribution schema.Document) (_ schema.Document, changed bool, err error) {
	if attribution.Context == nil || d.Context == nil && d.Action == schema.ActionSnapshot {
		return d, false, nil
	}
	m := merger{}
	var c schema.EventContext
	if d.Context != nil {
		c = *d.Context
	}
	add := attribution.Context
	m.text("user.id", &c.User.ID, add.User.ID)
	m.text("user.name", &c.User.Name, add.User.Name)
	m.text("user.email", &c.User.Email, add.User.Email)
	m.text("organization.id", &c.User.AccountID, add.User.AccountID)
	m.texts("user.roles", &c.User.Roles, add.User.Roles)
	m.text("user.effective.id", &c.OnBehalfOf, add.OnBehalfOf)
	m.text("audit.correlation_id", &c.CorrelationID, add.CorrelationID)
	m.text("http.request.id", &c.RequestID, add.RequestID)
	m.text("trace.id", &c.TraceID, add.TraceID)
	m.text("audit.initiator", &c.Initiator, add.Initiator)
	m.text("service.name", &c.Service, add.Service)
	m.text("client.ip", &c.IP, add.IP)
	m.text("event.reason", &c.Reason, add.Reason)
	m.text("version.name", &d.VersionName, attribution.VersionName)
	m.agent(&c, add)
	m.extra(&c, add)
	if c.Route == "" && add.Route != "" { // the first route that gave anything; another one is no contradiction
		c.Route, m.changed = add.Route, true
	}
	if len(c.Candidates) == 0 && len(add.Candidates) > 0 {
		c.Candidates, m.changed = add.Candidates, true
	}
	if m.err != nil {
		return d, false, m.err
	}
	if c.Status != schema.StatusLate {
		c.Status, m.changed = schema.StatusLate, true
	}
	c.VersionName = d.VersionName
	d.Context = &c
	return d, m.changed, nil
}

// Agree says whether two documents of one identity tell the same: they are equal, or one of them has meanwhile been completed by
// an attribution that the other has yet to get. What somebody wrote under an id of its own agrees with a repetition of it.
func Agree(a, b schema.Document) bool {
	if saidAgain(a, b) {
		return true
	}
	plainA, plainB := a.ClearContext(), b.ClearContext()
	if plainA.Hash() != plainB.Hash() {
		return false
	}
	switch lateA, lateB := isLate(a), isLate(b); {
	case lateA && lateB:
		_, _, err := Complete(a, b)
		return err == nil
	case lateA:
		return completes(a, b)
	case lateB:
		return completes(b, a)
	}
	return a.Hash() == b.Hash()
}

// completes says whether late is plain with nothing but more context.
func completes(late, plain schema.Document) bool {
	completed, _, err := Complete(plain, late)
	return err == nil && completed.Hash() == late.Hash()
}

func isLate(d schema.Document) bool { return d.Context != nil && d.Context.Status == schema.StatusLate }

// merger fills empty fields and keeps the first contradiction.
type merger struct {
	changed bool
	err     error
}

func (m *merger) contradict(field, stored, arriving string) {
	if m.err == nil {
		m.err = &Contradiction{Field: field, Stored: stored, Arriving: arriving}
	}
}

func (m *merger) text(field string, to *string, add string) {
	switch {
	case add == "" || *to == add:
	case *to == "":
		*to, m.changed = add, true
	default:
		m.contradict(field, *to, add)
	}
}

func (m *merger) texts(field string, to *[]string, add []string) {
	switch {
	case len(add) == 0 || slices.Equal(*to, add):
	case len(*to) == 0:
		*to, m.changed = add, true
	default:
		m.contradict(field, fmt.Sprint(*to), fmt.Sprint(add))
	}
}

// agent takes the user agent as a whole: its parts follow from its original text.
func (m *merger) agent(c, add *schema.EventContext) {
	had, adds := agentText(c), agentText(add)
	if adds == "" || had == adds {
		return
	}
	if had != "" {
		m.contradict("user_agent.original", had, adds)
		return
	}
	c.UserAgent, c.Context.UserAgent, m.changed = add.UserAgent, add.Context.UserAgent, true
}

func agentText(c *schema.EventContext) string {
	if c.UserAgent.Original != "" {
		return c.UserAgent.Original
	}
	return c.Context.UserAgent
}

func (m *merger) extra(c, add *schema.EventContext) {
	switch {
	case len(add.Extra) == 0 || bytes.Equal(c.Extra, add.Extra):
	case len(c.Extra) == 0:
		c.Extra, m.changed = add.Extra, true
	default:
		m.contradict("audit.extra", string(c.Extra), string(add.Extra))
	}
}
