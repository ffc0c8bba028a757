package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestServePassesCredentialsOn: with Elasticsearch the caller's own credentials reach the store and nobody else's do, the configured ones of the sink least of all; and the
// store's own challenge reaches the caller.
func TestServePassesCredentialsOn(t *testing.T) {
	var mu sync.Mutex
	seen := map[string]int{}
	store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		seen[r.Header.Get("Authorization")]++
		mu.Unlock()
		w.Header().Set("X-Elastic-Product", "Elasticsearch")
		w.Header().Set("Content-Type", "application/json")
		w.Header().Add("WWW-Authenticate", `Basic realm="the store"`)
		w.Header().Add("WWW-Authenticate", "ApiKey")
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, `{"error":{"type":"security_exception","reason":"missing authentication credentials"},"status":401}`)
	}))
	defer store.Close()
	path, _ := fakeKafka(t, `
sources: [{name: shop, format: json}]
admin: {listen: 127.0.0.1:0}
serve: {listen: 127.0.0.1:0}
sink: {elasticsearch: {addresses: ["`+store.URL+`"], username: dossier, password: of-the-sink-alone}}
`)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var log output
	root := newRootCommand()
	root.SetErr(&log)
	ended := make(chan int, 1)
	go func() { ended <- execute(ctx, root, []string{"run", "--role", "serve", "--config", path}, &log) }()
	operators, public := log.addressOf(t, "admin.listen"), log.addressOf(t, "serve.listen")
	s := &served{t, "http://" + public, "of-the-caller"}
	r, err := http.NewRequest("GET", s.address+"/api/v1/entities/product/1", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer of-the-caller")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if got := answer.Header.Values("WWW-Authenticate"); answer.StatusCode != 401 || strings.Join(got, "|") != `Basic realm="the store"|ApiKey` {
		t.Errorf("%d, WWW-Authenticate %q", answer.StatusCode, got)
	}
	// A store that asks who it is answers: that is ready. Health and metrics are for operators alone here.
	(&served{t, "http://" + operators, ""}).want("GET", "/readyz", "", 200)
	s.want("GET", "/readyz", "", 404)
	s.want("GET", "/metrics", "", 404)
	(&served{t, "http://" + operators, ""}).want("GET", "/api/openapi.json", "", 404)
	mu.Lock()
	if seen["Bearer of-the-caller"] == 0 || len(seen) != 2 || seen[""] == 0 {
		t.Errorf("the store saw %v; want the caller's and none at all", seen)
	}
	mu.Unlock()
	stop()
	select {
	case code := <-ended:
		if code != 0 {
			t.Errorf("ended with %d\n%s", code, &log)
		}
	case <-time.After(30 * time.Second):
		t.Fatalf("does not end\n%s", &log)
	}
}
