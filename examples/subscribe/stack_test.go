package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"dossier/schema"
	"dossier/test/stack"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"
)

func TestMain(m *testing.M) { os.Exit(stack.Main(m)) }

// The program as a process, against a real broker and a real registry: events in JSON and in Avro, of committed and of aborted transactions.
func TestAgainstTheRealParts(t *testing.T) {
	s := stack.ForTest(t, stack.Kafka, stack.Registry)
	brokers := strings.Join(s.KafkaBrokers(), ",")
	registry, err := sr.NewClient(sr.URLs(s.RegistryURL()))
	if err != nil {
		t.Fatal(err)
	}
	const topic = "subscribe.audit"
	id, err := schema.RegisterAudit(t.Context(), registry, topic+"-value")
	if err != nil {
		t.Fatal(err)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(s.KafkaBrokers()...), kgo.TransactionalID("subscribe-test"))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := kadm.NewClient(client).CreateTopic(t.Context(), 1, 1, nil, topic); err != nil {
		t.Fatal(err)
	}
	header, err := new(sr.ConfluentHeader).AppendEncode(nil, id, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := event("e1")
	for _, end := range []kgo.TransactionEndTry{kgo.TryAbort, kgo.TryCommit, kgo.TryAbort} {
		e := want
		if end == kgo.TryAbort {
			e = event("aborted")
		}
		if err := client.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		produce(t, client, &kgo.Record{Topic: topic, Key: e.AppendKey(nil), Value: e.AppendJSON(nil)},
			&kgo.Record{Topic: topic, Key: e.AppendKey(nil), Value: e.AppendAvro(bytes.Clone(header))})
		if err := client.EndTransaction(t.Context(), end); err != nil {
			t.Fatal(err)
		}
	}

	program := filepath.Join(t.TempDir(), "subscribe")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var out, errs bytes.Buffer
	cmd := exec.Command(program, "--brokers", brokers, "--topic", topic, "--registry", s.RegistryURL(), "--count", "2", "--timeout", "60s")
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, errs.String())
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 2 {
		t.Fatalf("printed\n%s", out.String())
	}
	for _, text := range lines {
		var got struct{ Event json.RawMessage }
		if err := json.Unmarshal([]byte(text), &got); err != nil {
			t.Fatal(err)
		}
		if a, b := sorted(t, got.Event), sorted(t, want.AppendJSON(nil)); a != b {
			t.Errorf("printed\n%s\nthe event is\n%s", a, b)
		}
	}

	// There is no third committed event.
	err = run(t.Context(), []string{"--brokers", brokers, "--topic", topic, "--registry", s.RegistryURL(), "--count", "3", "--timeout", "3s"}, io.Discard, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "2 of 3") {
		t.Errorf("error %v", err)
	}
}

// Registries differ in how they say that a subject, a version or a level isn't there: a real one has the last word.
func TestRegisterAuditWithARealRegistry(t *testing.T) {
	s := stack.ForTest(t, stack.Registry)
	registry, err := sr.NewClient(sr.URLs(s.RegistryURL()))
	if err != nil {
		t.Fatal(err)
	}
	first, err := schema.RegisterAudit(t.Context(), registry, "register-value")
	if err != nil {
		t.Fatal(err)
	}
	again, err := schema.RegisterAudit(t.Context(), registry, "register-value")
	if err != nil || again != first {
		t.Errorf("registered again: id %d and then %d, error %v", first, again, err)
	}
	if level := registry.Compatibility(t.Context(), "register-value")[0]; level.Err != nil || level.Level != sr.CompatBackward {
		t.Errorf("level %v, error %v", level.Level, level.Err)
	}

	// A subject with the schema as it was before named versions, feedback and accesses: the present one may follow it.
	released, err := os.ReadFile("../../schema/testdata/audit/v1.avsc")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := registry.RegisterSchema(t.Context(), "grown-value", sr.Schema{Schema: string(released), Type: sr.TypeAvro}, -1, -1); err != nil {
		t.Fatal(err)
	}
	if set := registry.SetCompatibility(t.Context(), sr.SetCompatibility{Level: sr.CompatBackward}, "grown-value")[0]; set.Err != nil {
		t.Fatal(set.Err)
	}
	if grown, err := schema.RegisterAudit(t.Context(), registry, "grown-value"); err != nil || grown != first {
		t.Errorf("registered after its predecessor: id %d, error %v; want %d", grown, err, first)
	}

	// A subject that somebody else has filled.
	const scope = `"name": "scope", "type": ["null", "string"], "default": null`
	if !strings.Contains(schema.AuditAvroSchema, scope) {
		t.Fatal("the schema has another field scope")
	}
	other := strings.Replace(schema.AuditAvroSchema, scope, `"name": "scope", "type": "long"`, 1)
	if _, err := registry.RegisterSchema(t.Context(), "other-value", sr.Schema{Schema: other, Type: sr.TypeAvro}, -1, -1); err != nil {
		t.Fatal(err)
	}
	if set := registry.SetCompatibility(t.Context(), sr.SetCompatibility{Level: sr.CompatNone}, "other-value")[0]; set.Err != nil {
		t.Fatal(set.Err)
	}
	if _, err := schema.RegisterAudit(t.Context(), registry, "other-value"); err == nil || !strings.Contains(err.Error(), "level NONE") {
		t.Errorf("under level NONE: error %v", err)
	}
	if set := registry.SetCompatibility(t.Context(), sr.SetCompatibility{Level: sr.CompatBackward}, "other-value")[0]; set.Err != nil {
		t.Fatal(set.Err)
	}
	_, err = schema.RegisterAudit(t.Context(), registry, "other-value")
	if err == nil || !strings.Contains(err.Error(), "incompatible") || errors.Is(err, schema.ErrRegistryUnavailable) {
		t.Errorf("an incompatible schema: error %v", err)
	}
	t.Log(err)
}
