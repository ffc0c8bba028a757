package sqlite

import (
	"database/sql/driver"
	"fmt"
	"strings"
	"sync/atomic"

	"dossier/query"

	sqlite "modernc.org/sqlite"
)

// Patterns and words reach SQLite as parameters of functions of our own: GLOB stops at a zero byte, LIKE takes upper and lower case for the same, and the full-text index is slow
// where single documents are asked for.

func init() {
	sqlite.MustRegisterFunction("dossier_fits", &sqlite.FunctionImpl{
		NArgs: 2, Deterministic: true,
		// The arguments are SQLite's memory, with what stands behind zero bytes too: nothing of them may be kept.
		VolatileArgs: true,
		Scalar: func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
			encoded, ok := args[0].(string)
			if !ok {
				return nil, fmt.Errorf("dossier_fits: the pattern is %T, expected text", args[0])
			}
			text, ok := args[1].(string)
			return ok && decodedPattern(encoded).Fits(text), nil
		},
	})
	sqlite.MustRegisterFunction("dossier_match", &sqlite.FunctionImpl{
		NArgs: 4, Deterministic: true, VolatileArgs: true,
		Scalar: func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
			words, ok := args[0].(string)
			text, isText := args[3].(string)
			return ok && isText && query.Match{Text: words, Phrase: args[1] != int64(0), Prefix: args[2] != int64(0)}.Fits(text), nil
		},
	})
}

// encodePattern writes a pattern as one text: a wildcard as a zero byte and "*" or "?", a zero byte itself as two.
func encodePattern(p query.Pattern) string {
	var b strings.Builder
	for _, part := range p {
		switch {
		case part.Any:
			b.WriteString("\x00*")
		case part.One:
			b.WriteString("\x00?")
		default:
			b.WriteString(strings.ReplaceAll(part.Literal, "\x00", "\x00\x00"))
		}
	}
	return b.String()
}

type decoded struct {
	encoded string
	pattern query.Pattern
}

// last is the pattern that was used last: a statement asks for the same one row after row.
var last atomic.Pointer[decoded]

func decodedPattern(encoded string) query.Pattern {
	if d := last.Load(); d != nil && d.encoded == encoded {
		return d.pattern
	}
	d := &decoded{encoded: strings.Clone(encoded)}
	for rest := d.encoded; rest != ""; {
		i := strings.IndexByte(rest, 0)
		if i < 0 {
			d.pattern = append(d.pattern, query.PatternPart{Literal: rest})
			break
		}
		if i > 0 {
			d.pattern = append(d.pattern, query.PatternPart{Literal: rest[:i]})
		}
		switch rest[i+1] {
		case '*':
			d.pattern = append(d.pattern, query.PatternPart{Any: true})
		case '?':
			d.pattern = append(d.pattern, query.PatternPart{One: true})
		default:
			d.pattern = append(d.pattern, query.PatternPart{Literal: "\x00"})
		}
		rest = rest[i+2:]
	}
	last.Store(d)
	return d.pattern
}
