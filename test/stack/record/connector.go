package record

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"time"

	"dossier/test/stack"
	"dossier/test/stack/corpus"
)

// publication is made by the recorder, for all tables of the schemas public and dossier.
const publication = "recorder"

// connectorConfig is the configuration of one format's connector.
//
// What an audit trail needs is set as in the connectors that Dossier ships. How values are written differs between the formats, so that the
// corpus shows what Debezium can do to them.
func connectorConfig(s *stack.Stack, db stack.Database, f corpus.Format) map[string]string {
	prefix := f.Prefix()
	c := map[string]string{
		"tasks.max":                                 "1",
		"topic.prefix":                              prefix,
		"slot.name":                                 prefix,
		"publication.name":                          publication,
		"publication.autocreate.mode":               "disabled",
		"publish.via.partition.root":                "true",
		"schema.include.list":                       "public,dossier",
		"snapshot.mode":                             "initial",
		"signal.data.collection":                    "dossier.debezium_signal",
		"incremental.snapshot.chunk.size":           "10",
		"provide.transaction.metadata":              "true",
		"skipped.operations":                        "none",
		"unavailable.value.placeholder":             corpus.Placeholder,
		"include.unknown.datatypes":                 "true",
		"header.converter":                          "org.apache.kafka.connect.json.JsonConverter",
		"header.converter.schemas.enable":           "false",
		"heartbeat.interval.ms":                     "0",
		"exactly.once.support":                      "required",
		"poll.interval.ms":                          "50",
		"producer.override.transaction.timeout.ms":  "10000",
		"topic.creation.default.partitions":         "3",
		"topic.creation.default.replication.factor": "1",
		"topic.creation.groups":                     "control",
		"topic.creation.control.include":            prefix + `\.(transaction|message)`,
		"topic.creation.control.partitions":         "1",
	}
	maps.Copy(c, s.DatabaseForConnect(db.Name))
	if f.Avro() {
		maps.Copy(c, s.AvroConverter("key"))
		maps.Copy(c, s.AvroConverter("value"))
		c["schema.name.adjustment.mode"] = "avro"
		c["field.name.adjustment.mode"] = "avro"
	} else {
		schemas := f == corpus.JSONSchema || f == corpus.JSONSchemaISO
		maps.Copy(c, s.JSONConverter("key", schemas))
		maps.Copy(c, s.JSONConverter("value", schemas))
	}
	switch f {
	case corpus.JSON:
		c["decimal.handling.mode"] = "string"
		c["interval.handling.mode"] = "string"
	case corpus.JSONSchemaISO:
		c["time.precision.mode"] = "isostring"
		c["decimal.handling.mode"] = "string"
		c["interval.handling.mode"] = "string"
		c["binary.handling.mode"] = "hex"
		c["hstore.handling.mode"] = "map"
	case corpus.AvroConnect:
		c["time.precision.mode"] = "connect"
		c["decimal.handling.mode"] = "double"
	case corpus.Flattened:
		c["transforms"] = "unwrap"
		c["transforms.unwrap.type"] = "io.debezium.transforms.ExtractNewRecordState"
	}
	return c
}

// connectAPI is the little of Kafka Connect's REST interface that the recorder uses.
type connectAPI struct{ url string }

// put creates or changes a connector.
func (c connectAPI) put(ctx context.Context, name string, config map[string]string) error {
	body, err := json.Marshal(config)
	if err != nil {
		return err
	}
	_, err = c.call(ctx, http.MethodPut, "/connectors/"+name+"/config", body)
	return err
}

func (c connectAPI) delete(ctx context.Context, name string) error {
	_, err := c.call(ctx, http.MethodDelete, "/connectors/"+name, nil)
	return err
}

// running gives nil when the connector's task runs. A task that has failed is a failedError.
func (c connectAPI) running(ctx context.Context, name string) error {
	body, err := c.call(ctx, http.MethodGet, "/connectors/"+name+"/status", nil)
	if err != nil {
		return err
	}
	var status struct {
		Connector struct{ State, Trace string }
		Tasks     []struct{ State, Trace string }
	}
	if err := json.Unmarshal(body, &status); err != nil {
		return fmt.Errorf("status of %s: %w", name, err)
	}
	if status.Connector.State == "FAILED" {
		return failedError{name, status.Connector.Trace}
	}
	for _, t := range status.Tasks {
		if t.State == "FAILED" {
			return failedError{name, t.Trace}
		}
	}
	if len(status.Tasks) == 0 || status.Tasks[0].State != "RUNNING" {
		return fmt.Errorf("connector %s does not run yet", name)
	}
	return nil
}

// failedError says that a connector or its task has failed, and will not run by waiting.
type failedError struct{ name, trace string }

func (e failedError) Error() string {
	var lines []string
	for l := range strings.Lines(e.trace) {
		if !strings.HasPrefix(strings.TrimSpace(l), "at ") && len(lines) < 12 {
			lines = append(lines, strings.TrimRight(l, "\n"))
		}
	}
	return fmt.Sprintf("connector %s has failed:\n\t%s", e.name, strings.Join(lines, "\n\t"))
}

func (c connectAPI) call(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 90*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, c.url+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode >= 300 {
		return nil, fmt.Errorf("%s %s: %s: %.500s", method, path, resp.Status, answer)
	}
	return answer, nil
}
