package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// What bounds a report.
const (
	shownDifferences = 20
	shownLines       = 10 // of one fact
)

// compareFacts reports what is missing and what should not be there, doubles among it, and says whether the two sides are equal.
func compareFacts(t *testing.T, what string, want, got []fact) bool {
	t.Helper()
	wrong, report := differences(want, got)
	if wrong == 0 {
		t.Logf("%d %s equal the truth", len(want), what)
		return true
	}
	t.Errorf("%s: %d expected, %d found, %d differ; the first differences:\n%s", what, len(want), len(got), wrong, report)
	return false
}

// differences counts what is missing and what should not be there, and describes the first of both.
func differences(want, got []fact) (wrong int, report string) {
	count := map[string]int{}
	facts := map[string]fact{}
	for _, f := range want {
		s := f.String()
		count[s]++
		facts[s] = f
	}
	for _, f := range got {
		s := f.String()
		count[s]--
		facts[s] = f
	}
	missing, surplus := map[string][]fact{}, map[string][]fact{}
	about := map[string]bool{}
	for s, n := range count {
		f := facts[s]
		for ; n > 0; n-- {
			missing[f.About] = append(missing[f.About], f)
			about[f.About] = true
			wrong++
		}
		for ; n < 0; n++ {
			surplus[f.About] = append(surplus[f.About], f)
			about[f.About] = true
			wrong++
		}
	}
	// What says something wrong tells more than what is missing, mostly because nothing has come yet.
	order := sortedKeys(about)
	slices.SortStableFunc(order, func(a, b string) int {
		return min(len(missing[b]), len(surplus[b])) - min(len(missing[a]), len(surplus[a])) + len(surplus[b]) - len(surplus[a])
	})
	var b strings.Builder
	for _, a := range order[:min(len(order), shownDifferences)] {
		reportDifference(&b, a, missing[a], surplus[a])
	}
	return wrong, b.String()
}

func reportDifference(b *strings.Builder, about string, missing, surplus []fact) {
	fmt.Fprintf(b, "- %s: %d missing, %d that should not be there\n", about, len(missing), len(surplus))
	switch {
	case len(missing) > 0 && len(surplus) > 0:
		// Most likely one that says something wrong: only what differs.
		writeLines(b, "expected", missing[0].Lines, surplus[0].Lines)
		writeLines(b, "found   ", surplus[0].Lines, missing[0].Lines)
	case len(missing) > 0:
		writeLines(b, "missing", missing[0].Lines, nil)
	default:
		writeLines(b, "found", surplus[0].Lines, nil)
	}
}

func writeLines(b *strings.Builder, title string, lines, but []string) {
	shown := 0
	for _, l := range lines {
		if !slices.Contains(but, l) {
			if shown++; shown > shownLines {
				fmt.Fprintf(b, "    %s  … %d lines\n", title, len(lines))
				return
			}
			fmt.Fprintf(b, "    %s  %.160s\n", title, l)
		}
	}
}

// compareOrder reports the first place at which two sequences of the same facts differ, per key.
func compareOrder(t *testing.T, what string, want, got map[string][]string) {
	t.Helper()
	shown := 0
	for _, key := range sortedKeys(want) {
		w, g := want[key], got[key]
		if slices.Equal(w, g) {
			continue
		}
		if shown++; shown > shownDifferences {
			break
		}
		for i := range w {
			if i >= len(g) || w[i] != g[i] {
				found := "nothing"
				if i < len(g) {
					found = g[i]
				}
				t.Errorf("%s: %s: place %d of %d is wrong\n expected %.600s\n found %.600s", what, key, i+1, len(w), w[i], found)
				break
			}
		}
	}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// describe shows a record for a report.
func describe(r *kgo.Record) string {
	var b strings.Builder
	for _, h := range r.Headers {
		fmt.Fprintf(&b, "%s: %.300s\n", h.Key, h.Value)
	}
	fmt.Fprintf(&b, "%.300q", r.Value)
	return b.String()
}

// TestDifferences: the comparison sees what is missing, doubled or otherwise.
func TestDifferences(t *testing.T) {
	a, b := fact{"a", []string{"x = 1"}}, fact{"b", []string{"x = 2"}}
	other := fact{"a", []string{"x = 3"}}
	for _, c := range []struct {
		name      string
		want, got []fact
		wrong     int
	}{
		{"equal, in another order", []fact{a, b, a}, []fact{b, a, a}, 0},
		{"missing", []fact{a, b}, []fact{a}, 1},
		{"doubled", []fact{a, b}, []fact{a, b, b}, 1},
		{"equal ones are counted", []fact{a, a}, []fact{a}, 1},
		{"another value", []fact{a, b}, []fact{other, b}, 2},
		{"nothing at all", []fact{a, b}, nil, 2},
	} {
		if wrong, report := differences(c.want, c.got); wrong != c.wrong || (wrong > 0) != (report != "") {
			t.Errorf("%s: %d differences, want %d:\n%s", c.name, wrong, c.wrong, report)
		}
	}
}
