package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"

	"dossier/internal/config"
	"dossier/internal/telemetry"
	"dossier/web"
)

func TestProbe(t *testing.T) {
	var reasons []telemetry.Reason
	router := chi.NewRouter()
	web.HealthRoutes{Reasons: func() []telemetry.Reason { return reasons }, Metrics: http.NotFoundHandler()}.Mount(router)
	server := httptest.NewServer(router)
	defer server.Close()
	address := strings.TrimPrefix(server.URL, "http://")

	for _, ready := range []bool{false, true} {
		if err := probe(t.Context(), address, ready); err != nil {
			t.Errorf("ready=%v: %v", ready, err)
		}
	}
	reasons = []telemetry.Reason{{Role: "processor", Code: "behind", Detail: "reads a backlog"}, {Role: "sink", Code: "waiting", Detail: "no room"}}
	if err := probe(t.Context(), address, false); err != nil {
		t.Errorf("an instance that is behind lives: %v", err)
	}
	if err := probe(t.Context(), address, true); err == nil || !strings.Contains(err.Error(), "processor: reads a backlog (behind); sink: no room (waiting)") {
		t.Errorf("got %v, want the reasons", err)
	}
	server.Close()
	if err := probe(t.Context(), address, false); err == nil || !strings.Contains(err.Error(), "no instance answers") {
		t.Errorf("got %v", err)
	}
}

func TestProbeAddress(t *testing.T) {
	for _, c := range []struct{ serve, admin, want string }{
		{"127.0.0.1:8080", "", "127.0.0.1:8080"},
		{"0.0.0.0:8080", "", "127.0.0.1:8080"},
		{":8080", "", "127.0.0.1:8080"},
		{"[::]:8080", "", "[::1]:8080"},
		{"0.0.0.0:8080", "10.1.2.3:9090", "10.1.2.3:9090"},
	} {
		got, err := probeAddress(&config.Config{Serve: config.Serve{Listen: c.serve}, Admin: config.Admin{Listen: c.admin}})
		if err != nil || got != c.want {
			t.Errorf("serve %q, admin %q: got %q, %v, want %q", c.serve, c.admin, got, err, c.want)
		}
		if _, _, err := net.SplitHostPort(got); err != nil {
			t.Error(err)
		}
	}
}
