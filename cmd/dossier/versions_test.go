package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"dossier/query"
)

// TestNamingSaysWho: the name of the login stands where nothing better is known, and never over the one that the server knows by a token.
func TestNamingSaysWho(t *testing.T) {
	var body string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		body = string(text)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"name":"n","id":"i","entities":1}`)
	}))
	defer server.Close()
	for _, c := range []struct {
		token, by string
		named     bool
	}{
		{"", "", true},
		{"", "ann", true},
		{"secret", "", false},
		{"secret", "ann", true},
	} {
		t.Setenv(envToken, c.token)
		args := []string{"versions", "create", "n", "--entity", "person/1", "--server", server.URL}
		if c.by != "" {
			args = append(args, "--by", c.by)
		}
		if code, out, errs := invoke(t, args...); code != 0 {
			t.Fatalf("%+v: code %d\n%s%s", c, code, out, errs)
		}
		if strings.Contains(body, `"user":{`) != c.named || !strings.Contains(body, c.by) {
			t.Errorf("%+v: %s", c, body)
		}
	}
}

func TestWhatAVersionIsComparedWith(t *testing.T) {
	spring := &query.VersionMark{Name: "Spring"}
	names := comparedWith([]query.State{{}, {ComparedWith: spring}, {ComparedWith: spring}, {ComparedWith: &query.VersionMark{Name: "Winter\n"}}})
	if strings.Join(names, ", ") != `Spring, Winter\n` {
		t.Errorf("%q", names)
	}
}
