package web

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
)

// FuzzRequests: whatever the path and the query are, the answer is one that is described, and none of them is a fault of ours.
func FuzzRequests(f *testing.F) {
	for _, seed := range []string{"/api", "/api/v1/changes?q=user:u1", "/api/v1/entities/a%2Fb/%25/history?from=-7d&limit=3", "/api/v1/entities/product/1/diff?a=version:x@1&b=position:1", "/api/v1/counts?by=day&q=-x",
		"/api/v1/transactions/shop/18446744073709551616?time=now", "/api/v1/versions/%00?edition=changes", "/api/v1/requests/%ff", "/api//v1///", "/api/v1/entities/product/1?event=x&blame=true", "/api/v1/changes?cursor=AAAA"} {
		f.Add("GET", seed)
		f.Add("OPTIONS", seed)
	}
	a := newTestAPI(f, nil)
	handler := a.Handler()
	f.Fuzz(func(t *testing.T, method, target string) {
		u, err := url.Parse(target)
		if err != nil || u.Host != "" || u.Scheme != "" {
			t.Skip()
		}
		r := httptest.NewRequest("GET", "/", nil)
		r.Method, r.URL = method, u
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code < 400 {
			return
		}
		if w.Code >= 500 && w.Code != http.StatusServiceUnavailable {
			t.Errorf("%q %q: %d %s", method, target, w.Code, w.Body)
		}
		var p Problem
		if err := json.Unmarshal(w.Body.Bytes(), &p); method != "HEAD" && (err != nil || p.Status != w.Code || p.Detail == "") {
			t.Errorf("%q %q: %v in %s", method, target, err, w.Body)
		}
	})
}
