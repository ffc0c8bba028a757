package connectors

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// ContextPrefix is the prefix of the logical decoding messages that carry the request's context, unless dossier.yaml says
// otherwise (context.message_prefix).
const ContextPrefix = "dossier.context"

// settings answers for values as the connector will see them: its defaults where the file is silent.
type settings struct {
	cfg *Config
	own map[string]key
}

// value gives the effective value, and false where a placeholder or a configuration provider leaves it unknown.
func (s settings) value(name string) (string, bool) {
	for _, setting := range s.cfg.Settings {
		if setting.Key == name {
			return strings.TrimSpace(setting.Value), setting.Filled && !isProvided(setting.Value)
		}
	}
	if k, ok := s.own[name]; ok {
		return k.Default, true
	}
	return connectKeys()[name].Default, true
}

// said describes the value for a message: whether it was chosen or is a default.
func (s settings) said(name string) string {
	value, _ := s.value(name)
	if s.cfg.has(name) {
		return "is " + quoteEmpty(value)
	}
	return "is not set, and " + quoteEmpty(value) + " by default"
}

func quoteEmpty(value string) string {
	if value == "" {
		return "empty"
	}
	return value
}

// rule is a setting whose value can harm the trail.
type rule struct {
	key     string
	harmful func(value string) bool
	// advice is the harm and the remedy.
	advice string
}

func is(bad ...string) func(string) bool {
	return func(value string) bool {
		return slices.ContainsFunc(bad, func(b string) bool { return strings.EqualFold(b, value) })
	}
}

func isNot(good string) func(string) bool {
	return func(value string) bool { return !strings.EqualFold(good, value) }
}

func isSet(value string) bool { return value != "" }

