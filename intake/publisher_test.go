package intake

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"dossier/query"
	"dossier/schema"
)

func (b *broker) publisher(format Format, observer Observer, more ...kgo.Opt) *Publisher {
	b.t.Helper()
	format.Topic = auditTopic
	p, err := NewPublisher(format, append(b.options[:len(b.options):len(b.options)], more...), observer)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = p.Close(ctx)
	})
	return p
}

func someVersions(id string, n int) []schema.AuditEvent {
	states := make([]NamedState, n)
	for i := range states {
		states[i] = NamedState{Target{Entity: schema.EntityRef{Type: "person", ID: fmt.Sprint(i)}}, "c"}
	}
	v := VersionRequest{Name: "Baseline"}
	return v.Events(id, noon, noon, states, Caller{})
}

func isUnavailable(err error) bool {
	var e *query.Error
	return errors.As(err, &e) && e.Code == query.CodeUnavailable && e.RetryAfter > 0
}

func TestPublish(t *testing.T) {
	b := newBroker(t)
	var observer seen
	p := b.publisher(Format{}, &observer)
	if err := p.Publish(t.Context(), someVersions("v", 1000)); err != nil {
		t.Fatal(err)
	}
	f := Feedback{Application: "a", Status: "s"}
	if err := p.Publish(t.Context(), []schema.AuditEvent{f.Event("f", noon, Target{}, Caller{})}); err != nil {
		t.Fatal(err)
	}
	if err := p.Publish(t.Context(), someVersions("w", 2)); err != nil {
		t.Fatal(err)
	}
	b.events(1003)
	if observer.published[schema.KindNamedVersion] != 1002 || observer.published[schema.KindFeedback] != 1 {
		t.Errorf("observed %v", observer.published)
	}
}

func TestPublishAvro(t *testing.T) {
	b := newBroker(t)
	p := b.publisher(Format{Avro: true, AvroSchemaID: 0x01020304, Compression: "zstd"}, nil)
	if err := p.Publish(t.Context(), someVersions("v", 2)); err != nil {
		t.Fatal(err)
	}
	for _, r := range b.read(auditTopic, 2) {
		var e schema.AuditEvent
		if err := schema.DecodeAudit(&schema.Record{Value: r.Value}, &e); err != nil || e.NamedVersion.ID != "v" || !strings.HasPrefix(string(r.Value), "\x00\x01\x02\x03\x04") {
			t.Errorf("%v: %+v", err, e)
		}
	}
}

// Of the entities of one request all are named or none: where one of them is refused, readers see nothing of the others, and the next request goes through.
func TestPublishIsAllOrNothing(t *testing.T) {
	for name, key := range map[string]int16{"produce": 0, "end of transaction": 26} {
		t.Run(name, func(t *testing.T) {
			b := newBroker(t)
			p := b.publisher(Format{}, nil)
			n := 0
			b.cluster.ControlKey(key, func(r kmsg.Request) (kmsg.Response, error, bool) {
				b.cluster.KeepControl()
				if n++; n != 1 {
					return nil, nil, false
				}
				switch request := r.(type) {
				case *kmsg.EndTxnRequest:
					response := request.ResponseKind().(*kmsg.EndTxnResponse)
					response.ErrorCode = kerr.TransactionAbortable.Code
					return response, nil, true
				case *kmsg.ProduceRequest:
					response := request.ResponseKind().(*kmsg.ProduceResponse)
					for i, t := range request.Topics {
						topic := kmsg.NewProduceResponseTopic()
						topic.Topic, topic.TopicID = t.Topic, t.TopicID
						for _, p := range t.Partitions {
							partition := kmsg.NewProduceResponseTopicPartition()
							partition.Partition, partition.ErrorCode = p.Partition, kerr.TopicAuthorizationFailed.Code
							topic.Partitions = append(topic.Partitions, partition)
						}
						_ = i
						response.Topics = append(response.Topics, topic)
					}
					return response, nil, true
				}
				return nil, nil, false
			})
			if err := p.Publish(t.Context(), someVersions("refused", 50)); !isUnavailable(err) {
				t.Fatalf("%v", err)
			}
			if err := p.Publish(t.Context(), someVersions("taken", 50)); err != nil {
				t.Fatal(err)
			}
			for _, e := range b.events(50) {
				if e.NamedVersion.ID != "taken" {
					t.Fatal("something of the refused request can be read")
				}
			}
		})
	}
}

