package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"dossier/internal/deadletter"
	"dossier/schema"
)

// buryLetters starts brokers with n dead letters, one reason in two, and returns the configuration.
func buryLetters(t *testing.T, n int) (configPath string) {
	t.Helper()
	path, client := fakeKafka(t, "", kfake.SeedTopics(1, "dossier.dlq", "shop.public.product", "dossier.audit"))
	for i := range n {
		orig := schema.Record{Topic: "shop.public.product", Offset: int64(i), Time: time.Now().Add(-time.Duration(n-i) * time.Hour), Key: fmt.Appendf(nil, `{"id":%d}`, i),
			Value: []byte("not json \x1b[31m"), Headers: []schema.Header{{Key: "h", Value: []byte{0xff}}}}
		stage, reason := deadletter.StageProcessor, "not_an_envelope"
		if i%2 == 1 {
			orig.Topic, stage, reason = "dossier.audit", deadletter.StageSink, "too_large"
		}
		if err := client.ProduceSync(t.Context(), deadletter.New("dossier.dlq", &orig, stage, reason, "a\tsentence", orig.Time)).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

func TestDLQList(t *testing.T) {
	path := buryLetters(t, 6)
	for _, c := range []struct {
		args []string
		ids  string
	}{
		{nil, "0/0 0/1 0/2 0/3 0/4 0/5"},
		{[]string{"--limit", "2"}, "0/4 0/5"},
		{[]string{"--limit", "0", "--reason", "too_large"}, "0/1 0/3 0/5"},
		{[]string{"--stage", "sink", "--since", "3h30m"}, "0/3 0/5"},
		{[]string{"--topic", "shop.*"}, "0/0 0/2 0/4"},
		{[]string{"--topic", "other"}, ""},
	} {
		code, out, errs := invoke(t, append([]string{"dlq", "list", "--json", "--config", path}, c.args...)...)
		if code != 0 {
			t.Fatalf("%v: %d %s", c.args, code, errs)
		}
		var ids []string
		for decoder := json.NewDecoder(strings.NewReader(out)); decoder.More(); {
			var row letterRow
			if err := decoder.Decode(&row); err != nil {
				t.Fatal(err)
			}
			ids = append(ids, row.ID)
		}
		if got := strings.Join(ids, " "); got != c.ids {
			t.Errorf("%v: got %s, want %s", c.args, got, c.ids)
		}
	}
	code, out, _ := invoke(t, "dlq", "list", "--config", path, "--limit", "3")
	if code != 0 || strings.Count(out, "\n") != 5 || !strings.Contains(out, `a\tsentence`) || !strings.Contains(out, "6 dead letters, the newest 3 shown") {
		t.Errorf("as a table: %d\n%s", code, out)
	}
}

func TestDLQShow(t *testing.T) {
	path := buryLetters(t, 2)
	for encoding, want := range map[string]string{
		"auto": `not json \x1b[31m`, "utf8": `not json \x1b[31m`, "hex": "6e6f74206a736f6e", "base64": "bm90IGpzb24",
	} {
		code, out, errs := invoke(t, "dlq", "show", "0/1", "--config", path, "--encoding", encoding)
		if code != 0 || !strings.Contains(out, want) || strings.Contains(out, "\x1b") {
			t.Errorf("%s: %d, want %s in\n%s%s", encoding, code, want, out, errs)
		}
	}
	code, out, _ := invoke(t, "dlq", "show", "0/0", "0/1", "--json", "--config", path)
	var letter wholeLetter
	decoder := json.NewDecoder(strings.NewReader(out))
	if err := decoder.Decode(&letter); err != nil || code != 0 {
		t.Fatal(code, err)
	}
	if letter.Reason != "not_an_envelope" || !bytes.Equal(letter.Value, []byte("not json \x1b[31m")) || len(letter.Headers) != 1 || !bytes.Equal(letter.Headers[0].Value, []byte{0xff}) {
		t.Errorf("got %+v", letter)
	}
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"0/77"}, exitFailed, "no dead letter 0/77"},
		{[]string{"x"}, exitMisuse, "expected partition/offset"},
		{[]string{"0/0", "--encoding", "rot13"}, exitMisuse, "--encoding"},
		{nil, exitMisuse, "requires at least 1 arg"},
	} {
		if code, _, errs := invoke(t, append([]string{"dlq", "show", "--config", path}, c.args...)...); code != c.code || !strings.Contains(errs, c.says) {
			t.Errorf("%v: %d %s, want %d and %q", c.args, code, errs, c.code, c.says)
		}
	}
}

func TestDLQReplay(t *testing.T) {
	path := buryLetters(t, 6)
	for _, c := range []struct {
		args string
		code int
		says string
	}{
		{"", exitMisuse, "or say --all"},
		{"--all 0/1", exitMisuse, "--all chooses every letter"},
		{"--since yesterday", exitMisuse, "--since"},
		{"--all --dry-run", 0, "6 dead letters would be replayed to dossier.audit (3), shop.public.product (3)"},
		{"--all", exitFailed, "nothing was replayed"}, // nobody answers
		{"0/0 0/77 --yes", exitFailed, "1 of the letters named not there"},
		{"0/0 --yes", 0, "1 dead letter replayed to shop.public.product (1)"},
		{"0/0 --yes", exitFailed, "1 of the letters named replayed before"},
		{"--reason too_large --limit 1 --yes --json", 0, `"replayed": 1`},
		{"--all --yes", 0, "4 dead letters replayed to dossier.audit (2), shop.public.product (2); 2 left out, replayed before"},
		{"--all --yes", 0, "0 dead letters would be replayed; 6 left out"},
		{"0/0 --again --yes --to shop.public.product", 0, "1 dead letter replayed"},
	} {
		code, out, errs := invoke(t, append([]string{"dlq", "replay", "--config", path}, strings.Fields(c.args)...)...)
		if code != c.code || !strings.Contains(out+errs, c.says) {
			t.Errorf("dlq replay %s: code %d, want %d and %q in\n%s%s", c.args, code, c.code, c.says, out, errs)
		}
	}
	_, out, _ := invoke(t, "dlq", "list", "--config", path, "--json")
	if strings.Count(out, `"replayed"`) != 6 {
		t.Errorf("the list does not say that all were replayed:\n%s", out)
	}
}

func TestDLQReplayAsks(t *testing.T) {
	path := buryLetters(t, 1)
	root := newRootCommand()
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetErr(&out)
	root.SetIn(strings.NewReader("yes\n"))
	if code := execute(t.Context(), root, []string{"dlq", "replay", "0/0", "--config", path}, &out); code != 0 || !strings.Contains(out.String(), "Replay 1 dead letter to shop.public.product (1)? [y/N]") {
		t.Errorf("code %d: %s", code, out.String())
	}
}

func TestDLQWithoutTopic(t *testing.T) {
	path, _ := fakeKafka(t, "", kfake.SeedTopics(1, "other"))
	if code, _, errs := invoke(t, "dlq", "list", "--config", path); code != exitFailed || !strings.Contains(errs, "dossier.dlq: there is no such topic") {
		t.Errorf("code %d: %s", code, errs)
	}
}
