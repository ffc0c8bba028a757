package web

import (
	"errors"
	"net/http"

	"dossier/intake"
	"dossier/query"
	"dossier/schema"
)

// ReadRecorder takes the events of who read what. It never waits: what it does with them then is its own affair.
type ReadRecorder interface {
	Access(e *schema.AuditEvent)
}

// recordRead records that a question was answered. Where nobody can say who asked, the answer is not given.
func (a *API) recordRead(c *call, status, items int) error {
	if a.Reads == nil {
		return nil
	}
	who, err := a.sender(c)
	if err != nil {
		return err
	}
	read := schema.Access{Caller: who.User.ID, Method: c.Method, Path: c.URL.EscapedPath(), Query: c.URL.RawQuery, Status: status, Items: int64(items)}
	e := intake.AccessEvent(read, a.Now(), schema.EntityRef{Type: c.segments["type"], ID: c.entityID()}, who)
	a.Reads.Access(&e)
	return nil
}

// entityID is what a question was about, where that is one entity. Requests have an id as well, but no type.
func (c *call) entityID() string {
	if c.segments["type"] == "" {
		return ""
	}
	return c.segments["id"]
}

// recordRefusal records a question of somebody known that was answered by a refusal, or by nothing being there: trying is telling. It returns the error.
func (a *API) recordRefusal(c *call, refusal error) error {
	var q *query.Error
	if a.Reads == nil || !errors.As(refusal, &q) {
		return refusal
	}
	switch q.Code {
	case query.CodeForbidden:
		_ = a.recordRead(c, http.StatusForbidden, 0) // the refusal is the answer either way
	case query.CodeNotFound:
		if err := a.recordRead(c, http.StatusNotFound, 0); err != nil {
			return err
		}
	}
	return refusal
}
