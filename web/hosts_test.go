package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestHosts: where only this machine is meant to ask, a page of the web whose name resolves to it reads nothing.
func TestHosts(t *testing.T) {
	checked := newTestAPI(t, func(o *Options) { o.CheckHost, o.Hosts = true, []string{"Audit.example", "fd00::1"} })
	open := newTestAPI(t, nil)
	for host, ours := range map[string]bool{
		"localhost": true, "localhost:8080": true, "LOCALHOST:1": true, "localhost.": true, "127.0.0.1": true, "127.0.0.1:8080": true, "127.1.2.3:80": true, "[::1]": true, "[::1]:8080": true,
		"[::ffff:127.0.0.1]:8080": true, "audit.example": true, "AUDIT.example:8443": true, "audit.example.:80": true, "[fd00::1]:80": true,
		"": false, "evil.example": false, "evil.example:8080": false, "localhost.evil.example": false, "127.0.0.1.evil.example": false, "evil.audit.example": false, "10.0.0.1:8080": false,
		"0.0.0.0:8080": false, "[::]:8080": false, "[fd00::2]": false, "127.0.0.1@evil.example": false, ":8080": false, "a:b:c": false,
	} {
		for _, call := range []struct{ method, target, body string }{{"GET", "/api/v1/changes", ""}, {"GET", "/api/openapi.json", ""}, {"POST", "/api/v1/feedback", "{}"}, {"GET", "/api/v1/tail", ""}} {
			r := httptest.NewRequest(call.method, call.target, strings.NewReader(call.body))
			r.Host = host
			w := httptest.NewRecorder()
			checked.Handler().ServeHTTP(w, r)
			if got := w.Code != http.StatusMisdirectedRequest; got != ours {
				t.Errorf("%s %s for %q: %d", call.method, call.target, host, w.Code)
			}
			if !ours {
				if p := wantProblem(t, w, kindMisdirected, ""); !strings.Contains(p.Detail, "serve.hosts") {
					t.Errorf("says nothing of what to do: %s", p.Detail)
				}
			}
			w = httptest.NewRecorder()
			open.Handler().ServeHTTP(w, r)
			if w.Code == http.StatusMisdirectedRequest {
				t.Errorf("%q, unchecked: %d", host, w.Code)
			}
		}
	}
}
