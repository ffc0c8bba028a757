package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"

	"dossier/internal/telemetry"
)

func TestHealthRoutes(t *testing.T) {
	reasons := []telemetry.Reason{}
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("a_metric 1\n")) })
	serve := func(pprof bool, path string) *httptest.ResponseRecorder {
		router := chi.NewRouter()
		HealthRoutes{Reasons: func() []telemetry.Reason { return reasons }, Metrics: metrics, PProf: pprof}.Mount(router)
		w := httptest.NewRecorder()
		router.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		return w
	}
	for _, c := range []struct {
		path    string
		pprof   bool
		reasons []telemetry.Reason
		status  int
		body    string
	}{
		{"/healthz", false, nil, 200, `"ok"`},
		{"/readyz", false, []telemetry.Reason{}, 200, `{"ready":true,"reasons":[]}`},
		{"/readyz", false, []telemetry.Reason{{Role: "sink", Code: "behind", Detail: "7 records to go"}}, 503,
			`{"ready":false,"reasons":[{"role":"sink","code":"behind","detail":"7 records to go"}]}`},
		{"/healthz", false, []telemetry.Reason{{Role: "sink"}}, 200, `"ok"`}, // alive, though not ready
		{"/metrics", false, nil, 200, "a_metric 1"},
		{"/debug/pprof/", false, nil, 404, ""},
		{"/debug/pprof/", true, nil, 200, "goroutine"},
		{"/debug/pprof/heap", true, nil, 200, ""},
		{"/other", false, nil, 404, ""},
	} {
		reasons = c.reasons
		w := serve(c.pprof, c.path)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.body) {
			t.Errorf("%s: %d %s, want %d and %s", c.path, w.Code, w.Body, c.status, c.body)
		}
	}
}
