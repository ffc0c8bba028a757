package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"

	"dossier/query"
)

// SQLite itself, without statistics, cannot tell a user who made nine tenths of all changes from one who made three. So the way in is chosen here: each condition that an
// index serves is counted, up to a bound, and the least is taken. What a way in finds is always filtered by the whole question again, so a wrong choice costs
// time and nothing else.

// bounds are up to where is counted: few documents may be looked up and sorted without a second thought; for many it is better to look at all documents in order.
type bounds struct{ few, many int }

var usualBounds = bounds{500, 5_000}

// maxWays bounds the statements for one search.
const maxWays = 32

// way is one way in: documents of an index that meet a condition.
type way struct {
	index  string // "" for the table itself, by seq
	cond   condition
	sorted sorting
}

func (w way) from() string {
	if w.index == "" {
		return "document NOT INDEXED"
	}
	return "document INDEXED BY " + w.index
}

// access is a number of ways in that together find everything that a condition holds for, and about how many documents they find: less than a bound, or
// at least the bound.
type access struct {
	ways []way
	cost int
	ok   bool
}

// planner plans one question.
type planner struct {
	ctx    context.Context
	q      queryer
	sorted sorting
	groups []query.Field // with byGroup
	frame  condition     // of the whole question
	bound  int           // to count up to
	counts map[string]int
	steps  int // so far; bounded, as alternatives within alternatives multiply
}

// maxSteps bounds the thought that is given to one question.
const maxSteps = 500

// plan returns ways in for a tree, in none of which anything is missing: none at all where nothing can be found, or else the way by time, if there is no better one.
func plan(ctx context.Context, q queryer, n node, sorted sorting, groups ...query.Field) ([]way, error) {
	p := &planner{ctx: ctx, q: q, sorted: sorted, groups: groups, frame: always, counts: make(map[string]int)}
	if n.depth() > maxDepth {
		return nil, errTooBroad
	}
	if n.op == opAll {
		p.frame = frameOf(n.nodes)
	}
	if err := p.measure(n); err != nil {
		return nil, err
	}
	var a access
	for _, p.bound = range []int{q.bounds.few, q.bounds.many} {
		var err error
		p.steps = 0
		if a, err = p.access(n, nil); err != nil {
			return nil, err
		}
		if !a.ok || a.cost < p.bound {
			break
		}
	}
	if !a.ok || a.cost >= q.bounds.many && !p.sorts(a) {
		return []way{{"document_by_time", always, byTime}}, nil
	}
	return a.ways, nil
}

// frameOf returns the time frame, and the positions, in which everything lies that some conditions hold for.
func frameOf(nodes []node) condition {
	var frames []condition
	for _, n := range nodes {
		if n.op != opLeaf {
			continue
		}
		switch f := n.filter.(type) {
		case query.Between:
			if f.Field == query.FieldTime && !n.negated {
				frames = append(frames, compile(n))
			}
		case query.Beyond:
			frames = append(frames, compile(n))
		}
	}
	return allOf(frames...)
}

// measure finds out which words are common.
func (p *planner) measure(n node) error {
	for _, sub := range n.nodes {
		if err := p.measure(sub); err != nil {
			return err
		}
	}
	if n.op != opText {
		return nil
	}
	found, err := p.words(n.text)
	n.text.common = found >= p.q.bounds.many
	return err
}

// count counts what a statement selects, up to a bound.
func (p *planner) count(text string, args []any, bound int) (n int, err error) {
	text = fmt.Sprintf("SELECT count(*) FROM (%s LIMIT %d)", text, bound)
	key := fmt.Sprintf("%s%q", text, args)
	if n, ok := p.counts[key]; ok {
		return n, nil
	}
	err = p.q.rows(p.ctx, text, args, func(rows *sql.Rows) (bool, error) { return false, rows.Scan(&n) })
	p.counts[key] = n
	return n, err
}

