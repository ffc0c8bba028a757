package main

import (
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"dossier/internal/topics"
)

// fakeKafka starts brokers in the process and returns a configuration that names them, with more keys below it.
func fakeKafka(t *testing.T, more string, options ...kfake.Opt) (configPath string, client *kgo.Client) {
	t.Helper()
	cluster, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1), kfake.AllowAutoTopicCreation()}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	client, err = kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.AllowAutoTopicCreation(), kgo.MetadataMinAge(10*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	brokers := strings.Join(cluster.ListenAddrs(), ", ")
	return writeConfig(t, fmt.Sprintf("kafka:\n  brokers: [%s]\n%s", brokers, more)), client
}

func TestSetupMakesTopicsOnce(t *testing.T) {
	path, client := fakeKafka(t, "context: {topic: request-context}\nfeedback: {}\naudit: {partitions: 4}\n")
	admin := kadm.NewClient(client)

	code, out, errs := invoke(t, "setup", "--config", path, "--dry-run")
	if code != 0 || strings.Count(out, "would be created") != 5 {
		t.Fatalf("dry run: code %d\n%s%s", code, out, errs)
	}
	if listed, err := admin.ListTopics(t.Context()); err != nil || len(listed) != 0 {
		t.Fatalf("a dry run made %v, %v", listed.Names(), err)
	}
	if code, out, errs = invoke(t, "setup", "--config", path); code != 0 || strings.Count(out, "created") != 5 {
		t.Fatalf("code %d\n%s%s", code, out, errs)
	}
	for topic, want := range map[string]map[string]string{
		"dossier.audit":         {"retention.ms": "-1", "cleanup.policy": "delete"},
		"dossier.audit.pending": {"cleanup.policy": "compact,delete"},
		"dossier.dlq":           {"max.message.bytes": "67108864", "retention.ms": "-1"},
		"request-context":       {"message.timestamp.type": "LogAppendTime", "retention.ms": "1209600000"},
		"dossier.feedback":      {},
	} {
		configs, err := admin.DescribeTopicConfigs(t.Context(), topic)
		if err != nil || len(configs) != 1 {
			t.Fatalf("%s: %v", topic, err)
		}
		for _, c := range configs[0].Configs {
			if value, ok := want[c.Key]; ok && value != c.MaybeValue() {
				t.Errorf("%s: %s is %s, want %s", topic, c.Key, c.MaybeValue(), value)
			}
		}
	}
	if code, out, errs = invoke(t, "setup", "--config", path); code != 0 || strings.Count(out, "agrees") != 5 {
		t.Errorf("repeated: code %d\n%s%s", code, out, errs)
	}
}

func TestSetupReportsAndAltersDifferences(t *testing.T) {
	path, client := fakeKafka(t, "audit: {partitions: 4}\n")
	admin := kadm.NewClient(client)
	if _, err := admin.CreateTopic(t.Context(), 2, -1, map[string]*string{"retention.ms": kadm.StringPtr("1000")}, "dossier.audit"); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.CreateTopic(t.Context(), 1, -1, map[string]*string{"cleanup.policy": kadm.StringPtr("compact")}, "dossier.dlq"); err != nil {
		t.Fatal(err)
	}
	code, out, errs := invoke(t, "setup", "--config", path)
	for _, want := range []string{"dossier.audit: partitions is 2, expected 4", "dossier.audit: retention.ms is 1000, expected -1",
		"dossier.dlq: cleanup.policy is compact, expected delete", "dossier.dlq: max.message.bytes is"} {
		if code != exitFailed || !strings.Contains(out, want) {
			t.Errorf("code %d, want 1 and %q in\n%s%s", code, want, out, errs)
		}
	}
	code, out, errs = invoke(t, "setup", "--config", path, "--alter", "--json")
	var result setupResult
	if err := json.Unmarshal([]byte(out), &result); err != nil {
		t.Fatalf("%v\n%s%s", err, out, errs)
	}
	states := map[string]topics.Report{}
	for _, r := range result.Topics {
		states[r.Name] = r
	}
	if r := states["dossier.dlq"]; r.State != topics.Altered || len(r.Differences) != 0 {
		t.Errorf("dead-letter topic: %+v, want it altered", r)
	}
	if r := states["dossier.audit"]; r.State != topics.Differs || len(r.Differences) != 1 || r.Differences[0].Setting != "partitions" || code != exitFailed {
		t.Errorf("audit topic: code %d, %+v, want only the partitions to differ", code, r)
	}
}

func TestSetupNamesBrokersThatAreAway(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	path := writeConfig(t, "kafka:\n  brokers: ["+address+"]\n")
	code, _, errs := invoke(t, "setup", "--config", path, "--timeout", "300ms")
	if code != exitFailed || !strings.Contains(errs, address) {
		t.Errorf("code %d, want 1 and the address in %s", code, errs)
	}
}
