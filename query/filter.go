package query

import "time"

// Field is a field of version documents, by its name in docs/documents.md. A store can filter by every one of them.
type Field string

// The fields that can be filtered by. All are keywords (exact, case-sensitive text) but for those that say otherwise.
const (
	FieldTime          Field = "@timestamp" // a time; Between alone
	FieldKind          Field = "audit.kind"
	FieldContext       Field = "audit.context"
	FieldRoute         Field = "audit.route"
	FieldInitiator     Field = "audit.initiator"
	FieldScope         Field = "audit.scope"
	FieldCorrelationID Field = "audit.correlation_id"
	FieldEventID       Field = "event.id"
	FieldAction        Field = "event.action"
	FieldReason        Field = "event.reason"
	FieldUserID        Field = "user.id"
	FieldUserName      Field = "user.name"
	FieldUserEmail     Field = "user.email"
	FieldEffectiveUser Field = "user.effective.id"
	FieldAccount       Field = "organization.id"
	FieldIP            Field = "client.ip" // an address; Equal also takes a network, such as 10.0.0.0/8
	FieldTraceID       Field = "trace.id"
	FieldRequestID     Field = "http.request.id"
	FieldService       Field = "service.name"
	FieldEntityType    Field = "entity.type"
	FieldEntityID      Field = "entity.id"
	FieldNextID        Field = "entity.next_id"
	FieldPreviousID    Field = "entity.previous_id"
	FieldParentType    Field = "entity.parent.type"
	FieldParentID      Field = "entity.parent.id"
	FieldVersionName   Field = "version.name"
	FieldVersionID     Field = "version.id"
	FieldChangeField   Field = "change.field"
	FieldRowFields     Field = "row.fields" // several values: one of them is enough
	FieldPrevState     Field = "change.previous.state"
	FieldCurrState     Field = "change.current.state"
	FieldPrevExact     Field = "change.previous.exact"
	FieldCurrExact     Field = "change.current.exact"
	FieldPrevText      Field = "change.previous.text"   // words; Match alone
	FieldCurrText      Field = "change.current.text"    // words; Match alone
	FieldPrevNumber    Field = "change.previous.number" // a double; Compare alone
	FieldCurrNumber    Field = "change.current.number"  // a double; Compare alone
	FieldPrevDate      Field = "change.previous.date"   // a time; Between alone
	FieldCurrDate      Field = "change.current.date"    // a time; Between alone
	FieldApplication   Field = "feedback.application"
	FieldStatus        Field = "feedback.status"
	FieldMessage       Field = "feedback.message"  // words; Match alone
	FieldFeedbackEvent Field = "feedback.event_id" // the change that feedback is on
	FieldSource        Field = "cdc.source"
	FieldSchema        Field = "cdc.schema"
	FieldTable         Field = "cdc.table"
	FieldTxID          Field = "cdc.tx_id"    // a whole number of 64 bits, as decimal text; Equal alone
	FieldPosition      Field = "cdc.position" // sorts in commit order; Equal and Beyond
)

// Filter is a condition on one document: And, Or, Not, Equal, Like, Exists, Match, Compare, Between or Beyond. A nil Filter holds for every document. A condition on a
// field that a document does not have does not hold, and its negation does.
type Filter interface{ filter() }

// And holds where all of its conditions hold; an empty one always does.
type And []Filter

// Or holds where at least one of its conditions holds; an empty one never does.
type Or []Filter

// Not holds where its condition does not.
type Not struct{ Filter Filter }

// Equal holds where the field has one of the values.
type Equal struct {
	Field  Field
	Values []string
}

// Like holds where the field's whole text fits the pattern, case-sensitively.
type Like struct {
	Field   Field
	Pattern Pattern
}

// Pattern is a text with wildcards, already taken apart: literal text, in which nothing has a meaning, and wildcards.
type Pattern []PatternPart

// PatternPart is one wildcard, or literal text where Any and One are false.
type PatternPart struct {
	Literal string
	Any     bool // any text, also none
	One     bool // any one character
}

// Exists holds where the document has the field.
type Exists struct{ Field Field }

// Match holds where the field contains all the words, anywhere, or next to each other in this order if it is a phrase; upper and lower case and
// accents make no difference. Words are what remains of the text between characters that are neither letters nor digits. A prefix match takes the last word as the beginning of one.
// Without any word it holds nowhere.
type Match struct {
	Field  Field
	Text   string
	Phrase bool
	Prefix bool
}

// Compare holds where the field's number is within the bounds; nil is no bound.
type Compare struct {
	Field        Field
	Above, Below *NumberBound
}

// NumberBound is one end of a range of numbers.
type NumberBound struct {
	Value     float64
	Inclusive bool
}

// Between holds where the field's time is within the bounds: from From, included, to before To; the zero time is no bound.
type Between struct {
	Field    Field
	From, To time.Time
}

// Beyond holds where the field's text sorts after the bound, byte by byte.
type Beyond struct {
	Field Field
	Bound string
}

func (And) filter()     {}
func (Or) filter()      {}
func (Not) filter()     {}
func (Equal) filter()   {}
func (Like) filter()    {}
func (Exists) filter()  {}
func (Match) filter()   {}
func (Compare) filter() {}
func (Between) filter() {}
func (Beyond) filter()  {}

// Is is the Equal with one value.
func Is(f Field, value string) Equal { return Equal{f, []string{value}} }
