package intake

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"dossier/internal/deadletter"
	"dossier/schema"
)

// start runs a loop until the test ends, or stop is called.
func (b *broker) start(config Config, observer Observer, more ...kgo.Opt) (stop func()) {
	b.t.Helper()
	config.Topic = feedbackTopic
	config.SessionTimeout = cmp.Or(config.SessionTimeout, time.Second)
	config.TransactionTimeout = cmp.Or(config.TransactionTimeout, time.Second)
	config.DrainTimeout = cmp.Or(config.DrainTimeout, 5*time.Second)
	config.Scopes = Scopes{ByType: map[string]string{"person": "people"}, Known: []string{"default", "people"}}
	l := &Loop{Config: config, Kafka: append(b.options[:len(b.options):len(b.options)], more...), Observer: observer}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		<-done
	})
	b.t.Cleanup(stop)
	return stop
}

func feedbackText(id int) string {
	return fmt.Sprintf(`{"application":"payments","status":"accepted","message":"m%d","entity":{"type":"person","id":"%d"}}`, id, id)
}

func TestFeedbackBecomesAuditEvents(t *testing.T) {
	b := newBroker(t)
	b.start(Config{}, nil)
	first := b.send(`{"application":"payments","status":"rejected","message":"no IBAN","payload":{"code":9007199254740993},"entity":{"type":"person","id":"7"},"user":{"id":"u1"},"reason":"r"}`)
	b.send(`{"application":"payments","status":"accepted","version":"Baseline","scope":"people"}`)
	b.send(`{"application":"payments","status":"accepted","event_id":"c-1","id":"77"}`)
	events := b.events(3)
	slices.SortFunc(events, func(a, c schema.AuditEvent) int {
		return strings.Compare(c.Feedback.Status+c.VersionName, a.Feedback.Status+a.VersionName)
	})
	e := events[0]
	if e.Kind != schema.KindFeedback || e.Scope != "people" || e.Entity.ID != "7" || string(e.Feedback.Payload) != `{"code":9007199254740993}` || !e.Time.Equal(time.UnixMilli(first.Timestamp.UnixMilli())) {
		t.Errorf("%+v, %+v", e, e.Feedback)
	}
	if c := e.Context; c.User.ID != "u1" || c.Reason != "r" || c.Service != "payments" || c.Route != schema.RouteTopic || c.Status != schema.StatusAttached {
		t.Errorf("%+v", c)
	}
	if e := events[1]; e.Scope != "people" || e.VersionName != "Baseline" {
		t.Errorf("%+v", e)
	}
	if e := events[2]; e.Scope != "default" || e.Feedback.EventID != "c-1" || e.ID != schema.FeedbackEventID("payments", "77") {
		t.Errorf("%+v", e)
	}
}

// What is no feedback goes to the dead letters as it was, each with its reason, and holds nothing up.
func TestPoison(t *testing.T) {
	b := newBroker(t)
	var observer seen
	b.start(Config{}, &observer)
	poison := map[string]string{
		"":                                 ReasonInvalidFeedback,
		"\x00\xff not JSON":                ReasonInvalidFeedback,
		`{"application":"a"}`:              ReasonInvalidFeedback,
		strings.Repeat("[", 10_000):        ReasonInvalidFeedback,
		strings.Repeat(" ", MaxFeedback+1): ReasonInvalidFeedback,
		`{"application":"a","status":"s","version":"v","scope":"poeple"}`: ReasonUnknownScope,
	}
	for value := range poison {
		b.send(feedbackText(len(value)))
		b.send(value, kgo.RecordHeader{Key: "trace", Value: []byte("t1")})
	}
	b.events(len(poison))
	for _, l := range b.letters(len(poison)) {
		value := string(l.Original.Value)
		if want, ok := poison[value]; !ok || l.Reason != want || l.Stage != deadletter.StageFeedback || l.Original.Topic != feedbackTopic || len(l.Original.Headers) != 1 || string(l.Original.Key) != value[:min(len(value), 100)] {
			t.Errorf("letter %.80q: %s, %s, %+v", value, l.Stage, l.Reason, l.Original.Headers)
		}
		if !strings.HasPrefix(l.Detail, "feedback: ") {
			t.Errorf("detail %q", l.Detail)
		}
		if value == `{"application":"a"}` && !strings.Contains(l.Detail, "/status: is missing") {
			t.Errorf("detail %q", l.Detail)
		}
		if (value == "") != (l.Original.Value == nil) {
			t.Error("a record without a value became an empty one")
		}
	}
	observer.look(func() {
		if len(observer.dead) != len(poison) || observer.published[schema.KindFeedback] != len(poison) {
			t.Errorf("observed %d dead letters, %v", len(observer.dead), observer.published)
		}
	})
}

// The process is killed at each kind of request in turn, before and after the broker has taken it; the next one goes on, and everything is there once.
func TestKilledAtEveryRequest(t *testing.T) {
	for name, key := range map[string]int16{"produce": 0, "add partitions": 24, "add offsets": 25, "end of transaction": 26, "offsets": 28} {
		for _, answered := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, answered %v", name, answered), func(t *testing.T) {
				t.Parallel()
				b := newBroker(t)
				const n = 30
				for i := range n {
					b.send(feedbackText(i))
					if i%10 == 0 {
						b.send(fmt.Sprintf(`{"poison":%d}`, i))
					}
				}
				way := newNetwork(key, answered)
				stop := b.start(Config{BatchRecords: 7, DrainTimeout: 50 * time.Millisecond}, nil, kgo.Dialer(way.dial))
				select {
				case <-way.died:
				case <-time.After(3 * time.Second): // a broker's release may do without the request
					way.cut()
				}
				stop()
				b.start(Config{BatchRecords: 7}, nil)
				found := map[string]int{}
				for _, e := range b.events(n) {
					found[e.Feedback.Message]++
				}
				for i := range n {
					if m := fmt.Sprintf("m%d", i); found[m] != 1 {
						t.Errorf("%s is there %d times", m, found[m])
					}
				}
				b.letters(3)
			})
		}
	}
}

