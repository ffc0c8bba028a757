package sqlite

import (
	"os"
	"strings"
	"testing"
)

// The statements in the documentation do what it says.
func TestDocumentedStatements(t *testing.T) {
	page, err := os.ReadFile("../../docs/sqlite.md")
	if err != nil {
		t.Fatal(err)
	}
	s, r := openBoth(t)
	writeTo(t, s)(materialize(0, 60)...)
	_, rest, _ := strings.Cut(string(page), "```sql\n")
	block, _, _ := strings.Cut(rest, "```")
	n := 0
	for statement := range strings.SplitSeq(block, ";") {
		if strings.TrimSpace(statement) == "" {
			continue
		}
		n++
		found := 0
		rows, err := r.db.Query(statement)
		if err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
		for rows.Next() {
			found++
		}
		if err := rows.Close(); err != nil || found == 0 {
			t.Errorf("%s: %d rows, %v", statement, found, err)
		}
	}
	if n != 2 {
		t.Errorf("%d statements, want 2", n)
	}
}
