package schema

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// updateAuditGolden rewrites the recorded event of schema version 1. It is only right before version 1 has been released.
var updateAuditGolden = flag.Bool("update-audit", false, "rewrite testdata/audit")

// An event that was written once stays readable: these bytes are on somebody's topic.
func TestAuditEventOfVersion1StaysReadable(t *testing.T) {
	const jsonFile, avroFile = "testdata/audit/event-v1.json", "testdata/audit/event-v1.avro.hex"
	if *updateAuditGolden {
		write := func(file string, content []byte) {
			if err := os.WriteFile(file, append(content, '\n'), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		write(jsonFile, fullEvent().AppendJSON(nil))
		write(avroFile, []byte(hex.EncodeToString(fullEvent().AppendAvro(nil))))
	}
	text, err := os.ReadFile(jsonFile)
	if err != nil {
		t.Fatal(err)
	}
	dump, err := os.ReadFile(avroFile)
	if err != nil {
		t.Fatal(err)
	}
	binary, err := hex.DecodeString(strings.TrimSpace(string(dump)))
	if err != nil {
		t.Fatal(err)
	}
	var fromJSON, fromAvro AuditEvent
	if err := ParseAuditEvent(text, &fromJSON); err != nil {
		t.Error(err)
	}
	if err := ParseAvro(binary, &fromAvro); err != nil {
		t.Error(err)
	}
	if !reflect.DeepEqual(&fromJSON, fullEvent()) {
		t.Errorf("JSON: got %+v", fromJSON)
	}
	if !reflect.DeepEqual(&fromAvro, fullEvent()) {
		t.Errorf("Avro: got %+v", fromAvro)
	}
}

// The released Avro schema is kept in testdata. Where this test fails, a consumer's would: raise AuditSchemaVersion and keep reading the old
// one, or add the field at the end.
func TestAuditAvroSchemaEvolves(t *testing.T) {
	released, err := os.ReadFile("testdata/audit/v1.avsc")
	if err != nil {
		t.Fatal(err)
	}
	if err := checkAuditEvolution(string(released), AuditAvroSchema); err != nil {
		t.Error(err)
	}
}

func TestAuditEvolutionCheckBites(t *testing.T) {
	with := func(old, new string) string {
		if strings.Count(AuditAvroSchema, old) == 0 {
			t.Fatalf("the schema lacks %s", old)
		}
		return strings.Replace(AuditAvroSchema, old, new, 1)
	}
	added := func(field string) string {
		i := strings.LastIndex(AuditAvroSchema, "]")
		return AuditAvroSchema[:i] + "," + field + AuditAvroSchema[i:]
	}
	for name, c := range map[string]struct {
		current string
		ok      bool
	}{
		"the same":                   {AuditAvroSchema, true},
		"another description":        {with("Commit time", "Time of the commit"), true},
		"a field at the end":         {added(`{"name":"new","type":["null","string"],"default":null}`), true},
		"a field without a default":  {added(`{"name":"new","type":["null","string"]}`), false},
		"a field renamed":            {with(`"name": "scope"`, `"name": "area"`), false},
		"a field's type changed":     {with(`{"name": "kind", "type": "string"`, `{"name": "kind", "type": ["null", "string"]`), false},
		"a field at the front":       {with(`"fields": [`, `"fields": [{"name":"new","type":["null","string"],"default":null},`), false},
		"a state more":               {with(`"erased"]`, `"erased", "gone"]`), false},
		"states in another order":    {with(`"absent", "null"`, `"null", "absent"`), false},
		"a field in a nested record": {with(`{"name": "account_id"`, `{"name":"new","type":["null","string"],"default":null},{"name": "account_id"`), false},
		"another name":               {with(`"namespace": "dossier.audit"`, `"namespace": "audit"`), false},
	} {
		t.Run(name, func(t *testing.T) {
			if !json.Valid([]byte(c.current)) {
				t.Fatal("the changed schema is no JSON")
			}
			if err := checkAuditEvolution(AuditAvroSchema, c.current); (err == nil) != c.ok {
				t.Errorf("error %v", err)
			}
		})
	}
}

// checkAuditEvolution says whether readers of the released schema can read, by position, what is written by the current one, and the
// other way round: the same fields first, and only fields with a default after them.
func checkAuditEvolution(released, current string) error {
	var old, now map[string]any
	if err := json.Unmarshal([]byte(released), &old); err != nil {
		return fmt.Errorf("released schema: %w", err)
	}
	if err := json.Unmarshal([]byte(current), &now); err != nil {
		return fmt.Errorf("current schema: %w", err)
	}
	old, now = withoutDocs(old).(map[string]any), withoutDocs(now).(map[string]any)
	oldFields, nowFields := old["fields"].([]any), now["fields"].([]any)
	delete(old, "fields")
	delete(now, "fields")
	if !reflect.DeepEqual(old, now) {
		return fmt.Errorf("the record was %v and is %v", old, now)
	}
	for i, field := range oldFields {
		name := field.(map[string]any)["name"]
		if i >= len(nowFields) {
			return fmt.Errorf("field %v has gone", name)
		}
		if !reflect.DeepEqual(field, nowFields[i]) {
			return fmt.Errorf("field %d was %v and is %v", i, field, nowFields[i])
		}
	}
	for _, field := range nowFields[len(oldFields):] {
		if _, ok := field.(map[string]any)["default"]; !ok {
			return fmt.Errorf("new field %v has no default", field)
		}
	}
	return nil
}

func withoutDocs(node any) any {
	switch node := node.(type) {
	case map[string]any:
		delete(node, "doc")
		for key := range node {
			node[key] = withoutDocs(node[key])
		}
	case []any:
		for i := range node {
			node[i] = withoutDocs(node[i])
		}
	}
	return node
}

func compileAuditSchema(t *testing.T, text string) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("audit.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("audit.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func TestAuditEventsFollowTheirJSONSchema(t *testing.T) {
	schema := compileAuditSchema(t, closed(t, AuditJSONSchema))
	for seed := range uint64(1000) {
		e := randomEvent(rand.New(rand.NewPCG(seed, 4)))
		if seed == 0 {
			e = fullEvent()
		}
		text := e.AppendJSON(nil)
		instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(instance); err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, text)
		}
	}
}

// What ParseAuditEvent refuses, the JSON Schema refuses too, and what it lets pass in later releases' events passes.
func TestAuditJSONSchemaBites(t *testing.T) {
	schema := compileAuditSchema(t, AuditJSONSchema)
	for in, ok := range map[string]bool{
		fullJSON: true,
		strings.Replace(fullJSON, `"pair_id":"other"`, `"pair_id":"other","later":[1]`, 1):                             true,
		strings.Replace(fullJSON, `"schema_version":1`, `"schema_version":2`, 1):                                       false,
		strings.Replace(fullJSON, `"id":"aB3-_x",`, ``, 1):                                                             false,
		strings.Replace(fullJSON, `"tx_id":728`, `"tx_id":-1`, 1):                                                      false,
		strings.Replace(fullJSON, `"current":"99.50"`, `"current":"99.50","current_state":"masked"`, 1):                false,
		strings.Replace(fullJSON, `,"current":"99.50"`, ``, 1):                                                         false,
		strings.Replace(fullJSON, `"doc":"unavailable"`, `"doc":"present"`, 1):                                         false,
		strings.Replace(fullJSON, `"time":"2026-11-23T02:43:54.384552Z"`, `"time":"2026-11-23T02:43:54.384552"`, 1):    false,
		strings.Replace(fullJSON, `"time":"2026-11-23T02:43:54.384552Z"`, `"time":"2026-11-23T02:43:54.384+01:00"`, 1): false,
	} {
		instance, err := jsonschema.UnmarshalJSON(strings.NewReader(in))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(instance); (err == nil) != ok {
			t.Errorf("error %v for %s", err, in)
		}
	}
}

// closed forbids every member that the schema does not describe, so that no member of ours is missing from it.
func closed(t *testing.T, text string) string {
	t.Helper()
	var schema map[string]any
	if err := json.Unmarshal([]byte(text), &schema); err != nil {
		t.Fatal(err)
	}
	var walk func(node any)
	walk = func(node any) {
		object, ok := node.(map[string]any)
		if !ok {
			return
		}
		if _, ok := object["properties"]; ok && object["type"] == "object" {
			object["additionalProperties"] = false
		}
		for _, key := range slices.Collect(maps.Keys(object)) {
			walk(object[key])
		}
	}
	walk(schema)
	out, err := json.Marshal(schema)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// The description for consumers shows an event that follows the schema, and names every member of it.
func TestAuditTopicIsDescribed(t *testing.T) {
	content, err := os.ReadFile("../docs/audit-topic.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(content), "```json\n")
	example, _, ended := strings.Cut(after, "```")
	if !found || !ended {
		t.Fatal("there is no example")
	}
	instance, err := jsonschema.UnmarshalJSON(strings.NewReader(example))
	if err != nil {
		t.Fatal(err)
	}
	if err := compileAuditSchema(t, closed(t, AuditJSONSchema)).Validate(instance); err != nil {
		t.Error(err)
	}
	var e AuditEvent
	if err := ParseAuditEvent([]byte(example), &e); err != nil {
		t.Error(err)
	}

	var schema any
	if err := json.Unmarshal([]byte(AuditJSONSchema), &schema); err != nil {
		t.Fatal(err)
	}
	var walk func(node any)
	walk = func(node any) {
		object, ok := node.(map[string]any)
		if !ok {
			return
		}
		if properties, ok := object["properties"].(map[string]any); ok {
			for name := range properties {
				if !strings.Contains(string(content), "`"+name+"`") && !strings.Contains(string(content), "."+name+"`") {
					t.Errorf("member %s is not described", name)
				}
			}
		}
		for _, child := range object {
			walk(child)
		}
	}
	walk(schema)
}
