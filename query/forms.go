package query

import "fmt"

// Form says how a field's values are compared, and so which filters can ask for them.
type Form uint8

const (
	FormKeyword   Form = iota + 1 // Equal, Like, Exists; can be counted by and grouped by
	FormReference                 // Equal, Like, Exists: one of very many names or values, so that nothing is counted by it
	FormPosition                  // Equal, Beyond, Exists
	FormNumber                    // Compare
	FormInteger                   // Equal
	FormTime                      // Between
	FormWords                     // Match
	FormAddress                   // Equal, Exists
)

var formNames = map[Form]string{FormKeyword: "a keyword", FormReference: "a reference", FormPosition: "a position", FormNumber: "a number", FormInteger: "a whole number", FormTime: "a time",
	FormWords: "a text of words", FormAddress: "an IP address"}

// String names the form, for messages.
func (f Form) String() string { return formNames[f] }

// Fields are all fields that can be filtered by, with their forms.
var Fields = map[Field]Form{
	FieldTime: FormTime, FieldKind: FormKeyword, FieldContext: FormKeyword, FieldRoute: FormKeyword, FieldInitiator: FormKeyword, FieldScope: FormKeyword,
	FieldCorrelationID: FormReference, FieldEventID: FormKeyword, FieldAction: FormKeyword, FieldReason: FormKeyword, FieldUserID: FormKeyword,
	FieldUserName: FormKeyword, FieldUserEmail: FormKeyword, FieldEffectiveUser: FormKeyword, FieldAccount: FormKeyword, FieldIP: FormAddress,
	FieldTraceID: FormReference, FieldRequestID: FormReference, FieldService: FormKeyword, FieldEntityType: FormKeyword, FieldEntityID: FormKeyword,
	FieldNextID: FormKeyword, FieldPreviousID: FormKeyword, FieldParentType: FormKeyword, FieldParentID: FormKeyword, FieldVersionName: FormKeyword,
	FieldVersionID: FormKeyword, FieldChangeField: FormKeyword, FieldRowFields: FormKeyword, FieldPrevState: FormKeyword, FieldCurrState: FormKeyword,
	FieldPrevExact: FormReference, FieldCurrExact: FormReference, FieldPrevText: FormWords, FieldCurrText: FormWords, FieldPrevNumber: FormNumber,
	FieldCurrNumber: FormNumber, FieldPrevDate: FormTime, FieldCurrDate: FormTime, FieldApplication: FormKeyword, FieldStatus: FormKeyword,
	FieldMessage: FormWords, FieldFeedbackEvent: FormKeyword, FieldSource: FormKeyword, FieldSchema: FormKeyword, FieldTable: FormKeyword,
	FieldTxID: FormInteger, FieldPosition: FormPosition,
}

// Check returns an error with CodeInvalid for a search that no store can answer: a filter of a kind that does not fit its field, or a limit out of bounds.
func (s Search) Check() error {
	if s.Order > CommitOrderReverse {
		return refuse("there is no order %d", s.Order)
	}
	return check(s.Filter, s.Limit)
}

// Check is Search's.
func (c Count) Check() error {
	if len(c.By) > 2 {
		return refuse("documents are counted by one or two fields, not by %d", len(c.By))
	}
	if len(c.By) != 1 || c.By[0] != FieldTime {
		if err := checkBy(c.By); err != nil {
			return err
		}
	}
	if len(c.By) == 0 {
		return checkFilter(c.Filter)
	}
	return check(c.Filter, c.Limit)
}

// Check is Search's.
func (g Groups) Check() error {
	if len(g.By) < 1 || len(g.By) > 2 {
		return refuse("documents are grouped by one or two fields, not by %d", len(g.By))
	}
	if g.After != nil && len(g.After) != len(g.By) {
		return refuse("a group of %d fields does not go on behind a key of %d values", len(g.By), len(g.After))
	}
	if err := checkBy(g.By); err != nil {
		return err
	}
	return check(g.Filter, g.Limit)
}

func checkBy(by []Field) error {
	for _, f := range by {
		if Fields[f] != FormKeyword {
			return refuse("documents cannot be grouped by %s", f)
		}
	}
	return nil
}

func check(f Filter, limit int) error {
	if limit < 1 || limit > MaxLimit {
		return &Error{Code: CodeInvalid, Parameter: "limit", Detail: fmt.Sprintf("%d is not between 1 and %d", limit, MaxLimit)}
	}
	return checkFilter(f)
}

func checkFilter(f Filter) error {
	switch f := f.(type) {
	case nil:
		return nil
	case And:
		return checkAll(f)
	case Or:
		return checkAll(f)
	case Not:
		return checkFilter(f.Filter)
	case Equal:
		return checkField(f.Field, FormKeyword, FormReference, FormPosition, FormInteger, FormAddress)
	case Like:
		return checkField(f.Field, FormKeyword, FormReference)
	case Exists:
		return checkField(f.Field, FormKeyword, FormReference, FormPosition, FormAddress)
	case Match:
		return checkField(f.Field, FormWords)
	case Compare:
		return checkField(f.Field, FormNumber)
	case Between:
		return checkField(f.Field, FormTime)
	case Beyond:
		return checkField(f.Field, FormPosition)
	}
	return refuse("there is no filter %T", f)
}

func checkAll(filters []Filter) error {
	for _, f := range filters {
		if err := checkFilter(f); err != nil {
			return err
		}
	}
	return nil
}

func checkField(f Field, allowed ...Form) error {
	form, ok := Fields[f]
	if !ok {
		return refuse("there is no field %q", string(f))
	}
	for _, a := range allowed {
		if form == a {
			return nil
		}
	}
	return refuse("%s is %s, and cannot be asked for so", f, form)
}

func refuse(format string, args ...any) error {
	return &Error{Code: CodeInvalid, Detail: fmt.Sprintf(format, args...)}
}
