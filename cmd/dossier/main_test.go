package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"dossier/query"
)

// invoke runs a command line as main does and returns the exit code and what was printed.
func invoke(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	root := newRootCommand()
	root.SetOut(&out)
	root.SetErr(&errs)
	root.SetIn(strings.NewReader(""))
	code = execute(t.Context(), root, args, &errs)
	return code, out.String(), errs.String()
}

// writeConfig writes a configuration file and returns its path.
func writeConfig(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "dossier.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const goodConfig = `
kafka: {brokers: [127.0.0.1:9092]}
sources: [{name: shop}]
sink: {elasticsearch: {addresses: [http://127.0.0.1:9200]}}
`

func TestExitCodes(t *testing.T) {
	t.Chdir(t.TempDir())
	good := writeConfig(t, goodConfig)
	bad := writeConfig(t, "kafka: {broker: x}\nserve: {listen: y}\n")
	for _, c := range []struct {
		args []string
		code int
		says string // in either output
	}{
		{[]string{}, 0, "Usage:"},
		{[]string{"--version"}, 0, "dossier "},
		{[]string{"help", "config"}, 0, "check"},
		{[]string{"completion", "zsh"}, 0, "#compdef"},
		{[]string{"confg"}, 2, `did you mean "config"?`},
		{[]string{"config"}, 2, "name a subcommand"},
		{[]string{"config", "chek"}, 2, "there is no subcommand"},
		{[]string{"config", "check", "extra"}, 2, "config check"},
		{[]string{"config", "check", "--rol"}, 2, "unknown flag"},
		{[]string{"show", "person", "17", "--as-of", "now", "--version", "v"}, 2, "[as-of version] were all set; see dossier show --help"},
		{[]string{"diff", "person", "17"}, 2, "with what person 17 is compared"},
		{[]string{"config", "check", "--role", "proc"}, 2, "unknown role"},
		{[]string{"config", "check"}, 2, "kafka.brokers: missing"},
		{[]string{"config", "check"}, 2, "there is no dossier.yaml here"},
		{[]string{"config", "check", "--config", "none.yaml"}, 2, "none.yaml"},
		{[]string{"config", "check", "--config", bad}, 2, "faults in the configuration"},
		{[]string{"config", "check", "--config", good}, 0, "no faults; 1 source"},
		{[]string{"--config", good, "config", "check", "--role", "sink"}, 0, "no faults"},
	} {
		code, stdout, stderr := invoke(t, c.args...)
		if code != c.code || !strings.Contains(stdout+stderr, c.says) {
			t.Errorf("dossier %s: code %d, want %d and %q in\n%s%s", strings.Join(c.args, " "), code, c.code, c.says, stdout, stderr)
		}
		if code != 0 && stdout != "" && !strings.Contains(stdout, "Usage") {
			t.Errorf("dossier %s: an error on standard output: %s", strings.Join(c.args, " "), stdout)
		}
	}
}

func TestConfigFileFromEnvironment(t *testing.T) {
	t.Setenv("DOSSIER_CONFIG", writeConfig(t, goodConfig))
	t.Setenv("DOSSIER_SINK_INFLIGHT", "3")
	code, stdout, stderr := invoke(t, "config", "check")
	if code != 0 || !strings.Contains(stdout, "no faults") || !strings.Contains(stderr, "did you mean DOSSIER_SINK_IN_FLIGHT?") {
		t.Errorf("code %d, %s%s", code, stdout, stderr)
	}
}

func TestEveryCommandHasHelp(t *testing.T) {
	root := newRootCommand()
	commands := root.Commands()
	for len(commands) > 0 {
		c := commands[0]
		commands = append(commands[1:], c.Commands()...)
		if c.Short == "" {
			t.Errorf("%s has no description", c.CommandPath())
		}
	}
}

// TestExamplesOfQuestionsAreUnderstood: what the help shows as a question is one.
func TestExamplesOfQuestionsAreUnderstood(t *testing.T) {
	for _, cmd := range []*cobra.Command{newSearchCommand(), newTailCommand()} {
		for line := range strings.Lines(cmd.Example) {
			var conditions []string
			arguments := strings.Fields(strings.ReplaceAll(line, "'", ""))[2:]
			for i, word := range arguments {
				if !strings.HasPrefix(word, "--") && word != "-f" && (i == 0 || arguments[i-1] != "--count-by" && arguments[i-1] != "--limit") {
					conditions = append(conditions, word)
				}
			}
			if _, err := query.ParseQuestion(strings.Join(conditions, " "), time.Now()); err != nil {
				t.Errorf("%s: %v", strings.TrimSpace(line), err)
			}
		}
	}
}

// TestTailEnds: without -f there is nothing to wait for, whatever the limit.
func TestTailEnds(t *testing.T) {
	if code, out, errs := invoke(t, "tail", "--limit", "0", "--server", "http://127.0.0.1:1"); code != 0 || out+errs != "" {
		t.Errorf("code %d\n%s%s", code, out, errs)
	}
}
