package connectors

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Validate checks a configuration without any network: placeholders that nothing fills, keys that the connector, the
// converters or Kafka Connect would not read, values of a wrong type, and settings that would harm an audit trail. The
// findings come in the order of the file.
func Validate(cfg *Config) []Finding {
	findings := slices.Clone(cfg.unresolved)
	if cfg.Name == "" && cfg.nameLine == 0 {
		findings = append(findings, cfg.finding(Error, "name", `the connector has no name; put "name" beside "config"`))
	}
	class, _ := cfg.Get("connector.class")
	own, known := classKeys(class)
	switch {
	case class == "":
		findings = append(findings, cfg.finding(Error, "connector.class", "is not set; for PostgreSQL it is %s", postgresClass))
	case !known:
		findings = append(findings, cfg.finding(Warning, "connector.class",
			"%s is not a connector whose settings are known here, so nothing else was checked; `validate --online` asks Kafka Connect", class))
	default:
		findings = append(findings, shape(cfg, own)...)
		findings = append(findings, audit(cfg, own)...)
	}
	// What a wrong value would do to the trail is not worth a line beside that it is wrong.
	wrong := map[string]bool{}
	for _, finding := range findings {
		wrong[finding.Key] = wrong[finding.Key] || finding.Severity == Error
	}
	findings = slices.DeleteFunc(findings, func(f Finding) bool { return f.Severity == Warning && wrong[f.Key] })
	sortFindings(findings)
	return findings
}

// Conflicts checks configurations against each other: what one connector may do, two must not.
func Conflicts(cfgs []*Config) []Finding {
	var findings []Finding
	type owned struct{ key, value string }
	first := map[owned]*Config{}
	claim := func(cfg *Config, key, value, harm string) {
		if value == "" {
			return
		}
		if other, taken := first[owned{key, value}]; taken {
			findings = append(findings, cfg.finding(Error, key, "is the same as in %s: %s; give each its own", other.Path, harm))
			return
		}
		first[owned{key, value}] = cfg
	}
	for _, cfg := range cfgs {
		if len(cfg.unresolved) > 0 {
			continue // the names are not complete
		}
		claim(cfg, "name", cfg.Name, "the second would replace the first")
		prefix, _ := cfg.Get("topic.prefix")
		claim(cfg, "topic.prefix", prefix, "both would write the same topics, and every change would be there twice")
		if slot, _ := cfg.Get("slot.name"); slot != "" {
			host, _ := cfg.Get("database.hostname")
			port, _ := cfg.Get("database.port")
			// One server has one set of slots; its databases share it.
			claim(cfg, "slot.name", host+":"+port+" "+slot, "a replication slot serves one connector, the other would not start")
		}
	}
	sortFindings(findings)
	return findings
}

var (
	slotName    = regexp.MustCompile(`^[a-z0-9_]{1,63}$`)
	topicPrefix = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)
)

// shape checks names and types.
func shape(cfg *Config, own map[string]key) []Finding {
	var findings []Finding
	for _, setting := range cfg.Settings {
		k, ok := resolve(setting.Key, own, cfg)
		if !ok {
			findings = append(findings, unknownKey(cfg, setting.Key, own))
			continue
		}
		if !setting.Filled || isProvided(setting.Value) {
			continue
		}
		if isSecret(setting.Key) && setting.Raw == setting.Value && setting.Value != "" && setting.Key != "unavailable.value.placeholder" {
			findings = append(findings, cfg.finding(Warning, setting.Key,
				"stands in the file in clear: whoever reads the file reads the database; use ${NAME}, ${file:/path} or a configuration provider of Kafka Connect"))
		}
		if complaint := mistyped(k, setting.Value); complaint != "" {
			findings = append(findings, cfg.finding(Error, setting.Key, "%s", complaint))
		}
	}
	for _, name := range []struct {
		key     string
		legal   *regexp.Regexp
		letters string
	}{
		{"slot.name", slotName, "1 to 63 lower-case letters, digits and underscores"},
		{"topic.prefix", topicPrefix, "letters, digits, dots, dashes and underscores"},
	} {
		if value, filled := cfg.Get(name.key); filled && value != "" && !isProvided(value) && !name.legal.MatchString(value) {
			findings = append(findings, cfg.finding(Error, name.key, "is %q; it must be %s", value, name.letters))
		}
	}
	required := []string{"topic.prefix"}
	if _, postgres := own["slot.name"]; postgres {
		required = append(required, "database.hostname", "database.user", "database.dbname")
	} else {
		required = append(required, "database.hostname", "database.user", "database.server.id")
	}
	for _, name := range required {
		if value, filled := cfg.Get(name); value == "" && (filled || !cfg.has(name)) {
			findings = append(findings, cfg.finding(Error, name, "is not set, and the connector cannot start without it; add it"))
		}
	}
	for _, pair := range []string{"table", "schema", "column", "database", "message.prefix"} {
		if cfg.has(pair+".include.list") && cfg.has(pair+".exclude.list") {
			findings = append(findings, cfg.finding(Error, pair+".exclude.list", "stands beside %s.include.list; Debezium takes one of them, so drop the other", pair))
		}
	}
	return append(findings, undeclared(cfg)...)
}

