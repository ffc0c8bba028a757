package config

import (
	"fmt"
	"strings"
)

func (k *checker) sources() {
	for i, s := range k.c.Sources {
		key := fmt.Sprintf("sources[%d]", i)
		switch {
		case s.Name == "":
			k.fault(key+".name", "missing; expected the connector's topic.prefix")
		case !topicName.MatchString(s.Name):
			k.got(key+".name", s.Name, "expected a topic prefix of letters, digits, '.', '_' and '-'")
		}
		for j, o := range k.c.Sources[:i] {
			switch {
			case s.Name == "" || o.Name == "":
			case o.Name == s.Name:
				k.fault(key+".name", "%q is the name of sources[%d] too", s.Name, j)
			case strings.HasPrefix(s.Name, o.Name+"."), strings.HasPrefix(o.Name, s.Name+"."):
				k.fault(key+".name", "%q and %q (sources[%d]) begin alike, so that a topic could belong to either; rename one", s.Name, o.Name, j)
			}
		}
		k.tablePatterns(key+".include", s.Include)
		k.tablePatterns(key+".exclude", s.Exclude)
		k.tablePatterns(key+".partial_before", s.PartialBefore)
		k.tablePatterns(key+".full_before", s.FullBefore)
		if s.UnavailablePlaceholder == "" {
			k.fault(key+".unavailable_placeholder", "empty; expected the connector's unavailable.value.placeholder")
		}
	}
}

func (k *checker) tablePatterns(key string, tables []string) {
	for i, t := range tables {
		if !isTablePattern(t) {
			k.got(fmt.Sprintf("%s[%d]", key, i), t, "expected schema.table, where * stands for any text")
		}
	}
}

func (k *checker) context() {
	c := k.c.Context
	k.atLeast("context.grace", int64(c.Grace), 1e6, "1ms")
	if c.Lookback < c.Grace {
		k.fault("context.lookback", "shorter than context.grace (%s); a restart would miss contexts that a change still waits for", c.Grace)
	}
	if c.MessagePrefix == "" {
		k.fault("context.message_prefix", "empty; expected the prefix given to pg_logical_emit_message, such as dossier.context")
	}
	if c.Table != "" && !isTable(c.Table) {
		k.got("context.table", c.Table, "expected schema.table")
	}
}

// topics checks that every topic has one meaning.
func (k *checker) topics() {
	named := []struct{ key, topic string }{
		{"audit.topic", k.c.Audit.Topic},
		{"dead_letter.topic", k.c.DeadLetter.Topic},
		{"context.topic", k.c.Context.Topic},
	}
	if k.c.Feedback != nil {
		named = append(named, struct{ key, topic string }{"feedback.topic", k.c.Feedback.Topic})
	}
	for i, n := range named {
		if n.topic == "" && n.key == "context.topic" {
			continue
		}
		if !topicName.MatchString(n.topic) {
			k.got(n.key, n.topic, "expected a topic name of letters, digits, '.', '_' and '-'")
			continue
		}
		for _, o := range named[:i] {
			if o.topic == n.topic {
				k.fault(n.key, "%q is %s too; give each its own topic", n.topic, o.key)
			}
		}
		if n.key != "audit.topic" && n.topic == k.c.Audit.PendingTopic() {
			k.fault(n.key, "%q is the processor's internal topic (audit.topic with .pending); choose another", n.topic)
		}
		for j, s := range k.c.Sources {
			if s.Name != "" && strings.HasPrefix(n.topic, s.Name+".") {
				k.fault(n.key, "%q lies among the topics of sources[%d] (%s.*), which would be read as changes; choose another", n.topic, j, s.Name)
			}
		}
	}
}
