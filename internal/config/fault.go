package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Fault is one thing wrong with a configuration.
type Fault struct {
	File    string // "" where the key came from the environment
	Line    int    // from 1; 0 where the fault is that something is missing from the whole file
	Env     string // the environment variable, where the key came from there
	Key     string // such as entities[0].fields.mask; "" where the text is no YAML
	Message string // what was expected, and what to do
}

// String is the fault on one line, place first, so that an editor can jump to it.
func (f Fault) String() string {
	var b strings.Builder
	switch {
	case f.Env != "":
		b.WriteString(f.Env)
	case f.Line > 0:
		fmt.Fprintf(&b, "%s:%d", cmp.Or(f.File, "configuration"), f.Line)
	default:
		b.WriteString(cmp.Or(f.File, "configuration"))
	}
	b.WriteString(": ")
	if f.Key != "" {
		b.WriteString(f.Key)
		b.WriteString(": ")
	}
	b.WriteString(f.Message)
	return b.String()
}

// Faults is every fault of a configuration, in the order of the file's lines, those of the environment last. As an error
// it never quotes a secret.
type Faults []Fault

func (fs Faults) Error() string {
	lines := make([]string, len(fs))
	for i, f := range fs {
		lines[i] = f.String()
	}
	return strings.Join(lines, "\n")
}

func (fs Faults) sort() {
	slices.SortStableFunc(fs, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.Env, b.Env), cmp.Compare(a.Line, b.Line))
	})
}

// origin is where a key was set.
type origin struct {
	line int
	env  string
	raw  string // the text as it stands in the file, where that has placeholders
}

// locate returns the origin of key or, where the key itself was not set, of the nearest section around it.
func locate(origins map[string]origin, key string) origin {
	for key != "" {
		if o, ok := origins[key]; ok {
			return o
		}
		key = key[:max(strings.LastIndexAny(key, ".["), 0)]
	}
	return origin{}
}
