package connectors

import (
	"cmp"
	"fmt"
	"slices"
)

// Severity says what a finding means for a deployment.
type Severity string

const (
	// Error: the configuration cannot work, and is not deployed.
	Error Severity = "error"
	// Warning: the connector would run, and the audit trail would be the worse for it.
	Warning Severity = "warning"
)

// Finding is one fault of a configuration, or of the database behind it.
type Finding struct {
	Severity Severity `json:"severity"`
	// Key is the setting concerned, or, where the database is at fault, the object: "public.product".
	Key string `json:"key"`
	// File and Line say where the key stands; for a key that is missing, where its connector's settings begin. Line is 0 where
	// the finding comes from the database.
	File string `json:"file"`
	Line int    `json:"line,omitempty"`
	// Message says what is wrong, why it matters and what to do. It holds no secret.
	Message string `json:"message"`
}

// String is the finding on one line, in the form that editors jump to.
func (f Finding) String() string {
	where := f.File
	if f.Line > 0 {
		where = fmt.Sprintf("%s:%d", f.File, f.Line)
	}
	return fmt.Sprintf("%s: %s: %s: %s", where, f.Severity, f.Key, f.Message)
}

// HasErrors reports whether any finding forbids a deployment.
func HasErrors(findings []Finding) bool {
	return slices.ContainsFunc(findings, func(f Finding) bool { return f.Severity == Error })
}

// sortFindings puts findings in the order of the file, errors before warnings on one line.
func sortFindings(findings []Finding) {
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Severity, b.Severity), cmp.Compare(a.Key, b.Key))
	})
}
