package sink

import (
	"time"

	"dossier/schema"
)

// namedVersion returns the document that says, by a change's row, which version another entity belongs to. It stands in the change's scope, since it
// tells what the row says.
func namedVersion(change schema.Document, e *schema.AuditEvent) schema.Document {
	d := change
	d.Kind = schema.DocumentNamedVersion
	d.Action, d.PairID = "", "" // of the row, not of this entity
	d.Entity = schema.DocumentEntity{EntityRef: *e.VersionOf}
	d.NamedVersion = &schema.NamedVersion{AsOf: e.Time}
	if v := e.NamedVersion; v != nil {
		*d.NamedVersion = *v
	}
	return d
}

func checkVersionOf(e *schema.AuditEvent) error {
	switch {
	case e.VersionOf == nil:
		return nil
	case e.VersionOf.Type == "" || e.VersionOf.ID == "":
		return invalid(e, "version.entity lacks its type or id")
	case e.VersionName == "":
		return invalid(e, "a version of %s without a version_name", e.VersionOf.Type)
	case e.NamedVersion != nil && !storable(e.NamedVersion.AsOf):
		return invalid(e, "version.as_of %s is not between 1970 and 2262, which is what a store can hold", e.NamedVersion.AsOf.Format(time.RFC3339))
	}
	return nil
}

func checkNamedVersion(e *schema.AuditEvent) error {
	switch {
	case e.VersionName == "":
		return invalid(e, "a named version without a version_name")
	case e.NamedVersion == nil:
		return invalid(e, "a named version without the member version")
	case e.VersionOf != nil:
		return invalid(e, "a named version with version.entity: it is of the event's own entity")
	case e.Entity.Type == "" || e.Entity.ID == "":
		return invalid(e, "a named version without the type and id of its entity")
	case !storable(e.NamedVersion.AsOf):
		return invalid(e, "version.as_of %s is not between 1970 and 2262, which is what a store can hold", e.NamedVersion.AsOf.Format(time.RFC3339))
	}
	return nil
}

func checkFeedback(e *schema.AuditEvent) error {
	f := e.Feedback
	switch {
	case f == nil:
		return invalid(e, "feedback without the member feedback")
	case f.Application == "" || f.Status == "":
		return invalid(e, "feedback without its application or status")
	case e.Entity.ID == "" && e.VersionName == "" && f.EventID == "":
		return invalid(e, "feedback on nothing: it has neither an entity nor a version_name nor an event_id")
	case e.Entity.ID != "" && e.Entity.Type == "":
		return invalid(e, "feedback on an entity without its type")
	}
	return nil
}

// storable says whether a store can hold a time to the nanosecond.
func storable(t time.Time) bool { return !t.Before(earliest) && t.Before(latest) }
