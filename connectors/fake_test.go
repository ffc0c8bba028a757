package connectors

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// fakeConnect speaks as much of Kafka Connect's REST interface as the client uses. It starts a connector after a few looks at it.
type fakeConnect struct {
	*httptest.Server

	mu         sync.Mutex
	troubles   []http.HandlerFunc // answers given before the real ones, each once
	connectors map[string]map[string]string
	looks      map[string]int // at a connector's status since its last change
	heartbeats int
	requests   []string

	// trace makes tasks fail; mute keeps the offsets empty; complaints answer validations.
	trace      string
	mute       bool
	complaints map[string][]string
	restarts   int
}

func newFakeConnect(t *testing.T) (*fakeConnect, *Client) {
	t.Helper()
	f := &fakeConnect{connectors: map[string]map[string]string{}, looks: map[string]int{}}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	client, err := NewClient(f.URL)
	if err != nil {
		t.Fatal(err)
	}
	client.backoff, client.poll, client.settle = time.Millisecond, time.Millisecond, 5*time.Millisecond
	return f, client
}

func (f *fakeConnect) answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if body != nil {
		_ = json.NewEncoder(w).Encode(body)
	}
}

func (f *fakeConnect) refuse(w http.ResponseWriter, status int, message string) {
	f.answer(w, status, map[string]any{"error_code": status, "message": message})
}

func (f *fakeConnect) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests = append(f.requests, r.Method+" "+r.URL.RequestURI())
	if len(f.troubles) > 0 {
		trouble := f.troubles[0]
		f.troubles = f.troubles[1:]
		trouble(w, r)
		return
	}
	var sent map[string]string
	if r.Method == http.MethodPut {
		if err := json.NewDecoder(r.Body).Decode(&sent); err != nil {
			f.refuse(w, 500, "Unexpected character")
			return
		}
	}
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	if parts[0] == "connector-plugins" {
		f.validate(w, sent)
		return
	}
	if len(parts) == 1 {
		if r.URL.Query().Get("expand") == "" {
			f.answer(w, 200, slices.Collect(maps.Keys(f.connectors)))
			return
		}
		all := map[string]any{}
		for name, config := range f.connectors {
			all[name] = map[string]any{"status": f.status(name), "info": map[string]any{"config": config}}
		}
		f.answer(w, 200, all)
		return
	}
	name, rest := parts[1], strings.Join(parts[2:], "/")
	config, exists := f.connectors[name]
	if !exists && !(r.Method == http.MethodPut && rest == "config") {
		f.refuse(w, 404, "Connector "+name+" not found")
		return
	}
	switch r.Method + " " + rest {
	case "GET config":
		f.answer(w, 200, config)
	case "PUT config":
		f.connectors[name], f.looks[name] = sent, 0
		f.answer(w, map[bool]int{true: 200, false: 201}[exists], map[string]any{"name": name, "config": sent})
	case "GET status":
		f.looks[name]++
		if f.looks[name] == 1 {
			f.refuse(w, 404, "No status found for connector "+name)
			return
		}
		f.answer(w, 200, f.status(name))
	case "GET offsets":
		offsets := []any{}
		if !f.mute && f.looks[name] > 2 {
			f.heartbeats++
			offsets = append(offsets, map[string]any{"offset": map[string]int{"lsn": f.heartbeats}})
		}
		f.answer(w, 200, map[string]any{"offsets": offsets})
	case "POST restart":
		f.restarts++
		f.trace, f.looks[name] = "", 0
		f.answer(w, 202, f.status(name))
	case "DELETE ":
		delete(f.connectors, name)
		w.WriteHeader(204)
	default:
		f.refuse(w, 404, "HTTP 404 Not Found")
	}
}

func (f *fakeConnect) status(name string) map[string]any {
	tasks := []any{}
	if f.looks[name] > 2 {
		task := map[string]any{"id": 0, "state": "RUNNING", "worker_id": "w:8083"}
		if f.trace != "" {
			task["state"], task["trace"] = "FAILED", f.trace
		}
		tasks = append(tasks, task)
	}
	return map[string]any{"name": name, "connector": map[string]any{"state": "RUNNING", "worker_id": "w:8083"}, "tasks": tasks}
}

func (f *fakeConnect) validate(w http.ResponseWriter, sent map[string]string) {
	configs := []any{}
	for key, value := range sent {
		configs = append(configs, map[string]any{"value": map[string]any{"name": key, "value": value, "errors": append([]string{}, f.complaints[key]...)}})
	}
	f.answer(w, 200, map[string]any{"configs": configs, "error_count": len(f.complaints)})
}

// startUp are the answers of a worker that is not ready, in the order in which they were seen.
func startUp() []http.HandlerFunc {
	text := func(status int, contentType, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	return []http.HandlerFunc{
		func(w http.ResponseWriter, _ *http.Request) { // the connection breaks
			conn, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				_ = conn.Close()
			}
		},
		text(404, "text/html", "<html><body>Error 404 Not Found</body></html>"),
		text(404, "application/json", `{"error_code":404,"message":"HTTP 404 Not Found"}`),
		text(500, "text/html", "<html>\n<h2>HTTP ERROR 500 Servlet not ready</h2></html>"),
		text(200, "text/html", "<html>soon</html>"),
		text(503, "text/plain", ""),
		text(500, "application/json", `{"error_code":500,"message":"Request timed out. The worker is currently ensuring membership in the cluster"}`),
		text(409, "application/json", `{"error_code":409,"message":"Cannot complete request momentarily due to stale configuration (typically caused by a concurrent config change)"}`),
	}
}

// endless is an answer of more bytes than a client should take.
func endless(w http.ResponseWriter, _ *http.Request) {
	chunk := []byte(strings.Repeat("x", 1<<20))
	fmt.Fprint(w, `["`)
	for range 2 * maxBody / len(chunk) {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}
