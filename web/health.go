package web

import (
	"encoding/json"
	"net/http"
	"net/http/pprof"

	"github.com/go-chi/chi/v5"

	"dossier/internal/telemetry"
)

// HealthRoutes are the paths that orchestrators and operators ask.
type HealthRoutes struct {
	// Reasons returns why the process is not ready; none if it is.
	Reasons func() []telemetry.Reason
	// Metrics serves /metrics.
	Metrics http.Handler
	// PProf adds profiles under /debug/pprof/. Only for an address that operators alone can reach: a profile shows what is in memory.
	PProf bool
}

// Mount adds the paths to a router.
//
//	/healthz  200 while the process answers at all: restart it if it does not
//	/readyz   200 when everything that runs in it has caught up, else 503; both with the reasons as JSON
//	/metrics  Prometheus
func (h HealthRoutes) Mount(r chi.Router) {
	r.Get("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		writeStatus(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	r.Get("/readyz", h.ready)
	r.Method(http.MethodGet, "/metrics", h.Metrics)
	if h.PProf {
		r.HandleFunc("/debug/pprof/*", pprof.Index)
		r.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
		r.HandleFunc("/debug/pprof/profile", pprof.Profile)
		r.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
		r.HandleFunc("/debug/pprof/trace", pprof.Trace)
	}
}

// readiness is the answer of /readyz.
type readiness struct {
	Ready   bool               `json:"ready"`
	Reasons []telemetry.Reason `json:"reasons"`
}

func (h HealthRoutes) ready(w http.ResponseWriter, _ *http.Request) {
	reasons := h.Reasons()
	status := http.StatusOK
	if len(reasons) > 0 {
		status = http.StatusServiceUnavailable
	}
	writeStatus(w, status, readiness{Ready: len(reasons) == 0, Reasons: reasons})
}

func writeStatus(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a client that has gone away is no fault of ours
}
