package e2e

import (
	"context"
	"net/http"
	"os"
	"testing"
	"time"

	"dossier/connectors"
)

// capture deploys the shipped connector of a format for the application's database, as an operator does, and returns when it
// captures.
func (s *servers) capture(t *testing.T, a *application, file string) {
	t.Helper()
	setup, err := os.ReadFile("../../connectors/sql/postgres-setup.sql")
	check(t, err)
	conn := connect(t, a.dsn)
	for _, sql := range []string{string(setup), `SELECT dossier.capture_schema('public')`} {
		_, err := conn.Exec(t.Context(), sql)
		check(t, err)
	}
	cfg, err := connectors.Load(file, s.lookup(a.source, a.dsn))
	check(t, err)
	if findings := connectors.Validate(cfg); connectors.HasErrors(findings) {
		t.Fatalf("%s: %v", file, findings)
	}
	client, err := connectors.NewClient(s.connect)
	check(t, err)
	t.Cleanup(func() {
		// A connector whose database goes would fail for ever.
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		request, err := http.NewRequestWithContext(ctx, http.MethodDelete, s.connect+"/connectors/"+cfg.Name, nil)
		if err == nil {
			if response, err := http.DefaultClient.Do(request); err == nil {
				response.Body.Close()
			}
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	if _, err := client.Apply(ctx, cfg); err != nil {
		t.Fatal(err)
	}
}
