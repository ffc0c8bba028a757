package web

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"dossier/query"
)

func TestIDsOfAnyCharacters(t *testing.T) {
	a := newTestAPI(t, nil)
	for _, id := range difficultIDs {
		for encoding, escaped := range map[string]string{"as a library does": url.PathEscape(id), "each byte": escapeAll(id)} {
			if id == ".." || id == "." {
				escaped = escapeAll(id) // a client makes another path of it otherwise
			}
			w := get(a, "/api/v1/entities/difficult/"+escaped)
			var s query.State
			if err := json.Unmarshal(w.Body.Bytes(), &s); w.Code != http.StatusOK || err != nil {
				t.Errorf("%.40q, %s: %d %s", id, encoding, w.Code, w.Body)
				continue
			}
			var own string
			for _, f := range s.Row {
				if f.Name == "own_id" {
					_ = json.Unmarshal(f.Value, &own)
				}
			}
			if s.Entity.ID != id || own != id {
				t.Errorf("%.40q, %s: got %.40q with %.40q", id, encoding, s.Entity.ID, own)
			}
			if w := get(a, "/api/v1/entities/difficult/"+escaped+"/history"); w.Code != http.StatusOK {
				t.Errorf("history of %.40q, %s: %d %s", id, encoding, w.Code, w.Body)
			}
		}
	}
}

func escapeAll(s string) string {
	var b strings.Builder
	for i := range len(s) {
		b.WriteString("%" + strings.ToUpper(string("0123456789abcdef"[s[i]>>4])+string("0123456789abcdef"[s[i]&15])))
	}
	return b.String()
}

func TestPathsThatAreNone(t *testing.T) {
	a := newTestAPI(t, nil)
	for target, want := range map[string]struct {
		kind      problemKind
		parameter string
	}{
		"/api":                                {kindNotFound, ""},
		"/api/":                               {kindNotFound, ""},
		"/api/v1":                             {kindNotFound, ""},
		"/api/v1/":                            {kindNotFound, ""},
		"/api/v2/changes":                     {kindNotFound, ""},
		"/api/v1/changes/":                    {kindNotFound, ""},
		"/api/v1/entities/product":            {kindNotFound, ""},
		"/api/v1/entities/product/1/2":        {kindNotFound, ""},
		"/api/v1/entities/product/1/history/": {kindNotFound, ""},
		"/api/v1/entities/product/":           {kindNotFound, ""},
		"/api/v1/entities/product//history":   {kindInvalid, "id"},
		"/api/v1/entities//1":                 {kindInvalid, "type"},
		"/api/v1/entities/product/%ff":        {kindInvalid, "id"},
		"/api/v1/entities/product/unknown":    {kindNotFound, ""},
		"/api/v1/requests/":                   {kindNotFound, ""},
		"/api/v1/versions/nothing":            {kindNotFound, ""},
	} {
		t.Run(target, func(t *testing.T) { wantProblem(t, get(a, target), want.kind, want.parameter) })
	}
}

func TestMethods(t *testing.T) {
	a := newTestAPI(t, nil)
	for _, c := range []struct{ method, target, allow string }{
		{"DELETE", "/api/v1/changes", "GET, HEAD, OPTIONS"},
		{"POST", "/api/v1/entities/product/1", "GET, HEAD, OPTIONS"},
		{"PUT", "/api/v1/versions", "GET, HEAD, POST, OPTIONS"},
		{"GET", "/api/v1/feedback", "POST, OPTIONS"},
		{"HEAD", "/api/v1/feedback", "POST, OPTIONS"},
		{"HEAD", "/api/v1/tail", "GET, OPTIONS"},
		{"TRACE", "/api/v1/changes", "GET, HEAD, OPTIONS"},
		{"FANCY", "/api/v1/changes", "GET, HEAD, OPTIONS"},
	} {
		w := ask(a, c.method, c.target, nil)
		if c.method == "HEAD" {
			if w.Code != http.StatusMethodNotAllowed || w.Body.Len() > 0 {
				t.Errorf("%s %s: %d %s", c.method, c.target, w.Code, w.Body)
			}
		} else {
			wantProblem(t, w, kindMethodNotAllowed, "")
		}
		if got := w.Header().Get("Allow"); got != c.allow {
			t.Errorf("%s %s: Allow %q, want %q", c.method, c.target, got, c.allow)
		}
	}
	w := ask(a, "OPTIONS", "/api/v1/versions", nil)
	if w.Code != http.StatusNoContent || w.Header().Get("Allow") != "GET, HEAD, POST, OPTIONS" || w.Body.Len() > 0 {
		t.Errorf("OPTIONS: %d %v %s", w.Code, w.Header(), w.Body)
	}
}

func TestHeadIsGetWithoutItsBody(t *testing.T) {
	a := newTestAPI(t, nil)
	for _, headers := range [][]string{nil, {"Accept-Encoding", "gzip"}} {
		get, head := get(a, "/api/v1/changes", headers...), ask(a, "HEAD", "/api/v1/changes", nil, headers...)
		if head.Code != http.StatusOK || head.Body.Len() > 0 || get.Body.Len() == 0 {
			t.Errorf("HEAD: %d %s", head.Code, head.Body)
		}
		for _, name := range []string{"ETag", "Content-Type", "Content-Length", "Content-Encoding", "Vary", "Cache-Control"} {
			if got, want := head.Header().Get(name), get.Header().Get(name); got != want {
				t.Errorf("HEAD has %s %q, GET %q", name, got, want)
			}
		}
	}
	if w := ask(a, "HEAD", "/api/v1/entities/product/unknown", nil); w.Code != http.StatusNotFound || w.Body.Len() > 0 {
		t.Errorf("HEAD of nothing: %d %s", w.Code, w.Body)
	}
}

func TestRequestIDs(t *testing.T) {
	a := newTestAPI(t, nil)
	for given, kept := range map[string]bool{"abc-1": true, strings.Repeat("x", 128): true, strings.Repeat("x", 129): false, "a b": false, "<script>": false, "": false} {
		got := get(a, "/api/v1/changes", "X-Request-Id", given).Header().Get("X-Request-Id")
		if got == "" || (got == given) != kept {
			t.Errorf("%q became %q", given, got)
		}
	}
}