func unknownKey(cfg *Config, name string, own map[string]key) Finding {
	if rest, found := strings.CutPrefix(name, "topic.creation."); found {
		if group, _, _ := strings.Cut(rest, "."); group != "default" {
			groups, _ := cfg.Get("topic.creation.groups")
			if !slices.Contains(splitList(groups), group) {
				return cfg.finding(Error, name, "belongs to the group %q, which topic.creation.groups (%q) does not name, so it has no effect; add the group there", group, groups)
			}
		}
	}
	for _, list := range []string{"transforms", "predicates"} {
		if rest, found := strings.CutPrefix(name, list+"."); found {
			member, _, _ := strings.Cut(rest, ".")
			members, _ := cfg.Get(list)
			return cfg.finding(Error, name, "belongs to %q, which %s (%q) does not name, so it has no effect; add the name there or drop the key", member, list, members)
		}
	}
	if suggestion, ok := nearest(name, candidates(own, name)); ok {
		return cfg.finding(Error, name, "is no setting of Debezium %s or Kafka Connect: it would be ignored without a word; did you mean %s?", Version, suggestion)
	}
	// Perhaps a newer release has it; only what looks like a slip forbids a deployment.
	return cfg.finding(Warning, name, "is no setting of Debezium %s or Kafka Connect: it would be ignored without a word; drop it, unless the workers run a release that has it", Version)
}

// undeclared finds members of a list that nothing configures.
func undeclared(cfg *Config) []Finding {
	var findings []Finding
	for _, list := range []string{"transforms", "predicates"} {
		members, _ := cfg.Get(list)
		for _, member := range splitList(members) {
			if !cfg.has(list + "." + member + ".type") {
				findings = append(findings, cfg.finding(Error, list, "names %q, but %s.%s.type does not say what it is; add it or drop the name", member, list, member))
			}
		}
	}
	return findings
}

// mistyped says what is wrong with a value, or nothing.
func mistyped(k key, value string) string {
	text := strings.TrimSpace(value)
	quoted := strconv.Quote(value)
	if len(k.Allowed) > 0 {
		if k.Type == "LIST" || slices.ContainsFunc(k.Allowed, func(allowed string) bool { return strings.EqualFold(allowed, text) }) {
			return ""
		}
		message := "is " + quoted + ", which is none of " + strings.Join(k.Allowed, ", ")
		if suggestion, ok := nearest(strings.ToLower(text), slices.Clone(k.Allowed)); ok {
			return message + "; did you mean " + suggestion + "?"
		}
		return message + "; choose one of them"
	}
	switch k.Type {
	case "BOOLEAN":
		if !strings.EqualFold(text, "true") && !strings.EqualFold(text, "false") {
			return "is " + quoted + "; it must be true or false"
		}
	case "SHORT", "INT", "LONG":
		bits := map[string]int{"SHORT": 16, "INT": 32, "LONG": 64}[k.Type]
		if _, err := strconv.ParseInt(text, 10, bits); err != nil {
			return "is " + quoted + "; it must be a whole number of at most " + strconv.Itoa(bits) + " bits"
		}
	case "DOUBLE":
		if _, err := strconv.ParseFloat(text, 64); err != nil {
			return "is " + quoted + "; it must be a number"
		}
	}
	return ""
}

// has reports whether a key stands in the file, filled or not.
func (c *Config) has(name string) bool {
	return slices.ContainsFunc(c.Settings, func(s Setting) bool { return s.Key == name })
}

// isProvided reports whether a value is left to a configuration provider of Kafka Connect.
func isProvided(value string) bool {
	start := strings.Index(value, "${")
	return start >= 0 && strings.Contains(value[start:], "}")
}
