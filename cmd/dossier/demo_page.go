package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"unicode"

	"dossier/client"
	"dossier/internal/config"
)

// demoQuestion is something to ask of the year. The command is without the program's name.
type demoQuestion struct{ about, command string }

// demoQuestions are what the command line answers; internal/demo/corpus/README.md tells what else there is to find.
var demoQuestions = []demoQuestion{
	{"who changed person 17, what and why", "history person 17"},
	{"the person before she married, and who gave each field its value", "show person 17 --as-of 2025-09-01 --blame"},
	{"what became different between two surveys", `diff person 17 "version:Household survey 2025 spring" "version:Household survey 2025 autumn"`},
	{"she moved to household 31, whose number is part of the key: one history", "history household_member 31/17"},
	{"who lived there in June", "show household 31 --children household_member --as-of 2025-06-01"},
	{"what nobody answers for: direct SQL on the database", "search context:unattributed --limit 5"},
	{"one of these raised a payment tenfold, to another account", "history payment 8009"},
	{"amounts that grew beyond 2,000, in any table", `search field:amount "new:>2000" action:update`},
	{"changes whose context came late, from the bastion host and the gateway", "search context:late"},
	{"two contexts that contradict each other", "search context:ambiguous"},
	{"who did most", "search --count-by user"},
	{"everything that one request changed, and whether that is all", "request r-indexation-2025"},
	{"surveys, and the year's closing, by name", "versions"},
	{"everybody as they were when they answered in autumn", `versions "Household survey 2025 autumn" --type person --limit 3`},
	{"what the payments application reported", "search kind:feedback"},
}

// demoCalls are what the HTTP API answers.
var demoCalls = []string{
	"/api/v1/entities/person/17/history?limit=3",
	"/api/v1/entities/payment/8009?as_of=2025-08-05T00:00:00Z&blame=true",
	"/api/openapi.json",
}

// demoPage writes what came of the year, and what there is to ask.
func demoPage(w io.Writer, s *demoSummary, c *config.Config, dir string) error {
	server, program := "http://"+c.Serve.Listen, programName()
	var b strings.Builder
	fmt.Fprintf(&b, "\nThe year is stored: %d transactions changed %d rows, %d of them without anybody who answers for it.\n",
		s.Transactions, s.Attached+s.Late+s.Ambiguous+s.Unattributed, s.Unattributed)
	fmt.Fprint(&b, "\nIn another terminal:\n\n")
	if server != client.DefaultServer {
		fmt.Fprintf(&b, "  export %s=%s\n\n", envServer, server)
	}
	for _, q := range demoQuestions {
		fmt.Fprintf(&b, "  # %s\n  %s %s\n", q.about, program, q.command)
	}
	fmt.Fprintf(&b, "  # what nobody could understand\n  %s dlq list --config %s\n\nOr without it:\n\n", program, shellWord(filepath.Join(dir, "dossier.yaml")))
	for _, call := range demoCalls {
		fmt.Fprintf(&b, "  curl -s '%s%s'\n", server, call)
	}
	b.WriteByte('\n')
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "configuration\t%s\nstore\t%s\nlog\t%s\nKafka\t%s\n", filepath.Join(dir, "dossier.yaml"), c.Sink.SQLite.Path, filepath.Join(dir, "dossier.log"),
		strings.Join(c.Kafka.Brokers, ", "))
	if err := table.Flush(); err != nil {
		return err
	}
	b.WriteString("\nCtrl-C ends it.\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// shellWord is a text as a POSIX shell takes it for one argument.
func shellWord(text string) string {
	plain := func(r rune) bool {
		return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("/._-+:@", r)
	}
	if text != "" && strings.IndexFunc(text, func(r rune) bool { return !plain(r) }) < 0 {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// programName is how a person calls this program again: by `go run`, where that built it.
func programName() string {
	path, err := os.Executable()
	if err == nil && strings.Contains(filepath.ToSlash(path), "/go-build") {
		return "go run ./cmd/dossier"
	}
	return "dossier"
}
