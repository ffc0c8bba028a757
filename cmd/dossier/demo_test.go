package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dossier/query"
)

// TestDemoWithGoAlone: nothing but Go is on the PATH.
func TestDemoWithGoAlone(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program")
	}
	program, err := exec.LookPath("go")
	if err != nil {
		t.Skip("no go on the PATH")
	}
	if program, err = filepath.EvalSymlinks(program); err != nil {
		t.Fatal(err)
	}
	path := t.TempDir()
	if err := os.Symlink(program, filepath.Join(path, "go")); err != nil {
		t.Fatal(err)
	}
	environment := []string{"PATH=" + path}
	for _, name := range []string{"HOME", "GOCACHE", "GOMODCACHE", "GOPATH", "GOPROXY", "GOFLAGS", "GOTOOLCHAIN", "TMPDIR"} {
		if value, ok := os.LookupEnv(name); ok {
			environment = append(environment, name+"="+value)
		}
	}
	cmd := exec.CommandContext(t.Context(), filepath.Join(path, "go"), "run", "./cmd/dossier", "demo", "--once")
	cmd.Dir, cmd.Env = "../..", environment
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &errs)
	}
	var s demoSummary
	if err := json.Unmarshal(out, &s); err != nil || s.Transactions == 0 {
		t.Errorf("%v in\n%s", err, out)
	}
}

