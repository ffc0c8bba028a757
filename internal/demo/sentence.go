package demo

import (
	"fmt"
	"strings"

	"dossier/schema"
)

// Sentence says in one line what an audit event tells.
func Sentence(e *schema.AuditEvent) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %-15s %-8s %s/%s", e.Time.Format("15:04:05"), who(e.Context), e.Action, e.Entity.Type, e.Entity.ID)
	if e.Action == schema.ActionUpdate {
		for _, c := range e.Changes {
			fmt.Fprintf(&b, "  %s %s -> %s", c.Field, value(c.Previous), value(c.Current))
		}
	}
	if e.Context != nil && e.Context.Reason != "" {
		fmt.Fprintf(&b, "  (%s)", e.Context.Reason)
	}
	return b.String()
}

func who(c *schema.EventContext) string {
	switch {
	case c == nil:
		return "(baseline)"
	case c.User.Name != "":
		return c.User.Name
	case c.Service != "":
		return c.Service
	}
	return "(" + string(c.Status) + ")"
}

func value(v schema.Value) string {
	if v.State != schema.Present {
		return v.State.String()
	}
	return v.Text()
}
