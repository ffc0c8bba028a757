package config

import (
	"fmt"
	"strings"
)

// nearest returns the name that is at most a third of its letters away from the given one, if any.
func nearest(name string, known []string) (string, bool) {
	best, least := "", len(name)/3+1
	for _, k := range known {
		if d := distance(strings.ToLower(name), strings.ToLower(k)); d <= least && (best == "" || d < least) {
			best, least = k, d
		}
	}
	return best, best != ""
}

// unknown says that a name is not among the known ones, and which was likely meant.
func unknown(what, name string, known []string) string {
	if n, ok := nearest(name, known); ok {
		return fmt.Sprintf("unknown %s %q; did you mean %q?", what, name, n)
	}
	return fmt.Sprintf("unknown %s %q; known here: %s", what, name, strings.Join(known, ", "))
}

// distance is the number of letters to insert, delete, replace or swap with a neighbour to make b of a.
func distance(a, b string) int {
	before, row := make([]int, len(b)+1), make([]int, len(b)+1)
	next := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next[0] = i
		for j := 1; j <= len(b); j++ {
			replace := row[j-1]
			if a[i-1] != b[j-1] {
				replace++
			}
			next[j] = min(row[j]+1, next[j-1]+1, replace)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
		}
		before, row, next = row, next, before
	}
	return row[len(b)]
}
