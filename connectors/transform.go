package connectors

import (
	"slices"
	"strings"
)

// effects tells what Kafka Connect's and Debezium's transformations do to a trail, by the last part of their class names.
// Those absent from it, and from harmless, are other people's code.
var effects = map[string]string{
	"ExtractNewRecordState":               "flattens events: the previous values, the operation, the transaction and the position are lost",
	"ExtractChangedRecordState":           "adds to events what Dossier finds out itself, and reads as if the source had said it",
	"EventRouter":                         "turns rows of a table into messages, which are no changes of rows any more",
	"Filter":                              "drops events without a trace",
	"ByLogicalTableRouter":                "writes several tables to one topic and changes their keys, so the rows of different tables mix",
	"RegexRouter":                         "renames topics, and Dossier finds tables by <topic.prefix>.<schema>.<table>",
	"TimestampRouter":                     "renames topics, and Dossier finds tables by <topic.prefix>.<schema>.<table>",
	"ContentBasedRouter":                  "renames topics, and Dossier finds tables by <topic.prefix>.<schema>.<table>",
	"PartitionRouting":                    "spreads an entity's changes over partitions, and their order is lost",
	"ReplaceField":                        "drops or renames fields without a trace",
	"MaskField":                           "overwrites values without a trace",
	"Cast":                                "changes values: digits may be lost",
	"TimezoneConverter":                   "changes times, which are then not those of the database",
	"TimestampConverter":                  "changes times, which are then not those of the database",
	"ExtractField":                        "keeps one field of the event and drops the rest",
	"HoistField":                          "wraps the event, and Dossier does not recognise it",
	"Flatten":                             "flattens events, and Dossier does not recognise them",
	"InsertField":                         "adds fields to the event, which read as if the source had said them",
	"ValueToKey":                          "changes keys, and an entity's history may be split or mixed with another's",
	"HeaderToValue":                       "changes the event",
	"DropHeaders":                         "may drop the headers by which a changed key is recognised",
	"DecodeLogicalDecodingMessageContent": "rewrites the messages that carry the request's context, and Dossier does not recognise them",
	"VectorToJsonConverter":               "changes values",
	"ExtractSchemaToNewRecord":            "changes the event",
	"TimescaleDb":                         "renames topics and changes the source block of the event",
}

// harmless transformations leave key, value and topic of a change as they are.
var harmless = []string{"InsertHeader", "ActivateTracingSpan", "SetSchemaMetadata", "SchemaChangeEventFilter", "OpenLineage"}

// transforms finds transformations that rewrite or filter events.
func transforms(cfg *Config) []Finding {
	list, _ := cfg.Get("transforms")
	var findings []Finding
	for _, name := range splitList(list) {
		key := "transforms." + name + ".type"
		class, filled := cfg.Get(key)
		if !filled || class == "" {
			continue // said elsewhere, or not known
		}
		short := class[strings.LastIndexByte(class, '.')+1:]
		short, _, _ = strings.Cut(short, "$") // the variants for key and value are inner classes
		if slices.Contains(harmless, short) {
			continue
		}
		effect, known := effects[short]
		if !known {
			effect = "may rewrite or drop events, what it does is not known here"
		}
		findings = append(findings, cfg.finding(Warning, key,
			"%s %s; the trail is to hold what the database wrote: drop %q from transforms, and give others a connector of their own", short, effect, name))
	}
	return findings
}
