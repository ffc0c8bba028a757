package population

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"dossier/internal/demo"
	"dossier/test/stack"
)

func TestMain(m *testing.M) { os.Exit(stack.Main(m)) }

// TestCorpusIsThatOfTheWorkload records the year on the real parts. But for the numbers that the database gives out, it is the one that the
// demo carries: whoever changes the workload has to record it.
func TestCorpusIsThatOfTheWorkload(t *testing.T) {
	s := stack.ForTest(t, Parts()...)
	dir := t.TempDir()
	if err := Run(t.Context(), s, dir, func(step string) { t.Log(step) }); err != nil {
		t.Fatal(err)
	}
	const kept = "../../../../internal/demo"
	for _, name := range []string{"corpus/totals.json", "testdata/truth.jsonl"} {
		got, want := notes(t, filepath.Join(dir, name)), notes(t, filepath.Join(kept, name))
		if !slices.Equal(got, want) {
			t.Errorf("%s is not what the workload gives now; run `go run ./test/stack/cmd/record demo`", name)
			for i := range min(len(got), len(want)) {
				if got[i] != want[i] {
					t.Errorf("line %d\ngot  %s\nwant %s", i+1, got[i], want[i])
					break
				}
			}
		}
	}
}

// notes reads a file's lines, without the transactions' numbers.
func notes(t *testing.T, path string) []string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(content)) {
		var n demo.Note
		if strings.HasSuffix(path, ".jsonl") {
			if err := json.Unmarshal([]byte(line), &n); err != nil {
				t.Fatal(err)
			}
			n.TxID = 0
			text, err := json.Marshal(n)
			if err != nil {
				t.Fatal(err)
			}
			line = string(text)
		}
		lines = append(lines, line)
	}
	return lines
}
