package intake

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"dossier/schema"
)

// maxDepth bounds how deep objects and arrays may nest: stores refuse documents that nest much deeper.
const maxDepth = 100

// body reads the members of a JSON object and gathers what is wrong with them.
type body struct {
	pointer string
	members map[string]json.RawMessage
	faults  *Faults
}

// openBody reads an input whole. ok is false where it is no JSON object: then there is nothing more to find.
func openBody(data []byte, limit int, faults *Faults) (b body, ok bool) {
	switch {
	case len(data) > limit:
		faults.add("", "has %d bytes, at most %d are taken", len(data), limit)
		return b, false
	case !utf8.Valid(data):
		faults.add("", "is not UTF-8")
		return b, false
	}
	if detail := checkJSON(data); detail != "" {
		faults.add("", "%s", detail)
		return b, false
	}
	b = body{faults: faults}
	if json.Unmarshal(data, &b.members) != nil || b.members == nil {
		faults.add("", "is no JSON object")
		return b, false
	}
	return b, true
}

// checkJSON says what is wrong with a text that is to be one JSON value: not JSON, too deep, or an object that has a member twice, of which
// programs would read one or the other.
func checkJSON(data []byte) (detail string) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	type level struct {
		names map[string]bool // nil in an array
		value bool            // a value comes next, not a name
	}
	var stack []level
	for {
		token, err := d.Token()
		if err == io.EOF && len(stack) == 0 && d.InputOffset() > 0 {
			return ""
		}
		if err != nil {
			return fmt.Sprintf("is no JSON, at byte %d", d.InputOffset())
		}
		if delim, ok := token.(json.Delim); ok && (delim == '}' || delim == ']') {
			stack = stack[:len(stack)-1]
			if len(stack) == 0 && d.More() {
				return "is more than one JSON value"
			}
			continue
		}
		if n := len(stack); n > 0 && stack[n-1].names != nil {
			top := &stack[n-1]
			if !top.value {
				name := token.(string)
				if top.names[name] {
					return fmt.Sprintf("has the member %q twice in one object", clip(name))
				}
				top.names[name], top.value = true, true
				continue
			}
			top.value = false
		}
		if delim, ok := token.(json.Delim); ok {
			l := level{}
			if delim == '{' {
				l.names = map[string]bool{}
			}
			if stack = append(stack, l); len(stack) > maxDepth {
				return fmt.Sprintf("nests deeper than %d levels", maxDepth)
			}
		}
	}
}

// take removes a member and returns it; nil where it is missing or null, which are the same.
func (b *body) take(name string) json.RawMessage {
	raw, ok := b.members[name]
	delete(b.members, name)
	if !ok || string(raw) == "null" {
		return nil
	}
	return raw
}

// rest reports the members that nobody took: a misspelt one must not be passed over.
func (b *body) rest(known string) {
	for _, name := range slices.Sorted(maps.Keys(b.members)) {
		b.faults.add(pointerTo(b.pointer, clip(name)), "is not known here; expected %s", known)
	}
}

// textRule says which texts a member may hold.
type textRule struct {
	required bool
	chars    int  // at most so many characters
	lines    bool // line breaks and tabs are allowed
}

// text takes a string.
func (b *body) text(name string, rule textRule) string {
	pointer := pointerTo(b.pointer, name)
	raw := b.take(name)
	if raw == nil {
		if rule.required {
			b.faults.add(pointer, "is missing")
		}
		return ""
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		b.faults.add(pointer, "is no string")
		return ""
	}
	b.checkText(pointer, s, rule)
	return s
}

func (b *body) checkText(pointer, s string, rule textRule) {
	switch n := utf8.RuneCountInString(s); {
	case s == "" && rule.required:
		b.faults.add(pointer, "is empty")
	case n > rule.chars:
		b.faults.add(pointer, "has %d characters, at most %d are taken", n, rule.chars)
	case strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) && !(rule.lines && strings.ContainsRune("\n\r\t", r)) }):
		b.faults.add(pointer, "holds a control character")
	case !rule.lines && s != strings.TrimSpace(s):
		b.faults.add(pointer, "begins or ends with white space")
	}
}

// flag takes a boolean.
func (b *body) flag(name string) (value bool) {
	if raw := b.take(name); raw != nil && json.Unmarshal(raw, &value) != nil {
		b.faults.add(pointerTo(b.pointer, name), "is neither true nor false")
	}
	return value
}

// object takes an object; ok is false where there is none.
func (b *body) object(name string) (inner body, ok bool) {
	raw := b.take(name)
	if raw == nil {
		return inner, false
	}
	inner = body{pointer: pointerTo(b.pointer, name), faults: b.faults}
	if json.Unmarshal(raw, &inner.members) != nil {
		b.faults.add(inner.pointer, "is no object")
		return inner, false
	}
	return inner, true
}

const (
	maxName      = 200   // characters of names, statuses, and applications' own ids
	maxReference = 1_000 // characters of what names something that is there already
	maxEntityID  = 8_000 // likewise, of an entity's id, which may be made of several columns
	maxReason    = 4_000 // characters
)

// user takes who acted, as an object.
func (b *body) user(name string) (u schema.User) {
	inner, ok := b.object(name)
	if !ok {
		return u
	}
	short := textRule{chars: maxReference}
	u.ID, u.Name, u.Email, u.AccountID = inner.text("id", short), inner.text("name", short), inner.text("email", short), inner.text("account_id", short)
	if raw := inner.take("roles"); raw != nil {
		pointer := pointerTo(inner.pointer, "roles")
		var roles []*string // a null in the list is no string
		switch {
		case json.Unmarshal(raw, &roles) != nil || slices.Contains(roles, nil):
			b.faults.add(pointer, "is no list of strings")
		case len(roles) > 100:
			b.faults.add(pointer, "has %d roles, at most 100 are taken", len(roles))
		default:
			for i, role := range roles {
				b.checkText(fmt.Sprintf("%s/%d", pointer, i), *role, short)
				u.Roles = append(u.Roles, *role)
			}
		}
	}
	inner.rest("id, name, email, account_id or roles")
	return u
}

// entity reads a reference to an entity.
func (b *body) entity() schema.EntityRef {
	ref := schema.EntityRef{Type: b.text("type", textRule{required: true, chars: maxReference}), ID: b.text("id", textRule{required: true, chars: maxEntityID, lines: true})}
	b.rest("type and id")
	return ref
}

// clip shortens a name from the input for an error.
func clip(s string) string {
	const most = 60
	for i := range s {
		if i > most {
			return s[:i] + "…"
		}
	}
	return s
}
