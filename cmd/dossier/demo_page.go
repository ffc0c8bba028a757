package main

import (
	"fmt"
	"io"

	"dossier/internal/config"
)

// demoPage writes what came of the year, and what there is to ask.
func demoPage(w io.Writer, s *demoSummary, c *config.Config, dir string) error {
	_, err := fmt.Fprintf(w, `
The year is stored: %d transactions changed %d rows, of which %d stand without anybody who answers for them.

store, log and configuration   %s
health                         curl -s http://%s/readyz
                               curl -s http://%[5]s/metrics

Ctrl-C ends it.
`, s.Transactions, s.Attached+s.Late+s.Ambiguous+s.Unattributed, s.Unattributed, dir, c.Serve.Listen)
	return err
}
