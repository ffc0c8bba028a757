package sqlite

import (
	"database/sql"
	"reflect"
	"strings"
	"testing"

	"dossier/schema"
)

// sound checks the whole file: that SQLite finds no damage, that every document's hash is that of its text, and that columns and full-text index
// say what the documents say. It returns the number of documents.
func sound(t *testing.T, path string) int {
	t.Helper()
	db, err := connectWriter(path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var result string
	if err := db.QueryRow("PRAGMA integrity_check").Scan(&result); err != nil || result != "ok" {
		t.Fatalf("integrity check: %s, %v", result, err)
	}
	if _, err := db.Exec("INSERT INTO document_text (document_text) VALUES ('integrity-check')"); err != nil {
		t.Errorf("full-text index: %v", err)
	}
	rows, err := db.Query("SELECT seq, id, index_name, document_text.rowid, json, " + strings.Join(columnNames, ", ") + " FROM document LEFT JOIN document_json USING (seq) LEFT JOIN document_text ON document_text.rowid = seq")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	n, indexed := 0, 0
	for rows.Next() {
		var seq int64
		var id, index, json string
		var text sql.NullInt64
		values := make([]any, len(columnNames))
		to := []any{&seq, &id, &index, &text, &json}
		for i := range values {
			to = append(to, &values[i])
		}
		if err := rows.Scan(to...); err != nil {
			t.Fatal(err)
		}
		d, kept, err := schema.ParseDocument([]byte(json))
		if err != nil {
			t.Fatal(err)
		}
		if d.ID() != id || d.Index() != index || d.Hash() != kept {
			t.Errorf("document %s in %s has another identity or another hash", id, index)
		}
		for i, want := range columns(nil, &d, d.Hash()) {
			if bytes, ok := values[i].([]byte); ok && len(bytes) == 0 {
				values[i] = []byte{}
			}
			if !reflect.DeepEqual(values[i], want) {
				t.Errorf("document %s in %s: column %s is %v, want %v", id, index, columnNames[i], values[i], want)
			}
		}
		previous, current, message := searchable(&d)
		if has := previous != nil || current != nil || message != nil; has != text.Valid {
			t.Errorf("document %s in %s: in the full-text index %v, want %v", id, index, text.Valid, has)
		}
		if text.Valid {
			indexed++
		}
		n++
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	var texts int
	if err := db.QueryRow("SELECT count(*) FROM document_text").Scan(&texts); err != nil || texts != indexed {
		t.Errorf("%d rows in the full-text index, want %d; %v", texts, indexed, err)
	}
	return n
}
