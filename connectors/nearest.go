package connectors

import "slices"

// nearest gives the candidate that differs least from a misspelt name, if one is near enough to be meant: at most a third of
// its letters, and no more than four.
func nearest(name string, names []string) (string, bool) {
	limit := min(4, max(1, len(name)/3))
	slices.Sort(names) // so that equally near names give the same answer every time
	best, found := "", false
	for _, candidate := range names {
		if d := distance(name, candidate, limit); d <= limit {
			if d < limit || !found {
				best, found = candidate, true
			}
			limit = d
		}
	}
	return best, found
}

// distance is the number of letters to insert, drop, replace or swap with their neighbour to get from a to b; once it is
// known to exceed limit, any number above it.
func distance(a, b string, limit int) int {
	if len(a)-len(b) > limit || len(b)-len(a) > limit {
		return limit + 1
	}
	before, previous, current := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range previous {
		previous[j] = j
	}
	for i := 1; i <= len(a); i++ {
		current[0] = i
		least := i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			current[j] = min(previous[j]+1, current[j-1]+1, previous[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				current[j] = min(current[j], before[j-2]+1)
			}
			least = min(least, current[j])
		}
		if least > limit {
			return limit + 1
		}
		before, previous, current = previous, current, before
	}
	return previous[len(b)]
}
