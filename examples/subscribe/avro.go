package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/linkedin/goavro/v2"
	"github.com/twmb/franz-go/pkg/sr"
)

// avroDecoder reads events in Confluent's wire format: a zero byte, the schema's id in four bytes, and the record in the
// writer's schema, which the registry knows by that id.
type avroDecoder struct {
	registry *sr.Client
	codecs   map[uint32]*goavro.Codec
}

func (d *avroDecoder) decode(ctx context.Context, value []byte) (*Event, error) {
	if d.registry == nil {
		return nil, errors.New("the record is Avro: say with --registry where its schema is")
	}
	if len(value) < 5 {
		return nil, errors.New("the record ends within the wire format's header")
	}
	id := binary.BigEndian.Uint32(value[1:5])
	codec, ok := d.codecs[id]
	if !ok {
		schema, err := d.registry.SchemaByID(ctx, int(id))
		if err != nil {
			return nil, fmt.Errorf("schema %d: %w", id, err)
		}
		if codec, err = goavro.NewCodec(schema.Schema); err != nil {
			return nil, fmt.Errorf("schema %d: %w", id, err)
		}
		d.codecs[id] = codec
	}
	native, _, err := codec.NativeFromBinary(value[5:])
	if err != nil {
		return nil, err
	}
	return eventFromAvro(native.(map[string]any)), nil
}

// eventFromAvro brings the Avro record into the form that the JSON events have. goavro gives records as maps, and a union as nil or
// as a map with the branch's name: inside takes that off.
func eventFromAvro(m map[string]any) *Event {
	entity, cdc := m["entity"].(map[string]any), m["cdc"].(map[string]any)
	e := &Event{
		SchemaVersion: int(m["schema_version"].(int32)), Kind: m["kind"].(string), ID: m["id"].(string), Time: text(m["time"]),
		Captured: text(m["captured"]), Action: text(m["action"]), Scope: text(m["scope"]), VersionName: text(m["version_name"]),
		PairID: text(m["pair_id"]),
		Entity: Entity{Type: entity["type"].(string), ID: text(entity["id"]), NextID: text(entity["next_id"]), PreviousID: text(entity["previous_id"])},
		CDC: CDC{Source: cdc["source"].(string), Connector: text(cdc["connector"]), Schema: text(cdc["schema"]), Table: text(cdc["table"]),
			Op: text(cdc["op"]), TxID: number(cdc["tx_id"]), Position: text(cdc["position"]), Snapshot: cdc["snapshot"].(bool)},
	}
	e.Entity.Parent = ref(entity["parent"])
	var states States
	e.Entity.Key, states.Key = row(entity["key"])
	e.Before, states.Before = row(m["before"])
	e.After, states.After = row(m["after"])
	if states.Key != nil || states.Before != nil || states.After != nil {
		e.States = &states
	}
	for _, item := range m["changes"].([]any) {
		item := item.(map[string]any)
		c := Change{Field: item["field"].(string)}
		c.Previous, c.PreviousState = value(item["previous"])
		c.Current, c.CurrentState = value(item["current"])
		e.Changes = append(e.Changes, c)
	}
	if a, ok := inside(m["attribution"]).(map[string]any); ok {
		e.Attribution = &Attribution{EventID: a["event_id"].(string), Action: text(a["action"]), Fields: texts(a["fields"])}
	}
	if c, ok := inside(m["context"]).(map[string]any); ok {
		e.Context = contextFromAvro(c)
	}
	// A record whose writer's schema is older lacks these fields.
	if v, ok := inside(m["version"]).(map[string]any); ok {
		e.Version = &Version{ID: text(v["id"]), AsOf: text(v["as_of"]), EventID: text(v["event_id"]), Entity: ref(v["entity"])}
	}
	if f, ok := inside(m["feedback"]).(map[string]any); ok {
		e.Feedback = &Feedback{Application: text(f["application"]), Status: text(f["status"]), Message: text(f["message"]),
			Payload: json.RawMessage(text(f["payload"])), EventID: text(f["event_id"])}
	}
	if a, ok := inside(m["access"]).(map[string]any); ok {
		e.Access = &Access{Caller: text(a["caller"]), Method: text(a["method"]), Path: text(a["path"]), Query: text(a["query"]),
			Status: int(a["status"].(int32)), Items: a["items"].(int64)}
	}
	return e
}

func ref(union any) *Ref {
	r, ok := inside(union).(map[string]any)
	if !ok {
		return nil
	}
	return &Ref{Type: r["type"].(string), ID: r["id"].(string)}
}

func contextFromAvro(m map[string]any) *Context {
	c := &Context{
		Status: m["status"].(string), Route: text(m["route"]), TransactionID: number(m["transaction_id"]), CorrelationID: text(m["correlation_id"]),
		RequestID: text(m["request_id"]), TraceID: text(m["trace_id"]), User: user(m["user"]), OnBehalfOf: text(m["on_behalf_of"]),
		Initiator: text(m["initiator"]), Service: text(m["service"]), IP: text(m["ip"]), Reason: text(m["reason"]), Timestamp: text(m["timestamp"]),
		Extra: json.RawMessage(text(m["extra"])),
	}
	if agent, ok := inside(m["user_agent"]).(map[string]any); ok {
		c.UserAgent = &UserAgent{Original: text(agent["original"]), Name: text(agent["name"]), OS: text(agent["os"]), Device: text(agent["device"])}
	}
	for _, item := range m["candidates"].([]any) {
		item := item.(map[string]any)
		c.Candidates = append(c.Candidates, Candidate{Route: item["route"].(string), User: user(item["user"]), CorrelationID: text(item["correlation_id"])})
	}
	return c
}

func user(union any) *User {
	u, ok := inside(union).(map[string]any)
	if !ok {
		return nil
	}
	return &User{ID: text(u["id"]), Name: text(u["name"]), Email: text(u["email"]), AccountID: text(u["account_id"]), Roles: texts(u["roles"])}
}

// row parts a row into its values and the states of the columns that have none.
func row(union any) (Row, map[string]string) {
	items, ok := inside(union).([]any)
	if !ok {
		return nil, nil
	}
	values := Row{}
	var states map[string]string
	for _, item := range items {
		field := item.(map[string]any)
		name := field["name"].(string)
		v, state := value(field["value"])
		if state == "" {
			values[name] = v
			continue
		}
		if states == nil {
			states = map[string]string{}
		}
		states[name] = state
	}
	return values, states
}

// value gives a value's JSON text, or the name of the state in which there is none.
func value(record any) (json.RawMessage, string) {
	v := record.(map[string]any)
	switch state := v["state"].(string); state {
	case "present":
		return json.RawMessage(text(v["json"])), ""
	case "null":
		return json.RawMessage("null"), ""
	default:
		return nil, state
	}
}

// inside takes off the branch's name of a union ["null", T].
func inside(union any) any {
	if branch, ok := union.(map[string]any); ok {
		for _, v := range branch {
			return v
		}
	}
	return nil
}

func text(union any) string {
	s, _ := inside(union).(string)
	return s
}

func number(union any) *uint64 {
	n, ok := inside(union).(int64)
	if !ok {
		return nil
	}
	unsigned := uint64(n)
	return &unsigned
}

func texts(array any) []string {
	var out []string
	for _, item := range array.([]any) {
		out = append(out, item.(string))
	}
	return out
}
