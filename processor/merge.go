package processor

import (
	"cmp"
	"slices"
	"time"

	"dossier/schema"
)

// merger builds one context out of several, in the order of the routes: a later one fills only what is still empty.
type merger struct {
	context    schema.EventContext
	candidates []schema.Candidate
}

// add merges the contexts of one route, the most telling first. Two of them that name different users make the result
// ambiguous, unless an earlier route said who it was: the fields on which they differ are left open then, and the
// candidates say both. A context of somebody else than an earlier route's user tells nothing of this change.
func (m *merger) add(route schema.Route, contexts ...*schema.Context) {
	if len(m.candidates) > 0 {
		return // whose other fields these would be is not known
	}
	if len(contexts) == 1 && m.context.Route == "" && isEmptyContext(&m.context.Context) {
		m.alone(route, contexts[0])
		return
	}
	known := m.context.User
	contexts = slices.DeleteFunc(slices.Clone(contexts), func(c *schema.Context) bool {
		return isEmptyContext(c) || differentUsers(known, c.User)
	})
	if len(contexts) == 0 {
		return
	}
	if m.context.Route == "" {
		m.context.Route = route
	}
	if known.IsZero() {
		if m.candidates = contradictions(route, contexts); m.candidates != nil {
			m.fill(agreement(contexts))
			return
		}
	}
	for _, c := range contexts {
		m.fill(c)
	}
}

// alone takes over the first context of all, where no other one of its route contradicts it.
func (m *merger) alone(route schema.Route, c *schema.Context) {
	if isEmptyContext(c) {
		return
	}
	m.context.Route = route
	m.fill(c)
}

// contradictions returns a candidate for each distinct user, where there is more than one; nil otherwise.
func contradictions(route schema.Route, contexts []*schema.Context) []schema.Candidate {
	var named []schema.Candidate
	for _, c := range contexts {
		distinct := !c.User.IsZero() && !slices.ContainsFunc(named, func(n schema.Candidate) bool { return sameUser(n.User, c.User) })
		if distinct {
			named = append(named, schema.Candidate{Route: route, User: c.User, CorrelationID: cmp.Or(c.CorrelationID, c.RequestID)})
		}
	}
	if len(named) < 2 {
		return nil
	}
	return named
}

// agreement returns what all contexts say alike.
func agreement(contexts []*schema.Context) *schema.Context {
	agreed := *contexts[0]
	agreed.User, agreed.Extra, agreed.TransactionID = schema.User{}, nil, nil
	for _, c := range contexts[1:] {
		other := *c
		theirs := textFields(&other)
		for i, field := range textFields(&agreed) {
			if *field != *theirs[i] {
				*field = ""
			}
		}
		if !agreed.Timestamp.Equal(c.Timestamp) {
			agreed.Timestamp = time.Time{}
		}
	}
	return &agreed
}

// textFields returns the context's plain text fields, always in the same order.
func textFields(c *schema.Context) [10]*string {
	return [...]*string{&c.CorrelationID, &c.RequestID, &c.TraceID, &c.OnBehalfOf, &c.Initiator, &c.Service, &c.IP, &c.UserAgent, &c.Reason, &c.VersionName}
}

func (m *merger) fill(c *schema.Context) {
	to := &m.context.Context
	if to.TransactionID == nil {
		to.TransactionID = c.TransactionID
	}
	fillUser(&to.User, c.User)
	theirs := textFields(c)
	for i, field := range textFields(to) {
		if *field == "" {
			*field = *theirs[i]
		}
	}
	if to.Timestamp.IsZero() {
		to.Timestamp = c.Timestamp
	}
	if to.Extra == nil {
		to.Extra = c.Extra
	}
}

// fillUser completes a user by what another source says of the same one; of a different user it takes nothing.
func fillUser(to *schema.User, from schema.User) {
	if differentUsers(*to, from) {
		return
	}
	if to.ID == "" {
		to.ID = from.ID
	}
	if to.Name == "" {
		to.Name = from.Name
	}
	if to.Email == "" {
		to.Email = from.Email
	}
	if to.AccountID == "" {
		to.AccountID = from.AccountID
	}
	if len(to.Roles) == 0 {
		to.Roles = from.Roles
	}
}

// differentUsers says whether two users are known to be two: the strongest identifier that both have decides.
func differentUsers(a, b schema.User) bool {
	switch {
	case a.ID != "" && b.ID != "":
		return a.ID != b.ID
	case a.Email != "" && b.Email != "":
		return a.Email != b.Email
	case a.Name != "" && b.Name != "":
		return a.Name != b.Name
	}
	return false
}

// sameUser says whether two users are known to be one: an identifier that both have says so.
func sameUser(a, b schema.User) bool {
	return !differentUsers(a, b) && (a.ID != "" && b.ID != "" || a.Email != "" && b.Email != "" || a.Name != "" && b.Name != "")
}

// result returns the merged context with its status: ambiguous before attached before unattributed.
func (m *merger) result() *schema.EventContext {
	c := &m.context
	switch {
	case len(m.candidates) > 0:
		c.Status = schema.StatusAmbiguous
		c.User = schema.User{}
		c.Candidates = m.candidates
	case c.Route != "":
		c.Status = schema.StatusAttached
	default:
		c.Status = schema.StatusUnattributed
	}
	return c
}

func isEmptyContext(c *schema.Context) bool {
	for _, field := range textFields(c) {
		if *field != "" {
			return false
		}
	}
	return c.User.IsZero() && c.Extra == nil
}
