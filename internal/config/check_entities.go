package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"dossier/schema"
)

// nameRule says what schema.ValidScope accepts.
const nameRule = "expected up to 60 lower-case letters, digits, '_' and '-', without '-v' before a digit"

func (k *checker) scopes() {
	for i, s := range k.c.Scopes {
		key := fmt.Sprintf("scopes[%d]", i)
		if !schema.ValidScope(s) {
			k.got(key, s, nameRule+" (it becomes part of index names)")
		}
		if slices.Contains(k.c.Scopes[:i], s) {
			k.fault(key, "%q is listed twice", s)
		}
	}
	for i, r := range k.c.Roles {
		key := fmt.Sprintf("roles[%d]", i)
		if !schema.ValidScope(r.Name) {
			k.got(key+".name", r.Name, nameRule+" (it becomes part of an alias)")
		}
		for j, o := range k.c.Roles[:i] {
			if o.Name == r.Name && r.Name != "" {
				k.fault(key+".name", "%q is the name of roles[%d] too", r.Name, j)
			}
		}
		if len(r.Scopes) == 0 {
			k.fault(key+".scopes", "missing; expected at least one of %s", strings.Join(k.c.AllScopes(), ", "))
		}
		for j, s := range r.Scopes {
			k.scope(fmt.Sprintf("%s.scopes[%d]", key, j), s)
			if slices.Contains(r.Scopes[:j], s) {
				k.fault(fmt.Sprintf("%s.scopes[%d]", key, j), "%q is listed twice", s)
			}
		}
	}
}

func (k *checker) scope(key, scope string) {
	if !slices.Contains(k.c.AllScopes(), scope) {
		k.fault(key, "%s (or add it to scopes)", unknown("scope", scope, k.c.AllScopes()))
	}
}

func (k *checker) entities() {
	for i := range k.c.Entities {
		key, e := fmt.Sprintf("entities[%d]", i), &k.c.Entities[i]
		k.table(key, e, i)
		k.scope(key+".scope", e.Scope)
		if p := e.Parent; p != nil && (p.Type == "" || p.Field == "") {
			k.fault(key+".parent", "expected both type (the parent's entity type) and field (the column that holds its key)")
		}
		if len(e.Key) > 0 {
			k.once(key+".key", e.Key)
		}
		k.fields(key, e)
		k.namedVersion(key, e)
		for _, column := range slices.Sorted(maps.Keys(e.Types)) {
			if _, err := schema.ParseColumnType(e.Types[column]); err != nil {
				k.fault(key+".types."+column, "%s", unknown("type", e.Types[column], schema.ColumnTypeNames()))
			}
		}
	}
}

// namedVersion checks that a version's name may be seen: it stands in the clear on every document that it names.
func (k *checker) namedVersion(key string, e *Entity) {
	v := e.NamedVersion
	if v == nil {
		return
	}
	f, at := e.Fields, key+".named_version.name"
	switch {
	case v.Name == "":
		k.fault(at, "missing; expected the column that holds the version's name")
	case matches(f.Mask, v.Name) || matches(f.Exclude, v.Name) || len(f.Include) > 0 && !matches(f.Include, v.Name):
		k.fault(at, "%q is excluded or masked, and yet the version's name would show it; choose another column", v.Name)
	}
}

func (k *checker) table(key string, e *Entity, index int) {
	if !isTable(e.Table) {
		k.got(key+".table", e.Table, "expected schema.table")
		return
	}
	if e.Source != "" {
		names := make([]string, len(k.c.Sources))
		for i, s := range k.c.Sources {
			names[i] = s.Name
		}
		if !slices.Contains(names, e.Source) {
			k.fault(key+".source", "%s", unknown("source", e.Source, names))
		}
	}
	for j := range k.c.Entities[:index] {
		o := &k.c.Entities[j]
		if e.Source != "" && o.Source != "" && e.Source != o.Source {
			continue
		}
		switch {
		case e.Table == o.Table:
			k.fault(key+".table", "%q stands in entities[%d] too; put both together", e.Table, j)
		case e.Type != "" && e.Type == o.Type:
			k.fault(key+".type", "%q is the type of entities[%d] (%s) too, so that rows with the same key would share one history", e.Type, j, o.Table)
		}
	}
	if e.Table == k.c.Context.Table && e.Table != "" {
		k.fault(key+".table", "%q is context.table, whose rows are contexts and no entities", e.Table)
	}
	if !k.captured(e) {
		k.warn(key+".table", "no source includes %q, so this entity stays without changes", e.Table)
	}
}

