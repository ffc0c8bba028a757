package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	"go.uber.org/zap"
	"golang.org/x/net/netutil"

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

// listeners opens the addresses of a process. Health, metrics and profiles stand on admin.listen, or on serve.listen where there is none; the API, if the process
// answers questions, stands on serve.listen. Nobody is answered before run.
func listeners(c *config.Config, t telemetrySet, api http.Handler, log *zap.Logger) (open []*listener, err error) {
	defer func() {
		if err != nil {
			for _, l := range open {
				l.stop()
			}
		}
	}()
	health := chi.NewRouter()
	web.HealthRoutes{Reasons: t.readiness.Reasons, Metrics: t.metrics.Handler(), PProf: c.Admin.PProf && c.Admin.Listen != ""}.Mount(health)
	public := http.Handler(health)
	if c.Admin.Listen != "" {
		// Profiles take as long as they are asked for: that address is for operators, and has no bound for writing.
		server := &http.Server{Handler: health, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
		admin, err := listen("admin.listen", c.Admin.Listen, server, 0, log)
		if err != nil {
			return nil, err
		}
		open = append(open, admin)
		public = http.NotFoundHandler()
	}
	if api == nil && c.Admin.Listen != "" {
		return open, nil
	}
	if api != nil {
		public = web.Under("/api", api, public)
	}
	serve, err := listen("serve.listen", c.Serve.Listen, web.Server(public), c.Serve.MaxConnections, log)
	if err != nil {
		return open, err
	}
	return append(open, serve), nil
}

// listen opens an address. Beyond most connections, unless it is 0, further ones wait until one ends.
func listen(key, address string, server *http.Server, most int, log *zap.Logger) (*listener, error) {
	socket, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	log.Info("listening", zap.String("key", key), zap.String("address", socket.Addr().String()))
	if most > 0 {
		socket = netutil.LimitListener(socket, most)
	}
	server.ErrorLog = zap.NewStdLog(log.Named("http"))
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
	_ = l.socket.Close() // where it has never been served; otherwise it is closed already
}
