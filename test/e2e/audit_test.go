package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// auditJSON is an audit event as the contract describes it. Only what the tests look at is named.
type auditJSON struct {
	SchemaVersion int    `json:"schema_version"`
	Kind          string `json:"kind"`
	ID            string `json:"id"`
	Time          string `json:"time"`
	Action        string `json:"action"`
	Entity        struct {
		Type, ID   string
		NextID     string `json:"next_id"`
		PreviousID string `json:"previous_id"`
		Parent     *struct{ Type, ID string }
	} `json:"entity"`
	Scope       string       `json:"scope"`
	Context     *contextJSON `json:"context"`
	VersionName string       `json:"version_name"`
	Changes     []struct {
		Field             string
		Previous, Current *json.RawMessage
		PreviousState     string `json:"previous_state"`
		CurrentState      string `json:"current_state"`
	} `json:"changes"`
	Before map[string]json.RawMessage `json:"before"`
	After  map[string]json.RawMessage `json:"after"`
	States struct{ Before, After map[string]string }
	CDC    struct {
		Source, Connector, Schema, Table, Op, Position string
		TxID                                           uint32 `json:"tx_id"`
		Snapshot                                       bool
	} `json:"cdc"`
	PairID      string `json:"pair_id"`
	Attribution *struct {
		EventID string `json:"event_id"`
		Action  string
		Fields  []string
	} `json:"attribution"`
}

type contextJSON struct {
	Status, Route string
	CorrelationID string `json:"correlation_id"`
	RequestID     string `json:"request_id"`
	User          struct{ ID, Name, Email string }
	Reason        string
	IP            string
	Service       string
	Candidates    []struct {
		Route string
		User  struct{ ID string }
	}
}

func (c *contextJSON) who(version string) who {
	if c == nil {
		return who{}
	}
	w := who{
		Status: c.Status, Route: c.Route, User: c.User.ID, Name: c.User.Name, Email: c.User.Email, Correlation: c.CorrelationID, Request: c.RequestID,
		Reason: c.Reason, IP: c.IP, Service: c.Service, Version: version,
	}
	for _, candidate := range c.Candidates {
		w.Candidates = append(w.Candidates, candidate.User.ID)
	}
	slices.Sort(w.Candidates)
	return w
}

func (j *auditJSON) event() (event, error) {
	at, err := time.Parse(time.RFC3339Nano, j.Time)
	if err != nil {
		return event{}, err
	}
	e := event{
		Source: j.CDC.Source, Table: j.CDC.Schema + "." + j.CDC.Table, EntityType: j.Entity.Type, ID: j.Entity.ID, NextID: j.Entity.NextID,
		PreviousID: j.Entity.PreviousID, Scope: j.Scope, Action: j.Action, Op: j.CDC.Op, Tx: j.CDC.TxID, Time: at,
		Context: j.Context.who(j.VersionName), EventID: j.ID, PairID: j.PairID, Position: j.CDC.Position,
		Before: rowValues(j.Before, j.States.Before), After: rowValues(j.After, j.States.After),
	}
	if j.Entity.Parent != nil {
		e.Parent = j.Entity.Parent.Type + "/" + j.Entity.Parent.ID
	}
	for _, c := range j.Changes {
		e.Changes = append(e.Changes, change{c.Field, stateOr(c.Previous, c.PreviousState), stateOr(c.Current, c.CurrentState)})
	}
	e.markUnchanged()
	return e, nil
}

func stateOr(raw *json.RawMessage, state string) string {
	switch {
	case state != "":
		return "(" + state + ")"
	case raw == nil:
		return "null"
	}
	return normal(*raw)
}

// rowValues returns a row's values, those without one by their state; nil for no row.
func rowValues(row map[string]json.RawMessage, states map[string]string) map[string]string {
	if row == nil && states == nil {
		return nil
	}
	values := map[string]string{}
	for name, raw := range row {
		values[name] = normal(raw)
	}
	for name, state := range states {
		if _, both := values[name]; both {
			values[name] = fmt.Sprintf("%s and also %s", values[name], state)
			continue
		}
		values[name] = "(" + state + ")"
	}
	return values
}

