package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"syscall"
	"testing"

	"dossier/query"
)

// serve answers every request with handler.
func serve(t *testing.T, authorization string, handler http.HandlerFunc) *Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	c, err := New(server.URL+"/", authorization, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestPathsAreEscaped(t *testing.T) {
	var got, query, auth string
	c := serve(t, "Bearer s3cret", func(w http.ResponseWriter, r *http.Request) {
		got, query, auth = r.URL.EscapedPath(), r.URL.RawQuery, r.Header.Get("Authorization")
		io.WriteString(w, "{}")
	})
	for id, want := range map[string]string{
		"1/2":    "1%2F2",
		"a%2Fb":  "a%252Fb",
		"..":     "..",
		"ü ?#&":  "%C3%BC%20%3F%23&",
		"x;y=z+": "x%3By=z+",
	} {
		if _, err := Get[struct{}](t.Context(), c, Path{"entities", "a.b", id, "history"}, url.Values{"q": {`x&y="1" +`}}); err != nil {
			t.Fatal(err)
		}
		if want := "/api/v1/entities/a.b/" + want + "/history"; got != want {
			t.Errorf("%q: path %s, want %s", id, got, want)
		}
		if query != "q=x%26y%3D%221%22+%2B" || auth != "Bearer s3cret" {
			t.Errorf("query %s, authorization %s", query, auth)
		}
	}
}

func TestProblems(t *testing.T) {
	answer := ""
	c := serve(t, "", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "7")
		w.Header().Set("X-Request-Id", "r-1")
		w.WriteHeader(400)
		io.WriteString(w, answer)
	})
	for answer_, says := range map[string]string{
		`{"title":"Bad Request","status":400,"detail":"expected a time","parameter":"q","position":5}`:               "q, at character 5: expected a time",
		`{"title":"Bad Request","detail":"expected a time","parameter":"as_of"}`:                                     "as_of: expected a time",
		`{"detail":"two faults","errors":[{"pointer":"/name","detail":"is missing"},{"detail":"nothing is named"}]}`: "two faults\n  /name: is missing\n  nothing is named",
		`<html>`: "the server answered with status 400 (Bad Request)",
		``:       "status 400",
	} {
		answer = answer_
		_, err := Get[query.History](t.Context(), c, Path{"x"}, nil)
		var p *Problem
		if !errors.As(err, &p) || p.Status != 400 || p.Header.RetryAfter != "7" || p.Header.RequestID != "r-1" || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %#v: %v, want %q", answer, p, err, says)
		}
	}
}

func TestNoServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := "http://" + l.Addr().String()
	l.Close()
	c, err := New(address, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Get[query.History](t.Context(), c, Path{"x"}, url.Values{"q": {"private"}})
	var u *Unreachable
	if !errors.As(err, &u) || u.Server != address || !errors.Is(err, syscall.ECONNREFUSED) || strings.Contains(err.Error(), "private") {
		t.Errorf("%v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Get[query.History](ended, c, Path{"x"}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want the context's error", err)
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	c := serve(t, "", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "<html>a login page</html>") })
	if _, err := Get[query.History](t.Context(), c, Path{"x"}, nil); err == nil || !strings.Contains(err.Error(), "not an answer of Dossier's") {
		t.Errorf("%v", err)
	}
}

func TestNewRefuses(t *testing.T) {
	for _, server := range []string{"", "localhost:8080", "ftp://x", "http://", "http://u:secret@x", "http://%zz"} {
		if _, err := New(server, "", nil); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", server, err)
		}
	}
}

func TestPost(t *testing.T) {
	c := serve(t, "", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.WriteHeader(201)
		fmt.Fprintf(w, `{"name":%q,"id":%q}`, body, r.Method+" "+r.Header.Get("Content-Type")+" "+r.Header.Get("Idempotency-Key"))
	})
	got, err := Post[query.VersionMark](t.Context(), c, Path{"versions"}, "k1", map[string]string{"name": "A"})
	if err != nil || got.Name != `{"name":"A"}` || got.ID != "POST application/json k1" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestReadEvents(t *testing.T) {
	stream := ": hello\n\nevent: change\nid: 0:5\ndata: {\"a\":1}\n\n" +
		"data:one\r\ndata: two\r\n\r\n" + // several lines, the id stays, no name
		"event: heartbeat\n\n" + // without data or a new id: no event
		": heartbeat\nid: 0:6\n\n" + // nor is this, but a place
		"id\ndata: x\n\nunknown: y\ndata: last, and cut off\n"
	var got []string
	err := readEvents(strings.NewReader(stream), func(e ServerEvent) error {
		got = append(got, e.Name+"|"+e.ID+"|"+string(e.Data))
		return nil
	})
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%v, want the end of the stream", err)
	}
	want := "change|0:5|{\"a\":1} ; |0:5|one\ntwo ; |0:6| ; ||x"
	if strings.Join(got, " ; ") != want {
		t.Errorf("got  %q\nwant %q", strings.Join(got, " ; "), want)
	}
	enough := errors.New("enough")
	if err := readEvents(strings.NewReader("data: x\n\n"), func(ServerEvent) error { return enough }); err != enough {
		t.Errorf("%v, want the caller's error", err)
	}
}

func TestTail(t *testing.T) {
	c := serve(t, "", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "id: 9\nevent: change\ndata: %s %s\n\n", r.URL.Query().Get("q"), r.Header.Get("Last-Event-ID"))
	})
	var got ServerEvent
	err := c.Tail(t.Context(), "type:person", "8", func(e ServerEvent) error { got = e; return nil })
	if !errors.Is(err, io.ErrUnexpectedEOF) || string(got.Data) != "type:person 8" || got.ID != "9" {
		t.Errorf("%+v, %v", got, err)
	}
}
