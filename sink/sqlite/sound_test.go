package sqlite

import (
	"database/sql"
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
	rows, err := db.Query("SELECT d.seq, d.id, d.index_name, d.hash, d.time, d.entity_id, d.user_id, d.field, d.json, t.rowid FROM document d LEFT JOIN document_text t ON t.rowid = d.seq")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	n, indexed := 0, 0
	for rows.Next() {
		var seq, time int64
		var id, index, hash, entity, json string
		var user, field sql.NullString
		var text sql.NullInt64
		if err := rows.Scan(&seq, &id, &index, &hash, &time, &entity, &user, &field, &json, &text); err != nil {
			t.Fatal(err)
		}
		d, kept, err := schema.ParseDocument([]byte(json))
		if err != nil {
			t.Fatal(err)
		}
		wantUser := ""
		if d.Context != nil {
			wantUser = d.Context.User.ID
		}
		if d.ID() != id || d.Index() != index || d.Hash() != hash || kept != hash || d.Time.UnixNano() != time || d.Entity.ID != entity || wantUser != user.String ||
			d.Change.Field != field.String || field.Valid != (d.Kind == schema.DocumentFieldChange) {
			t.Errorf("document %s in %s: the columns do not say what it says", id, index)
		}
		previous, current := searchable(&d)
		if has := previous != nil || current != nil; has != text.Valid {
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