// access finds the best ways in for a tree, within what is fixed around it.
func (p *planner) access(n node, around fixed) (access, error) {
	p.steps++
	switch {
	case n.negated || p.steps > maxSteps:
		return access{}, nil
	case n.op == opText:
		return p.text(n.text)
	case n.op == opAny:
		return p.union(n.nodes, around)
	case n.op == opAll:
		return p.best(n.nodes, around)
	}
	return p.best([]node{n}, around)
}

// union takes the ways of each of the alternatives. Each keeps to its alternative: what an index itself says of that is then seen before the table is looked at.
func (p *planner) union(nodes []node, around fixed) (access, error) {
	sum := access{ok: true}
	for _, n := range nodes {
		a, err := p.access(n, around)
		if err != nil || !a.ok || len(sum.ways)+len(a.ways) > maxWays {
			return access{}, err
		}
		for _, w := range a.ways {
			w.cond = allOf(w.cond, compile(n))
			sum.ways = append(sum.ways, w)
		}
		sum.cost += a.cost
	}
	return sum, nil
}

// best takes the best of the ways for conditions that must all hold, within the time frame that they set.
func (p *planner) best(nodes []node, around fixed) (access, error) {
	a, err := p.cheapest(nodes, around)
	if frame := frameOf(nodes); a.ok && frame.sql != always.sql {
		ways := slices.Clone(a.ways)
		for i, w := range ways {
			if w.index != "" {
				ways[i].cond = allOf(w.cond, frame)
			}
		}
		a.ways = ways
	}
	return a, err
}

func (p *planner) cheapest(nodes []node, around fixed) (access, error) {
	eq := maps.Clone(around)
	if eq == nil {
		eq = make(fixed)
	}
	for _, n := range nodes {
		eq.fix(n)
	}
	var best access
	for i := range indexes {
		a, err := p.through(&indexes[i], eq)
		if err != nil {
			return access{}, err
		}
		if x := indexes[i]; a.ok && (x.size == handful || x.size == narrow && p.sorts(a)) {
			return a, nil
		} else if a.ok && x.rare {
			if found, err := p.measured(a); err != nil || found.cost < p.q.bounds.few {
				return a, err
			}
		}
		best = p.better(best, a)
	}
	if best.ok && best.cost == 0 {
		return best, nil
	}
	for _, n := range nodes {
		var a access
		var err error
		switch {
		case n.op == opAny || n.op == opText:
			a, err = p.access(n, eq)
		case n.op == opLeaf && !n.negated:
			a, err = p.byLeaf(n.filter)
		}
		if err != nil {
			return access{}, err
		}
		best = p.better(best, a)
	}
	return best, nil
}

// better returns the cheaper of two; of equally cheap ones, as far as was counted, the one that needs no sorting.
func (p *planner) better(a, b access) access {
	ofA, ofB := min(a.cost, p.bound), min(b.cost, p.bound)
	if !b.ok || a.ok && (ofA < ofB || ofA == ofB && (p.sorts(a) || !p.sorts(b))) {
		return a
	}
	return b
}

// sorts says whether the ways come in the order that is asked for.
func (p *planner) sorts(a access) bool {
	return !slices.ContainsFunc(a.ways, func(w way) bool { return w.sorted != p.sorted })
}

