// Package parts says what the real parts of a Dossier stack are: their names, what they need of each other, their
// versions, ports, memory and settings.
//
// It is the one place for these. The native backend runs the parts with them, the Docker backend and the compose file are
// made or checked against them, so that a test, a developer's machine and a deployment meet the same Kafka and the same
// PostgreSQL. The package starts nothing.
package parts

import (
	"fmt"
	"slices"
	"strings"
)

// Part is one server of the stack, named as on the command line.
type Part string

// The parts, in the order in which they can be started one after the other.
const (
	Postgres      Part = "postgres"
	Kafka         Part = "kafka"
	Registry      Part = "registry"
	Connect       Part = "connect"
	Elasticsearch Part = "elasticsearch"
	OpenSearch    Part = "opensearch"
	// OpenSearchSecure is OpenSearch with its security plugin.
	OpenSearchSecure Part = "opensearch-secure"
)

// All lists every part in an order in which they can be started.
func All() []Part {
	return []Part{Postgres, Kafka, Registry, Connect, Elasticsearch, OpenSearch, OpenSearchSecure}
}

// Pipeline lists the parts that the main pipeline runs on, which are all but the alternative stores.
func Pipeline() []Part {
	return []Part{Postgres, Kafka, Registry, Connect, Elasticsearch}
}

// Title is the part's name as its makers write it, with its version, for people.
func (p Part) Title() string {
	switch p {
	case Postgres:
		return "PostgreSQL"
	case Kafka:
		return "Kafka " + KafkaVersion
	case Registry:
		return "Apicurio Registry " + ApicurioVersion
	case Connect:
		return "Kafka Connect " + KafkaVersion + " with Debezium " + DebeziumVersion
	case Elasticsearch:
		return "Elasticsearch " + ElasticsearchVersion
	case OpenSearch:
		return "OpenSearch " + OpenSearchVersion
	case OpenSearchSecure:
		return "OpenSearch " + OpenSearchVersion + " with security"
	}
	return string(p)
}

// Needs lists the parts that must answer before p can start. Connect keeps its configuration in Kafka; it asks the database and the
// registry only when a connector is deployed, so it does not wait for them.
func (p Part) Needs() []Part {
	if p == Connect {
		return []Part{Kafka}
	}
	return nil
}

// Parse turns names into parts. Without names it gives the pipeline. An unknown name is an error that lists the known ones.
func Parse(names []string) ([]Part, error) {
	if len(names) == 0 {
		return Pipeline(), nil
	}
	var out []Part
	for _, n := range names {
		p := Part(strings.ToLower(n))
		if !slices.Contains(All(), p) {
			return nil, fmt.Errorf("unknown part %q: the parts are %s", n, Join(All()))
		}
		out = append(out, p)
	}
	return out, nil
}

// Closure adds what the given parts need, without doubles, in an order in which they can be started.
func Closure(of []Part) []Part {
	want := map[Part]bool{}
	var add func(Part)
	add = func(p Part) {
		want[p] = true
		for _, n := range p.Needs() {
			add(n)
		}
	}
	for _, p := range of {
		add(p)
	}
	var out []Part
	for _, p := range All() {
		if want[p] {
			out = append(out, p)
		}
	}
	return out
}

// Join writes parts as a list for a message.
func Join(ps []Part) string {
	names := make([]string, len(ps))
	for i, p := range ps {
		names[i] = string(p)
	}
	return strings.Join(names, ", ")
}