// rules hold for every way of serialising events. Rules whose key a connector does not have are skipped.
var rules = []rule{
	{"provide.transaction.metadata", isNot("true"),
		"the end of a transaction is then unknown: a change without context waits out the whole grace period, and completeness cannot be proved; set it to true"},
	{"tombstones.on.delete", isNot("true"),
		"a compacted change topic keeps deleted rows for ever, and other readers never learn of the deletion; set it to true"},
	{"skip.messages.without.change", is("true"),
		"updates of columns that are not captured vanish, so the trail cannot count every write; set it to false, Dossier itself tells which updates changed nothing"},
	{"unavailable.value.placeholder", is("__debezium_unavailable_value"),
		"anybody can write this text into a column, and the trail then shows the value as unchanged; set it to a text nobody can guess, from ${DOSSIER_UNAVAILABLE_PLACEHOLDER}"},
	{"unavailable.value.placeholder", func(value string) bool { return len(value) < 16 },
		"so short a text can be guessed or occur by chance, and a value equal to it reads as unchanged; use at least 16 characters (openssl rand -hex 16)"},
	{"event.processing.failure.handling.mode", isNot("fail"),
		"an event that the connector cannot process is dropped with at most a log line; set it to fail, so that it stops and is repaired"},
	{"event.converting.failure.handling.mode", isNot("fail"),
		"a value that cannot be converted is left out or becomes null, and the trail states something that never was in the database; set it to fail"},
	{"errors.tolerance", is("all"),
		"records that cannot be converted are dropped silently; set it to none"},
	{"exactly.once.support", isNot("required"),
		"after a crash changes may be published twice, and nothing stops a worker that cannot do better; set it to required (the workers need exactly.once.source.support=enabled)"},
	{"decimal.handling.mode", is("double"),
		"decimals lose digits on the way to floating point; set it to string"},
	{"interval.handling.mode", is("numeric"),
		"an interval becomes microseconds in which a month has 30.4 days, so the value in the database cannot be told any more; set it to string"},
	{"include.unknown.datatypes", isNot("true"),
		"columns of types unknown to Debezium, such as composite types, are missing from every event without notice; set it to true"},
	{"time.precision.mode", is("connect"),
		"times are cut to milliseconds; set it to isostring, or to adaptive with Avro"},
	{"schema.refresh.mode", is("columns_diff_exclude_unchanged_toast"),
		"a table whose definition changed may be decoded by its old one; set it to columns_diff"},
	{"heartbeat.interval.ms", is("0"),
		"while the captured tables are quiet and others are not, the slot's position stands still and the database keeps its log until the disk is full; set it to 10000, with heartbeat.action.query"},
	{"slot.drop.on.stop", is("true"),
		"each stop of the connector drops the slot, and what is written until the next start is lost for ever; set it to false"},
	{"lsn.flush.timeout.action", is("ignore"),
		"a position that could not be confirmed goes unnoticed, and the database keeps its log until the disk is full; set it to fail"},
	{"flush.lsn.source", is("false"),
		"the connector never confirms what it has read, and the database keeps its log until the disk is full; set it to true"},
	{"internal.log.position.check.enable", is("false"),
		"when the slot was lost, or dropped and made again, the changes in between are missing without a sign; drop the key, so that the connector refuses to start instead"},
	{"publication.autocreate.mode", isNot("disabled"),
		"the connector then makes or changes the publication itself, which takes the rights of the tables' owner, and the default takes every table of the database; set it to disabled and create the publication by sql/postgres-setup.sql"},
	{"publish.via.partition.root", isNot("true"),
		"each partition becomes an entity type of its own, and a row that moves between two reads as deleted and created; set it to true, as in the publication"},
	{"plugin.name", isNot("pgoutput"),
		"this decoding plugin has to be installed in the database, and Dossier is not tested with it; set it to pgoutput"},
	{"table.ignore.builtin", is("false"), "the system's own tables would be audited; drop the key"},
	{"snapshot.mode", is("no_data"),
		"rows that exist already have no baseline: their first recorded change has nothing before it; set it to initial, or take a baseline later by a signal"},
	{"snapshot.mode", is("initial_only"), "the connector reads the rows once and then ends, no change is ever captured; set it to initial"},
	{"snapshot.mode", is("when_needed"),
		"a gap in the log is bridged by a new snapshot, and the changes within it are missing without a sign; set it to initial, so that a gap stops the connector"},
	{"snapshot.mode", is("always"), "every start of the connector writes a new baseline of every row; set it to initial"},
	{"snapshot.isolation.mode", is("read_committed", "read_uncommitted"),
		"the baseline mixes states of different times; set it to repeatable_read or serializable"},
	{"snapshot.select.statement.overrides", isSet, "rows that the statements leave out have no baseline; drop the key"},
	{"message.key.columns", isSet,
		"the key of the events is then not the primary key, and an entity's history may be split or mixed with another's; drop the key"},
	{"column.exclude.list", isSet,
		"the columns are missing from the trail as if they did not exist; exclude or mask them in dossier.yaml, which records that it was done"},
	{"column.include.list", isSet,
		"all other columns, and every column added later, are missing from the trail as if they did not exist; exclude or mask in dossier.yaml, which records that it was done"},
	{"converters", isSet, "values are rewritten before the trail sees them, by code that it does not know; drop the key, Dossier reads the original types"},
	{"post.processors", isSet, "events are rewritten after they were read from the log, so they show what the database held at another time; drop the key"},
	{"topic.naming.strategy", isNot("io.debezium.schema.SchemaTopicNamingStrategy"),
		"Dossier finds tables by <topic.prefix>.<schema>.<table>; drop the key"},
	{"topic.delimiter", isNot("."), "Dossier finds tables by <topic.prefix>.<schema>.<table>; drop the key"},
	{"topic.transaction", isNot("transaction"), "Dossier reads transactions from <topic.prefix>.transaction; drop the key"},
	{"transaction.metadata.factory", isNot("io.debezium.pipeline.txmetadata.DefaultTransactionMetadataFactory"),
		"Dossier reads Debezium's own form of transaction metadata; drop the key"},
	{"sourceinfo.struct.maker", func(value string) bool { return !strings.HasPrefix(value, "io.debezium.connector.") },
		"Dossier reads Debezium's own form of the source block, which orders and identifies changes; drop the key"},
	{"schema.name.adjustment.mode", is("avro_unicode"), "names of tables and columns become hard to recognise; set it to avro with Avro, else to none"},
	{"field.name.adjustment.mode", is("avro_unicode"), "every underscore in a column's name becomes _u005f; set it to avro"},
}

