package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	"go.uber.org/zap"

	"dossier/internal/config"
	"dossier/internal/telemetry"
	"dossier/web"
)

// telemetrySet is what all roles of a process share.
type telemetrySet struct {
	metrics   *telemetry.Metrics
	readiness *telemetry.Readiness
}

func newTelemetry() telemetrySet {
	return telemetrySet{metrics: telemetry.NewMetrics(version()), readiness: telemetry.NewReadiness(time.Now)}
}

// listener is one HTTP address.
type listener struct {
	server *http.Server
	socket net.Listener
	log    *zap.Logger
}

// healthListener opens the address for health, metrics and profiles: admin.listen, or serve.listen where there is none.
func healthListener(c *config.Config, t telemetrySet, log *zap.Logger) (*listener, error) {
	router := chi.NewRouter()
	web.HealthRoutes{Reasons: t.readiness.Reasons, Metrics: t.metrics.Handler(), PProf: c.Admin.PProf && c.Admin.Listen != ""}.Mount(router)
	if c.Admin.Listen != "" {
		return listen("admin.listen", c.Admin.Listen, router, log)
	}
	return listen("serve.listen", c.Serve.Listen, router, log)
}

func listen(key, address string, handler http.Handler, log *zap.Logger) (*listener, error) {
	socket, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	log.Info("listening", zap.String("key", key), zap.String("address", socket.Addr().String()))
	return &listener{server: server, socket: socket, log: log}, nil
}

// run answers until stop is called, and returns when ctx ends or the server fails.
func (l *listener) run(ctx context.Context) error {
	failed := make(chan error, 1)
	go func() { failed <- l.server.Serve(l.socket) }()
	select {
	case <-ctx.Done():
		return nil // stop ends the serving, when all that is worth asking about has ended
	case err := <-failed:
		return fmt.Errorf("http: %w", err)
	}
}

// stop lets requests under way end, for a short time.
func (l *listener) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := l.server.Shutdown(ctx); err != nil {
		l.log.Warn("http requests were cut off", zap.Error(err))
	}
}
