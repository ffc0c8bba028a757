package e2e

import (
	"bytes"
	"context"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// outage is how long the backlog has lain there.
const outage = time.Hour

// backlogGrace is so long that a processor which waits for the wall clock would never be done in time.
const backlogGrace = 10 * time.Minute

// checkBacklog runs the history of a source once more, as if it had happened an hour ago and Dossier had been down since: what the connector
// and the application have published is copied to a source of another name, with all times moved. Then the processor and the
// sink start, and the outcome must be the same.
func (d *deployment) checkBacklog(t *testing.T, a *application) {
	t.Helper()
	source := a.source + "b"
	old := d.servers.deploy(t, deployment{Name: source, Sources: []string{source}, Grace: backlogGrace})
	d.copyBacklog(t, a.source, old)

	tr := readTruth(t, a.dsn)
	for i := range tr.Commits {
		tr.Commits[i].Time = tr.Commits[i].Time.Add(-outage)
	}
	want := expectedEvents(source, tr)
	documents := 0
	for i := range want {
		documents += len(want[i].documents())
	}
	began := time.Now()
	p := old.start(t, "processor,sink")
	old.stored(t, source, documents)
	if took := time.Since(began); took > backlogGrace/2 {
		t.Errorf("the backlog took %v", took)
	} else {
		t.Logf("%d documents of an hour-old backlog stored in %.1f s, with a grace of %v", documents, took.Seconds(), backlogGrace)
	}
	checkDocuments(t, want, tr.Commits, old.documents(t, source))
	p.stop(t)
}

// copyBacklog copies the topics of a source, and the request contexts, an hour back.
func (d *deployment) copyBacklog(t *testing.T, source string, to *deployment) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	admin := kadm.NewClient(d.kafka(t))
	// Setup lets the brokers stamp the contexts; these have their times.
	createTime := "CreateTime"
	altered, err := admin.AlterTopicConfigs(ctx, []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "message.timestamp.type", Value: &createTime}}, to.Contexts())
	check(t, err)
	for _, r := range altered {
		check(t, r.Err)
	}
	listed, err := admin.ListTopics(ctx)
	check(t, err)
	producer, err := kgo.NewClient(kgo.SeedBrokers(d.brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchMaxBytes(16<<20),
		kgo.UnknownTopicRetries(100))
	check(t, err)
	defer producer.Close()
	name := regexp.MustCompile(`"name":"` + source + `"`)
	copied := 0
	for _, topic := range listed.Sorted() {
		target := to.Contexts()
		if rest, ours := strings.CutPrefix(topic.Topic, source+"."); ours {
			target = to.Sources[0] + "." + rest
			limit := "16777216"
			_, err := admin.CreateTopic(ctx, int32(len(topic.Partitions)), 1, map[string]*string{"max.message.bytes": &limit}, target)
			check(t, err)
		} else if topic.Topic != d.Contexts() {
			continue
		}
		var records []*kgo.Record
		for _, r := range d.readTopic(t, topic.Topic) {
			moved := &kgo.Record{Topic: target, Partition: r.Partition, Key: r.Key, Headers: r.Headers, Timestamp: r.Timestamp.Add(-outage)}
			if r.Value != nil {
				moved.Value = name.ReplaceAll(moveTimes(r.Value), []byte(`"name":"`+to.Sources[0]+`"`))
			}
			records = append(records, moved)
		}
		check(t, producer.ProduceSync(ctx, records...).FirstErr())
		copied += len(records)
	}
	t.Logf("copied %d records, an hour back", copied)
}

// debeziumTime is a time as Debezium writes it into envelopes: of the commit, and of when it was read.
var debeziumTime = regexp.MustCompile(`"ts_(ms|us|ns)":(\d+)`)

// moveTimes moves the times of a change event an hour back. No row of the workload has such a member.
func moveTimes(value []byte) []byte {
	unit := map[string]time.Duration{"ms": time.Millisecond, "us": time.Microsecond, "ns": time.Nanosecond}
	return debeziumTime.ReplaceAllFunc(value, func(match []byte) []byte {
		parts := debeziumTime.FindSubmatch(match)
		n, err := strconv.ParseInt(string(parts[2]), 10, 64)
		if err != nil {
			return match
		}
		b := append(bytes.Clone(match[:bytes.IndexByte(match, ':')+1]), strconv.FormatInt(n-int64(outage/unit[string(parts[1])]), 10)...)
		return b
	})
}
