package connectors

import (
	"embed"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

//go:embed keys/*.tsv
var keyLists embed.FS

// Version is the release of Debezium whose keys are known here, and that the shipped configurations are tested with.
const Version = "3.3.1.Final"

// key is one setting that Debezium or Kafka Connect declares.
type key struct {
	Name string
	// Type is Kafka's: STRING, INT, LONG, SHORT, DOUBLE, BOOLEAN, LIST, CLASS or PASSWORD.
	Type string
	// Default as text; required says that there is none.
	Default  string
	Required bool
	// Allowed is empty where any value of the type will do.
	Allowed []string
}

// keyList reads one of the lists that keys/Dump.java wrote.
func keyList(name string) map[string]key {
	content, err := keyLists.ReadFile("keys/" + name + ".tsv")
	if err != nil { // embedded: absent only if the build is broken
		panic(err)
	}
	list := map[string]key{}
	for line := range strings.Lines(string(content)) {
		fields := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if len(fields) != 4 {
			panic(fmt.Sprintf("keys/%s.tsv: %d fields in %q", name, len(fields), line))
		}
		k := key{Name: fields[0], Type: fields[1], Default: fields[2]}
		if k.Default == "(required)" {
			k.Default, k.Required = "", true
		}
		if fields[3] != "" {
			k.Allowed = strings.Split(fields[3], ",")
		}
		list[k.Name] = k
	}
	return list
}

var (
	postgresKeys  = sync.OnceValue(func() map[string]key { return keyList("postgresql") })
	mysqlKeys     = sync.OnceValue(func() map[string]key { return keyList("mysql") })
	connectKeys   = sync.OnceValue(func() map[string]key { return keyList("connect") })
	jsonKeys      = sync.OnceValue(func() map[string]key { return keyList("json-converter") })
	topicKeys     = sync.OnceValue(func() map[string]key { return keyList("topic") })
	producerKeys  = sync.OnceValue(func() map[string]key { return keyList("producer") })
	jsonConverter = "org.apache.kafka.connect.json.JsonConverter"
)

// The connector classes whose keys are known.
const (
	postgresClass = "io.debezium.connector.postgresql.PostgresConnector"
	mysqlClass    = "io.debezium.connector.mysql.MySqlConnector"
	mariadbClass  = "io.debezium.connector.mariadb.MariaDbConnector"
)

// classKeys gives the keys of a connector class. MariaDB's connector shares its code with MySQL's.
func classKeys(class string) (map[string]key, bool) {
	switch class {
	case postgresClass, "PostgresConnector", "Postgres": // Connect takes these short names too
		return postgresKeys(), true
	case mysqlClass, "MySqlConnector", "MySql", mariadbClass, "MariaDbConnector", "MariaDb":
		return mysqlKeys(), true
	default:
		return nil, false
	}
}

// lookupAnywhere finds a key without knowing the connector's class.
func lookupAnywhere(name string) (key, bool) {
	for _, list := range []map[string]key{postgresKeys(), mysqlKeys(), connectKeys(), producerKeys()} {
		if k, ok := list[name]; ok {
			return k, true
		}
		if _, rest, found := strings.Cut(name, ".override."); found {
			if k, ok := list[rest]; ok {
				return k, true
			}
		}
	}
	return key{}, false
}

// openPrefixes begin keys that belong to code which is not known here: plugins, drivers, converters. What follows is not judged.
var openPrefixes = []string{
	"database.jdbc.", "driver.", "signal.consumer.", "offsets.storage.", "admin.override.", "consumer.override.",
	"schema.history.internal.", "openlineage.", "post.processors.", "header.converter.", "column.mask.hash.",
	"column.propagate.source.type", "datatype.propagate.source.type",
}

// resolve finds what a key of a configuration must look like. It knows the families whose names hold a name of the user's:
// converters, topic creation groups, masks. The second result is false for a key that nobody would read.
func resolve(name string, own map[string]key, cfg *Config) (key, bool) {
	if k, ok := own[name]; ok {
		return k, true
	}
	if k, ok := connectKeys()[name]; ok {
		return k, true
	}
	anything := key{Name: name, Type: "STRING"}
	for _, side := range []string{"key", "value", "header"} {
		rest, found := strings.CutPrefix(name, side+".converter.")
		if !found {
			continue
		}
		if class, _ := cfg.Get(side + ".converter"); class == jsonConverter {
			k, ok := jsonKeys()[rest]
			return k, ok
		}
		return anything, true
	}
	if rest, found := strings.CutPrefix(name, "producer.override."); found {
		k, ok := producerKeys()[rest]
		return k, ok
	}
	if rest, found := strings.CutPrefix(name, "topic.creation."); found {
		return resolveTopic(rest, cfg)
	}
	if strings.HasPrefix(name, "column.mask.with.") || strings.HasPrefix(name, "column.truncate.to.") {
		return anything, strings.HasSuffix(name, ".chars")
	}
	for _, list := range []string{"transforms", "predicates", "converters", "post.processors"} {
		if owner, _, found := ownerOf(name, list, cfg); found {
			return anything, owner
		}
	}
	for _, prefix := range openPrefixes {
		if strings.HasPrefix(name, prefix) {
			return anything, true
		}
	}
	return key{}, false
}

// ownerOf splits a key that configures a member of a list, such as transforms.route.regex for "transforms": "route". Custom
// converters and post processors have no prefix of their own; their keys begin with their name.
func ownerOf(name, list string, cfg *Config) (declared bool, member string, found bool) {
	members, _ := cfg.Get(list)
	rest := name
	if list == "transforms" || list == "predicates" {
		if rest, found = strings.CutPrefix(name, list+"."); !found {
			return false, "", false
		}
	}
	for _, member := range splitList(members) {
		if strings.HasPrefix(rest, member+".") {
			return true, member, true
		}
	}
	return false, "", found
}

// resolveTopic knows what follows topic.creation: a group, then one of its settings or a setting of Kafka's topics.
func resolveTopic(rest string, cfg *Config) (key, bool) {
	group, setting, found := strings.Cut(rest, ".")
	if !found {
		return key{}, false
	}
	groups, _ := cfg.Get("topic.creation.groups")
	if group != "default" && !slices.Contains(splitList(groups), group) {
		return key{}, false
	}
	switch setting {
	case "replication.factor", "partitions":
		return key{Name: setting, Type: "INT"}, true
	case "include", "exclude":
		return key{Name: setting, Type: "LIST"}, group != "default"
	}
	k, ok := topicKeys()[setting]
	return k, ok
}

// candidates are the keys that a misspelt one may have meant.
func candidates(own map[string]key, name string) []string {
	names := slices.Collect(maps.Keys(own))
	names = slices.AppendSeq(names, maps.Keys(connectKeys()))
	prefixed := func(prefix string, list map[string]key) {
		if strings.HasPrefix(name, prefix) {
			for k := range list {
				names = append(names, prefix+k)
			}
		}
	}
	prefixed("producer.override.", producerKeys())
	for _, side := range []string{"key", "value", "header"} {
		prefixed(side+".converter.", jsonKeys())
	}
	if parts := strings.SplitN(name, ".", 4); len(parts) == 4 && strings.HasPrefix(name, "topic.creation.") {
		group := strings.Join(parts[:3], ".") + "."
		prefixed(group, topicKeys())
		names = append(names, group+"partitions", group+"replication.factor", group+"include", group+"exclude")
	}
	return names
}

// splitList splits Kafka's comma-separated lists.
func splitList(text string) []string {
	var items []string
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}
