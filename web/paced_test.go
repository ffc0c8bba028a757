package web

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"dossier/intake"
	"dossier/query"
	"dossier/query/querytest"
	"dossier/schema"
)

// TestPacedWriter: all of an answer is written, and while it is, its deadline moves, but not for ever.
func TestPacedWriter(t *testing.T) {
	began := time.Now()
	w := &parts{ResponseRecorder: httptest.NewRecorder()}
	text := bytes.Repeat([]byte("0123456789abcdef"), 20_000)
	p := &pacedWriter{ResponseWriter: w, stalled: time.Minute, last: began.Add(time.Hour)}
	if n, err := p.Write(text); n != len(text) || err != nil || !bytes.Equal(w.Body.Bytes(), text) {
		t.Errorf("wrote %d of %d bytes, %v", n, len(text), err)
	}
	if want := (len(text) + pacedPart - 1) / pacedPart; w.deadlines != want || w.writes != want {
		t.Errorf("%d deadlines for %d writes, want %d", w.deadlines, w.writes, want)
	}
	if w.deadline.Before(began.Add(time.Minute)) || w.deadline.After(time.Now().Add(time.Minute)) {
		t.Errorf("deadline %v, begun %v", w.deadline, began)
	}
	p.last = began.Add(time.Second)
	if n, err := p.Write(nil); n != 0 || err != nil || !w.deadline.Equal(p.last) {
		t.Errorf("%d, %v; the deadline %v is beyond the last one %v", n, err, w.deadline, p.last)
	}
	w.fails = true
	if n, err := p.Write(text); n != 0 || err == nil {
		t.Errorf("to a client that has gone: %d, %v", n, err)
	}
}

// parts counts what comes before what.
type parts struct {
	*httptest.ResponseRecorder
	deadlines, writes int
	deadline          time.Time
	fails             bool
}

func (p *parts) SetWriteDeadline(t time.Time) error {
	p.deadlines++
	p.deadline = t
	return nil
}

func (p *parts) Write(b []byte) (int, error) {
	if p.fails {
		return 0, io.ErrClosedPipe
	}
	p.writes++
	if len(b) > pacedPart {
		return 0, fmt.Errorf("%d bytes at once", len(b))
	}
	return p.ResponseRecorder.Write(b)
}

// serving puts an API behind a real server, and returns its address.
func serving(t *testing.T, a *API) string {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	server.Config = Server(a.Handler())
	server.Start()
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// untilFree asks until a slot is free for it.
func untilFree(t *testing.T, address, target string) *http.Response {
	t.Helper()
	for {
		r, err := http.Get("http://" + address + target)
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		if r.StatusCode != http.StatusServiceUnavailable {
			return r
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// TestAnswersThatNobodyReads: a client that takes nothing of a large answer holds its slot for moments.
func TestAnswersThatNobodyReads(t *testing.T) {
	events := sampleEvents()[:1]
	large := schema.Value{State: schema.Present, JSON: mustJSON(strings.Repeat("x", 8<<20))} // beyond what lies in the buffers of a connection
	events[0].After = schema.Row{{Name: "note", Value: large}}
	memory := querytest.NewMemory(documents(t, events)...)
	observed := &underWay{seen: &seen{}, began: make(chan struct{}, 8)}
	a := newTestAPI(t, func(o *Options) {
		o.MaxRequests, o.Observer = 1, observed
		o.Access = &TokenAccess{For: func([]string) query.Store { return memory }}
	})
	a.stalled = 50 * time.Millisecond
	whole := get(a, "/api/v1/entities/product/1").Body.Len()
	<-observed.began
	if whole < 8<<20 {
		t.Fatalf("the answer has %d bytes, which a connection's buffers may hold", whole)
	}
	address := serving(t, a)
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprint(c, "GET /api/v1/entities/product/1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	<-observed.began // it has the only slot
	if r := untilFree(t, address, "/api/v1/counts?by=type"); r.StatusCode != 200 {
		t.Errorf("after it: %d", r.StatusCode)
	}
	if got, err := io.Copy(io.Discard, c); got >= int64(whole) {
		t.Errorf("the answer was given whole: %d of %d bytes, %v", got, whole, err)
	}
}

// underWay tells of each request that has got a slot.
type underWay struct {
	*seen
	began chan struct{}
}

func (u *underWay) UnderWay(n int) {
	if n == 1 {
		select {
		case u.began <- struct{}{}:
		default:
		}
	}
}

// TestBodiesLeaveRoomForQuestions: bodies that do not arrive hold their own few slots, and none that questions need.
func TestBodiesLeaveRoomForQuestions(t *testing.T) {
	a := newTestAPI(t, func(o *Options) { o.MaxRequests, o.Desk = 16, &intake.Desk{} })
	address := serving(t, a)
	for range 2 {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprint(c, "POST /api/v1/feedback HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
	}
	for a.bodies.taken.Load() < 2 {
		time.Sleep(time.Millisecond)
	}
	for range 20 {
		r, err := http.Post("http://"+address+"/api/v1/feedback", "application/json", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		if r.StatusCode != http.StatusServiceUnavailable || r.Header.Get("Retry-After") == "" {
			t.Errorf("a third body: %d", r.StatusCode)
		}
		if r, err = http.Get("http://" + address + "/api/v1/counts?by=type"); err != nil {
			t.Fatal(err)
		}
		if r.Body.Close(); r.StatusCode != 200 {
			t.Errorf("a question: %d", r.StatusCode)
		}
	}
}
