package web

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"

	"dossier/query"
	"dossier/schema"
	"dossier/web/tail"
)

const auditTopic = "dossier.audit"

// live is a server with live events.
type live struct {
	t        *testing.T
	api      *API
	observer *seen
	server   *httptest.Server
	producer *kgo.Client
}

func newLive(t *testing.T, change func(*Options)) *live {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, auditTopic))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	brokers := kgo.SeedBrokers(cluster.ListenAddrs()...)
	producer, err := kgo.NewClient(brokers, kgo.DefaultProduceTopic(auditTopic), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(producer.Close)
	hub := tail.NewHub(tail.Config{Topic: auditTopic}, []kgo.Opt{brokers}, zap.NewNop())
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = hub.Run(ctx) }()
	t.Cleanup(func() { stop(); <-ended })
	l := &live{t: t, observer: &seen{}, producer: producer}
	l.api = newTestAPI(t, func(o *Options) {
		o.Tail, o.MaxTails, o.Observer = hub, 10, l.observer
		if change != nil {
			change(o)
		}
	})
	l.api.heartbeat = 50 * time.Millisecond
	l.server = httptest.NewUnstartedServer(nil)
	l.server.Config = Server(l.api.Handler())
	l.server.Start()
	t.Cleanup(func() { l.close(); l.server.Close() })
	return l
}

// close ends the API, which must not take long.
func (l *live) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := l.api.Close(ctx); err != nil {
		l.t.Error(err)
	}
}

// publish publishes events on alternating partitions.
func (l *live) publish(events ...*schema.AuditEvent) {
	l.t.Helper()
	for i, e := range events {
		if err := l.producer.ProduceSync(l.t.Context(), &kgo.Record{Partition: int32(i % 2), Value: e.AppendJSON(nil)}).FirstErr(); err != nil {
			l.t.Fatal(err)
		}
	}
}

// sent is one server-sent event.
type sent struct{ name, id, data string }

// connect asks for a stream, and reads it in the background until the test ends or the server ends it: then the channel is closed.
func (l *live) connect(target string, headers ...string) (status int, events <-chan sent) {
	l.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	l.t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, "GET", l.server.URL+target, nil)
	if err != nil {
		l.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { answer.Body.Close() })
	if answer.StatusCode != http.StatusOK {
		return answer.StatusCode, nil
	}
	if h := answer.Header; h.Get("Content-Type") != "text/event-stream" || h.Get("Cache-Control") != "no-store" || h.Get("Content-Encoding") != "" {
		l.t.Errorf("headers of a stream: %v", h)
	}
	c := make(chan sent)
	go readSent(ctx, answer.Body, c)
	first := receive(l.t, c)
	if first.id == "" || first.name+first.data != "" {
		l.t.Fatalf("begins with %+v; want the place it begins at", first)
	}
	return answer.StatusCode, c
}

// readSent sends every block: events, and with an empty name what only tells the place.
func readSent(ctx context.Context, body io.Reader, c chan<- sent) {
	defer close(c)
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, 1<<20)
	var s sent
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch name {
		case "event":
			s.name = value
		case "id":
			s.id = value
		case "data":
			s.data += value
		case "":
			if value != "" || s == (sent{}) { // a comment
				continue
			}
			select {
			case c <- s:
			case <-ctx.Done():
				return
			}
			s = sent{}
		}
	}
}

func receive(t *testing.T, c <-chan sent) sent {
	t.Helper()
	select {
	case s, ok := <-c:
		if !ok {
			t.Fatal("the stream has ended")
		}
		return s
	case <-time.After(time.Minute):
		t.Fatal("nothing comes")
	}
	return sent{}
}

// receiveEvent is receive, past heartbeats.
func receiveEvent(t *testing.T, c <-chan sent) sent {
	t.Helper()
	for {
		if s := receive(t, c); s.name != "" {
			return s
		}
	}
}