// through finds the ways through an index, if what is fixed allows for it: one for each combination of values, so that each comes in the index's order; or, where they are too
// many, a single one for all.
func (p *planner) through(x *index, eq fixed) (access, error) {
	if x.serves != nil && !x.serves(eq) || x.sorted == byGroup && (p.sorted != byGroup || !slices.Equal(x.groups, p.groups)) {
		return access{}, nil
	}
	combinations := 1
	values := make([][]any, len(x.fields))
	for i, f := range x.fields {
		texts, ok := eq[f]
		if !ok {
			return access{}, nil
		}
		values[i] = storedValues(query.Equal{Field: f, Values: texts})
		combinations = min(combinations*len(values[i]), maxWays+1)
	}
	if x.eachKind && combinations > 0 && combinations <= maxWays {
		if _, ok := eq[query.FieldKind]; !ok {
			return p.eachKind(x, eq)
		}
	}
	a := access{ok: true}
	if combinations > maxWays || x.size == handful {
		conds := []condition{x.holds()}
		for i, f := range x.fields {
			conds = append(conds, condition{columnOf[f] + in(len(values[i])), values[i]})
		}
		if combinations > 0 {
			a.ways = []way{{x.name, allOf(conds...), unsorted}}
		}
	} else {
		for _, cond := range product(x, values) {
			a.ways = append(a.ways, way{x.name, allOf(x.holds(), cond), x.sorted})
		}
	}
	if x.size != counted {
		return a, nil
	}
	return p.measured(a)
}

// holds is what a partial index is bound to.
func (x *index) holds() condition {
	if x.where == "" {
		return always
	}
	return condition{sql: x.where}
}

// product returns a condition for each combination of values.
func product(x *index, values [][]any) []condition {
	conds := []condition{{}}
	for i, f := range x.fields {
		var longer []condition
		for _, c := range conds {
			for _, value := range values[i] {
				next := condition{columnOf[f] + " = ?", []any{value}}
				if i > 0 {
					next = allOf(c, next)
				}
				longer = append(longer, next)
			}
		}
		conds = longer
	}
	return conds
}

// eachKind makes a way for each kind of document that an entity has, so that all come in order.
func (p *planner) eachKind(x *index, eq fixed) (access, error) {
	var kinds []string
	for _, cond := range product(x, [][]any{storedValues(query.Equal{Field: x.fields[0], Values: eq[x.fields[0]]}), storedValues(query.Equal{Field: x.fields[1], Values: eq[x.fields[1]]})}) {
		err := p.q.rows(p.ctx, "WITH RECURSIVE k (kind) AS (SELECT min(kind) FROM document INDEXED BY "+x.name+" WHERE "+cond.sql+
			" UNION ALL SELECT (SELECT min(kind) FROM document INDEXED BY "+x.name+" WHERE "+cond.sql+" AND kind > k.kind) FROM k WHERE k.kind IS NOT NULL)"+
			" SELECT kind FROM k WHERE kind IS NOT NULL", slices.Concat(cond.args, cond.args), func(rows *sql.Rows) (bool, error) {
			var kind string
			err := rows.Scan(&kind)
			if !slices.Contains(kinds, kind) {
				kinds = append(kinds, kind)
			}
			return true, err
		})
		if err != nil {
			return access{}, err
		}
	}
	eq = maps.Clone(eq)
	eq[query.FieldKind] = kinds
	full := *x
	full.fields, full.eachKind = append(slices.Clip(x.fields), query.FieldKind), false
	return p.through(&full, eq)
}

// text finds documents by their words.
func (p *planner) text(t *textQuery) (access, error) {
	found, err := p.words(t)
	if err != nil || found >= p.q.bounds.many {
		return access{}, err
	}
	return access{ok: true, ways: []way{{cond: t.condition()}}, cost: found}, nil
}

// words counts the documents that have words, up to the greater bound.
func (p *planner) words(t *textQuery) (int, error) {
	return p.count("SELECT 1 FROM document_text WHERE document_text MATCH ?", []any{t.match}, p.q.bounds.many)
}

// measured counts what the ways find.
func (p *planner) measured(a access) (access, error) {
	for _, w := range a.ways {
		cond := allOf(w.cond, p.frame)
		n, err := p.count("SELECT 1 FROM "+w.from()+" WHERE "+cond.sql, cond.args, p.bound)
		if err != nil {
			return access{}, err
		}
		if a.cost = min(a.cost+n, p.bound); a.cost == p.bound {
			break
		}
	}
	return a, nil
}
