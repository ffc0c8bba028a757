package sqlite

import (
	"slices"
	"strings"

	"dossier/query"
)

// node is a filter made ready for SQLite: negations stand at the leaves alone, and what can be asked of the full-text index at once is one leaf.
type node struct {
	op      operator
	nodes   []node       // of opAll and opAny
	filter  query.Filter // of opLeaf
	text    *textQuery   // of opText
	negated bool         // of opLeaf and opText
}

type operator uint8

const (
	opAll operator = iota
	opAny
	opLeaf
	opText
)

// textQuery is a condition in the full-text index's own language. It is made of words alone, which are letters and digits, in quotes.
type textQuery struct {
	match string
	// alone is the same for one document by itself.
	alone condition
	// common says that so many documents are found that they are better not all looked up first.
	common bool
}

// treeOf makes a filter, or its negation, ready.
func treeOf(f query.Filter, negated bool) node {
	switch f := f.(type) {
	case nil:
		return gather(opAll, nil, negated)
	case query.And:
		return gather(opAll, f, negated)
	case query.Or:
		return gather(opAny, f, negated)
	case query.Not:
		return treeOf(f.Filter, !negated)
	case query.Match:
		if match := matchOf(f); match != "" {
			return node{op: opText, text: &textQuery{match: match, alone: matchAlone(f, match)}, negated: negated}
		}
		return gather(opAny, nil, negated)
	}
	return node{op: opLeaf, filter: f, negated: negated}
}

func gather(op operator, filters []query.Filter, negated bool) node {
	if negated {
		op = opAll + opAny - op
	}
	n := node{op: op}
	for _, f := range filters {
		if sub := treeOf(f, negated); sub.op == op {
			n.nodes = append(n.nodes, sub.nodes...)
		} else {
			n.nodes = append(n.nodes, sub)
		}
	}
	n.joinTexts()
	if op == opAny {
		n.joinEquals()
	}
	if len(n.nodes) == 1 {
		return n.nodes[0]
	}
	return n
}

// maxDepth bounds how deep conditions may nest; SQLite has bounds of its own.
const maxDepth = 100

// depth is how deep conditions nest.
func (n *node) depth() int {
	deepest := 0
	for i := range n.nodes {
		deepest = max(deepest, n.nodes[i].depth())
	}
	return deepest + 1
}

// joinTexts makes one of the conditions on the full-text index, which it combines itself better than a join of what it finds for each.
func (n *node) joinTexts() {
	var matches []string
	var alone []condition
	isText := func(n node) bool { return n.op == opText && !n.negated }
	for _, sub := range n.nodes {
		if isText(sub) {
			matches = append(matches, sub.text.match)
			alone = append(alone, sub.text.alone)
		}
	}
	if len(matches) < 2 {
		return
	}
	operator := " AND "
	if n.op == opAny {
		operator = " OR "
	}
	n.nodes = slices.DeleteFunc(n.nodes, isText)
	n.nodes = append(n.nodes, node{op: opText, text: &textQuery{match: balance(matches, operator), alone: join(alone, operator, always)}})
}

// joinEquals makes one list of the values that one field may have.
func (n *node) joinEquals() {
	at := make(map[query.Field]int)
	kept := n.nodes[:0]
	for _, sub := range n.nodes {
		equal, ok := sub.filter.(query.Equal)
		if !ok || sub.negated {
			kept = append(kept, sub)
			continue
		}
		if i, ok := at[equal.Field]; ok {
			before := kept[i].filter.(query.Equal)
			kept[i].filter = query.Equal{Field: equal.Field, Values: slices.Concat(before.Values, equal.Values)}
			continue
		}
		at[equal.Field] = len(kept)
		kept = append(kept, sub)
	}
	n.nodes = kept
}

// matchOf returns a Match in the full-text index's language; "" where there is no word.
func matchOf(m query.Match) string {
	found := query.Words(m.Text)
	if len(found) == 0 {
		return ""
	}
	prefix := ""
	if m.Prefix {
		prefix = " *"
	}
	column := columnOf[m.Field] + " : "
	if m.Phrase || len(found) == 1 {
		return "(" + column + `"` + strings.Join(found, " ") + `"` + prefix + ")"
	}
	for i := range found {
		found[i] = "(" + column + `"` + found[i] + `"`
		if i == len(found)-1 {
			found[i] += prefix
		}
		found[i] += ")"
	}
	return balance(found, " AND ")
}

// balance joins texts by an operator so that they nest no deeper than need be: SQLite bounds the depth.
func balance(texts []string, operator string) string {
	if len(texts) <= 16 {
		if len(texts) == 1 {
			return texts[0]
		}
		return "(" + strings.Join(texts, operator) + ")"
	}
	middle := len(texts) / 2
	return "(" + balance(texts[:middle], operator) + operator + balance(texts[middle:], operator) + ")"
}
