package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"dossier/client"
	"dossier/query"
	"dossier/schema"
)

func TestTablesArePrintedPageByPage(t *testing.T) {
	table := &table{head: []string{"NAME", "VALUE"}, shrink: []int{1}}
	var out bytes.Buffer
	print := func() {
		t.Helper()
		if err := table.print(&out); err != nil {
			t.Fatal(err)
		}
	}
	print()
	if out.Len() > 0 {
		t.Errorf("a table without rows printed %q", out.String())
	}
	table.add("a", strings.Repeat("x", 300)) // not cut: no terminal
	table.add("日本", "")
	print()
	table.add("later", "2")
	print()
	want := "NAME  VALUE\na     " + strings.Repeat("x", 300) + "\n日本\nlater  2\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

func TestColumnsShrinkToTheTerminal(t *testing.T) {
	table := &table{head: make([]string, 4), shrink: []int{1, 3}}
	widths := []int{10, 100, 20, 50}
	table.fit(widths, 80)
	if widths[0] != 10 || widths[2] != 20 || widths[1]+widths[3] != 80-30-6 {
		t.Errorf("widths %v do not fill 80 columns with two spaces between", widths)
	}
	table.fit(widths, 20) // impossible: cells stay readable
	if widths[1] != minCell || widths[3] != minCell {
		t.Errorf("widths %v, want %d for what may shrink", widths, minCell)
	}
}

func TestCutting(t *testing.T) {
	for _, c := range []struct {
		text  string
		width int
		want  string
	}{
		{"short", 5, "short"}, {"longer", 5, "long…"}, {"日本語", 5, "日本…"}, {"日本語", 4, "日…"}, {"👩‍👩‍👧family", 4, "👩‍👩‍👧f…"},
	} {
		if got := cutTo(c.text, c.width); got != c.want {
			t.Errorf("%q in %d columns: %q, want %q", c.text, c.width, got, c.want)
		}
	}
	if got := shorten(strings.Repeat("é", 10), 4); got != "éééé… (20 bytes)" {
		t.Errorf("%q", got)
	}
}

func TestValuesAreToldApart(t *testing.T) {
	seen := map[string]string{}
	for _, v := range []struct{ json, state string }{
		{`null`, ""}, {`"null"`, ""}, {`""`, ""}, {``, "absent"}, {`"(absent)"`, ""}, {``, "masked"}, {`"\"x\""`, ""}, {`"x"`, ""}, {`" x"`, ""}, {`"x "`, ""},
		{`"a\nb"`, ""}, {`"\u001b[31m"`, ""}, {`9007199254740993`, ""},
	} {
		shown := shownValue(json.RawMessage(v.json), v.state)
		if was, ok := seen[shown]; ok {
			t.Errorf("%s%s and %s both show as %s", v.json, v.state, was, shown)
		}
		seen[shown] = v.json + v.state
		if strings.ContainsAny(shown, "\n\x1b") {
			t.Errorf("%s shows control characters", v.json)
		}
	}
}

func TestWho(t *testing.T) {
	for text, want := range map[string]string{
		`{"status":"attached","user":{"id":"u1","name":"Anna Berg"},"on_behalf_of":"u9"}`: "u1 Anna Berg for u9",
		`{"status":"late","user":{"id":"u1"}}`:                                            "u1 (late)",
		`{"status":"unattributed"}`:                                                       "(unattributed)",
		`{"status":"attached","service":"nightly"}`:                                       "nightly",
		`{"status":"ambiguous","candidates":[{"user":{"id":"a"}},{"user":{"id":"b"}}]}`:   "(ambiguous: a or b)",
	} {
		if got := whoOf(json.RawMessage(text), schema.ActionUpdate); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
	if got := whoOf(nil, schema.ActionSnapshot); got != "(snapshot)" {
		t.Error(got)
	}
}

func TestEntityArguments(t *testing.T) {
	for _, c := range []struct {
		args     []string
		kind, id string
		fails    bool
	}{
		{[]string{"person", "17"}, "person", "17", false},
		{[]string{"person/17"}, "person", "17", false},
		{[]string{"public.item/a/b%2Fc"}, "public.item", "a/b%2Fc", false},
		{[]string{"person"}, "", "", true}, {[]string{"/1"}, "", "", true}, {[]string{"person/"}, "", "", true},
	} {
		got, err := entityArgs(c.args)
		if (err != nil) != c.fails || got != (query.Ref{Type: c.kind, ID: c.id}) {
			t.Errorf("%q: %+v, %v", c.args, got, err)
		}
	}
	for args, want := range map[string]string{
		"person 17 A B": "person 17 A B", "person 17 A": "person 17 A ", "person/17 A B": "person 17 A B", "person/17 A": "person 17 A ",
	} {
		e, moments, err := diffArgs(strings.Fields(args))
		if got := strings.Join([]string{e.Type, e.ID, moments[0], moments[1]}, " "); err != nil || got != want {
			t.Errorf("diff %s: %q, %v; want %q", args, got, err, want)
		}
	}
}

func TestArgumentsThatBeginWithADash(t *testing.T) {
	for args, want := range map[string]string{
		"-user:anna x --limit 5":        "args [-user:anna x], limit 5, server ",
		"--limit 5 -- -a --b":           "args [-a --b], limit 5, server ",
		"--server -odd- -7d":            "args [-7d], limit 50, server -odd-",
		"--limit=5 -7d --json -x":       "args [-7d -x], limit 5, server ",
		"-30d -action:create,update -z": "args [-30d -action:create,update -z], limit 50, server ",
	} {
		cmd := newSearchCommand()
		limit, server := cmd.Flags().Lookup("limit"), cmd.Flags().Lookup("server")
		if err := cmd.Flags().Parse(protectDashes(cmd, strings.Fields(args))); err != nil {
			t.Errorf("%s: %v", args, err)
			continue
		}
		got := "args [" + strings.ReplaceAll(strings.Join(cmd.Flags().Args(), " "), protected, "") + "], limit " + limit.Value.String() + ", server " + server.Value.String()
		if got != want {
			t.Errorf("%s: %s, want %s", args, got, want)
		}
	}
	if code, _, stderr := invoke(t, "search", "--limt", "5"); code != exitMisuse || !strings.Contains(stderr, "unknown flag") {
		t.Errorf("code %d: %s", code, stderr)
	}
	if code, stdout, _ := invoke(t, "diff", "-h"); code != 0 || !strings.Contains(stdout, "dossier diff TYPE ID A [B]") {
		t.Errorf("code %d: %s", code, stdout)
	}
}

func TestLiveEventsShowAsChanges(t *testing.T) {
	c, err := liveChange([]byte(`{"schema_version":1,"kind":"change","id":"e1","time":"2026-11-23T02:43:54.384552Z","action":"create",
		"entity":{"type":"person","id":"1"},"after":{"id":1,"name":"Ann","note":null,"balance":"9007199254740993.10"},"cdc":{"source":"s"}}`))
	if err != nil || c.EventID != "e1" || len(c.Changes) != 3 || c.Changes[1].Field != "name" || string(c.Changes[2].Current) != `"9007199254740993.10"` ||
		c.Changes[0].PreviousState != "absent" {
		t.Errorf("%+v, %v", c, err)
	}
	if _, err := liveChange([]byte(`{`)); err == nil {
		t.Error("half an event was read")
	}
}

func TestLiveEventsOfOtherKinds(t *testing.T) {
	c, err := liveChange([]byte(`{"kind":"named_version","id":"e1","time":"2026-11-23T02:43:54Z","entity":{"type":"person","id":"1"},"version_name":"Survey","version":{"id":"q","as_of":"2026-11-22T00:00:00Z"}}`))
	if err != nil || c.Version == nil || c.Version.Name != "Survey" || shownAction(c) != "named version" {
		t.Errorf("%+v, %v", c, err)
	}
	c, err = liveChange([]byte(`{"kind":"change","id":"e1","action":"create","entity":{"type":"response","id":"1"},"version_name":"Survey","version":{"entity":{"type":"person","id":"1"}},"after":{"id":1}}`))
	if err != nil || c.Version != nil || len(c.Changes) != 1 {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestNoticesOfTheStream(t *testing.T) {
	var out, errs bytes.Buffer
	cmd := newTailCommand()
	cmd.SetOut(&out)
	cmd.SetErr(&errs)
	if err := printEvent(cmd, client.ServerEvent{Name: "gap", Data: []byte(`{"detail":"some events are gone"}`)}, true, newChangeTable(true)); err != nil {
		t.Error(err)
	}
	if err := printEvent(cmd, client.ServerEvent{Name: "end", Data: []byte(`{"reason":"forbidden","detail":"no more"}`)}, true, newChangeTable(true)); err == nil {
		t.Error("the end of the caller's rights is no error")
	}
	if out.Len() > 0 || errs.String() != "some events are gone\n" {
		t.Errorf("%q %q", out.String(), errs.String())
	}
}