func TestPublishFromMany(t *testing.T) {
	b := newBroker(t)
	p := b.publisher(Format{}, nil)
	var group sync.WaitGroup
	for i := range 20 {
		group.Go(func() {
			if err := p.Publish(t.Context(), someVersions(fmt.Sprint(i), 3)); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	b.events(60)
}

// While Kafka is away a caller waits no longer than it wants to, and is told when to ask again.
func TestPublishWithoutKafka(t *testing.T) {
	b := newBroker(t)
	way := newNetwork(-1, false)
	p := b.publisher(Format{}, nil, kgo.Dialer(way.dial))
	if err := p.Publish(t.Context(), someVersions("v", 2)); err != nil {
		t.Fatal(err)
	}
	way.cut()
	for _, n := range []int{1, 3} {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		if err := p.Publish(ctx, someVersions("w", n)); !isUnavailable(err) {
			t.Errorf("%d events: %v", n, err)
		}
		cancel()
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Publish(gone, someVersions("w", 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller that has gone: %v", err)
	}
}

func TestEventThatTheTopicDoesNotTake(t *testing.T) {
	b := newBroker(t)
	p := b.publisher(Format{}, nil)
	f := Feedback{Application: "a", Status: "s", Message: strings.Repeat("x", maxBatch)}
	if err := p.Publish(t.Context(), []schema.AuditEvent{f.Event("f", noon, Target{}, Caller{})}); fmt.Sprint(pointers(err)) != "[]" || !strings.Contains(err.Error(), "larger") {
		t.Errorf("%v", err)
	}
}

func access(i int) schema.AuditEvent {
	return AccessEvent(schema.Access{Caller: "ann", Method: "GET", Path: "/api/v1/changes", Query: "q=*", Status: 200, Items: int64(i)}, noon.Add(time.Duration(i)), schema.EntityRef{}, Caller{RequestID: "r"})
}

func TestAccess(t *testing.T) {
	b := newBroker(t)
	var observer seen
	p := b.publisher(Format{}, &observer)
	for i := range 100 {
		e := access(i)
		p.Access(&e)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := p.Close(ctx); err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for _, e := range b.events(100) {
		ids[e.ID] = true
		if e.Access == nil || e.Access.Caller != "ann" || e.Kind != schema.KindAccess || e.Context.RequestID != "r" {
			t.Errorf("%+v", e)
		}
	}
	if len(ids) != 100 || observer.published[schema.KindAccess] != 100 {
		t.Errorf("%d ids, observed %v", len(ids), observer.published)
	}
}

// Reads are not held up by accesses that cannot be written: what is beyond the bounds is lost, and counted.
func TestAccessWithoutKafka(t *testing.T) {
	b := newBroker(t)
	var observer seen
	way := newNetwork(-1, false)
	way.cut()
	p := b.publisher(Format{}, &observer, kgo.Dialer(way.dial))
	const more = 500
	for i := range accessRecords + more {
		e := access(i)
		p.Access(&e)
	}
	eventually(t, "what is beyond the bounds is lost", func() (lost bool) {
		observer.look(func() { lost = observer.lost["queue_full"] == more })
		return lost
	})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := p.Close(ctx); err == nil {
		t.Error("closed as if nothing were lost")
	}
	eventually(t, "the others are lost at the end", func() (lost bool) {
		observer.look(func() { lost = observer.lost["not_delivered"] == accessRecords })
		return lost
	})
}
