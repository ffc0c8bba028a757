package processor

import (
	"regexp"
	"slices"
	"strings"
)

// role is what a topic's records are.
type role uint8

const (
	roleChange role = iota
	roleTransaction
	roleMessage
	roleContextTable
	roleContextTopic
)

// Tables that the connector writes for itself: no entities.
var connectorTables = []string{"*.debezium_heartbeat", "*.debezium_signal"}

// sourceState is a configured source and its index, by which the window knows it.
type sourceState struct {
	Source
	index uint16
}

// classify says which source's topic it is and what its records are; ok is false for a topic that is none of ours.
func classify(topic string, sources []*sourceState, context ContextConfig) (source *sourceState, r role, ok bool) {
	if topic == context.Topic && topic != "" {
		return nil, roleContextTopic, true
	}
	for _, s := range sources {
		rest, found := strings.CutPrefix(topic, s.Name+".")
		if !found {
			continue
		}
		switch {
		case rest == "transaction":
			return s, roleTransaction, true
		case rest == "message":
			return s, roleMessage, true
		case rest == context.Table:
			return s, roleContextTable, true
		case strings.Count(rest, ".") != 1 || matchesAny(connectorTables, rest) || matchesAny(s.Exclude, rest),
			len(s.Include) > 0 && !matchesAny(s.Include, rest):
			continue
		}
		return s, roleChange, true
	}
	return nil, 0, false
}

// subscription returns the regular expressions of the topics to consume and of those among them to leave out.
func subscription(sources []*sourceState, context ContextConfig) (include, exclude []string) {
	if context.Topic != "" {
		include = append(include, "^"+regexp.QuoteMeta(context.Topic)+"$")
	}
	for _, s := range sources {
		prefix := "^" + regexp.QuoteMeta(s.Name) + `\.`
		include = append(include, prefix+"(transaction|message)$")
		if context.Table != "" {
			include = append(include, prefix+regexp.QuoteMeta(context.Table)+"$")
		}
		if len(s.Include) == 0 {
			include = append(include, prefix+`[^.]+\.[^.]+$`)
		}
		for _, p := range s.Include {
			include = append(include, prefix+globExpression(p)+"$")
		}
		for _, p := range slices.Concat(s.Exclude, connectorTables) {
			if p != context.Table {
				exclude = append(exclude, prefix+globExpression(p)+"$")
			}
		}
	}
	return include, exclude
}

// globExpression returns a pattern, in which * stands for any text, as a regular expression.
func globExpression(pattern string) string {
	return strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, ".*")
}

// contextTopics returns the topics that every instance reads whole: those by which contexts come.
func contextTopics(sources []*sourceState, context ContextConfig) []string {
	var topics []string
	if context.Topic != "" {
		topics = append(topics, context.Topic)
	}
	for _, s := range sources {
		topics = append(topics, s.Name+".transaction", s.Name+".message")
		if context.Table != "" {
			topics = append(topics, s.Name+"."+context.Table)
		}
	}
	return topics
}
