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
		return d.Fields
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
	case FieldChangeField, FieldPrevState, FieldCurrState, FieldPrevExact, FieldCurrExact:
		return changeTexts(f, d)
	}
	if s := keyword(f, d); s != "" {
		return []string{s}
	}
	return nil
}

// changeTexts returns what a field change says: there, an empty text is a value as well.
func changeTexts(f Field, d *schema.Document) []string {
	if d.Kind != schema.DocumentFieldChange {
		return nil
	}
	c := &d.Change
	switch f {
	case FieldChangeField:
		return []string{c.Field}
	case FieldPrevState:
		return []string{c.Previous.State.String()}
	case FieldCurrState:
		return []string{c.Current.State.String()}
	}
	value := c.Current
	if f == FieldPrevExact {
		value = c.Previous
	}
	if s, ok := value.Exact(); ok {
		return []string{s}
	}
	return nil
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