// Instances come and go while feedback arrives: each piece is there once.
func TestRebalances(t *testing.T) {
	b := newBroker(t)
	const n = 200
	stops := []func(){b.start(Config{BatchRecords: 5}, nil), func() {}}
	for i := range n {
		b.send(feedbackText(i))
		if i%50 == 25 {
			stops[i/50%2]()
			stops[i/50%2] = b.start(Config{BatchRecords: 5}, nil)
		}
	}
	found := map[string]bool{}
	for _, e := range b.events(n) {
		found[e.ID] = true
	}
	if len(found) != n {
		t.Errorf("%d different events of %d", len(found), n)
	}
}

// Own ids make repetitions the same feedback; records without ids are as many as they are.
func TestRepeatedRecords(t *testing.T) {
	b := newBroker(t)
	b.start(Config{}, nil)
	for range 2 {
		b.send(`{"application":"payments","status":"accepted","version":"v","id":"77"}`)
		b.send(`{"application":"payments","status":"accepted","version":"v"}`)
	}
	ids := map[string]int{}
	for _, e := range b.events(4) {
		ids[e.ID]++
	}
	if len(ids) != 3 || ids[schema.FeedbackEventID("payments", "77")] != 2 {
		t.Errorf("%v", ids)
	}
}

// A dead letter that its topic does not take is not passed over: the loop says so and waits, and goes on when the topic takes it.
func TestDeadLetterThatItsTopicDoesNotTake(t *testing.T) {
	b := newBroker(t)
	b.send("no feedback")
	var refuse atomic.Bool
	refuse.Store(true)
	b.cluster.ControlKey(0, func(r kmsg.Request) (kmsg.Response, error, bool) {
		b.cluster.KeepControl()
		if !refuse.Load() {
			return nil, nil, false
		}
		request := r.(*kmsg.ProduceRequest)
		response := request.ResponseKind().(*kmsg.ProduceResponse)
		for _, t := range request.Topics {
			topic := kmsg.NewProduceResponseTopic()
			topic.Topic, topic.TopicID = t.Topic, t.TopicID
			for _, p := range t.Partitions {
				partition := kmsg.NewProduceResponseTopicPartition()
				partition.Partition, partition.ErrorCode = p.Partition, kerr.MessageTooLarge.Code
				topic.Partitions = append(topic.Partitions, partition)
			}
			response.Topics = append(response.Topics, topic)
		}
		return response, nil, true
	})
	var observer seen
	b.start(Config{}, &observer)
	eventually(t, "the loop says that it waits", func() (waits bool) {
		observer.look(func() {
			waits = observer.waited > 1 && observer.waiting != nil && strings.Contains(observer.waiting.Error(), "max.message.bytes")
		})
		return waits
	})
	refuse.Store(false)
	b.send(feedbackText(1))
	b.events(1)
	b.letters(1)
	eventually(t, "the loop says that it goes on", func() (goes bool) {
		observer.look(func() { goes = observer.waiting == nil && len(observer.dead) == 1 })
		return goes
	})
}

// A topic that is not there yet is waited for.
func TestFeedbackTopicThatIsMissing(t *testing.T) {
	b := newBroker(t)
	admin := kadm.NewClient(b.client)
	if _, err := admin.DeleteTopics(t.Context(), feedbackTopic); err != nil {
		t.Fatal(err)
	}
	b.start(Config{}, nil, kgo.MetadataMaxAge(200*time.Millisecond))
	time.Sleep(300 * time.Millisecond) // it has looked, and found none
	if _, err := admin.CreateTopic(t.Context(), 1, 1, nil, feedbackTopic); err != nil {
		t.Fatal(err)
	}
	b.client.PurgeTopicsFromClient(feedbackTopic)
	b.send(feedbackText(1))
	b.events(1)
}

func TestLoopConfig(t *testing.T) {
	for want, c := range map[string]Config{
		"feedback.topic: missing":      {},
		"give feedback one of its own": {Topic: "dossier.audit"},
		"audit.compression":            {Topic: "f", Audit: Format{Compression: "zip"}},
		"must not be negative":         {Topic: "f", BatchRecords: -1},
	} {
		if err := (&Loop{Config: c}).Run(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestBelievableTimes(t *testing.T) {
	for _, test := range []struct{ at, want time.Time }{
		{noon, noon}, {noon.Add(-400 * 24 * time.Hour), noon.Add(-400 * 24 * time.Hour)}, {noon.Add(time.Hour), noon.Add(time.Hour)},
		{noon.Add(48 * time.Hour), noon}, {time.UnixMilli(-1), noon}, {time.UnixMilli(1 << 55), noon},
	} {
		if got := believable(test.at, noon); !got.Equal(test.want) {
			t.Errorf("%v becomes %v, want %v", test.at, got, test.want)
		}
	}
}