// markUnchanged brings large values that an update left alone into the form that the truth gives them, whether they are there or only
// said to be unavailable. The row before must have them: the tables have REPLICA IDENTITY FULL.
func (e *event) markUnchanged() {
	for field, value := range e.After {
		before := e.Before[field]
		if e.Action == "update" && len(before) >= largeValue && (value == "(unavailable)" || value == before) {
			e.After[field] = asBefore
		}
	}
}

// subscribed is what examples/subscribe prints for each record.
type subscribed struct {
	Partition int32
	Offset    int64
	Key       string
	Headers   map[string]string
	Event     auditJSON
}

// auditTopic reads the audit topic through the example of a consumer, which has none of Dossier's packages. It fails the test for an event
// id that is there twice, and for whatever the configuration hides.
func (d *deployment) auditTopic(t *testing.T, source string) (changes []event, attributions []auditJSON) {
	t.Helper()
	raw := d.readTopic(t, d.Audit())
	for _, r := range raw {
		if bytes.Contains(r.Value, []byte(secretText)) || bytes.Contains(r.Value, []byte(hiddenText)) {
			t.Errorf("audit topic %d/%d shows a value that the configuration hides", r.Partition, r.Offset)
		}
	}
	seen := map[string]string{}
	for _, r := range d.subscribe(t, len(raw)) {
		j := r.Event
		if j.CDC.Source != source {
			continue
		}
		at := fmt.Sprintf("%d/%d", r.Partition, r.Offset)
		if first, twice := seen[j.ID]; twice {
			t.Errorf("event %s (%s of %s/%s) is on the audit topic twice: at %s and %s", j.ID, j.Action, j.Entity.Type, j.Entity.ID, first, at)
		}
		seen[j.ID] = at
		if want := j.Entity.Type + "/" + j.Entity.ID; r.Key != want {
			t.Errorf("event %s at %s has the key %q, want %q", j.ID, at, r.Key, want)
		}
		if r.Headers["event_id"] != j.ID || r.Headers["kind"] != j.Kind || r.Headers["schema_version"] != fmt.Sprint(j.SchemaVersion) {
			t.Errorf("event %s at %s has the headers %v", j.ID, at, r.Headers)
		}
		if j.Kind == "attribution" {
			attributions = append(attributions, j)
			continue
		}
		e, err := j.event()
		if err != nil {
			t.Errorf("event %s at %s: %v", j.ID, at, err)
			continue
		}
		changes = append(changes, e)
	}
	return changes, attributions
}

// subscribe runs examples/subscribe for so many events.
func (d *deployment) subscribe(t *testing.T, count int) []subscribed {
	t.Helper()
	if count == 0 {
		return nil
	}
	program, err := subscribeProgram()
	check(t, err)
	cmd := exec.CommandContext(t.Context(), program, "--brokers", strings.Join(d.brokers, ","), "--topic", d.Audit(), "--registry", d.registry,
		"--count", fmt.Sprint(count), "--timeout", "1m")
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		t.Fatalf("examples/subscribe: %v\n%s", err, errOut.String())
	}
	var records []subscribed
	decoder := json.NewDecoder(&out)
	for {
		var r subscribed
		err := decoder.Decode(&r)
		if errors.Is(err, io.EOF) {
			break
		}
		check(t, err)
		records = append(records, r)
	}
	slices.SortStableFunc(records, func(a, b subscribed) int { return int(a.Partition - b.Partition) })
	return records
}

// TestSubscriberIsIndependent: the example shows nothing if Dossier's own packages are in it.
func TestSubscriberIsIndependent(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "dossier/examples/subscribe").Output()
	check(t, err)
	for _, path := range strings.Fields(string(out)) {
		if strings.HasPrefix(path, "dossier/") && path != "dossier/examples/subscribe" {
			t.Errorf("examples/subscribe imports %s", path)
		}
	}
}