// schemaless rules hold where events are JSON without a schema, so that a value has to speak for itself.
var schemaless = []rule{
	{"decimal.handling.mode", is("precise"),
		"a decimal becomes base64 bytes whose scale only the schema knows, and JSON without schemas has none; set it to string"},
	{"time.precision.mode", is("adaptive", "adaptive_time_microseconds", "microseconds", "nanoseconds", "connect"),
		"a time becomes a bare number, and JSON without schemas cannot tell it from one; set it to isostring"},
}

// audit finds settings that would harm the trail.
func audit(cfg *Config, own map[string]key) []Finding {
	s := settings{cfg: cfg, own: own}
	findings := s.apply(rules)
	if s.isSchemaless() {
		findings = append(findings, s.apply(schemaless)...)
	}
	findings = append(findings, s.skipped()...)
	findings = append(findings, s.masked()...)
	findings = append(findings, s.converters()...)
	findings = append(findings, s.messages()...)
	findings = append(findings, s.heartbeat()...)
	findings = append(findings, s.retention()...)
	findings = append(findings, s.tables()...)
	findings = append(findings, s.history()...)
	return append(findings, transforms(cfg)...)
}

func (s settings) apply(rules []rule) []Finding {
	var findings []Finding
	for _, r := range rules {
		_, owned := s.own[r.key]
		_, common := connectKeys()[r.key]
		if !owned && !common {
			continue
		}
		value, known := s.value(r.key)
		if !known || !r.harmful(value) {
			continue
		}
		if slices.ContainsFunc(findings, func(f Finding) bool { return f.Key == r.key }) {
			continue // one remedy is enough
		}
		said := s.said(r.key)
		if isSecret(r.key) && s.cfg.has(r.key) {
			said = "was set"
			if k := s.own[r.key]; value == k.Default {
				said = "is left at its default"
			}
		}
		findings = append(findings, s.cfg.finding(Warning, r.key, "%s: %s", said, r.advice))
	}
	return findings
}

// isSchemaless reports whether values are written as JSON without a schema.
func (s settings) isSchemaless() bool {
	class, known := s.value("value.converter")
	if !known || class != jsonConverter {
		return false // the worker's converter is not known here
	}
	enabled, filled := s.cfg.Get("value.converter.schemas.enable")
	return filled && strings.EqualFold(enabled, "false")
}

// skipped finds operations that are not published.
func (s settings) skipped() []Finding {
	value, known := s.value("skipped.operations")
	if !known {
		return nil
	}
	names := map[string]string{"c": "inserts", "u": "updates", "d": "deletes", "t": "truncates"}
	var lost []string
	var findings []Finding
	for _, item := range splitList(value) {
		item = strings.ToLower(item)
		switch name, ok := names[item]; {
		case ok:
			lost = append(lost, name)
		case item != "none":
			findings = append(findings, s.cfg.finding(Error, "skipped.operations", "holds %q; it takes c, u, d, t, or none", item))
		}
	}
	if len(lost) > 0 {
		findings = append(findings, s.cfg.finding(Warning, "skipped.operations", "%s: %s are never captured, so rows change or vanish without a trace; set it to none",
			s.said("skipped.operations"), strings.Join(lost, ", ")))
	}
	return findings
}

// masked finds columns that are changed on the way.
func (s settings) masked() []Finding {
	var findings []Finding
	for _, setting := range s.cfg.Settings {
		for _, prefix := range []string{"column.mask.", "column.truncate."} {
			if strings.HasPrefix(setting.Key, prefix) {
				findings = append(findings, s.cfg.finding(Warning, setting.Key,
					"the trail holds what the mask left as if it were the value, and two values that differ only in the masked part read as unchanged; mask in dossier.yaml, which records that it was done"))
			}
		}
	}
	return findings
}

