package e2e

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"testing"

	"dossier/test/stack"
)

// checkPages asks for the same page by page and in the largest pages that there are: it must be the same.
func (r *reader) checkPages(t *testing.T, w *world) {
	longest := slices.MaxFunc(w.entities(), func(a, b string) int { return cmp.Compare(len(w.history(a)), len(w.history(b))) })
	sizes := map[uint32]int{}
	for _, e := range w.events {
		sizes[e.Tx]++
	}
	widest := w.events[0]
	for _, e := range w.events {
		if sizes[e.Tx] > sizes[widest.Tx] && e.Context.Request != "" {
			widest = e
		}
	}
	for _, p := range []struct {
		kind  string
		limit string
		read  func([]byte) ([]line, error)
		path  func(limit string) string
	}{
		{"everything", "137", readItems, func(limit string) string { return path([]string{"changes"}, "order", "asc", "limit", limit) }},
		{"every change of a field", "499", readItems, func(limit string) string { return path([]string{"changes"}, "q", "field:*", "limit", limit) }},
		{"the longest history", "2", readItems, func(limit string) string { return entityPath(longest, "history", "limit", limit) }},
		{"the widest transaction", "100", readTransaction, func(limit string) string {
			return path([]string{"transactions", w.source, fmt.Sprint(widest.Tx)}, "limit", limit)
		}},
		{"its request", "100", readRequest, func(limit string) string { return path([]string{"requests", widest.Context.Request}, "limit", limit) }},
		{"children", "1", readStates, func(limit string) string { return entityPath("person/1", "children", "limit", limit) }},
		{"a version", "1", readVersion, func(limit string) string {
			return path([]string{"versions", "Spring 2026 of " + w.source}, "limit", limit)
		}},
		{"versions", "2", readVersions, func(limit string) string { return path([]string{"versions"}, "limit", limit) }},
	} {
		whole, few, err := r.pages(t.Context(), r.readers, "", p.path("1000"), false, p.read)
		if err != nil {
			t.Errorf("%s: %v", p.kind, err)
			continue
		}
		paged, many, err := r.pages(t.Context(), r.readers, "", p.path(p.limit), false, p.read)
		if err != nil {
			t.Errorf("%s: %v", p.kind, err)
			continue
		}
		if p.kind == "the widest transaction" || p.kind == "its request" || p.kind == "a version" { // each page says how much there is in all
			whole, paged = items(whole), items(paged)
		}
		if difference := differ(whole, paged, false); difference != "" {
			t.Errorf("%s, in %d pages instead of %d: %s", p.kind, many, few, difference)
		}
		if len(whole) == 0 || many <= few {
			t.Errorf("%s: %d lines in %d pages and in %d", p.kind, len(whole), few, many)
		}
	}
}

// items are the lines that have a time.
func items(lines []line) []line {
	return slices.DeleteFunc(slices.Clone(lines), func(l line) bool { return l.group == "" })
}

// checkDown ends a store: whoever asks is told so, and when to ask again.
func (d *deployment) checkDown(t *testing.T, stores []*reader, w *world) {
	if d.stack == nil || d.openSearch.URL == "" {
		t.Skip("the stack is somebody else's")
	}
	r := stores[len(stores)-1]
	check(t, d.stack.Halt(stack.OpenSearchSecure))
	entity := w.entities()[0]
	for _, p := range []string{entityPath(entity, ""), entityPath(entity, "history"), path([]string{"changes"}), path([]string{"counts"}, "by", "user"), path([]string{"versions"})} {
		a, err := r.get(t.Context(), r.readers, "", p)
		if err != nil {
			t.Errorf("GET %s: %v", p, err)
			continue
		}
		after, err := strconv.Atoi(a.header.Get("Retry-After"))
		if a.status != http.StatusServiceUnavailable || err != nil || after < 1 || a.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("GET %s of a store that is down: %d, Retry-After %q: %s", p, a.status, a.header.Get("Retry-After"), a.body)
		}
	}
	until(t, "the process to say that it is not ready", func() (bool, int, error) {
		request, err := http.NewRequest(http.MethodGet, r.address+"/readyz", nil)
		if err != nil {
			return false, 0, err
		}
		a, err := send(caller{}, request)
		return a.status == http.StatusServiceUnavailable, a.status, err
	})
}
