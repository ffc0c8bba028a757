package e2e

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
	"time"
)

// largeValue is from how many bytes on a value that an update leaves alone may be missing from the row after it: PostgreSQL stores
// such values out of line and does not write them to its log again.
const largeValue = 1500

// asBefore stands, on both sides of the comparison, for a large value that an update left alone.
const asBefore = "(large, and as before)"

// event is one change of one entity: what the truth says, or what stands on the audit topic. Values are in the form of normal.
type event struct {
	Source, Table  string // Table: schema.table
	EntityType, ID string
	NextID         string
	PreviousID     string
	Parent         string // type/id
	Scope          string
	Action, Op     string
	Tx             uint32
	Time           time.Time
	Context        who
	Before, After  map[string]string
	Changes        []change
	// of the truth alone
	Seq   int64
	Names bool // its row names a version of its parent
	// of the audit topic alone
	EventID, PairID, Position string
}

type change struct{ Field, Previous, Current string }

// entityRule is what the tests' configuration says of a table.
type entityRule struct {
	Type, Scope             string // Scope: without the deployment's name; "" is the default scope
	ParentType, ParentField string
	Masked, Hidden          []string
	Names                   string // the column that names a version of the parent
}

// masked stands for a value that the configuration hides.
const masked = "(masked)"

// rules are the entities of the tests' configuration: see testdata/dossier.yaml.tmpl.
var rules = map[string]entityRule{
	"public.product":         {Type: "product", Scope: "catalog", ParentType: "supplier", ParentField: "supplier_id"},
	"public.supplier":        {Type: "supplier", Scope: "catalog", Masked: []string{"secret"}, Hidden: []string{"internal"}},
	"public.person":          {Type: "person", Scope: "people"},
	"public.survey_response": {Scope: "people", ParentType: "person", ParentField: "person", Names: "survey"},
	"public.invoice":         {Scope: "main"},
	"public.measurement":     {Scope: "main"},
	"public.order_line":      {Scope: "main"},
	"public.document":        {Scope: "main"},
	"public.bulk":            {Scope: "main"},
	"public.scratch":         {Scope: "main"},
}

// ruleOf gives a table's rule in the deployment of a source, which has its name.
func ruleOf(source, table string) entityRule {
	r := rules[table]
	r.Type = cmp.Or(r.Type, table)
	if r.Scope = scopeOf(r.Scope, source); r.Scope == "" {
		r.Scope = "default"
	}
	return r
}

// scopeOf gives a scope its name in a deployment: each has scopes of its own, so that a reader of one meets nothing of another. "" stays.
func scopeOf(scope, deployment string) string {
	if scope == "" {
		return ""
	}
	return scope + "-" + deployment
}

// expectedEvents says which audit events the truth demands, in the order of the truth.
func expectedEvents(source string, tr truth) []event {
	times := map[uint32]time.Time{}
	for _, c := range tr.Commits {
		times[c.Tx] = c.Time
	}
	var events []event
	for _, r := range tr.Rows {
		rule := ruleOf(source, r.Table)
		base := event{Source: source, Table: r.Table, EntityType: rule.Type, Scope: rule.Scope, Tx: r.Tx, Time: times[r.Tx], Context: r.Context, Seq: r.Seq}
		before, after := rule.show(r.Old), rule.show(r.New)
		if name, ok := r.New.get(rule.Names); ok && name.Text != nil && *name.Text != "" {
			base.Context.Version = *name.Text // wins over the request's
			base.Names = rule.parent(r.New) != ""
		}
		switch r.Op {
		case "i":
			base.Action, base.Op, base.ID, base.After = "create", "c", entityID(r.Key, r.New), after
			base.Parent = rule.parent(r.New)
			events = append(events, base)
		case "d":
			base.Action, base.Op, base.ID, base.Before = "delete", "d", entityID(r.Key, r.Old), before
			base.Parent = rule.parent(r.Old)
			events = append(events, base)
		case "t":
			base.Action, base.Op = "truncate", "t"
			events = append(events, base)
		case "u":
			events = append(events, expectedUpdate(base, r, rule, before, after)...)
		}
	}
	return events
}

func expectedUpdate(base event, r truthRow, rule entityRule, before, after map[string]string) []event {
	for _, name := range slices.Sorted(maps.Keys(after)) {
		old, _ := r.Old.get(name)
		current, _ := r.New.get(name)
		switch {
		case old.expected() != current.expected():
			base.Changes = append(base.Changes, change{name, before[name], after[name]})
		case current.Text != nil && len(*current.Text) >= largeValue && entityID(r.Key, r.Old) == entityID(r.Key, r.New):
			after[name] = asBefore
		}
	}
	oldID, newID := entityID(r.Key, r.Old), entityID(r.Key, r.New)
	if oldID == newID {
		if len(base.Changes) == 0 {
			return nil // nothing visible
		}
		base.Action, base.Op, base.ID, base.Before, base.After = "update", "u", newID, before, after
		base.Parent = rule.parent(r.New)
		return []event{base}
	}
	base.Action = "rekey"
	from, to := base, base
	from.Op, from.ID, from.NextID, from.Before, from.Changes, from.Parent = "d", oldID, newID, before, nil, rule.parent(r.Old)
	to.Op, to.ID, to.PreviousID, to.After, to.Parent = "c", newID, oldID, after, rule.parent(r.New)
	return []event{from, to}
}