const (
	apicurioConverter  = "io.apicurio.registry.utils.converter.AvroConverter"
	confluentConverter = "io.confluent.connect.avro.AvroConverter"
)

// converters finds serialisations that lose values.
func (s settings) converters() []Finding {
	var findings []Finding
	for _, side := range []string{"key", "value"} {
		name := side + ".converter"
		class, known := s.value(name)
		switch {
		case !known:
		case class == "":
			findings = append(findings, s.cfg.finding(Warning, name,
				"is not set, so that each worker's own converter decides what the events look like; set it, as in the shipped configurations"))
		case class == jsonConverter:
			if replaced, filled := s.cfg.Get(name + ".replace.null.with.default"); !s.cfg.has(name+".replace.null.with.default") || filled && !strings.EqualFold(replaced, "false") {
				findings = append(findings, s.cfg.finding(Warning, name+".replace.null.with.default",
					"is true unless it is set: where a column has a default, null is written as that default, and the trail states a value that never was in the database; set it to false"))
			}
		case side == "value" && class == apicurioConverter:
			findings = append(findings, s.cfg.finding(Warning, name,
				"Apicurio's Avro converter writes a null in a column that has a default as that default, and has no setting against it, so that the trail states a value that never was in the database; drop such defaults (ALTER COLUMN … DROP DEFAULT; `validate --database` names them), or use JSON, or Confluent's converter with ignore.default.for.nullables"))
		case side == "value" && class == confluentConverter:
			if ignored, filled := s.cfg.Get(name + ".ignore.default.for.nullables"); !s.cfg.has(name+".ignore.default.for.nullables") || filled && !strings.EqualFold(ignored, "true") {
				findings = append(findings, s.cfg.finding(Warning, name+".ignore.default.for.nullables",
					"is false unless it is set: where a column has a default, null is written as that default, and the trail states a value that never was in the database; set it to true"))
			}
		case strings.HasSuffix(class, ".StringConverter"):
			findings = append(findings, s.cfg.finding(Error, name, "%s writes no JSON, and Dossier cannot read the events; use %s or an Avro converter", class, jsonConverter))
		case strings.HasSuffix(class, ".CloudEventsConverter"), strings.Contains(class, "Protobuf"), strings.HasSuffix(class, ".ExtJsonConverter"), strings.HasSuffix(class, ".JsonSchemaConverter"):
			findings = append(findings, s.cfg.finding(Error, name, "Dossier reads JSON and Avro, not what %s writes, and every event would become a dead letter; use %s or an Avro converter", class, jsonConverter))
		}
	}
	return findings
}

// messages finds filters that keep the request's context from the trail.
func (s settings) messages() []Finding {
	if _, postgres := s.own["message.prefix.include.list"]; !postgres {
		return nil
	}
	const advice = "changes whose context comes by such messages would all be unattributed; "
	var findings []Finding
	if list, known := s.value("message.prefix.include.list"); known && list != "" && !matchesAny(list, ContextPrefix) {
		findings = append(findings, s.cfg.finding(Warning, "message.prefix.include.list", `does not match %q: %sadd dossier\.context, unless dossier.yaml names another prefix that is in it`, ContextPrefix, advice))
	}
	if list, known := s.value("message.prefix.exclude.list"); known && matchesAny(list, ContextPrefix) {
		findings = append(findings, s.cfg.finding(Warning, "message.prefix.exclude.list", "matches %q: %stake it out", ContextPrefix, advice))
	}
	return findings
}

// matchesAny matches as Debezium does: whole names, without regard to case. Java's and Go's expressions agree on what such
// lists hold in practice; one that Go cannot read counts as no match only if nothing else matches, so it is taken to match.
func matchesAny(list, name string) bool {
	for _, item := range splitList(list) {
		expression, err := regexp.Compile("(?i)^(?:" + item + ")$")
		if err != nil || expression.MatchString(name) {
			return true
		}
	}
	return false
}