// ids are the ids of the audit events of n events.
func ids(t *testing.T, c <-chan sent, n int) (ids []string, last string) {
	t.Helper()
	for range n {
		s := receiveEvent(t, c)
		var e schema.AuditEvent
		if err := schema.ParseAuditEvent([]byte(s.data), &e); err != nil || s.name != string(e.Kind) {
			t.Fatalf("%+v: %v", s, err)
		}
		ids, last = append(ids, e.ID), s.id
	}
	slices.Sort(ids) // between partitions there is no order
	return ids, last
}

func TestTail(t *testing.T) {
	l := newLive(t, nil)
	events := sampleEvents()
	_, all := l.connect("/api/v1/tail")
	_, some := l.connect("/api/v1/tail?q=type:person+user:u1")
	_, fields := l.connect("/api/v1/tail?q=field:price+new:>50")
	l.publish(events[:3]...)
	got, _ := ids(t, all, 3)
	if want := []string{events[0].ID, events[1].ID, events[2].ID}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got, _ := ids(t, some, 1); got[0] != events[2].ID {
		t.Errorf("a filtered stream: %v", got)
	}
	if got, _ := ids(t, fields, 1); got[0] != events[1].ID {
		t.Errorf("a stream of field changes: %v", got)
	}

	// What was not for the stream counts for its place nevertheless: a heartbeat tells it.
	for receive(t, some).id != "0:2,1:1" {
	}
	_, again := l.connect("/api/v1/tail", "Last-Event-ID", "0:1,1:1")
	if got, last := ids(t, again, 1); got[0] != events[2].ID || last != "0:2,1:1" {
		t.Errorf("resumed: %v at %s", got, last)
	}
	_, lost := l.connect("/api/v1/tail", "Last-Event-ID", "0:1,1:99")
	if s := receiveEvent(t, lost); s.name != "gap" || !strings.Contains(s.data, `"from":"1:99","to":"1:1"`) {
		t.Errorf("a place that is not there: %+v", s)
	}
}

func TestTailShowsScopesOfTheCaller(t *testing.T) {
	l := newLive(t, func(o *Options) { o.Access = tokens(t) })
	if status, _ := l.connect("/api/v1/tail"); status != http.StatusUnauthorized {
		t.Errorf("without a token: %d", status)
	}
	_, catalog := l.connect("/api/v1/tail", "Authorization", "Bearer token-of-the-catalog")
	_, all := l.connect("/api/v1/tail", "Authorization", "Bearer token-of-the-auditor")
	events := sampleEvents()
	l.publish(events[2], events[0])
	ids(t, all, 2)
	if got, _ := ids(t, catalog, 1); got[0] != events[0].ID {
		t.Errorf("got %v", got)
	}
}

// changing is a caller whose rights change.
type changing struct {
	scopedCaller
	err chan error
}

func (c *changing) MaySee(context.Context, string) (bool, error) {
	select {
	case err := <-c.err:
		return false, err
	default:
		return true, nil
	}
}

type accessOf struct{ caller Caller }

func (a accessOf) Open(*http.Request) (Caller, error) { return a.caller, nil }
func (a accessOf) Challenges() []string               { return nil }

func TestTailEndsWithTheRightToRead(t *testing.T) {
	for want, err := range map[string]error{
		"forbidden":   &query.Error{Code: query.CodeUnauthenticated, Detail: "the token has expired"},
		"unavailable": &query.Error{Code: query.CodeUnavailable, Detail: "the store does not answer"},
		"internal":    errors.New("dial tcp 10.1.2.3"),
	} {
		caller := &changing{err: make(chan error)}
		l := newLive(t, func(o *Options) { o.Access = accessOf{caller} })
		_, c := l.connect("/api/v1/tail")
		caller.err <- err
		s := receiveEvent(t, c)
		var end streamEnd
		if json.Unmarshal([]byte(s.data), &end) != nil || s.name != "end" || end.Reason != want || strings.Contains(end.Detail, "10.1.2.3") {
			t.Errorf("%v: %+v", err, s)
		}
		for range c { // until it is closed
		}
		if !slices.Equal(l.observer.ended, []string{want}) {
			t.Errorf("observed %v", l.observer.ended)
		}
	}
}

