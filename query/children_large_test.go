package query_test

import (
	"fmt"
	"strings"
	"testing"

	"dossier/query"
	"dossier/schema"
)

// A page of children ends where their rows are large, and the next one goes on there.
func TestLargeChildrenComeInPages(t *testing.T) {
	s := newScene(t)
	large := `"` + strings.Repeat("x", 400<<10) + `"`
	const children = 90
	for i := range children {
		s.happens(schema.ActionCreate, fmt.Sprintf("%03d", i), "", `id=1 doc=`+large, func(e *schema.AuditEvent) {
			e.ID, e.Entity.Parent = fmt.Sprintf("e%03d", i), &schema.EntityRef{Type: "supplier", ID: "7"}
		})
	}
	q := query.ChildrenQuery{Type: "supplier", ID: "7", PageQuery: query.PageQuery{Limit: query.MaxLimit}}
	pages, next := 0, 0
	for {
		answer, err := s.service.Children(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, child := range answer.Items {
			check(t, "the next child", child.Entity.ID, fmt.Sprintf("%03d", next))
			next++
		}
		if len(answer.Items) > 70 {
			t.Errorf("a page of %d MiB", len(answer.Items)*len(large)>>20)
		}
		pages++
		if q.Cursor = answer.Next; q.Cursor == "" {
			break
		}
	}
	if next != children || pages < 2 {
		t.Errorf("%d children in %d pages", next, pages)
	}
}

// Ids may be as long as can be asked for: a page that ends behind one has a next.
func TestPagesGoOnBehindLongIDs(t *testing.T) {
	s := newScene(t)
	var ids []string
	for i := range 3 {
		ids = append(ids, fmt.Sprint(i, strings.Repeat("x", 8190)))
		s.happens(schema.ActionCreate, ids[i], "", `id=1`, func(e *schema.AuditEvent) {
			e.Entity.Type, e.Entity.Parent, e.VersionName = strings.Repeat("t", 8191), &schema.EntityRef{Type: "supplier", ID: "7"}, "Baseline"
		})
	}
	children := query.ChildrenQuery{Type: "supplier", ID: "7", PageQuery: query.PageQuery{Limit: 1}}
	content := query.VersionQuery{Name: "Baseline", PageQuery: query.PageQuery{Limit: 1}}
	for i, id := range ids {
		answer, err := s.service.Children(t.Context(), children)
		if err != nil || len(answer.Items) != 1 || answer.Items[0].Entity.ID != id {
			t.Fatalf("child %d: %v", i, err)
		}
		version, err := s.service.Version(t.Context(), content)
		if err != nil || len(version.Items) != 1 || version.Items[0].Entity.ID != id {
			t.Fatalf("entity %d of the version: %v", i, err)
		}
		children.Cursor, content.Cursor = answer.Next, version.Next
	}
}
