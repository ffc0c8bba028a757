package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"dossier/internal/config"
	"dossier/internal/garbage"
	"dossier/internal/telemetry"
)

func newRunCommand() *cobra.Command {
	var roles []string
	var drain time.Duration
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the pipeline until it is told to stop",
		Long: `Runs the roles named, all by default, until SIGTERM or SIGINT. The first signal drains: what is decided is committed, what was
sent to the store is waited for. A second one ends the program at once; nothing is lost by either, a restart goes on.

  processor   joins changes with their contexts and publishes audit events, also of the feedback topic
  sink        stores audit events as version documents
  serve       answers questions over HTTP, on serve.listen

Each role may run in several processes, which share the work. Health and metrics stand on admin.listen, or on serve.listen.`,
		Example: `  dossier run
  dossier run --role processor
  DOSSIER_SERVE_LISTEN=:8081 dossier run --role sink
  dossier run --role serve`,
		Args: misusedArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			needs, err := needsOf(roles)
			if err != nil {
				return err
			}
			c, err := loadConfig(cmd, needs)
			if err != nil {
				return err
			}
			log, err := telemetry.NewLog(cmd.ErrOrStderr(), c.Log.Level)
			if err != nil {
				return err
			}
			defer func() { _ = log.Sync() }()
			return run(cmd.Context(), c, roles, drain, log)
		},
	}
	cmd.Flags().StringSliceVar(&roles, "role", allRoles, "the `ROLES` to run: processor, sink, serve")
	completeFlag(cmd, "role", allRoles...)
	cmd.Flags().DurationVar(&drain, "drain", 30*time.Second, "how long to wait for the roles to end after a signal")
	return cmd
}

// role is one long-lived part of the process: it runs until ctx ends, drains, and returns nil.
type role struct {
	name string
	run  func(ctx context.Context) error
}

// run runs roles until ctx ends.
//
//	change and context topics ──> processor ──> audit topic ──> sink ──> store
//	                                  │                           │        │
//	                                  └─────────┬─────────────────┘        └──> serve ──> /api
//	                                        observers ──> metrics, readiness ──> /healthz /readyz /metrics
//
// The roles share nothing but the observers: in one process or apart, they meet on the audit topic. If one fails, the others drain.
func run(ctx context.Context, c *config.Config, names []string, drain time.Duration, log *zap.Logger) error {
	t := newTelemetry()
	var api http.Handler // made below, before anybody is answered
	var later http.Handler
	if slices.Contains(names, roleServe) {
		later = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { api.ServeHTTP(w, r) })
	}
	open, err := listeners(c, t, later, log)
	if err != nil {
		return err
	}
	var roles []role
	for _, l := range open {
		defer l.stop() // last, so that it can be seen how the roles drain
		roles = append(roles, role{"http", l.run})
	}
	switch {
	case slices.Contains(names, roleProcessor):
		garbage.Collect(garbage.Processor)
	case slices.Contains(names, roleSink):
		garbage.Collect(garbage.Sink)
	}
	if slices.Contains(names, roleProcessor) {
		p, err := newProcessor(ctx, c, t, log)
		if err != nil {
			return err
		}
		roles = append(roles, role{roleProcessor, p.Run})
		if c.Feedback != nil {
			f, err := newFeedback(ctx, c, t, log)
			if err != nil {
				return err
			}
			roles = append(roles, role{"feedback", f.Run})
		}
	}
	if slices.Contains(names, roleSink) {
		s, err := newSink(ctx, c, t, log)
		if err != nil {
			return err
		}
		roles = append(roles, role{roleSink, s.run})
	}
	if slices.Contains(names, roleServe) {
		s, err := newServe(ctx, c, t, log)
		if err != nil {
			return err
		}
		api = s.api.Handler()
		roles = append(roles, role{roleServe, s.run})
	}
	log.Info("started", zap.Strings("roles", names), zap.String("version", version()))
	return runRoles(ctx, roles, drain, log)
}

// runRoles waits until every role has ended. Those that take longer than drain after ctx has ended are left behind: the process is
// about to end, and what they had not committed is done again.
func runRoles(ctx context.Context, roles []role, drain time.Duration, log *zap.Logger) error {
	group, groupCtx := errgroup.WithContext(ctx)
	for _, r := range roles {
		group.Go(func() error {
			err := r.run(groupCtx)
			if err != nil {
				log.Error("role failed", zap.String("role", r.name), zap.Error(err))
				return fmt.Errorf("%s: %w", r.name, err)
			}
			log.Debug("role ended", zap.String("role", r.name))
			if groupCtx.Err() == nil {
				return fmt.Errorf("%s: ended by itself", r.name)
			}
			return nil
		})
	}
	done := make(chan error, 1)
	go func() { done <- group.Wait() }()
	select {
	case err := <-done:
		return err
	case <-groupCtx.Done():
	}
	log.Info("draining", zap.Duration("at_most", drain))
	select {
	case err := <-done:
		if err == nil {
			log.Info("drained")
		}
		return err
	case <-time.After(drain):
		return fmt.Errorf("not drained within %s (--drain); what was not committed is done again at the next start", drain)
	}
}
