package dlq

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"dossier/internal/deadletter"
	"dossier/schema"
)

const (
	letters = "dossier.dlq"
	product = "shop.public.product"
)

var began = time.Date(2026, 11, 23, 4, 0, 0, 0, time.UTC)

// bench is brokers with a dead-letter topic, a topic that letters came from, and a client.
type bench struct {
	t       *testing.T
	cluster *kfake.Cluster
	client  *kgo.Client
	topic   *Topic
}

func newBench(t *testing.T) *bench {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, letters), kfake.SeedTopics(3, product, "elsewhere"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	options := []kgo.Opt{kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.MetadataMinAge(10 * time.Millisecond)}
	client, err := kgo.NewClient(append(options, kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	topic, err := Open(letters, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(topic.Close)
	return &bench{t, cluster, client, topic}
}

// original is the n-th record that came to be a dead letter.
func original(n int) schema.Record {
	return schema.Record{
		Topic: product, Partition: int32(n % 3), Offset: int64(1000 + n), Time: began.Add(time.Duration(n) * time.Second),
		Key: fmt.Appendf(nil, `{"id":%d}`, n), Value: fmt.Appendf(nil, "\x00\xff value %d", n),
		Headers: []schema.Header{{Key: "trace", Value: []byte("t1")}, {Key: "null", Value: nil}},
	}
}

func (b *bench) bury(records ...schema.Record) {
	b.t.Helper()
	for i, r := range records {
		reason := [...]string{"not_an_envelope", "truncated"}[i%2]
		at := r.Time.Add(time.Minute)
		if err := b.client.ProduceSync(b.t.Context(), deadletter.New(letters, &r, deadletter.StageProcessor, reason, "a sentence", at)).FirstErr(); err != nil {
			b.t.Fatal(err)
		}
	}
}

func originals(n int) []schema.Record {
	var list []schema.Record
	for i := range n {
		list = append(list, original(i))
	}
	return list
}

// read returns what is committed on a topic.
func (b *bench) read(topic string) []*kgo.Record {
	b.t.Helper()
	reader := &Topic{name: topic, kafka: b.topic.kafka, client: b.topic.client, admin: kadm.NewClient(b.client)}
	extent, err := reader.Extent(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	var records []*kgo.Record
	if err := reader.scan(b.t.Context(), extent, func(r *kgo.Record) error { records = append(records, r); return nil }); err != nil {
		b.t.Fatal(err)
	}
	return records
}

func (b *bench) replay(r Replay) Result {
	b.t.Helper()
	result, err := b.topic.Run(b.t.Context(), r)
	if err != nil {
		b.t.Fatal(err)
	}
	return result
}

func TestReplayBringsTheOriginalBack(t *testing.T) {
	b := newBench(t)
	want := originals(7)
	want[3].Key, want[4].Value, want[5].Headers = nil, nil, nil
	b.bury(want...)
	if r := b.replay(Replay{}); r.Replayed != 7 || r.Repeated != 0 || !maps.Equal(r.ByTopic, map[string]int{product: 7}) {
		t.Fatalf("got %+v", r)
	}
	got := b.read(product)
	if len(got) != 7 {
		t.Fatalf("%d records came back, want 7", len(got))
	}
	for _, r := range got {
		i := slices.IndexFunc(want, func(o schema.Record) bool { return o.Time.Equal(r.Timestamp) })
		if i < 0 {
			t.Errorf("a record with timestamp %v, which none had", r.Timestamp)
			continue
		}
		o := want[i]
		if r.Partition != o.Partition || !bytes.Equal(r.Key, o.Key) || (r.Key == nil) != (o.Key == nil) || !bytes.Equal(r.Value, o.Value) || (r.Value == nil) != (o.Value == nil) {
			t.Errorf("record %d came back as %+v", i, r)
		}
		last := len(r.Headers) - 1
		if last != len(o.Headers) || r.Headers[last].Key != HeaderReplayed || string(r.Headers[last].Value) != fmt.Sprintf("%s/0/%d", letters, i) {
			t.Errorf("record %d came back with headers %v", i, r.Headers)
			continue
		}
		for n, h := range o.Headers {
			if r.Headers[n].Key != h.Key || !bytes.Equal(r.Headers[n].Value, h.Value) {
				t.Errorf("record %d: header %d is %v, want %v", i, n, r.Headers[n], h)
			}
		}
	}
}

func TestSecondReplayIsRefusedUnlessAskedFor(t *testing.T) {
	b := newBench(t)
	b.bury(originals(4)...)
	some := Filter{IDs: map[ID]bool{{0, 1}: true, {0, 2}: true}}
	if r := b.replay(Replay{Filter: some}); r.Replayed != 2 {
		t.Fatalf("got %+v", r)
	}
	if r := b.replay(Replay{}); r.Replayed != 2 || r.Repeated != 2 {
		t.Errorf("the rest: got %+v, want 2 replayed, 2 skipped", r)
	}
	if r := b.replay(Replay{}); r.Replayed != 0 || r.Repeated != 4 {
		t.Errorf("again: got %+v, want 4 skipped", r)
	}
	if n := len(b.read(product)); n != 4 {
		t.Errorf("%d records came back, want each once: 4", n)
	}
	if r := b.replay(Replay{Again: true, Filter: some}); r.Replayed != 2 || len(b.read(product)) != 6 {
		t.Errorf("asked for: got %+v, %d records", r, len(b.read(product)))
	}
	extent, err := b.topic.Extent(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	replayed, err := b.topic.Replayed(t.Context(), extent)
	if err != nil || len(replayed) != 4 {
		t.Errorf("%d letters are known as replayed, want 4; %v", len(replayed), err)
	}
	count := 0
	if err := b.topic.Each(t.Context(), extent, func(*Entry) error { count++; return nil }); err != nil || count != 4 {
		t.Errorf("%d letters are there, want 4: markers are none; %v", count, err)
	}
}

func TestReplayedRecordThatDiesAgain(t *testing.T) {
	b := newBench(t)
	b.bury(original(0))
	b.replay(Replay{})
	back := b.read(product)[0]
	dead := schema.Record{Topic: back.Topic, Partition: back.Partition, Offset: back.Offset, Time: back.Timestamp, Key: back.Key, Value: back.Value}
	for _, h := range back.Headers {
		dead.Headers = append(dead.Headers, schema.Header{Key: h.Key, Value: h.Value})
	}
	nothing := schema.Record{Topic: product, Time: began, Headers: []schema.Header{{Key: HeaderReplayed, Value: []byte(letters + "/0/0")}}}
	b.bury(dead, nothing) // the second one's original looks like a marker
	if r := b.replay(Replay{}); r.Replayed != 2 || r.Repeated != 1 {
		t.Fatalf("got %+v, want the new letters replayed", r)
	}
	for _, r := range b.read(product) {
		n := 0
		for _, h := range r.Headers {
			if h.Key == HeaderReplayed {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%d headers say whence it came, want the last one: %v", n, r.Headers)
		}
	}
}

func TestFilterLimitAndDryRun(t *testing.T) {
	b := newBench(t)
	list := originals(6)
	list[5].Topic = "elsewhere"
	b.bury(list...)
	for name, c := range map[string]struct {
		filter Filter
		want   int
	}{
		"all":    {Filter{}, 6},
		"reason": {Filter{Reason: "truncated"}, 3},
		"stage":  {Filter{Stage: deadletter.StageSink}, 0},
		"topic":  {Filter{Topic: "elsewhere"}, 1},
		"glob":   {Filter{Topic: "shop.*"}, 5},
		"since":  {Filter{Since: began.Add(time.Minute + 4*time.Second)}, 2},
		"ids":    {Filter{IDs: map[ID]bool{{0, 5}: true, {0, 99}: true}}, 1},
		"both":   {Filter{Reason: "truncated", Topic: "shop.*"}, 2},
	} {
		if r := b.replay(Replay{Filter: c.filter, DryRun: true}); r.Replayed != c.want {
			t.Errorf("%s: %d letters, want %d", name, r.Replayed, c.want)
		}
	}
	if n := len(b.read(product)); n != 0 {
		t.Fatalf("a dry run produced %d records", n)
	}
	if r := b.replay(Replay{Limit: 2}); r.Replayed != 2 {
		t.Errorf("limit: got %+v", r)
	}
	got := b.read(product)
	if len(got) != 2 || !got[0].Timestamp.Before(began.Add(2*time.Second)) || !got[1].Timestamp.Before(began.Add(2*time.Second)) {
		t.Errorf("limit: not the two oldest: %v", got)
	}
}

func TestReplayToAnotherTopicGoesByKey(t *testing.T) {
	b := newBench(t)
	same := originals(4)
	for i := range same {
		same[i].Key = []byte("one key")
		same[i].Partition = 77 // of a topic that had more
	}
	b.bury(same...)
	if r := b.replay(Replay{To: "elsewhere"}); r.ByTopic["elsewhere"] != 4 {
		t.Fatalf("got %+v", r)
	}
	records := b.read("elsewhere")
	if len(records) != 4 {
		t.Fatalf("%d records, want 4", len(records))
	}
	for i, r := range records {
		if r.Partition != records[0].Partition || !r.Timestamp.Equal(same[i].Time) {
			t.Errorf("record %d: partition %d, time %v; want one partition and the old order", i, r.Partition, r.Timestamp)
		}
	}
}

func TestFailedReplayLeavesNothingHalfDone(t *testing.T) {
	for name, key := range map[string]kmsg.Key{"produce": kmsg.Produce, "commit": kmsg.EndTxn} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.bury(originals(5)...)
			b.cluster.ControlKey(int16(key), func(request kmsg.Request) (kmsg.Response, error, bool) { // once
				switch request := request.(type) {
				case *kmsg.EndTxnRequest:
					response := request.ResponseKind().(*kmsg.EndTxnResponse)
					response.ErrorCode = kerr.InvalidTxnState.Code
					return response, nil, true
				case *kmsg.ProduceRequest:
					response := request.ResponseKind().(*kmsg.ProduceResponse)
					for _, topic := range request.Topics {
						answer := kmsg.ProduceResponseTopic{Topic: topic.Topic, TopicID: topic.TopicID}
						for _, partition := range topic.Partitions {
							refused := kmsg.NewProduceResponseTopicPartition()
							refused.Partition, refused.ErrorCode = partition.Partition, kerr.MessageTooLarge.Code
							answer.Partitions = append(answer.Partitions, refused)
						}
						response.Topics = append(response.Topics, answer)
					}
					return response, nil, true
				}
				return nil, nil, false
			})
			result, err := b.topic.Run(t.Context(), Replay{})
			if err == nil || result.Replayed != 0 {
				t.Fatalf("got %+v, %v, want an error and nothing counted", result, err)
			}
			if n := len(b.read(product)); n != 0 {
				t.Errorf("%d records came back all the same", n)
			}
			if r := b.replay(Replay{}); r.Replayed != 5 || r.Repeated != 0 || len(b.read(product)) != 5 {
				t.Errorf("afterwards: %+v, %d records, want each once", r, len(b.read(product)))
			}
		})
	}
}

func TestTwoReplaysAtOnce(t *testing.T) {
	b := newBench(t)
	b.bury(originals(5)...)
	first, err := b.topic.newProducer(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	if r := b.replay(Replay{}); r.Replayed != 5 {
		t.Fatalf("the second: %+v", r)
	}
	e, err := b.topic.Get(t.Context(), ID{0, 0})
	if err != nil {
		t.Fatal(err)
	}
	if err := inTransaction(t.Context(), first, []*kgo.Record{b.topic.replayOf(e, ""), b.topic.markerOf(e.ID)}); err == nil {
		t.Error("the first replay went on beside the second")
	}
	if n := len(b.read(product)); n != 5 {
		t.Errorf("%d records came back, want 5", n)
	}
}

func TestForeignRecordsAreShownAndNotReplayed(t *testing.T) {
	b := newBench(t)
	if err := b.client.ProduceSync(t.Context(), &kgo.Record{Topic: letters, Value: []byte("stray")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	b.bury(original(0))
	if r := b.replay(Replay{}); r.Replayed != 1 || r.Foreign != 1 {
		t.Errorf("got %+v, want one of each", r)
	}
	e, err := b.topic.Get(t.Context(), ID{0, 0})
	if err != nil || e.Err == nil || string(e.Letter.Original.Value) != "stray" {
		t.Errorf("got %+v, %v", e, err)
	}
}

func TestGet(t *testing.T) {
	b := newBench(t)
	b.bury(originals(2)...)
	b.replay(Replay{})
	e, err := b.topic.Get(t.Context(), ID{0, 1})
	if err != nil || e.Letter.Original.Offset != 1001 || e.Letter.Reason != "truncated" {
		t.Errorf("got %+v, %v", e, err)
	}
	for _, id := range []ID{{0, 2}, {0, 99}, {5, 0}} { // a marker, beyond the end, no partition
		if _, err := b.topic.Get(t.Context(), id); !errors.Is(err, ErrNoLetter) || !strings.Contains(err.Error(), id.String()) {
			t.Errorf("%s: got %v, want ErrNoLetter", id, err)
		}
	}
	none := &Topic{name: "none", kafka: b.topic.kafka, client: b.topic.client, admin: b.topic.admin}
	if _, err := none.Extent(t.Context()); !errors.Is(err, ErrNoTopic) {
		t.Errorf("got %v, want ErrNoTopic", err)
	}
}

func TestParseID(t *testing.T) {
	for text, want := range map[string]ID{"0/17": {0, 17}, "17": {0, 17}, "3/0": {3, 0}} {
		if got, err := ParseID(text); err != nil || got != want {
			t.Errorf("%s: got %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "x", "1/", "/1", "-1", "1/2/3", "0/-2"} {
		if got, err := ParseID(text); err == nil {
			t.Errorf("%q: got %v, want an error", text, got)
		}
	}
}