// TestDemoAnswers: with everything stored, the demo shows what to ask, every one of its examples is answered, and it ends when it is told to.
func TestDemoAnswers(t *testing.T) {
	var out, errs output
	root := newRootCommand()
	root.SetOut(&out)
	root.SetErr(&errs)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	t.Setenv("TMPDIR", t.TempDir())
	ended := make(chan int, 1)
	go func() { ended <- execute(ctx, root, []string{"demo", "--listen", "127.0.0.1:0"}, &errs) }()
	for !strings.Contains(out.String(), "Ctrl-C") {
		select {
		case code := <-ended:
			t.Fatalf("ended with %d\n%s", code, &errs)
		case <-time.After(20 * time.Millisecond):
		}
	}
	_, server, _ := strings.Cut(out.String(), "export "+envServer+"=")
	server, _, _ = strings.Cut(server, "\n")
	t.Setenv(envServer, server)
	asked := 0
	for line := range strings.Lines(out.String()) {
		line = strings.TrimSpace(line)
		if _, url, ok := strings.Cut(line, "curl -s "); ok {
			if code, body := get(t, strings.Trim(url, "'")); code != 200 {
				t.Errorf("%s: %d %s", url, code, body)
			}
			asked++
		}
		if command, ok := strings.CutPrefix(line, programName()+" "); ok {
			if code, answer, errs := invoke(t, words(command)...); code != 0 || strings.Count(answer, "\n") < 2 {
				t.Errorf("%s: %d\n%s%s", line, code, answer, errs)
			}
			asked++
		}
	}
	if want := len(demoQuestions) + len(demoCalls) + 1; asked != want {
		t.Errorf("%d examples on the page, want %d:\n%s", asked, want, &out)
	}
	rebound, err := http.NewRequest("GET", server+"/api/v1/changes", nil)
	if err != nil {
		t.Fatal(err)
	}
	rebound.Host = "evil.example:8080" // a page's name that was made to resolve to this machine
	if r, err := http.DefaultClient.Do(rebound); err != nil || r.StatusCode != http.StatusMisdirectedRequest || r.Body.Close() != nil {
		t.Errorf("for another host: %v, %v", r, err)
	}
	t.Run("finds", func(t *testing.T) { demoFinds(t) })
	t.Run("complete", func(t *testing.T) { demoComplete(t, server) })
	stop()
	if code := <-ended; code != 0 {
		t.Errorf("code %d\n%s", code, &errs)
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// demoFinds: the answers hold what the workload has hidden.
func demoFinds(t *testing.T) {
	for _, c := range []struct{ command, says string }{
		{"history person 17", "Sandberg Haddad"},
		{"history person 17", "(masked)"},
		{"show person 17 --as-of 2025-09-12 --blame", "Sandberg "},
		{"history household_member 31/17", "17/17"},
		{"history payment 8009", "(unattributed)"},
		{`search field:amount "new:>2000" action:update`, "payment/8009"},
		{"search context:late service:bastion", "Tomas Berg"},
		{"search context:ambiguous", "household/40"},
		{"search reason:*AF-25-08*", "Ines Duarte"},
		{"request r-indexation-2025", "programme/PENSION"},
		{"versions", "Register 2025"},
		{`versions "Household survey 2025 autumn" --type person --limit 1`, "person/1 "},
		{"search kind:feedback type:payment", "account closed"},
		{"history person 1097", "97"},
		{"search on_behalf_of:c-17", "Lena Weiss"},
	} {
		if code, answer, errs := invoke(t, words(c.command)...); code != 0 || !strings.Contains(answer, c.says) {
			t.Errorf("%s: %d, not a word of %q in\n%s%s", c.command, code, c.says, answer, errs)
		}
	}
}

// demoComplete: of each transaction that the database knows, the API says that all of it is there.
func demoComplete(t *testing.T, server string) {
	for _, n := range demoTruth(t) {
		rows := 0
		for _, events := range n.Tables {
			rows += events
		}
		code, body := get(t, fmt.Sprintf("%s/api/v1/transactions/registry/%d?limit=1000", server, n.TxID))
		var answer query.Transaction
		if err := json.Unmarshal([]byte(body), &answer); code != 200 || err != nil {
			t.Fatalf("transaction %d: %d %v %s", n.TxID, code, err, body)
		}
		if answer.Complete == nil || !*answer.Complete || len(answer.Items) != rows {
			t.Errorf("transaction %d: %d changes, did %d: %.1000s", n.TxID, len(answer.Items), rows, body)
		}
	}
}

// words splits a command line of the page as a shell does.
func words(line string) (list []string) {
	for i, part := range strings.Split(line, `"`) {
		if i%2 == 1 {
			list = append(list, part)
		} else {
			list = append(list, strings.Fields(part)...)
		}
	}
	return list
}

// TestDemoRefuses: what cannot work is said before anything is done.
func TestDemoRefuses(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	configured, stored := filepath.Dir(writeConfig(t, goodConfig)), t.TempDir()
	if err := os.WriteFile(filepath.Join(stored, "dossier.db"), []byte("evidence"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"--once", "--listen", taken.Addr().String()}, exitFailed, "in use"},
		{[]string{"--once", "--listen", "nowhere"}, exitFailed, "--listen"},
		{[]string{"--once", "--data", file}, exitFailed, "--data"},
		{[]string{"--once", "--data", configured}, exitMisuse, "dossier.yaml that is not the demo's"},
		{[]string{"--once", "--data", stored}, exitMisuse, "holds a dossier.db"},
		{[]string{"--once", "extra"}, exitMisuse, "demo"},
	} {
		code, out, errs := invoke(t, append([]string{"demo"}, c.args...)...)
		if code != c.code || !strings.Contains(errs, c.says) || strings.Contains(errs, "played") || out != "" {
			t.Errorf("%v: code %d\n%s%s", c.args, code, out, errs)
		}
	}
	if text, err := os.ReadFile(filepath.Join(configured, "dossier.yaml")); err != nil || string(text) != goodConfig {
		t.Errorf("the configuration is now %q, %v", text, err)
	}
}

// TestDemoGivesWay: the default address may be in use; then it is another one, and that is said.
func TestDemoGivesWay(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	var said output
	d := demoCommand{listen: taken.Addr().String()}
	address, err := d.address(newNarrator(&said))
	if err != nil || address == d.listen || !strings.Contains(said.String(), d.listen+" is in use") || !strings.Contains(said.String(), address) {
		t.Errorf("%q, %v, %s", address, err, &said)
	}
}

// TestDemoInterrupted: who waits for the summary learns that there is none.
func TestDemoInterrupted(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	root := newRootCommand()
	var out, errs output
	root.SetOut(&out)
	root.SetErr(&errs)
	t.Setenv("TMPDIR", t.TempDir())
	if code := execute(ctx, root, []string{"demo", "--once"}, &errs); code != exitFailed || !strings.Contains(errs.String(), "interrupted") {
		t.Errorf("code %d\n%s%s", code, &out, &errs)
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
