package query

import (
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"dossier/schema"
)

// Limits of a question in the language of searches. They keep what one question costs in proportion; a question that needs more is better put as several.
const (
	MaxQuestionBytes    = 4 << 10
	MaxQuestionTerms    = 64   // conditions, words included
	MaxQuestionValues   = 1000 // values of all conditions together
	MaxPatternWildcards = 10   // in one value: what a store makes of a pattern can double with each
	MaxLeadingWildcards = 8    // values that begin with a wildcard, for which a store reads every value that there is
)

// parameter is what errors name: the question is always given as this one.
const parameter = "q"

// Question is a search that was understood. See docs/search.md for the language.
type Question struct {
	terms []term
	// kinds are those asked for; nil where the question leaves them open.
	kinds []schema.DocumentKind
	// without are those that the question excludes.
	without []schema.DocumentKind
	// fields says that fields or values are asked for, and so field changes wanted.
	fields bool
	now    time.Time
}

// term is one condition as it was written.
type term struct {
	negated bool
	key     *searchKey // nil for words
	values  []operand
	at      int // where it begins, in characters from 1
}

// operand is one value of a condition, taken apart but not yet given a meaning: that is its key's.
type operand struct {
	op   comparison
	text Pattern // with rangeOf: the lower end
	to   string  // with rangeOf: the upper end
	null bool    // the unquoted word null, where it has a meaning
	at   int     // where it begins, in characters from 1
}

// comparison is how a value is compared.
type comparison string

const (
	equalTo comparison = ""
	above   comparison = ">"
	atLeast comparison = ">="
	below   comparison = "<"
	atMost  comparison = "<="
	rangeOf comparison = ".."
)

// ParseQuestion reads a question. Relative times are meant from now. The error is a *Error for the parameter "q" that says at which character what
// was expected.
func ParseQuestion(text string, now time.Time) (*Question, error) {
	if len(text) > MaxQuestionBytes {
		return nil, &Error{Code: CodeTooBroad, Parameter: parameter, Detail: fmt.Sprintf(
			"the question has %d bytes, at most %d are allowed: ask several", len(text), MaxQuestionBytes)}
	}
	return parseQuestion(text, now)
}

// parseQuestion is ParseQuestion for a text of any length: what String returns can be longer than what was read.
func parseQuestion(text string, now time.Time) (*Question, error) {
	if !utf8.ValidString(text) {
		return nil, faultAt(firstInvalid(text), "the text is not valid UTF-8")
	}
	terms, err := scanTerms(text)
	if err != nil {
		return nil, err
	}
	q := &Question{terms: terms, now: now}
	if err := q.bound(); err != nil {
		return nil, err
	}
	if err := q.decideKinds(); err != nil {
		return nil, err
	}
	// What the values mean is found out here and not only when the filter is used, so that a fault is told at once.
	if _, err := q.conditions(); err != nil {
		return nil, err
	}
	return q, nil
}

// FieldChanges says whether the question finds single field changes; otherwise it finds changes of rows, whole.
func (q *Question) FieldChanges() bool {
	return slices.Contains(q.documentKinds(q.fields), schema.DocumentFieldChange)
}

// Filter returns the condition on documents, their kinds included.
func (q *Question) Filter() Filter { return q.filter(q.fields) }

// FieldChangeFilter returns the condition on field changes, also of a question that would find whole changes of rows.
func (q *Question) FieldChangeFilter() Filter { return q.filter(true) }

func (q *Question) filter(fieldChanges bool) Filter {
	conditions, err := q.conditions()
	if err != nil {
		panic(err) // ParseQuestion has tried
	}
	return and(append([]Filter{anyKind(q.documentKinds(fieldChanges)...)}, conditions...)...)
}

// bound checks the limits that a store's cost depends on.
func (q *Question) bound() error {
	if len(q.terms) > MaxQuestionTerms {
		t := q.terms[MaxQuestionTerms]
		return tooBroadAt(t.at, "more than %d conditions: ask several questions", MaxQuestionTerms)
	}
	values, leading := 0, 0
	for _, t := range q.terms {
		for _, v := range t.values {
			if values++; values > MaxQuestionValues {
				return tooBroadAt(v.at, "more than %d values: ask several questions", MaxQuestionValues)
			}
			if v.text.wildcards() > MaxPatternWildcards {
				return tooBroadAt(v.at, "more than %d wildcards in one value: write more of the text itself", MaxPatternWildcards)
			}
			if t.key != nil && v.text.leads() {
				if leading++; leading > MaxLeadingWildcards {
					return tooBroadAt(v.at, "more than %d values that begin with a wildcard, for each of which every value has to be read: write how they begin", MaxLeadingWildcards)
				}
			}
		}
	}
	return nil
}

func faultAt(position int, format string, args ...any) *Error {
	return &Error{Code: CodeInvalid, Parameter: parameter, Position: position, Detail: fmt.Sprintf(format, args...)}
}

func tooBroadAt(position int, format string, args ...any) *Error {
	return &Error{Code: CodeTooBroad, Parameter: parameter, Position: position, Detail: fmt.Sprintf(format, args...)}
}

// firstInvalid returns where the first byte stands that is no UTF-8, in characters from 1.
func firstInvalid(text string) int {
	at := 1
	for i := 0; i < len(text); at++ {
		r, size := utf8.DecodeRuneInString(text[i:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		i += size
	}
	return at
}
