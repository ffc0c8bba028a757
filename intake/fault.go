package intake

import (
	"fmt"
	"strings"
)

// Fault is one thing that is wrong with an input.
type Fault struct {
	// Pointer is the JSON pointer (RFC 6901) of the member at fault, such as "/entity/type"; "" is the whole input.
	Pointer string `json:"pointer"`
	// Detail says what was expected. It holds no more of the input than a name.
	Detail string `json:"detail"`
}

// Faults is an input that cannot be taken, with everything that is wrong with it, in the order of the input's documentation. Sending the same
// again is of no use.
type Faults []Fault

// Error lists the faults in one line.
func (f Faults) Error() string {
	var b strings.Builder
	for i, fault := range f {
		if i > 0 {
			b.WriteString("; ")
		}
		if fault.Pointer != "" {
			b.WriteString(fault.Pointer)
			b.WriteString(": ")
		}
		b.WriteString(fault.Detail)
	}
	return b.String()
}

func (f *Faults) add(pointer, format string, args ...any) {
	*f = append(*f, Fault{pointer, fmt.Sprintf(format, args...)})
}

// orNil returns the faults as an error; nil without any.
func (f Faults) orNil() error {
	if len(f) == 0 {
		return nil
	}
	return f
}

// pointerTo returns the pointer of a member within another.
func pointerTo(parent, name string) string {
	if strings.ContainsAny(name, "~/") {
		name = strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
	}
	return parent + "/" + name
}