// hasHeartbeat reports whether the connector publishes something even where nothing changes.
func (s settings) hasHeartbeat() bool {
	interval, known := s.value("heartbeat.interval.ms")
	return known && interval != "0" && interval != ""
}

func (s settings) heartbeat() []Finding {
	query, known := s.value("heartbeat.action.query")
	interval, _ := s.value("heartbeat.interval.ms")
	if !known || !s.hasHeartbeat() {
		return nil // that it is off has been said
	}
	if query == "" {
		return []Finding{s.cfg.finding(Warning, "heartbeat.action.query",
			"is not set: a heartbeat that writes nothing to the database cannot move the slot while the captured tables are quiet, and the log grows until the disk is full; write to dossier.debezium_heartbeat, as in the shipped configurations")}
	}
	if milliseconds, err := strconv.Atoi(interval); err == nil && milliseconds > 600_000 {
		return []Finding{s.cfg.finding(Warning, "heartbeat.interval.ms", "is %s: more than ten minutes of log are kept, and reread after a restart, for nothing; set it to 10000", interval)}
	}
	return nil
}

// retention finds groups of topics that are kept as the brokers like, while the default group says for how long.
func (s settings) retention() []Finding {
	const setting = "retention.ms"
	if _, set := s.cfg.Get("topic.creation.default." + setting); !set {
		return nil
	}
	groups, _ := s.cfg.Get("topic.creation.groups")
	var findings []Finding
	for _, group := range splitList(groups) {
		if _, set := s.cfg.Get("topic.creation." + group + "." + setting); !set {
			findings = append(findings, s.cfg.finding(Warning, "topic.creation.groups",
				"%s has no %s, and inherits none from the default group: changes may be kept longer than the contexts and transactions that they need; set topic.creation.%s.%s", group, setting, group, setting))
		}
	}
	return findings
}

// tables finds lists that match nothing, or everything.
func (s settings) tables() []Finding {
	var findings []Finding
	for _, name := range []string{"table.include.list", "table.exclude.list"} {
		list, known := s.value(name)
		if !known {
			continue
		}
		for _, item := range splitList(list) {
			if !strings.ContainsAny(item, ".*") {
				findings = append(findings, s.cfg.finding(Error, name, `holds %q, which can match no table: names are matched as a whole, with their schema; write public\.%s`, item, item))
			}
		}
	}
	included, _ := s.value("table.include.list")
	schemas, _ := s.value("schema.include.list")
	if _, postgres := s.own["slot.name"]; postgres && included == "" && schemas == "" && !s.cfg.has("table.include.list") {
		findings = append(findings, s.cfg.finding(Warning, "table.include.list",
			`is not set: the baseline reads every table that the role may read, whether published or not; name the tables, such as public\..*`))
	}
	return findings
}

// history finds a schema history that can be lost. PostgreSQL needs none.
func (s settings) history() []Finding {
	if _, postgres := s.own["slot.name"]; postgres {
		for _, setting := range s.cfg.Settings {
			if strings.HasPrefix(setting.Key, "schema.history.internal") {
				return []Finding{s.cfg.finding(Warning, setting.Key, "PostgreSQL's connector has no schema history, the setting comes from another database's; drop it")}
			}
		}
		return nil
	}
	var findings []Finding
	if class, known := s.value("schema.history.internal"); known && strings.Contains(class, "Memory") {
		findings = append(findings, s.cfg.finding(Warning, "schema.history.internal", "is kept in memory: after a restart old changes cannot be decoded; drop the key, so that it is kept in Kafka"))
	}
	if skip, known := s.value("schema.history.internal.skip.unparseable.ddl"); known && strings.EqualFold(skip, "true") {
		findings = append(findings, s.cfg.finding(Warning, "schema.history.internal.skip.unparseable.ddl", "is true: a table whose definition was not understood is decoded by its old one, and values land in the wrong columns; set it to false"))
	}
	return findings
}
