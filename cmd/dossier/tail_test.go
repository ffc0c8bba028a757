package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
)

// TestTailGoesOnWhereItWas: a stream that breaks off before anything matched goes on where it began.
func TestTailGoesOnWhereItWas(t *testing.T) {
	var asked atomic.Int32
	var resumed atomic.Value
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch asked.Add(1) {
		case 1:
			fmt.Fprint(w, "retry: 2000\nid: 0:7\n\n: heartbeat\nid: 0:8\n\n")
		case 2:
			resumed.Store(r.Header.Get("Last-Event-ID"))
			fmt.Fprint(w, "event: change\ndata: {\"id\":\"e9\"}\nid: 0:10\n\n")
		default:
			http.Error(w, `{"detail":"enough"}`, http.StatusForbidden)
		}
	}))
	defer server.Close()
	root := newRootCommand()
	var out, errs bytes.Buffer
	root.SetOut(&out)
	root.SetErr(&errs)
	if code := execute(t.Context(), root, []string{"tail", "-f", "--limit", "0", "--json", "--server", server.URL, "user:anna"}, &errs); code == 0 {
		t.Errorf("ended with %d", code)
	}
	if resumed.Load() != "0:8" {
		t.Errorf("went on behind %v, want the place that the server had told", resumed.Load())
	}
	if out.String() != "{\"id\":\"e9\"}\n" {
		t.Errorf("printed %q", out.String())
	}
}
