package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"dossier/intake"
	"dossier/query"
)

func withStore(s query.Store) func(*Options) {
	return func(o *Options) { o.Access = &TokenAccess{For: func([]string) query.Store { return s }} }
}

func TestErrorsOfTheStore(t *testing.T) {
	secret := errors.New("dial tcp 10.1.2.3:9200: connection refused")
	for _, c := range []struct {
		err        error
		kind       problemKind
		header     string
		headerSays string
	}{
		{&query.Error{Code: query.CodeUnavailable, Detail: "the store does not answer", RetryAfter: 1500 * time.Millisecond, Err: secret}, kindUnavailable, "Retry-After", "2"},
		{&query.Error{Code: query.CodeUnavailable, Detail: "the store does not answer", Err: secret}, kindUnavailable, "Retry-After", "5"},
		{&query.Error{Code: query.CodeUnauthenticated, Detail: "who are you", Err: secret}, kindUnauthenticated, "WWW-Authenticate", `Bearer realm="dossier"`},
		{&query.Error{Code: query.CodeForbidden, Detail: "you may not", Err: secret}, kindForbidden, "", ""},
		{&query.Error{Code: query.CodeTooBroad, Detail: "too much", Err: secret}, kindTooBroad, "", ""},
		{&query.Error{Code: "novel", Detail: "a code of a later release", Err: secret}, kindInternal, "", ""},
		{fmt.Errorf("reading: %w", secret), kindInternal, "", ""},
		{context.DeadlineExceeded, kindUnavailable, "Retry-After", "5"},
	} {
		core, logged := observer.New(zap.DebugLevel)
		a := newTestAPI(t, func(o *Options) {
			withStore(faultyStore(func() error { return c.err }))(o)
			o.Log = zap.New(core)
		})
		w := get(a, "/api/v1/changes", "X-Request-Id", "the-request")
		wantProblem(t, w, c.kind, "")
		if strings.Contains(w.Body.String(), "10.1.2.3") {
			t.Errorf("an answer tells of the inside: %s", w.Body)
		}
		if got := w.Header().Get(c.header); c.header != "" && got != c.headerSays {
			t.Errorf("%s: %q, want %q", c.header, got, c.headerSays)
		}
		if errors.Is(c.err, secret) && logged.FilterField(zap.String("request_id", "the-request")).FilterField(zap.Error(secret)).Len()+
			len(logged.FilterField(zap.String("request_id", "the-request")).All()) == 0 {
			t.Errorf("%v: nothing in the log under the request's id", c.err)
		}
	}
}

func TestPanicsBecomeAnswers(t *testing.T) {
	core, logged := observer.New(zap.DebugLevel)
	a := newTestAPI(t, func(o *Options) {
		withStore(faultyStore(func() error { panic("a bug with the secret 4711") }))(o)
		o.Log = zap.New(core)
	})
	w := get(a, "/api/v1/changes")
	wantProblem(t, w, kindInternal, "")
	if strings.Contains(w.Body.String(), "4711") {
		t.Errorf("an answer tells of the inside: %s", w.Body)
	}
	if n := logged.FilterMessage("panic while answering").Len(); n != 1 {
		t.Errorf("%d log entries", n)
	}
	if w := get(a, "/api/openapi.json"); w.Code != 200 {
		t.Errorf("after the panic: %d", w.Code)
	}
}

func TestTooManyRequests(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	a := newTestAPI(t, func(o *Options) {
		o.MaxRequests = 2
		withStore(faultyStore(func() error { entered <- struct{}{}; <-leave; return nil }))(o)
	})
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() { get(a, "/api/v1/changes") })
		<-entered
	}
	w := get(a, "/api/v1/changes")
	wantProblem(t, w, kindUnavailable, "")
	if w.Header().Get("Retry-After") != "1" {
		t.Errorf("Retry-After: %q", w.Header().Get("Retry-After"))
	}
	if w := get(a, "/api/openapi.json"); w.Code != 200 {
		t.Errorf("the description: %d", w.Code)
	}
	close(leave)
	group.Wait()
	go func() {
		for range entered {
		}
	}()
	if w := get(a, "/api/v1/changes"); w.Code == http.StatusServiceUnavailable {
		t.Errorf("with no other request under way: %d %s", w.Code, w.Body)
	}
}

