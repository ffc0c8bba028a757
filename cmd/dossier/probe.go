package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"dossier/internal/config"
	"dossier/internal/telemetry"
)

func newProbeCommand() *cobra.Command {
	var ready bool
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "probe",
		Short: "Ask the instance beside this one whether it lives, or is ready",
		Long: `Asks the instance that runs with the same configuration on the same machine, or in the same container, for its health: exit code 0 if
it answers, and with --ready only if it has caught up. For container engines, whose health checks are programs.`,
		Example: `  dossier probe
  docker exec dossier-sink /dossier probe --ready`,
		Args: misusedArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadConfig(cmd, 0)
			if err != nil {
				return err
			}
			address, err := probeAddress(c)
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			return probe(ctx, address, ready)
		},
	}
	cmd.Flags().BoolVar(&ready, "ready", false, "also fail while the instance has not caught up")
	cmd.Flags().DurationVar(&timeout, "timeout", 5*time.Second, "how long to wait for the answer")
	return cmd
}

// probeAddress is where an instance with this configuration answers health checks, seen from its own machine.
func probeAddress(c *config.Config) (string, error) {
	host, port, err := net.SplitHostPort(cmp.Or(c.Admin.Listen, c.Serve.Listen))
	if err != nil {
		return "", err
	}
	// An instance that listens everywhere listens on the loopback interface too.
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
		if ip != nil && ip.To4() == nil {
			host = "::1"
		}
	}
	return net.JoinHostPort(host, port), nil
}

// probe asks an instance. What it gives as reasons for not being ready is the error.
func probe(ctx context.Context, address string, ready bool) error {
	path := "/healthz"
	if ready {
		path = "/readyz"
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("no instance answers: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	if err != nil {
		return fmt.Errorf("%s%s: %w", address, path, err)
	}
	if response.StatusCode == http.StatusOK {
		return nil
	}
	var answer struct {
		Reasons []telemetry.Reason `json:"reasons"`
	}
	if ready && json.Unmarshal(body, &answer) == nil && len(answer.Reasons) > 0 {
		reasons := make([]string, len(answer.Reasons))
		for i, r := range answer.Reasons {
			reasons[i] = fmt.Sprintf("%s: %s (%s)", r.Role, r.Detail, r.Code)
		}
		return fmt.Errorf("not ready: %s", strings.Join(reasons, "; "))
	}
	return fmt.Errorf("%s%s: %s", address, path, response.Status)
}
