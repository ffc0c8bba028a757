package web

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestBodiesThatNeverCome: a question whose body is announced and never sent is answered, and holds nothing after that.
func TestBodiesThatNeverCome(t *testing.T) {
	server := httptest.NewUnstartedServer(nil)
	server.Config = Server(newTestAPI(t, func(o *Options) { o.MaxRequests = 1 }).Handler())
	server.Start()
	t.Cleanup(server.Close) // after the connections
	for _, body := range []string{"Content-Length: 1000", "Transfer-Encoding: chunked"} {
		r := askUnsent(t, server.Listener.Addr().String(), body)
		for r.StatusCode == http.StatusServiceUnavailable { // the one before has its answer, and has not yet given its slot back
			r = askUnsent(t, server.Listener.Addr().String(), body)
		}
		if answer, err := io.ReadAll(r.Body); r.StatusCode != 200 || err != nil || len(answer) < 4<<10 {
			t.Errorf("%s: %d, %d bytes, %v", body, r.StatusCode, len(answer), err)
		}
	}
}

// askUnsent asks with a body that is announced and never sent.
func askUnsent(t *testing.T, address, body string) *http.Response {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetReadDeadline(time.Now().Add(bodyTimeout / 2))
	fmt.Fprintf(c, "GET /api/v1/changes?limit=1000 HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n", body)
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return r
}

// TestBodiesHaveTime: how long a body may take is bounded from the beginning, whether anybody reads it or not; a request without one has no such bound, as a stream goes on.
func TestBodiesHaveTime(t *testing.T) {
	handler := Server(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).Handler
	for _, c := range []struct {
		method, body string
		bound        bool
	}{{"GET", "", false}, {"GET", "x", true}, {"POST", "{}", true}} {
		w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
		handler.ServeHTTP(w, httptest.NewRequest(c.method, "/", strings.NewReader(c.body)))
		if w.write.IsZero() || w.read.IsZero() == c.bound {
			t.Errorf("%s with %q: read by %v, write by %v", c.method, c.body, w.read, w.write)
		}
	}
}

// deadlines remembers a connection's deadlines.
type deadlines struct {
	*httptest.ResponseRecorder
	read, write time.Time
}

func (d *deadlines) SetReadDeadline(t time.Time) error  { d.read = t; return nil }
func (d *deadlines) SetWriteDeadline(t time.Time) error { d.write = t; return nil }