func TestBodies(t *testing.T) {
	desk := func(o *Options) { o.Desk = &intake.Desk{} }
	a := newTestAPI(t, desk)
	post := func(contentType, body string, more ...string) *httptest.ResponseRecorder {
		return ask(a, "POST", "/api/v1/feedback", strings.NewReader(body), append([]string{"Content-Type", contentType}, more...)...)
	}
	wantProblem(t, post("application/json", strings.Repeat(" ", 1<<20)+"{}"), kindTooLarge, "")
	wantProblem(t, post("text/plain", "{}"), kindMediaType, "")
	wantProblem(t, post("", "{}"), kindMediaType, "")
	wantProblem(t, post("application/json; charset=latin1", "{}"), kindMediaType, "")
	wantProblem(t, post("application/json", "{}", "Content-Encoding", "gzip"), kindMediaType, "")
	wantProblem(t, post("application/json; charset=UTF-8", "nonsense"), kindFaults, "")
	p := wantProblem(t, post("application/json", `{"application":1,"colour":"red"}`), kindFaults, "")
	if len(p.Errors) < 3 {
		t.Errorf("not every fault is told: %+v", p.Errors)
	}
	wantProblem(t, ask(a, "POST", "/api/v1/feedback", &broken{}, "Content-Type", "application/json"), kindInvalid, "")
	wantProblem(t, ask(a, "POST", "/api/v1/versions?q=1", strings.NewReader("{}"), "Content-Type", "application/json"), kindInvalid, "q")

	wantProblem(t, ask(newTestAPI(t, nil), "POST", "/api/v1/feedback", strings.NewReader("{}"), "Content-Type", "application/json"), kindUnavailable, "")
	readOnly := newTestAPI(t, func(o *Options) { desk(o); o.ReadOnly = true })
	wantProblem(t, ask(readOnly, "POST", "/api/v1/versions", strings.NewReader("{}"), "Content-Type", "application/json"), kindReadOnly, "")
}

// broken is a body whose sender goes away.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestHeadersAreBounded(t *testing.T) {
	server := httptest.NewUnstartedServer(nil)
	server.Config = Server(newTestAPI(t, nil).Handler())
	server.Start()
	defer server.Close()
	for size, want := range map[int]int{8000: 404, 256 << 10: 431} {
		r, err := http.Get(server.URL + "/api/v1/entities/product/" + strings.Repeat("x", size))
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		if r.StatusCode != want {
			t.Errorf("a path of %d bytes: %d, want %d", size, r.StatusCode, want)
		}
	}
}

func TestObserverLearnsOfEveryAnswer(t *testing.T) {
	o := &seen{}
	a := newTestAPI(t, func(options *Options) { options.Observer = o })
	get(a, "/api/v1/entities/product/1")
	get(a, "/api/v1/entities/product/unknown")
	get(a, "/api/else")
	ask(a, "FANCY", "/api/v1/changes", nil)
	want := "[GET /api/v1/entities/{type}/{id} OK GET /api/v1/entities/{type}/{id} Not Found GET  Not Found other /api/v1/changes Method Not Allowed]"
	if got := fmt.Sprint(o.requests); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestCORS(t *testing.T) {
	preflight := []string{"Origin", "https://app.example", "Access-Control-Request-Method", "GET"}
	off := newTestAPI(t, nil)
	if w := ask(off, "OPTIONS", "/api/v1/changes", nil, preflight...); w.Header().Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("off by default: %v", w.Header())
	}
	on := newTestAPI(t, func(o *Options) { o.CORSOrigins = []string{"https://app.example"} })
	w := ask(on, "OPTIONS", "/api/v1/changes", nil, preflight...)
	if h := w.Header(); w.Code != 204 || h.Get("Access-Control-Allow-Origin") != "https://app.example" || !strings.Contains(h.Get("Access-Control-Allow-Headers"), "Authorization") ||
		h.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("preflight: %d %v", w.Code, h)
	}
	if h := get(on, "/api/v1/changes", "Origin", "https://app.example").Header(); h.Get("Access-Control-Allow-Origin") != "https://app.example" || !strings.Contains(strings.Join(h.Values("Vary"), ","), "Origin") {
		t.Errorf("the question itself: %v", h)
	}
	for _, other := range []string{"https://evil.example", "https://app.example.evil", "null", "http://app.example"} {
		if h := get(on, "/api/v1/changes", "Origin", other).Header(); h.Get("Access-Control-Allow-Origin") != "" || !strings.Contains(strings.Join(h.Values("Vary"), ","), "Origin") {
			t.Errorf("%s: %v", other, h)
		}
	}
}
