package processor

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"dossier/schema"
)

// Rules answer how a table's rows appear in the audit trail. They are compiled from the configuration, a table at a
// time, when its first change comes. Safe for concurrent use.
type Rules struct {
	entities []Entity
	mu       sync.RWMutex
	tables   map[tableName]*tableRule
}

type tableName struct{ source, schema, table string }

// NewRules returns the rules of the configured entities.
func NewRules(entities []Entity) *Rules {
	return &Rules{entities: entities, tables: make(map[tableName]*tableRule)}
}

// tableRule is what the configuration says about one table.
type tableRule struct {
	entityType string
	scope      string
	disabled   bool
	key        []string
	parent     *ParentRule
	columns    ColumnRoute
	named      string // the column that holds a version's name; "" where rows are no named versions
	namedField string // the same, as it appears

	plain   bool // no rule about any field: rows pass as they are
	checked atomic.Bool
	fields  FieldRules
	mu      sync.RWMutex
	byField map[string]*fieldRule
}

// fieldRule is what the configuration says about one column, or about a field that a transform made of one.
type fieldRule struct {
	hidden     bool // excluded, or not included
	excluded   bool
	masked     bool
	guarded    bool // some of its members are masked or excluded: where it does not expand, it must not show
	transforms []Transform
}

func (r *fieldRule) secret() bool { return r.masked || r.guarded }

func (r *Rules) table(source, schemaName, table string) *tableRule {
	name := tableName{source, schemaName, table}
	r.mu.RLock()
	rule := r.tables[name]
	r.mu.RUnlock()
	if rule != nil {
		return rule
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if rule = r.tables[name]; rule == nil {
		rule = r.compile(name)
		r.tables[name] = rule
	}
	return rule
}

func (r *Rules) compile(name tableName) *tableRule {
	qualified := name.schema + "." + name.table
	i := slices.IndexFunc(r.entities, func(e Entity) bool {
		return e.Table == qualified && (e.Source == "" || e.Source == name.source)
	})
	if i < 0 {
		return &tableRule{entityType: qualified, scope: "default", plain: true}
	}
	e := r.entities[i]
	f := e.Fields
	rule := &tableRule{
		entityType: cmp.Or(e.Type, qualified), scope: cmp.Or(e.Scope, "default"), disabled: e.Disabled,
		key: e.Key, parent: e.Parent, columns: e.Columns, fields: f,
		plain:   len(f.Include) == 0 && len(f.Exclude) == 0 && len(f.Mask) == 0 && len(f.Transform) == 0,
		byField: make(map[string]*fieldRule),
	}
	rule.named, rule.namedField = e.NamedVersion, e.NamedVersion
	for _, step := range f.Transform[e.NamedVersion] {
		rule.namedField = cmp.Or(step.Rename, rule.namedField)
	}
	rule.columns.Witness = cmp.Or(e.Columns.Witness, e.Columns.Request, e.Columns.User)
	return rule
}

func (t *tableRule) field(name string) *fieldRule {
	t.mu.RLock()
	rule := t.byField[name]
	t.mu.RUnlock()
	if rule != nil {
		return rule
	}
	rule = &fieldRule{
		excluded:   matchesAny(t.fields.Exclude, name),
		masked:     matchesAny(t.fields.Mask, name),
		transforms: t.fields.Transform[name],
	}
	rule.hidden = rule.excluded || len(t.fields.Include) > 0 && !matchesAny(t.fields.Include, name)
	if slices.ContainsFunc(rule.transforms, func(step Transform) bool { return step.Expand }) {
		rule.guarded = slices.ContainsFunc(slices.Concat(t.fields.Mask, t.fields.Exclude), func(pattern string) bool {
			return strings.ContainsAny(pattern, ".*")
		})
	}
	t.mu.Lock()
	t.byField[name] = rule
	t.mu.Unlock()
	return rule
}

// unmatched returns, once for each table, the fields that the configuration names and the table's rows do not have: a mask that is
// misspelt hides nothing.
func (r *Rules) unmatched(c *schema.Change) []string {
	rule := r.table(c.Source, c.Schema, c.Table)
	if rule.plain && rule.named == "" || c.After == nil || rule.checked.Swap(true) {
		return nil
	}
	var missing []string
	if rule.named != "" && c.After.Get(rule.named).State == schema.Absent {
		missing = append(missing, rule.named)
	}
	names := slices.Concat(rule.fields.Mask, rule.fields.Exclude, slices.Sorted(maps.Keys(rule.fields.Transform)))
	for _, name := range names {
		column, _, _ := strings.Cut(name, ".") // what a transform expands is named after its column
		known := strings.Contains(name, "*") || c.After.Get(name).State != schema.Absent || c.After.Get(column).State != schema.Absent
		for _, steps := range rule.fields.Transform {
			known = known || slices.ContainsFunc(steps, func(s Transform) bool { return s.Rename == name || s.Rename == column })
		}
		if !known {
			missing = append(missing, name)
		}
	}
	return missing
}

// matchesAny says whether name matches one of the patterns, in which * stands for any text.
func matchesAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, name) })
}

func matches(pattern, name string) bool {
	first, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == name
	}
	if !strings.HasPrefix(name, first) {
		return false
	}
	name = name[len(first):]
	for {
		part, after, more := strings.Cut(rest, "*")
		if !more {
			return strings.HasSuffix(name, part)
		}
		i := strings.Index(name, part)
		if i < 0 {
			return false
		}
		name, rest = name[i+len(part):], after
	}
}

// columnContext returns what the row's own columns tell of who changed it, or nil. A delete's row image, and an update that left the
// witness alone, speak of an earlier write.
func (t *tableRule) columnContext(c *schema.Change) *schema.Context {
	if t.columns.isZero() || c.After == nil || c.OldKey != nil {
		return nil
	}
	if c.Op == schema.OpUpdate {
		before, after := c.Before.Get(t.columns.Witness), c.After.Get(t.columns.Witness)
		if c.Before == nil || before.State != schema.Present && before.State != schema.Null || before.Equal(after) {
			return nil
		}
	}
	context := &schema.Context{CorrelationID: c.After.Get(t.columns.Request).Text()}
	context.User.ID = c.After.Get(t.columns.User).Text()
	if isEmptyContext(context) {
		return nil
	}
	return context
}

// versionName returns the name of the version that a row names, as it appears in its event; "" where it names none. A row that was deleted, and one
// that a snapshot only found there, name none: neither says that the entity they refer to is as it should be for that version now. What is unchanged and so large that the event
// does not carry it stands in the previous row.
func (t *tableRule) versionName(op schema.Op, before, after schema.Row) string {
	if t.named == "" || op != schema.OpCreate && op != schema.OpUpdate {
		return ""
	}
	name := after.Get(t.namedField)
	if name.State == schema.Unavailable {
		name = before.Get(t.namedField)
	}
	return name.Text()
}