// show returns the row's values as they may be seen.
func (e entityRule) show(row image) map[string]string {
	if row == nil {
		return nil
	}
	values := map[string]string{}
	for _, c := range row {
		switch {
		case slices.Contains(e.Hidden, c.Name):
		case slices.Contains(e.Masked, c.Name) && c.Text != nil:
			values[c.Name] = masked
		default:
			values[c.Name] = c.expected()
		}
	}
	return values
}

func (e entityRule) parent(row image) string {
	if c, ok := row.get(e.ParentField); ok && c.Text != nil {
		return e.ParentType + "/" + idPart(*c.Text)
	}
	return ""
}

func entityID(key []string, row image) string {
	parts := make([]string, len(key))
	for i, name := range key {
		c, _ := row.get(name)
		parts[i] = idPart(*c.Text)
	}
	return strings.Join(parts, "/")
}

func idPart(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "%", "%25"), "/", "%2F")
}

// fact is an event or a document in the form in which the two sides are compared: what it is about, and all that it says.
type fact struct {
	About string
	Lines []string
}

func (f fact) String() string { return f.About + "\n" + strings.Join(f.Lines, "\n") }

// lines collects what a fact says; what is empty is not said.
type lines []string

func (l *lines) add(name, value string) {
	if value != "" {
		*l = append(*l, name+" = "+value)
	}
}

func (l *lines) who(w who) {
	l.add("context.status", w.Status)
	l.add("context.route", w.Route)
	l.add("context.user.id", w.User)
	l.add("context.user.name", w.Name)
	l.add("context.user.email", w.Email)
	l.add("context.correlation_id", w.Correlation)
	l.add("context.request_id", w.Request)
	l.add("context.reason", w.Reason)
	l.add("context.ip", w.IP)
	l.add("context.service", w.Service)
	l.add("version.name", w.Version)
	l.add("context.candidates", strings.Join(w.Candidates, ","))
}

func (l *lines) row(name string, values map[string]string) {
	if values == nil {
		return
	}
	l.add(name, "present")
	for field, value := range values {
		l.add(name+"."+field, value)
	}
}

func (e *event) about(kind string) string {
	return fmt.Sprintf("%s %s %s/%s tx %d", kind, e.Action, e.EntityType, e.ID, e.Tx)
}

// common is what an event and all its documents say.
func (e *event) common() lines {
	var l lines
	l.add("time", e.Time.UTC().Format(time.RFC3339Nano))
	l.add("action", e.Action)
	l.add("op", e.Op)
	l.add("source", e.Source)
	l.add("table", e.Table)
	l.add("scope", e.Scope)
	l.add("tx", fmt.Sprint(e.Tx))
	l.add("entity", e.EntityType+"/"+e.ID)
	l.add("entity.next_id", e.NextID)
	l.add("entity.previous_id", e.PreviousID)
	l.add("entity.parent", e.Parent)
	l.who(e.Context)
	return l
}

func done(about string, l lines) fact {
	sort.Strings(l)
	return fact{about, l}
}

// fact is the event as it is compared on the audit topic.
func (e *event) fact() fact {
	l := e.common()
	l.row("before", e.Before)
	l.row("after", e.After)
	if e.Action == "update" {
		for _, c := range e.Changes {
			l.add("change."+c.Field, c.Previous+" -> "+c.Current)
		}
	}
	return done(e.about("event"), l)
}

// documents are the version documents that the event must become.
func (e *event) documents() []fact {
	if e.Action == "truncate" {
		return []fact{done(e.about("truncate"), append(e.common(), "kind = truncate"))}
	}
	version := append(e.common(), "kind = row_version")
	version.row("before", e.Before)
	version.row("after", e.After)
	var docs []fact
	var fields []string
	for _, c := range e.fieldChanges() {
		l := append(e.common(), "kind = field_change", "field = "+c.Field)
		l.add("previous", c.Previous)
		l.add("current", c.Current)
		docs = append(docs, done(e.about("field_change "+c.Field), l))
		fields = append(fields, c.Field)
	}
	if e.Action != "rekey" { // its changes are known only once both halves are stored
		sort.Strings(fields)
		version.add("fields", strings.Join(fields, ","))
	}
	if e.Names {
		docs = append(docs, e.namedVersion())
	}
	return append(docs, done(e.about("row_version"), version))
}

// namedVersion is the document by which the event's row names a version of its parent.
func (e *event) namedVersion() fact {
	n := *e
	n.EntityType, n.ID, _ = strings.Cut(e.Parent, "/")
	n.Action, n.Parent = "", ""
	l := append(n.common(), "kind = named_version")
	l.add("version.as_of", e.Time.UTC().Format(time.RFC3339Nano))
	return done(n.about("named_version"), l)
}

func (e *event) fieldChanges() []change {
	if e.Action != "create" {
		return e.Changes
	}
	var all []change
	for field, value := range e.After {
		if value != "null" {
			all = append(all, change{field, "absent", value})
		}
	}
	return all
}
