package query

import (
	"strconv"

	"dossier/schema"
)

// Texts returns the values that a document has in a field, as texts; none where it lacks the field, or where the field is not for whole values. An address comes in its standard
// form, a whole number in decimal digits.
func Texts(f Field, d *schema.Document) []string {
	switch f {
	case FieldRowFields:
		if d.Kind == schema.DocumentRowVersion {
			return d.Fields
		}
		return nil
	case FieldIP:
		if ip, ok := addressOf(d); ok {
			return []string{ip.String()}
		}
		return nil
	case FieldTxID:
		if d.CDC.HasTx {
			return []string{strconv.FormatUint(d.CDC.TxID, 10)}
		}
		return nil
	}
	if s, ok := Text(f, d); ok {
		return []string{s}
	}
	return nil
}

// Text returns the one value that a document has in a keyword field other than FieldRowFields, or in FieldPosition; false where it lacks it.
func Text(f Field, d *schema.Document) (string, bool) {
	switch f {
	case FieldChangeField, FieldPrevState, FieldCurrState, FieldPrevExact, FieldCurrExact:
		return changeText(f, d)
	}
	s := keyword(f, d)
	return s, s != ""
}

// changeText returns what a field change says: there, an empty text is a value as well.
func changeText(f Field, d *schema.Document) (string, bool) {
	if d.Kind != schema.DocumentFieldChange {
		return "", false
	}
	c := &d.Change
	switch f {
	case FieldChangeField:
		return c.Field, true
	case FieldPrevState:
		return c.Previous.State.String(), true
	case FieldCurrState:
		return c.Current.State.String(), true
	case FieldPrevExact:
		return c.Previous.Exact()
	}
	return c.Current.Exact()
}

// keyword returns the text of a field that stands in a document only if it is not empty.
func keyword(f Field, d *schema.Document) string {
	switch f {
	case FieldKind:
		return string(d.Kind)
	case FieldScope:
		return d.Scope
	case FieldEventID:
		return d.EventID
	case FieldAction:
		return string(d.Action)
	case FieldEntityType:
		return d.Entity.Type
	case FieldEntityID:
		return d.Entity.ID
	case FieldNextID:
		return d.Entity.NextID
	case FieldPreviousID:
		return d.Entity.PreviousID
	case FieldVersionName:
		return d.VersionName
	case FieldSource:
		return d.CDC.Source
	case FieldSchema:
		return d.CDC.Schema
	case FieldTable:
		return d.CDC.Table
	case FieldPosition:
		return d.CDC.Position
	}
	if parent := d.Entity.Parent; parent != nil {
		switch f {
		case FieldParentType:
			return parent.Type
		case FieldParentID:
			return parent.ID
		}
	}
	if d.NamedVersion != nil && f == FieldVersionID {
		return d.NamedVersion.ID
	}
	if d.Feedback != nil {
		switch f {
		case FieldApplication:
			return d.Feedback.Application
		case FieldStatus:
			return d.Feedback.Status
		case FieldFeedbackEvent:
			return d.Feedback.EventID
		}
	}
	if d.Context != nil {
		return contextKeyword(f, d.Context)
	}
	return ""
}

func contextKeyword(f Field, c *schema.EventContext) string {
	switch f {
	case FieldContext:
		return string(c.Status)
	case FieldRoute:
		return string(c.Route)
	case FieldInitiator:
		return c.Initiator
	case FieldCorrelationID:
		return c.CorrelationID
	case FieldReason:
		return c.Reason
	case FieldUserID:
		return c.User.ID
	case FieldUserName:
		return c.User.Name
	case FieldUserEmail:
		return c.User.Email
	case FieldEffectiveUser:
		return c.OnBehalfOf
	case FieldAccount:
		return c.User.AccountID
	case FieldTraceID:
		return c.TraceID
	case FieldRequestID:
		return c.RequestID
	case FieldService:
		return c.Service
	}
	return ""
}