// captured says whether some source may publish a table of the entity.
func (k *checker) captured(e *Entity) bool {
	for _, s := range k.c.Sources {
		if e.Source != "" && e.Source != s.Name {
			continue
		}
		included := len(s.Include) == 0 || matches(s.Include, e.Table)
		if included && !matches(s.Exclude, e.Table) {
			return true
		}
	}
	return len(k.c.Sources) == 0
}

// once reports names that a list holds twice, or that are empty.
func (k *checker) once(key string, names []string) {
	for i, n := range names {
		switch {
		case n == "":
			k.fault(fmt.Sprintf("%s[%d]", key, i), "empty; expected a column's name")
		case slices.Contains(names[:i], n):
			k.fault(fmt.Sprintf("%s[%d]", key, i), "%q is listed twice", n)
		}
	}
}

func (k *checker) fields(key string, e *Entity) {
	f := e.Fields
	fields := key + ".fields"
	k.once(fields+".include", f.Include)
	k.once(fields+".exclude", f.Exclude)
	k.once(fields+".mask", f.Mask)
	gone := func(column string) string {
		switch {
		case !strings.Contains(column, "*") && matches(f.Exclude, column):
			return "excluded"
		case len(f.Include) > 0 && !matches(f.Include, column):
			return "not among fields.include"
		}
		return ""
	}
	for i, column := range f.Include {
		if slices.Contains(f.Exclude, column) {
			k.fault(fmt.Sprintf("%s.include[%d]", fields, i), "%q is excluded too", column)
		}
	}
	for i, column := range f.Mask {
		if why := gone(column); why != "" {
			k.fault(fmt.Sprintf("%s.mask[%d]", fields, i), "%q is %s, so there is nothing to mask", column, why)
		}
	}
	for i, column := range e.Key {
		if matches(f.Exclude, column) || matches(f.Mask, column) {
			k.fault(fmt.Sprintf("%s.key[%d]", key, i), "%q is excluded or masked, and yet the entity's id would show it; choose another key, or hash the column", column)
		}
	}
	renamed := map[string]string{}
	for _, column := range slices.Sorted(maps.Keys(f.Transform)) {
		at := fields + ".transform." + column
		if why := gone(column); why != "" {
			k.fault(at, "%q is %s, so there is nothing to transform", column, why)
		}
		if matches(f.Mask, column) {
			k.fault(at, "%q is masked, so there is nothing to transform", column)
		}
		if len(f.Transform[column]) == 0 {
			k.fault(at, "empty; expected a list of steps such as [{truncate: millis}]")
		}
		for i, s := range f.Transform[column] {
			k.step(fmt.Sprintf("%s[%d]", at, i), s)
			if s.Rename == "" {
				continue
			}
			if other, ok := renamed[s.Rename]; ok {
				k.fault(fmt.Sprintf("%s[%d].rename", at, i), "%q is what %q is renamed to; two columns cannot share a name", s.Rename, other)
			}
			renamed[s.Rename] = column
		}
	}
}

func (k *checker) step(key string, s Step) {
	kinds := 0
	for _, given := range []bool{s.Rename != "", s.Truncate != "", s.Scale != nil, s.Hash != "", s.Expand != ""} {
		if given {
			kinds++
		}
	}
	if kinds != 1 {
		k.fault(key, "expected exactly one of rename, truncate, scale, hash, expand in a step; write further ones as steps of their own")
	}
	if s.Scale != nil && (*s.Scale < 0 || *s.Scale > 100) {
		k.fault(key+".scale", "expected 0 to 100 digits, got %d", *s.Scale)
	}
	switch {
	case s.Hash == "" && s.Salt.IsSet():
		k.fault(key+".salt", "a salt without hash")
	case s.Hash != "" && len(s.Salt.Reveal()) < MinSaltBytes:
		k.fault(key+".salt", "expected a secret of at least %d bytes: with less, the values can be found by trying", MinSaltBytes)
	}
}

// matches says whether one of the patterns and the name, which may be a pattern too, have a text in common.
func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return overlap(p, name) })
}

// overlap says whether some text matches both patterns, in which * stands for any text.
func overlap(a, b string) bool {
	switch {
	case a == "" && b == "":
		return true
	case a != "" && a[0] == '*':
		return overlap(a[1:], b) || b != "" && overlap(a, b[1:])
	case b != "" && b[0] == '*':
		return overlap(b, a)
	case a == "" || b == "" || a[0] != b[0]:
		return false
	}
	return overlap(a[1:], b[1:])
}