func TestCloseEndsStreams(t *testing.T) {
	l := newLive(t, nil)
	_, c := l.connect("/api/v1/tail")
	ended := make(chan struct{})
	go func() { defer close(ended); l.close() }()
	if s := receiveEvent(t, c); s.name != "end" || !strings.Contains(s.data, `"reason":"closing"`) || s.id == "" {
		t.Errorf("%+v", s)
	}
	<-ended
	wantProblem(t, get(l.api, "/api/v1/changes"), kindUnavailable, "")
	if l.observer.tails != 0 {
		t.Errorf("%d streams", l.observer.tails)
	}
}

// TestCloseWaitsForAnswers: what was asked before the end is answered, with the store still there.
func TestCloseWaitsForAnswers(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	a := newTestAPI(t, withStore(faultyStore(func() error {
		entered <- struct{}{}
		<-leave
		return &query.Error{Code: query.CodeNotFound, Detail: "answered"}
	})))
	answer := make(chan *httptest.ResponseRecorder)
	go func() { answer <- get(a, "/api/v1/changes") }()
	<-entered
	ctx, cancel := context.WithCancelCause(t.Context())
	closed := make(chan error)
	go func() { closed <- a.Close(ctx) }()
	for get(a, "/api/openapi.json").Code != http.StatusServiceUnavailable { // until it is closing
	}
	cancel(errors.New("it takes too long"))
	if err := <-closed; err == nil || !strings.Contains(err.Error(), "it takes too long") {
		t.Errorf("closed with a request under way: %v", err)
	}
	close(leave)
	wantProblem(t, <-answer, kindNotFound, "")
	if err := a.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestTailsAreBounded(t *testing.T) {
	l := newLive(t, func(o *Options) { o.MaxTails = 1 })
	_, _ = l.connect("/api/v1/tail")
	if status, _ := l.connect("/api/v1/tail"); status != http.StatusServiceUnavailable {
		t.Errorf("a second one: %d", status)
	}
	none := newLive(t, func(o *Options) { o.MaxTails = 0 })
	if status, _ := none.connect("/api/v1/tail"); status != http.StatusServiceUnavailable {
		t.Errorf("where there are none: %d", status)
	}
}

func TestTailQuestions(t *testing.T) {
	l := newLive(t, nil)
	wantProblem(t, get(l.api, "/api/v1/tail?q=nokey:x"), kindInvalid, "q")
	wantProblem(t, get(l.api, "/api/v1/tail", "Last-Event-ID", "yesterday"), kindInvalid, "Last-Event-ID")
	wantProblem(t, get(newTestAPI(t, nil), "/api/v1/tail"), kindUnavailable, "")
}

func TestTailIsRecorded(t *testing.T) {
	reads := make(chan schema.Access, 10)
	l := newLive(t, func(o *Options) { o.Reads = recorder(reads) })
	_, c := l.connect("/api/v1/tail?q=type:product")
	if got, want := <-reads, (schema.Access{Method: "GET", Path: "/api/v1/tail", Query: "q=type:product", Status: 200}); got != want {
		t.Errorf("at the beginning: %+v", got)
	}
	l.publish(sampleEvents()[:3]...)
	ids(t, c, 2)
	l.close()
	if got, want := <-reads, (schema.Access{Method: "GET", Path: "/api/v1/tail", Query: "q=type:product", Status: 200, Items: 2}); got != want {
		t.Errorf("at the end: %+v", got)
	}
}

type recorder chan<- schema.Access

func (r recorder) Access(e *schema.AuditEvent) { r <- *e.Access }
