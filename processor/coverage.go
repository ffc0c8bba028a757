package processor

import "strings"

// Coverage tells which tables' changes become audit events, as a Processor of the same configuration decides. Safe for concurrent use.
type Coverage struct {
	sources []*sourceState
	context ContextConfig
	rules   *Rules
}

// NewCoverage returns what a configuration covers.
func NewCoverage(c Config) *Coverage {
	c = c.withDefaults()
	coverage := &Coverage{context: c.Context, rules: NewRules(c.Entities)}
	for i, s := range c.Sources {
		coverage.sources = append(coverage.sources, &sourceState{Source: s, index: uint16(i)})
	}
	return coverage
}

// Scope returns the scope that the changes of a source's table ("schema.table") lie in. ok is false for a table whose changes give no audit events: one that
// is excluded or disabled, that holds contexts, that the connector writes for itself, or what is no table at all.
func (c *Coverage) Scope(source, table string) (scope string, ok bool) {
	// Patterns are matched against the names of topics, as they are when the topics are chosen.
	s, role, ok := classify(source+"."+topicPart(table), c.sources, c.context)
	if !ok || role != roleChange || s.Name != source {
		return "", false
	}
	schemaName, name, _ := strings.Cut(table, ".")
	rule := c.rules.table(source, schemaName, name)
	return rule.scope, !rule.disabled
}

// topicPart returns a table's name as it stands in the name of its topic: Debezium puts "_" in place of each byte that Kafka does not allow there.
func topicPart(table string) string {
	allowed := func(c byte) bool {
		return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '_' || c == '-'
	}
	b := []byte(table)
	for i, c := range b {
		if !allowed(c) {
			b[i] = '_'
		}
	}
	return string(b)
}
