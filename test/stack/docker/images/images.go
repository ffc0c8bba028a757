// Package images says how the official container images of the parts take their settings.
//
// Each image has its own convention: Kafka's turns variables into properties, Debezium's does so too with exceptions,
// Elasticsearch's takes settings as variables under their own name, PostgreSQL's as arguments. What is written here follows the
// images' entry points. The Docker backend starts containers with it, and the compose file is checked against it; both get
// the settings themselves from package parts. The package starts nothing.
package images

import (
	"fmt"
	"strings"

	"dossier/test/stack/parts"
)

// Address is where something is reached, host:port.
type Address = string

// PostgresArguments are the arguments of the postgres image's command that make the server use the settings.
func PostgresArguments(settings []parts.Setting) []string {
	args := []string{"postgres"}
	for _, s := range settings {
		args = append(args, "-c", s.Key+"="+s.Value)
	}
	return args
}

// The listeners of the broker inside its container. Clients on the host and the other containers reach it under different addresses, and a broker tells its
// clients where to go on; so each kind of client has its own listener.
const (
	KafkaControllerPort = 9093
	KafkaInsidePort     = 19092
)

// kafkaClusterID is sixteen bytes in the form that Kafka's tools print; any would do, but it must stay the same for the same data.
const kafkaClusterID = "ZG9zc2llci1zdGFjay0wMQ"

// KafkaDataDir is where the broker keeps its log; the image declares a volume there.
const KafkaDataDir = "/var/lib/kafka/data"

// KafkaEnvironment configures the apache/kafka image. Clients on the host are sent to outside, other containers to inside.
//
// The image drops its own default properties as soon as one is given, so all of them are.
func KafkaEnvironment(outside, inside Address) map[string]string {
	host, _, _ := strings.Cut(inside, ":")
	settings := append(parts.KafkaSettings(),
		parts.Setting{Key: "controller.quorum.voters", Value: fmt.Sprintf("1@%s:%d", host, KafkaControllerPort)},
		parts.Setting{Key: "listeners", Value: fmt.Sprintf("CONTROLLER://:%d,INSIDE://:%d,OUTSIDE://:%d", KafkaControllerPort, KafkaInsidePort, parts.Ports[parts.Kafka])},
		parts.Setting{Key: "advertised.listeners", Value: fmt.Sprintf("INSIDE://%s,OUTSIDE://%s", inside, outside)},
		parts.Setting{Key: "listener.security.protocol.map", Value: "CONTROLLER:PLAINTEXT,INSIDE:PLAINTEXT,OUTSIDE:PLAINTEXT"},
		parts.Setting{Key: "inter.broker.listener.name", Value: "INSIDE"},
		parts.Setting{Key: "log.dirs", Value: KafkaDataDir})
	env := map[string]string{
		"CLUSTER_ID":      kafkaClusterID,
		"KAFKA_HEAP_OPTS": heap(parts.Kafka),
	}
	for _, s := range settings {
		env[kafkaVariable(s.Key)] = s.Value
	}
	return env
}

// kafkaVariable is the name under which the apache/kafka image takes a property: a dot becomes one underscore, an underscore two, a hyphen
// three.
func kafkaVariable(property string) string {
	return "KAFKA_" + strings.ToUpper(strings.NewReplacer(".", "_", "_", "__", "-", "___").Replace(property))
}

// connectOwn are the properties that the entry point of the debezium/connect image sets itself, from these variables or from defaults of its own. The general
// form CONNECT_… of these is overwritten, so using it would silently give the default.
var connectOwn = map[string]string{
	"bootstrap.servers":                 "BOOTSTRAP_SERVERS",
	"group.id":                          "GROUP_ID",
	"config.storage.topic":              "CONFIG_STORAGE_TOPIC",
	"offset.storage.topic":              "OFFSET_STORAGE_TOPIC",
	"status.storage.topic":              "STATUS_STORAGE_TOPIC",
	"key.converter":                     "KEY_CONVERTER",
	"value.converter":                   "VALUE_CONVERTER",
	"offset.flush.interval.ms":          "OFFSET_FLUSH_INTERVAL_MS",
	"offset.flush.timeout.ms":           "OFFSET_FLUSH_TIMEOUT_MS",
	"task.shutdown.graceful.timeout.ms": "SHUTDOWN_TIMEOUT",
	"rest.advertised.host.name":         "ADVERTISED_HOST_NAME",
	"rest.advertised.port":              "ADVERTISED_PORT",
}

// ConnectEnvironment configures the debezium/connect image. The broker is at kafka, and other workers would reach this one under the name host.
//
// Apicurio's converters are in the image beside the connectors and have to be asked for.
func ConnectEnvironment(kafka Address, host string) map[string]string {
	settings := append(parts.ConnectSettings(),
		parts.Setting{Key: "bootstrap.servers", Value: kafka},
		parts.Setting{Key: "rest.advertised.host.name", Value: host})
	env := map[string]string{
		"ENABLE_APICURIO_CONVERTERS": "true",
		"HEAP_OPTS":                  heap(parts.Connect),
	}
	for _, s := range settings {
		env[connectVariable(s.Key)] = s.Value
	}
	return env
}

// connectVariable is the name under which the debezium/connect image takes a property of the worker. Its entry point turns every underscore into a dot, so
// a property with an underscore or a hyphen cannot be given.
func connectVariable(property string) string {
	if own, ok := connectOwn[property]; ok {
		return own
	}
	return "CONNECT_" + strings.ToUpper(strings.ReplaceAll(property, ".", "_"))
}

// RegistryEnvironment configures the images of Apicurio Registry.
func RegistryEnvironment() map[string]string {
	return map[string]string{"JAVA_OPTS_APPEND": heap(parts.Registry)}
}

// ElasticsearchEnvironment configures the elasticsearch image, which takes settings under their own names, dots included.
func ElasticsearchEnvironment(password string) map[string]string {
	env := map[string]string{
		"ELASTIC_PASSWORD": password,
		"ES_JAVA_OPTS":     fixedHeap(parts.Elasticsearch),
	}
	for _, s := range parts.ElasticsearchSettings() {
		env[s.Key] = s.Value
	}
	return env
}

// OpenSearchEnvironment configures the opensearch image for a single node without its security plugin, as the native backend runs it.
func OpenSearchEnvironment() map[string]string {
	env := map[string]string{
		"discovery.type":              "single-node",
		"DISABLE_SECURITY_PLUGIN":     "true",
		"DISABLE_INSTALL_DEMO_CONFIG": "true",
		"OPENSEARCH_JAVA_OPTS":        fixedHeap(parts.OpenSearch),
	}
	for _, s := range parts.OpenSearchSettings() {
		env[s.Key] = s.Value
	}
	return env
}

func heap(p parts.Part) string { return fmt.Sprintf("-Xmx%dm", parts.HeapMiB[p]) }

// fixedHeap is for the search nodes, whose images refuse to start when the heap may grow.
func fixedHeap(p parts.Part) string { return fmt.Sprintf("-Xms%dm %s", parts.HeapMiB[p], heap(p)) }

// OpenSearchSecureEnvironment configures the opensearch image for a single node with security, for clients without TLS. The image makes its nodes' certificate itself.
func OpenSearchSecureEnvironment(password string) map[string]string {
	env := OpenSearchEnvironment()
	delete(env, "DISABLE_SECURITY_PLUGIN")
	delete(env, "DISABLE_INSTALL_DEMO_CONFIG")
	env["OPENSEARCH_INITIAL_ADMIN_PASSWORD"] = password
	for _, s := range parts.OpenSearchSecuritySettings() {
		env[s.Key] = s.Value
	}
	return env
}
